/* program.h - from embedded sources to a built program, once per context and shape of code. */
#ifndef LMSI_PROGRAM_H
#define LMSI_PROGRAM_H

#include "context.h"

/* The program for these logits, tokens and team, from memory, from the disk cache, or built.
 * The context keeps it; nothing to release. */
lms_status lmsi_program_get(lms_context *ctx, lms_dtype logits, lms_token_type tokens,
                            uint32_t team, int with_report, cl_program *out);

#endif
