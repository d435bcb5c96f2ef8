/*
 * Requests of beam search that come and go, on the device and by the oracle, compared bit for
 * bit at every step: all outputs, and that nothing else was written.
 */
#ifndef LMSAMPLE_TESTS_BEAM_RIG_H
#define LMSAMPLE_TESTS_BEAM_RIG_H

#include "beam_gen.h"
#include "beam_model.h"
#include "lmsample.h"

/* One lms_beam and what is served by it; everything random comes from the seed. */
typedef struct beam_case {
    uint64_t seed;
    uint32_t vocab;
    uint32_t slots;
    uint32_t width;
    uint32_t length;
    uint32_t end_tokens;
    uint32_t modes; /* as in beam_limits */
    uint32_t work_items;
    uint32_t serve; /* requests, until it is over */
    lms_dtype dtype;
    lms_token_type tokens;
    beam_model_kind model;
    double sigma;
    int plain; /* 1: requests of the widest kind and full length only */
} beam_case;

/* Fails the test, after telling the case, at the first difference. */
void beam_case_run(lms_context *ctx, const beam_case *c);

/* Beams, and sequences among results, that were compared so far. */
uint64_t beam_compared(void);

#endif
