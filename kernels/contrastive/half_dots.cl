/* contrastive/half_dots.cl - dot products for registers of 8 lanes, of which there may be 16:
 * enough for the sums of two positions with six candidates, if half of the 16 lanes are done at
 * a time. A stretch of a tile is multiplied with all candidates before the next one, so that it
 * stays in the nearest cache, and a candidate's stretch as well for all positions of the tile.
 * The sums wait in memory meanwhile. dots.cl says what it provides. */
#pragma once
#include "contrastive/blocks.cl"

#if LMS_HALVES

#define LMS_POSITIONS 4u

/* A stretch of a position, as floats. 16-bit ones are converted once, for all candidates; their
 * halves are apart then, as the candidates' are. */
#if LMS_ELEMENTS == 1
typedef __global const float *lms_stretch;
#define LMS_HALF_STEP 16u
#define LMS_HALF_AT 8u
#else
typedef const float *lms_stretch;
#define LMS_HALF_STEP 8u
#define LMS_HALF_AT (LMS_STRETCH / 2)
#endif

typedef struct lms_dots {
    float8 sums[LMS_MAX_CONTRASTIVE_K * 2 * LMS_POSITIONS]; /* [..][half][position] */
#if LMS_ELEMENTS != 1
    float floats[LMS_POSITIONS][LMS_STRETCH]; /* after vectors, to be aligned as they are */
#endif
    __global const lms_element *x[LMS_POSITIONS];
    __global const float *candidates; /* all of the turn, as lms_put_candidate() has them */
    uint k;
    uint padded;
} lms_dots;

/* Products of two positions with `count` candidates, a literal where this is called, over
 * `length` elements of half of the lanes. Prefetches what is `ahead` elements further on, if
 * that is not 0. */
static LMS_INLINE void lms_half_dots(lms_stretch x, lms_stretch y, __global const float *v,
                                     uint length, float8 *sums, uint ahead, const uint count)
{
    float8 a[LMS_SIDE_BY_SIDE], b[LMS_SIDE_BY_SIDE];
#pragma unroll
    for (uint c = 0; c < count; ++c) {
        a[c] = sums[c * 2 * LMS_POSITIONS];
        b[c] = sums[c * 2 * LMS_POSITIONS + 1];
    }
    const uint steps = length / LMS_DOT_LANES;
    for (uint i = 0; i < steps; ++i) {
        const float8 p = vload8(0, x + i * LMS_HALF_STEP), q = vload8(0, y + i * LMS_HALF_STEP);
        if (ahead > 0) {
            LMS_PREFETCH(x + ahead + i * LMS_DOT_LANES);
            LMS_PREFETCH(y + ahead + i * LMS_DOT_LANES);
        }
#pragma unroll
        for (uint c = 0; c < count; ++c) {
            const float8 w = vload8(i * count + c, v);
            a[c] = fma(p, w, a[c]);
            b[c] = fma(q, w, b[c]);
        }
    }
#pragma unroll
    for (uint c = 0; c < count; ++c) {
        sums[c * 2 * LMS_POSITIONS] = a[c];
        sums[c * 2 * LMS_POSITIONS + 1] = b[c];
    }
}

/* Products of all positions and lanes with a block of candidates, over a stretch. */
static LMS_INLINE void lms_block_dots(lms_dots *d, uint from, uint length, uint first,
                                      const uint count)
{
    __global const float *const v =
        d->candidates + (ulong)from * d->k + first * length;
    for (uint i = 0; i < 2 * LMS_POSITIONS; i += 2) {
        const uint upper = i / LMS_POSITIONS, position = i % LMS_POSITIONS;
#if LMS_ELEMENTS == 1
        const lms_stretch x = d->x[position] + from, y = d->x[position + 1] + from;
        const uint ahead = first == 0 && upper == 0 ? LMS_POSITIONS * d->padded : 0;
#else
        const lms_stretch x = d->floats[position], y = d->floats[position + 1];
        const uint ahead = 0;
#endif
        lms_half_dots(x + upper * LMS_HALF_AT, y + upper * LMS_HALF_AT,
                      v + upper * count * length / 2, length,
                      d->sums + first * 2 * LMS_POSITIONS + i, ahead, count);
    }
}

/* Converts a stretch of all positions to floats. */
void lms_widen_stretch(lms_dots *d, uint from, uint length)
{
#if LMS_ELEMENTS != 1
    for (uint i = 0; i < LMS_POSITIONS; ++i) {
        __global const lms_element *const x = d->x[i] + from;
        for (uint e = 0; e < length; e += 2 * LMS_DOT_LANES) { /* a line of the cache */
            LMS_PREFETCH(x + LMS_POSITIONS * d->padded + e);
#pragma unroll
            for (uint n = e; n < e + 2 * LMS_DOT_LANES; n += LMS_DOT_LANES) {
                vstore8(lms_elements_at(x, n), 0, d->floats[i] + n / 2);
                vstore8(lms_elements_at(x, n + 8), 0, d->floats[i] + LMS_HALF_AT + n / 2);
            }
        }
    }
#else
    (void)d;
    (void)from;
    (void)length;
#endif
}

/* Products of a tile with all candidates. */
void lms_dots_tile(lms_dots *d)
{
    const uint each = lms_candidates_each(d->k);
    for (uint i = 0; i < d->k * 2 * LMS_POSITIONS; ++i) d->sums[i] = (float8)(0.0f);
    for (uint from = 0; from < d->padded; from += LMS_STRETCH) {
        const uint length = min(LMS_STRETCH, d->padded - from);
        lms_widen_stretch(d, from, length);
        for (uint first = 0; first < d->k; first += each) {
            LMS_BY_COUNT(min(each, d->k - first), lms_block_dots, d, from, length, first)
        }
    }
}

/* lms_dots_tile() has done all blocks. */
void lms_dots_block(lms_dots *d, uint first, uint count)
{
    (void)d;
    (void)first;
    (void)count;
}

float8 lms_dot_parts(const lms_dots *d, uint first, uint i, uint position)
{
    const float8 *const sums = d->sums + (first + i) * 2 * LMS_POSITIONS + position;
    return sums[0] + sums[LMS_POSITIONS];
}

#endif
