/* Random numbers and logit rows for the tests of the oracle. */
#ifndef LMSAMPLE_TESTS_ORACLE_ROWS_H
#define LMSAMPLE_TESTS_ORACLE_ROWS_H

#include <stdint.h>

uint64_t rows_random(uint64_t *state); /* 64 random bits (splitmix64) */
double rows_uniform(uint64_t *state);  /* in [0, 1) */
double rows_between(uint64_t *state, double low, double high);
double rows_normal(uint64_t *state);
float rows_any_float(uint64_t *state);        /* any finite bit pattern */
float rows_to_half_value(float x);            /* a float16 value near x, towards 0 */
float rows_to_bfloat16_value(float x);        /* a bfloat16 value near x, towards 0 */
float rows_neighbour(float x, int32_t steps); /* `steps` floats up; finite x only */

/* Each fills x[0..vocab). */
void rows_fill_normal(float *x, uint32_t vocab, double sigma, uint64_t *state);
void rows_fill_equal(float *x, uint32_t vocab, float value);
/* the first token at `head`, the others at `tail` */
void rows_fill_head(float *x, uint32_t vocab, float head, float tail);
/* per tile one token at `top`, 255 at `top - depth`; each tile `fall` below the one before */
void rows_fill_tiles(float *x, uint32_t vocab, double top, double depth, double fall);
/* token i at top - i * step */
void rows_fill_ladder(float *x, uint32_t vocab, double top, double step);
void rows_fill_any(float *x, uint32_t vocab, uint64_t *state);
/* token i is `i % span` floats away from `base`, downwards */
void rows_fill_neighbours(float *x, uint32_t vocab, float base, uint32_t span);

#endif
