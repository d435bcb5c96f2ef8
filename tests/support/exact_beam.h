/*
 * Beam search as the textbooks and Hugging Face have it, in double precision, to measure the
 * oracle against. Small models only. It takes lms_beam_params, of which it knows
 * LMS_BEAM_SEARCH with temperature and top_k, and shares nothing with the oracle.
 */
#ifndef LMSAMPLE_TESTS_EXACT_BEAM_H
#define LMSAMPLE_TESTS_EXACT_BEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "beam_model.h"
#include "lms_abi.h"

#define EXACT_BEAM_LENGTH 100u /* most tokens */
#define EXACT_BEAM_WIDTH 16u
#define EXACT_BEAM_VOCAB 16u

#define EXACT_BEAM_TIE 1e-9   /* values that differ by less are equal */
#define EXACT_BEAM_CLOSE 1e-6 /* and by less than that, too close to tell */

typedef struct exact_sequence {
    uint32_t length;
    int32_t tokens[EXACT_BEAM_LENGTH];
    double score;
    double rating;
    double unit; /* of the rating: what a nat of the score makes in it */
} exact_sequence;

typedef struct exact_beam_run {
    uint32_t count; /* of results */
    exact_sequence results[EXACT_BEAM_WIDTH];
    uint32_t steps;
    bool early;
    bool close; /* two values were too close to tell which is larger */
} exact_beam_run;

void exact_beam_search(const beam_model *m, const lms_beam_params *p, const int32_t *ends,
                       exact_beam_run *out);

/* ln softmax(x / temperature); `x` all finite. */
void exact_log_softmax(const float *x, uint32_t vocab, double temperature, double *out);
/* score / length ^ penalty, of `tokens` tokens. */
double exact_rating(const lms_beam_params *p, double score, uint32_t tokens, bool ended);

#endif
