/* arithmetic_weight.h - the constants of a weight (section 3 of
 * docs/reference/specification.md), and what makes passes of functions that get the type of the
 * logits as a constant. */
#ifndef BENCH_ARITHMETIC_WEIGHT_H
#define BENCH_ARITHMETIC_WEIGHT_H

#include "lmsample.h"

#define WEIGHT_BITS 29
#define DEPTH 32.0f

/* z + ROUND is z rounded to an integer, in the low bits of the sum: |z| < 64. The bits above
 * leave the word when the sum is shifted into an exponent's place. */
#define ROUND 0x1.8p23f

#define C1 0x1.62e430p-1f
#define C2 0x1.ebfbdcp-3f
#define C3 0x1.c6aee8p-5f
#define C4 0x1.3b2d4cp-7f
#define C5 0x1.5f3e52p-10f
#define C6 0x1.41fbbcp-13f

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* From maxima_of(x, groups, dtype) and weights_of(x, scale, h, c, dtype). */
#define PASS_OF(name, dtype)                                                                   \
    static bool maxima_##name(const void *x, float *groups)                                    \
    {                                                                                          \
        return maxima_of(x, groups, dtype);                                                    \
    }                                                                                          \
    static uint64_t weights_##name(const void *x, float scale, float h, float c)               \
    {                                                                                          \
        return weights_of(x, scale, h, c, dtype);                                              \
    }

#define PASSES(table)                                                                          \
    PASS_OF(float32, LMS_FLOAT32)                                                              \
    PASS_OF(float16, LMS_FLOAT16)                                                              \
    PASS_OF(bfloat16, LMS_BFLOAT16)                                                            \
    const arithmetic_pass table[3] = {{maxima_float32, weights_float32},                       \
                                      {maxima_float16, weights_float16},                       \
                                      {maxima_bfloat16, weights_bfloat16}};

#endif
