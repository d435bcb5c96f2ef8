/* logits.h - rows of logits like those that samplers meet. */
#ifndef BENCH_LOGITS_H
#define BENCH_LOGITS_H

#include <stddef.h>
#include <stdint.h>

typedef enum bench_shape {
    BENCH_PEAKED,   /* normal, sigma 5: a few dozen tokens share nearly all of the mass */
    BENCH_DOMINANT, /* normal, sigma 2, and one token with nine tenths of the mass      */
    BENCH_FLAT,     /* normal, sigma 1: tens of thousands of tokens share it            */
    BENCH_SHAPES
} bench_shape;

const char *bench_shape_name(bench_shape shape);

/* One row; `seed` names it. */
void bench_row(float *row, uint32_t vocab, bench_shape shape, uint64_t seed);

#endif
