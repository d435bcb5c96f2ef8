/* arithmetic.h - what the sampler's passes compute, by hand in vectorised C: how fast they
 * could be at best.
 *
 * Vectors are as wide as the processor's: AVX-512, AVX2, or what the compiler makes of plain
 * loops. */
#ifndef BENCH_ARITHMETIC_H
#define BENCH_ARITHMETIC_H

#include "crew.h"
#include "lmsample.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUP 32u
#define TILE 256u
#define TILE_GROUPS 8u

/* A batch, and what the passes write. */
typedef struct arithmetic {
    const void *logits; /* [rows][vocab] */
    size_t rows;
    uint32_t vocab;
    lms_dtype dtype;
    float *groups;       /* [rows][tiles * 8]: the largest logit of each group */
    uint64_t *totals;    /* [rows]: section 4 of docs/reference/specification.md, at scale(1) */
    unsigned char *nans; /* [rows]: a NaN was seen */
} arithmetic;

void arithmetic_open(arithmetic *a, size_t rows, uint32_t vocab, lms_dtype dtype);
void arithmetic_close(arithmetic *a);

/* The largest of every group, and whether there is a NaN. */
void tile_maxima(crew *all, arithmetic *a);
/* The same, and the mass of the row: all of its exponentials. */
void row_mass(crew *all, arithmetic *a);

/* One tile: TILE logits, TILE_GROUPS maxima. True if it has a NaN. */
typedef struct arithmetic_pass {
    bool (*maxima)(const void *x, float *groups);
    /* Sum of the weights relative to 2^(h + c); section 3. */
    uint64_t (*weights)(const void *x, float scale, float h, float c);
} arithmetic_pass;
/* By type: LMS_FLOAT32 - 1 and so on. */
extern const arithmetic_pass plain_passes[3], avx2_passes[3], avx512_passes[3];

#endif
