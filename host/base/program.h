/* program.h - from embedded sources to a built program, once per context and variant. */
#ifndef LMSI_PROGRAM_H
#define LMSI_PROGRAM_H

#include "base/context.h"

/* The program, from memory, from the disk cache, or built. The context keeps it; nothing to
 * release. */
lms_status lmsi_program_get(lms_context *ctx, const lmsi_variant *variant, cl_program *out);

/* All that decides a binary, as one text, which the caller frees. NULL: out of memory. */
char *lmsi_program_key(const lmsi_device *device, const char *options, const char *text);

#endif
