/* program.h - from embedded sources to a built program, once per context and shape of code. */
#ifndef LMSI_PROGRAM_H
#define LMSI_PROGRAM_H

#include "base/context.h"
#include "op/shape.h"

/* The program for these logits, tokens and shape, from memory, from the disk cache, or built.
 * The context keeps it; nothing to release. */
lms_status lmsi_program_get(lms_context *ctx, lms_dtype logits, lms_token_type tokens,
                            const lmsi_shape *shape, lmsi_kind kind, cl_program *out);

/* All that decides a binary, as one text, which the caller frees. NULL: out of memory. */
char *lmsi_program_key(const lmsi_device *device, const char *options, const char *text);

#endif
