/* contrastive/lane_dots.cl - dot products of teams above one: a work-item has one lane of them,
 * and its sums in registers. It reads a run of 16 bytes of each of its positions and candidates
 * at a time, and neighbours read neighbouring ones. Its positions' next runs are on their way
 * while it multiplies. dots.cl says what it provides. */
#pragma once
#include "contrastive/blocks.cl"

#if LMS_TEAM > 1

#define LMS_POSITIONS 2u /* of a crew */

typedef struct lms_dots {
    __global const lms_element *x[LMS_POSITIONS];
    __global const float *candidates; /* all of the turn, those of a block interleaved */
    uint k;
    uint padded;
    float sums[LMS_POSITIONS * LMS_SIDE_BY_SIDE]; /* [position][candidate] */
} lms_dots;

/* Four elements of a run, from element 4 * h on. */
#if LMS_ELEMENTS == 1
#define LMS_RUN_FLOATS(run, h) as_float4(run)
#elif LMS_ELEMENTS == 2
float4 lms_halves(uint2 bits) { return vload_half4(0, (const __private half *)&bits); }
#define LMS_RUN_FLOATS(run, h) lms_halves((h) == 0 ? (run).lo : (run).hi)
#else
float4 lms_uppers(uint2 bits)
{
    return as_float4((uint4)(bits.x << 16, bits.x & 0xffff0000u, bits.y << 16,
                             bits.y & 0xffff0000u));
}
#define LMS_RUN_FLOATS(run, h) lms_uppers((h) == 0 ? (run).lo : (run).hi)
#endif

/* A run of each position. */
static LMS_INLINE void lms_read_runs(const lms_dots *d, uint at, uint4 *x)
{
#pragma unroll
    for (uint i = 0; i < LMS_POSITIONS; ++i) x[i] = *(__global const uint4 *)(d->x[i] + at);
}

/* Products of a tile's positions with a block of `count` candidates, which begin at `v`. The
 * count is a literal where this is called, so that the loops over it disappear. */
static LMS_INLINE void lms_dots_of(lms_dots *d, __global const float *v, const uint count)
{
    const uint lane = lms_dot_lane(), step = LMS_DOT_LANES * LMS_RUN;
#pragma unroll
    for (uint i = 0; i < LMS_POSITIONS * LMS_SIDE_BY_SIDE; ++i) d->sums[i] = 0.0f;
    uint4 x[LMS_POSITIONS], next[LMS_POSITIONS];
    lms_read_runs(d, lane * LMS_RUN, next);
    for (uint e = 0; e < d->padded; e += step) {
#pragma unroll
        for (uint i = 0; i < LMS_POSITIONS; ++i) x[i] = next[i];
        lms_read_runs(d, min(e + step, d->padded - step) + lane * LMS_RUN, next);
#pragma unroll
        for (uint h = 0; h < LMS_RUN / LMS_FLOAT_RUN; ++h) {
            const uint at = e + h * LMS_DOT_LANES * LMS_FLOAT_RUN;
            __global const float4 *const y =
                (__global const float4 *)(v + (ulong)at * count) + lane;
#pragma unroll
            for (uint c = 0; c < count; ++c) {
                const float4 own = y[c * LMS_DOT_LANES];
#pragma unroll
                for (uint i = 0; i < LMS_POSITIONS; ++i) {
                    float *const sum = &d->sums[i * LMS_SIDE_BY_SIDE + c];
                    *sum = lms_own_fma(LMS_RUN_FLOATS(x[i], h), own, *sum);
                }
            }
        }
    }
}

LMS_INLINE void lms_dots_block(lms_dots *d, uint first, uint count)
{
    __global const float *const v = d->candidates + (ulong)first * d->padded;
    LMS_BY_COUNT(count, lms_dots_of, d, v)
}

void lms_dots_tile(lms_dots *d) { (void)d; }

#endif
