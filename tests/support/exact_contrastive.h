/*
 * Contrastive search by its formula (Su et al. 2022, as Hugging Face computes it), in long
 * double, to measure the oracle against: cosines of the stored states, their maximum, scores.
 * The error of this code, about 2^-60, is far below what the tests look for.
 */
#ifndef LMSAMPLE_TESTS_EXACT_CONTRASTIVE_H
#define LMSAMPLE_TESTS_EXACT_CONTRASTIVE_H

#include <stdint.h>

/* Positions, one behind the other, all of them finite. */
typedef struct exact_context {
    uint32_t width;
    uint32_t length;
    const float *states; /* [length][width] */
} exact_context;

/* 0 if a norm is 0. */
long double exact_cosine(const float *a, const float *b, uint32_t width);
/* The largest cosine with any of the context; 0 without a context. */
long double exact_penalty(const exact_context *context, const float *v);
/* (1 - alpha) * p - alpha * penalty, of each of the k candidates, whose states are at v. */
void exact_scores(const exact_context *context, float alpha, uint32_t k, const float *probs,
                  const float *v, long double *scores);

#endif
