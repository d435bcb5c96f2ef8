/* openmp.h - a plain sampler in C and OpenMP: what one would write in an afternoon.
 *
 * Not a part of the library: bench/peers.py compiles it with -O3 and times it beside lmsample.
 * Filters apply in the order top-k, top-p, min-p, after the temperature. */
#ifndef LMS_BENCH_OPENMP_H
#define LMS_BENCH_OPENMP_H

#include <stddef.h>
#include <stdint.h>

typedef struct openmp_params {
    float temperature; /* 0: greedy */
    float top_p;       /* 1: off */
    float min_p;       /* 0: off */
    int32_t top_k;     /* 0: off */
    uint64_t seed;
} openmp_params;

typedef struct openmp_candidate {
    float weight; /* the logit at first, then exp((logit - maximum) / temperature) */
    int32_t id;
} openmp_candidate;

/* One token for each row. `scratch` holds threads * vocab candidates. */
void openmp_sample(const float *logits, size_t rows, size_t vocab, const openmp_params *params,
                   int threads, openmp_candidate *scratch, int32_t *tokens);

/* The tokens that a row's filters keep, in any order; returns how many. */
size_t openmp_kept(const float *row, size_t vocab, const openmp_params *params,
                   openmp_candidate *scratch, int32_t *ids);

#endif
