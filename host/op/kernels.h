/* kernels.h - the kernels of one program, for the largest team that they take. */
#ifndef LMSI_KERNELS_H
#define LMSI_KERNELS_H

#include "base/context.h"
#include "op/shape.h"

#define LMSI_MOST_KERNELS 5

/* Which kernels an object wants, and where they go. */
typedef struct lmsi_kernels {
    lmsi_kind kind;
    lms_dtype logits; /* or hidden states */
    lms_token_type tokens;
    uint32_t work_items; /* of its description; 0: the team is the library's choice */
    size_t count;
    size_t alone; /* how many of them, from the first, a team of one has */
    const char *names[LMSI_MOST_KERNELS];
    cl_kernel *kernels[LMSI_MOST_KERNELS];
} lmsi_kernels;

/* Builds or finds the program, asks the device its probes and makes the kernels. A team that is
 * the library's choice is halved until the compiler and the kernels take it: shape->team says
 * to what. What was made before a failure is there to be released. */
lms_status lmsi_kernels_make(lms_context *ctx, const lmsi_kernels *k, lmsi_shape *shape);

void lmsi_kernels_release(const lmsi_kernels *k);

#endif
