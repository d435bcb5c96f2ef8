/* contrastive/whole_dots.cl - dot products where registers have all 16 lanes: the sums of a
 * block stay in them. dots.cl says what it provides. */
#pragma once
#include "contrastive/blocks.cl"

#if LMS_TEAM == 1 && !LMS_HALVES

#define LMS_POSITIONS 4u

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

/* Products of a tile's positions with a block of `count` candidates. That is a literal where
 * this is called, so that the loops over it disappear. */
static LMS_INLINE void lms_dots_of(lms_dots *d, const uint count)
{
    lms_own sums[LMS_POSITIONS * LMS_SIDE_BY_SIDE];
#pragma unroll
    for (uint i = 0; i < LMS_POSITIONS * count; ++i) sums[i] = lms_own_zero();
    for (uint e = 0; e < d->padded; e += LMS_DOT_LANES) {
        lms_own x[LMS_POSITIONS];
        __global const float *const v = d->v + (ulong)e * count;
#pragma unroll
        for (uint i = 0; i < LMS_POSITIONS; ++i) {
            if (d->ahead > 0) LMS_PREFETCH(d->x[i] + d->ahead + e);
            x[i] = lms_elements_at(d->x[i], e);
        }
#pragma unroll
        for (uint c = 0; c < count; ++c) {
            const lms_own y = vload16(0, v + c * LMS_DOT_LANES);
#pragma unroll
            for (uint i = 0; i < LMS_POSITIONS; ++i) {
                sums[i * count + c] = fma(x[i], y, sums[i * count + c]);
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

float8 lms_dot_parts(const lms_dots *d, uint first, uint i, uint position)
{
    const lms_own sum = d->sums[position * LMS_SIDE_BY_SIDE + i];
    (void)first;
    return sum.lo + sum.hi;
}

#endif
