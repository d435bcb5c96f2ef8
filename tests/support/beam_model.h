/* Models for beam search: functions from a sequence to a row of logits. */
#ifndef LMSAMPLE_TESTS_BEAM_MODEL_H
#define LMSAMPLE_TESTS_BEAM_MODEL_H

#include <stdint.h>

typedef enum beam_model_kind {
    BEAM_MODEL_NORMAL,   /* normal logits */
    BEAM_MODEL_TIES,     /* 0, -1 and -2 in turn, shuffled: every row has the same logprobs */
    BEAM_MODEL_ALL_KINDS /* rows of all kinds of gen.h, sane ones more often */
} beam_model_kind;

typedef struct beam_model {
    uint64_t seed;
    uint32_t vocab;
    beam_model_kind kind;
    double sigma; /* of BEAM_MODEL_NORMAL */
} beam_model;

/* Fills x[0..vocab). */
void beam_model_row(const beam_model *m, const int32_t *tokens, uint32_t length, float *x);

#endif
