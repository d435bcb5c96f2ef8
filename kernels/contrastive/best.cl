/* contrastive/best.cl - from the products of tiles to the largest cosine of each candidate with
 * the positions of a piece, but for the candidate's own norm. */
#pragma once
#include "contrastive/dots.cl"

/* A tile of four keeps the largest of every fourth position, until its piece is done. */
#if LMS_TEAM == 1
#define LMS_BEST_EACH 4u
#else
#define LMS_BEST_EACH 1u
#endif

/* What a team has found so far in its piece; all crews meet in lms_best_add(). */
typedef struct lms_best_shared {
#if LMS_TEAM > 1
    /* Of a position of each crew. */
    float sums[LMS_SIDE_BY_SIDE * LMS_TEAM];     /* [candidate][work-item] */
    float cosines[LMS_SIDE_BY_SIDE * LMS_CREWS]; /* [candidate][crew] */
    float inverses[LMS_CREWS];                   /* NaN: does not take part */
    uint status;
#endif
    float best[LMS_MAX_CONTRASTIVE_K * LMS_BEST_EACH];
} lms_best_shared;

bool lms_is_nan(float x) { return (as_uint(x) & 0x7fffffffu) > 0x7f800000u; }

/* A position's inverse norm; NaN, and a bit in *status, for one that takes no part. */
float lms_inverse_of_position(__global const float *inverse, bool written, uint *status)
{
    if (!written) {
        *status |= LMS_CHOICE_EMPTY_STATE;
        return NAN;
    }
    if (lms_is_nan(*inverse)) *status |= LMS_CHOICE_BAD_STATE;
    return *inverse;
}

#if LMS_TEAM == 1

/* Products of four positions, from `at` on, with candidate first + i, in lms_sum8()'s order. */
float4 lms_dots4(const lms_dots *d, uint first, uint i, uint at)
{
    const float8 a = lms_dot_parts(d, first, i, at);
    const float8 b = lms_dot_parts(d, first, i, at + 1);
    const float8 c = lms_dot_parts(d, first, i, at + 2);
    const float8 e = lms_dot_parts(d, first, i, at + 3);
    const float8 ab = (float8)(a.lo, b.lo) + (float8)(a.hi, b.hi);
    const float8 ce = (float8)(c.lo, e.lo) + (float8)(c.hi, e.hi);
    const float8 all = (float8)(ab.s01, ab.s45, ce.s01, ce.s45) +
                       (float8)(ab.s23, ab.s67, ce.s23, ce.s67);
    return all.even + all.odd;
}

void lms_best_add(const lms_dots *d, const float *inverses, uint first, uint count,
                  __local lms_best_shared *shared)
{
    for (uint at = 0; at < LMS_POSITIONS; at += 4) {
        const float4 inverse = vload4(0, inverses + at);
        for (uint c = 0; c < count; ++c) {
            __local float *const best = shared->best + LMS_BEST_EACH * (first + c);
            const float4 cosines = lms_dots4(d, first, c, at) * inverse;
            const float4 before = vload4(0, best);
            vstore4(select(before, cosines, cosines > before), 0, best); /* NaN is not above */
        }
    }
}

#else

/* A position of each crew, with the own lane's sums. */
void lms_best_of_position(const float *sums, float inverse, uint first, uint count,
                          __local lms_best_shared *shared)
{
    const uint item = lms_item();
    if (lms_dot_lane() == 0) shared->inverses[lms_crew()] = inverse;
#pragma unroll
    for (uint c = 0; c < LMS_SIDE_BY_SIDE; ++c) {
        if (c < count) shared->sums[c * LMS_TEAM + item] = sums[c];
    }
    lms_crews_meet();
    for (uint q = item; q < count * LMS_CREWS; q += LMS_TEAM) {
        __local const float *const lanes = shared->sums + q * LMS_DOT_LANES;
        const float own = shared->inverses[q % LMS_CREWS];
        const float cosine = lms_sum8(vload8(0, lanes) + vload8(1, lanes)) * own;
        shared->cosines[q] = lms_is_nan(own) ? -INFINITY : cosine;
    }
    lms_crews_meet();
    for (uint c = item; c < count; c += LMS_TEAM) {
        float best = shared->best[first + c];
        for (uint i = 0; i < LMS_CREWS; ++i) {
            const float cosine = shared->cosines[c * LMS_CREWS + i];
            if (cosine > best) best = cosine;
        }
        shared->best[first + c] = best;
    }
}

void lms_best_add(const lms_dots *d, const float *inverses, uint first, uint count,
                  __local lms_best_shared *shared)
{
#pragma unroll
    for (uint i = 0; i < LMS_POSITIONS; ++i) {
        lms_best_of_position(d->sums + i * LMS_SIDE_BY_SIDE, inverses[i], first, count, shared);
    }
}

#endif

float lms_best_of(__local const lms_best_shared *shared, uint candidate)
{
    __local const float *const found = shared->best + candidate * LMS_BEST_EACH;
    float best = found[0];
    for (uint i = 1; i < LMS_BEST_EACH; ++i) best = found[i] > best ? found[i] : best;
    return best;
}
