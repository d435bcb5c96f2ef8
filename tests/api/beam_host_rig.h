/* beam_host_rig.h - a beam search's scenario on arrays of the host, in memory of exactly their
 * size, and what it is compared with: the same on buffers. */
#ifndef LMS_TEST_BEAM_HOST_RIG_H
#define LMS_TEST_BEAM_HOST_RIG_H

#include "calls/beam_object.h"
#include "host_rig.h"

enum {
    COLUMNS = 5, /* elements between sequences of results */
    WIDE = BEAM_STEPS + COLUMNS
};

/* The arrays of one step and of the results. */
typedef struct arrays {
    size_t rows, token;
    void *logits, *tokens, *sequences;
    int32_t *parents, *counts, *lengths, *beams;
    float *scores, *ratings, *logprobs, *token_logprobs;
    int64_t *fixed;
    uint32_t *done, *status;
} arrays;

/* Outputs are poisoned, for `rows` rows; the logits are those of a step, in rows `gap` elements
 * apart; the requests' rows begin at `firsts`. */
arrays arrays_new(const beam_rig *r, size_t rows);
void arrays_free(const arrays *a);
void *logits_of(const beam_rig *r, unsigned step, const uint32_t *firsts, size_t rows,
                size_t gap);

/* Bytes of an output with such elements by sequences. */
size_t results_bytes(size_t each);

/* Calls with all outputs, in the rig's rows. */
lms_beam_step_host_args step_args(const beam_rig *r, const arrays *a);
lms_beam_results_host_args results_args(const beam_rig *r, const arrays *a);
void open_all(const beam_rig *r, lms_beam *beam);

/* What the calls on buffers wrote, and nothing besides. */
void assert_step(const beam_rig *r, const arrays *a, unsigned step, const uint32_t *firsts);
void assert_results(const beam_rig *r, const arrays *a);

#endif
