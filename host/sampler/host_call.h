/* host_call.h - lms_sample_host from the inside: the caller's arrays, and parts of a batch. */
#ifndef LMSI_HOST_CALL_H
#define LMSI_HOST_CALL_H

#include "op/host_arrays.h"
#include "sampler/sampler.h"

enum {
    LMSI_HOST_ARRAYS = 16
};

/* The caller's arrays in bytes, and rows of logits. */
typedef struct lmsi_host_sizes {
    size_t logits_rows;
    size_t row, stride;             /* of logits */
    size_t probs_row, probs_stride; /* of probabilities */
    size_t token;
    size_t attempts;   /* of a row */
    size_t top, named; /* the same: best and named tokens */
} lmsi_host_sizes;

lmsi_host_sizes lmsi_host_sizes_of(const lms_sampler *s, const lms_sample_host_args *b);

/* Lists them, the logits first, with the views of a call that stand for them. */
void lmsi_host_arrays(const lms_sampler *s, const lms_sample_host_args *b,
                      lms_sampler_run_args *call, lmsi_host_array arrays[LMSI_HOST_ARRAYS]);

/* The most rows of a part, and of its logits. */
typedef struct lmsi_part_limits {
    size_t rows;
    size_t logits_rows;
} lmsi_part_limits;

lmsi_part_limits lmsi_part_limits_of(const lms_sampler *s, const lms_sample_host_args *b);

/* The rows from `first` on that one call takes. Where it cannot have all logits, `near` gets
 * the indices among those that it has. */
lms_sample_host_args lmsi_part_of(const lms_sampler *s, const lms_sample_host_args *b,
                                  uint32_t first, lmsi_part_limits most, int32_t *near);

#endif
