/* A search of one request on the device, a step at a time: for rules whose answers are
 * known. */
#ifndef LMSAMPLE_TESTS_ONE_BEAM_H
#define LMSAMPLE_TESTS_ONE_BEAM_H

#include "lmsample.h"

#define ONE_BEAM_WIDTH 20u
#define ONE_BEAM_LENGTH 8u /* tokens of a result that are told */

typedef struct one_beam {
    lms_context *ctx;
    lms_beam *beam;
    lms_beam_desc desc;
    cl_mem logits, parents, tokens, done, counts, lengths, sequences, scores;
    /* Of the last step, ... */
    int32_t parent[ONE_BEAM_WIDTH];
    int32_t token[ONE_BEAM_WIDTH];
    /* ... and of the results. */
    int32_t count;
    int32_t length[ONE_BEAM_WIDTH];
    int32_t sequence[ONE_BEAM_WIDTH][ONE_BEAM_LENGTH];
    float score[ONE_BEAM_WIDTH];
} one_beam;

/* Floats, int32 tokens, one slot; the rest of the desc is the caller's. */
void one_beam_start(one_beam *s, const lms_beam_desc *desc);
void one_beam_end(one_beam *s);

void one_beam_open(const one_beam *s, const lms_beam_params *params, const int32_t *ends);
void one_beam_close(const one_beam *s);

/* A step on [width][vocab] logits; returns whether the search is done. */
uint32_t one_beam_step(one_beam *s, const float *logits);
void one_beam_results(one_beam *s);
/* Result i is these tokens, or the test fails. */
void one_beam_expect(const one_beam *s, uint32_t i, uint32_t length, const int32_t *tokens);

#endif
