/* A request on rows so small that what must come out is seen by eye. */
#ifndef LMSAMPLE_TESTS_SMALL_BEAM_H
#define LMSAMPLE_TESTS_SMALL_BEAM_H

#include "oracle_beam.h"

#define SMALL_BEAMS 8u
#define SMALL_VOCAB 8u

/* A request, the rows of its next step, and what came out of the last one. */
typedef struct small_rig {
    oracle_beam *beam;
    uint32_t vocab;
    float rows[SMALL_BEAMS][SMALL_VOCAB];
    oracle_beam_move moves[SMALL_BEAMS];
    const oracle_beam_result *results;
} small_rig;

lms_beam_params small_params(uint32_t width, uint32_t max_length);
void small_begin(small_rig *r, const lms_beam_params *p, const int32_t *ends, uint32_t vocab);
void small_end(small_rig *r);
/* The logits of beam n: what ln(weight) would be, for weights that need not sum to 1. */
void small_weights(small_rig *r, uint32_t n, const double *w);
uint32_t small_step(small_rig *r);
uint32_t small_results(small_rig *r);
void small_expect_move(const small_rig *r, uint32_t n, int32_t parent, int32_t token);
void small_expect_near(int64_t score, double nats);
void small_expect_rating(oracle_rating rating, double nats);
void small_expect_result(const small_rig *r, uint32_t i, uint32_t length,
                         const int32_t *tokens);

#endif
