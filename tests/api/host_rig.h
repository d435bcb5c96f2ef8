/* host_rig.h - arrays for the tests of lms_sample_host, in memory of exactly their size. */
#ifndef LMS_TEST_HOST_RIG_H
#define LMS_TEST_HOST_RIG_H

#include "rig.h"

#define POISON 0xa5

void *poisoned(size_t bytes);
bool is_poison(const void *memory, size_t bytes);

/* All outputs, poisoned, each in memory of its own that ends where the output does. */
typedef struct outputs {
    size_t token;  /* bytes */
    size_t stride; /* of probs */
    size_t rows;
    void *tokens;
    uint32_t *status;
    float *logprob_raw, *logprob, *probs;
    int32_t *kept;
} outputs;

outputs outputs_new(size_t rows, size_t token, size_t stride);
void outputs_free(const outputs *o);

/* The rig's logits and records, no index, and all outputs. */
lms_sample_host_args host_batch(const rig *r, const outputs *o);

/* Row `row` against row `expected_row` of what the device wrote; what is between the rows of
 * probs is poison still. */
void assert_row(const outputs *o, size_t row, const rig_results *expected, size_t expected_row);
void assert_all_poison(const outputs *o);

#endif
