/* A request of contrastive search in memory: what the oracle and the formula make of it. */
#ifndef LMSAMPLE_TESTS_SMALL_CONTRASTIVE_H
#define LMSAMPLE_TESTS_SMALL_CONTRASTIVE_H

#include "contrastive_gen.h"
#include "oracle_contrastive.h"

#include <stdbool.h>

/* Candidates and positions as they are stored, all of them finite. */
typedef struct small_search {
    uint32_t width;
    uint32_t length;
    lms_dtype dtype;
    lms_contrastive_params params;
    float *context; /* [length][width] */
    bool *empty;    /* [length]: the position was never written */
    float *v;       /* [k][width] */
    int32_t tokens[LMS_MAX_CONTRASTIVE_K];
    float probs[LMS_MAX_CONTRASTIVE_K];
} small_search;

/* alpha 0.6; nothing is empty, all states are 0, tokens are 0, 1, ..., probabilities 1 / k. */
void small_search_new(small_search *s, uint32_t width, uint32_t length, uint32_t k,
                      lms_dtype dtype);
void small_search_free(small_search *s);

float *small_search_position(const small_search *s, uint32_t j);
float *small_search_candidate(const small_search *s, uint32_t i);
/* Rounds all states to the type. */
void small_search_store(small_search *s);
/* What the oracle chooses. */
void small_search_choose(const small_search *s, oracle_choice *choice);

/* The claim of section 24 about a penalty, and about a score. */
long double small_search_penalty_claim(const small_search *s);
long double small_search_score_claim(const small_search *s);
/* Compares penalties, scores and the choice with those of the formula; the largest shares of
 * the claims so far are in worst[0] (of a penalty) and worst[1] (of a score). False, with a
 * message, if one is above 1 or another candidate than the best is chosen. */
bool small_search_check(const small_search *s, long double worst[2]);

#endif
