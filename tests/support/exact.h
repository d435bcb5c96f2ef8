/*
 * The textbook definition of sampling in 80-bit arithmetic, to measure the oracle against.
 *
 * Nothing is rounded on purpose: softmax(x / T), the usual kept sets and log-probabilities.
 * A kept set is a prefix of the order (larger logit first, then lower token) and is told by its
 * length. The error of this code, about 2^-60 relative, is far below what the tests look for.
 */
#ifndef LMSAMPLE_TESTS_EXACT_H
#define LMSAMPLE_TESTS_EXACT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct exact_row {
    uint32_t vocab;
    uint32_t live;          /* tokens that are neither NaN nor -inf */
    uint32_t *order;        /* the live tokens, first ranked first */
    long double *log_ratio; /* per rank: ln of p over the first token's p */
    long double *prefix;    /* per length 0..live: sum of exp(log_ratio) so far */
} exact_row;

/* NULL if memory is out. Tokens at +inf, if any, share all probability. */
exact_row *exact_prepare(const float *logits, uint32_t vocab, float temperature);
void exact_row_free(exact_row *row);

/* The first k (k >= 1), with `ties` also all that equal the k-th logit. */
uint32_t exact_top_k(const exact_row *row, const float *logits, uint32_t k, bool ties);
/* Those with ln(p / p_max) >= ln_min_p. */
uint32_t exact_min_p(const exact_row *row, long double ln_min_p);
/* Those whose preceding tokens hold less than p of the mass of the first `base` tokens. */
uint32_t exact_top_p(const exact_row *row, uint32_t base, long double p);
/* ln of the probability of the token at `rank` among the first `kept`. */
long double exact_logprob(const exact_row *row, uint32_t rank, uint32_t kept);
/* Total variation between softmax over the first `kept` and `mass` (per token, any unit). */
long double exact_total_variation(const exact_row *row, uint32_t kept, const long double *mass);

#endif
