/* arithmetic_plain.c - for the compiler to vectorise. */
#include "arithmetic.h"
#include "arithmetic_weight.h"

#include <math.h>
#include <string.h>

/* A subnormal float16 is read as 0. The shapes have none. */
ALWAYS_INLINE float load(const void *x, size_t i, lms_dtype dtype)
{
    float value;
    uint32_t bits;
    if (dtype == LMS_FLOAT32) return ((const float *)x)[i];
    const uint32_t stored = ((const uint16_t *)x)[i];
    if (dtype == LMS_BFLOAT16) {
        bits = stored << 16;
    } else {
        const uint32_t exponent = stored >> 10 & 31u;
        const uint32_t rest = (stored & 0x7fffu) << 13;
        bits = exponent == 0 ? 0 : exponent == 31 ? rest + 0x70000000u : rest + 0x38000000u;
        bits |= stored >> 15 << 31;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

ALWAYS_INLINE bool maxima_of(const void *x, float *groups, lms_dtype dtype)
{
    int nans = 0;
    for (size_t g = 0; g < TILE_GROUPS; ++g) {
        float most[8];
        for (size_t j = 0; j < 8; ++j) most[j] = load(x, g * GROUP + j, dtype);
        for (size_t i = 0; i < GROUP; i += 8) {
            for (size_t j = 0; j < 8; ++j) {
                const float one = load(x, g * GROUP + i + j, dtype);
                most[j] = one > most[j] ? one : most[j];
                nans |= one != one;
            }
        }
        groups[g] = most[0];
        for (size_t j = 1; j < 8; ++j) groups[g] = most[j] > groups[g] ? most[j] : groups[g];
    }
    return nans != 0;
}

ALWAYS_INLINE uint64_t weights_of(const void *x, float scale, float h, float c, lms_dtype dtype)
{
    const float least = c - DEPTH;
    uint64_t sum = 0;
    for (size_t i = 0; i < TILE; ++i) {
        float z = fmaf(load(x, i, dtype), scale, -h);
        z = z > least ? z : least;
        const float shifted = z + ROUND;
        const float f = z - (shifted - ROUND);
        float p = C6;
        p = fmaf(p, f, C5);
        p = fmaf(p, f, C4);
        p = fmaf(p, f, C3);
        p = fmaf(p, f, C2);
        p = fmaf(p, f, C1);
        p = fmaf(p, f, 1.0f);
        uint32_t bits, exponent;
        memcpy(&bits, &p, sizeof bits);
        memcpy(&exponent, &shifted, sizeof exponent);
        bits += (exponent + (uint32_t)(WEIGHT_BITS - (int32_t)c)) << 23;
        memcpy(&p, &bits, sizeof p);
        sum += (uint64_t)(p + 0.5f);
    }
    return sum;
}

PASSES(plain_passes)
