/* contrastive/whole_dots.cl - dot products with the sums of a block in registers: all lanes as
 * a vector, or the one lane of a work-item. dots.cl says what it provides. */
#pragma once
#include "contrastive/blocks.cl"

#if !LMS_HALVES

#if LMS_TEAM > 1
#define LMS_POSITIONS 2u /* of a crew */
#else
#define LMS_POSITIONS 4u
#endif

/* The positions of a tile, and the candidates of a block. */
typedef struct lms_dots {
    __global const lms_element *x[LMS_POSITIONS];
    __global const float *candidates; /* all of the turn, those of a block interleaved */
    uint k;
    uint padded;
    __global const float *v; /* the block's candidates */
    uint ahead;              /* elements to the next tile, to prefetch it; 0: not now */
    lms_own sums[LMS_POSITIONS * LMS_SIDE_BY_SIDE]; /* [position][candidate] */
} lms_dots;

#if LMS_TEAM == 1
typedef float16 lms_own_run;
#define LMS_OWN_RUN(x, at) lms_elements_at(x, at)
#define LMS_OWN_FLOATS(v, at) vload16(0, (v) + (at))
#define LMS_OWN_FMA(a, b, sum) fma(a, b, sum)
#else
typedef float4 lms_own_run;
#if LMS_ELEMENTS == 1
#define LMS_OWN_RUN(x, at) vload4(0, (x) + (at))
#elif LMS_ELEMENTS == 2
#define LMS_OWN_RUN(x, at) vload_half4(0, (x) + (at))
#else
#define LMS_OWN_RUN(x, at) as_float4(convert_uint4(vload4(0, (x) + (at))) << 16)
#endif
#define LMS_OWN_FLOATS(v, at) vload4(0, (v) + (at))
/* Adds products in the order of the lane's elements. */
float lms_fma4(float4 a, float4 b, float sum)
{
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}
#define LMS_OWN_FMA(a, b, sum) lms_fma4(a, b, sum)
#endif

/* Products of a tile's positions with a block of `count` candidates. That is a literal where
 * this is called, so that the loops over it disappear. */
static LMS_INLINE void lms_dots_of(lms_dots *d, const uint count)
{
    lms_own sums[LMS_POSITIONS * LMS_SIDE_BY_SIDE];
    const uint own = lms_dot_lane() * LMS_RUN;
#pragma unroll
    for (uint i = 0; i < LMS_POSITIONS * count; ++i) sums[i] = lms_own_zero();
    for (uint e = 0; e < d->padded; e += LMS_INTERLEAVED) {
        lms_own_run x[LMS_POSITIONS];
        __global const float *const v = d->v + (ulong)e * count + own;
#pragma unroll
        for (uint i = 0; i < LMS_POSITIONS; ++i) {
            if (d->ahead > 0) LMS_PREFETCH(d->x[i] + d->ahead + e + own);
            x[i] = LMS_OWN_RUN(d->x[i], e + own);
        }
#pragma unroll
        for (uint c = 0; c < count; ++c) {
            const lms_own_run y = LMS_OWN_FLOATS(v, c * LMS_INTERLEAVED);
#pragma unroll
            for (uint i = 0; i < LMS_POSITIONS; ++i) {
                sums[i * count + c] = LMS_OWN_FMA(x[i], y, sums[i * count + c]);
            }
        }
    }
#pragma unroll
    for (uint i = 0; i < LMS_POSITIONS; ++i) {
#pragma unroll
        for (uint c = 0; c < count; ++c) {
            d->sums[i * LMS_SIDE_BY_SIDE + c] = sums[i * count + c];
        }
    }
}

void lms_dots_block(lms_dots *d, uint first, uint count)
{
    d->v = d->candidates + (ulong)first * d->padded;
    d->ahead = first == 0 ? LMS_POSITIONS * d->padded : 0;
    LMS_BY_COUNT(count, lms_dots_of, d)
}

void lms_dots_tile(lms_dots *d) { (void)d; }

#if LMS_TEAM == 1
float8 lms_dot_parts(const lms_dots *d, uint first, uint i, uint position)
{
    const lms_own sum = d->sums[position * LMS_SIDE_BY_SIDE + i];
    (void)first;
    return sum.lo + sum.hi;
}
#endif

#endif
