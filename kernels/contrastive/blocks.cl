/* contrastive/blocks.cl - a turn's candidates in the workspace: blocks of a few, interleaved in
 * the order in which dot products read them. */
#pragma once
#include "contrastive/states.cl"

/* Candidates that are held against the context side by side, at most: as many as there are
 * registers for. */
#if LMS_TEAM > 1
#define LMS_SIDE_BY_SIDE 8u
#else
#define LMS_SIDE_BY_SIDE 6u
#endif

#define LMS_STRETCH 512u /* elements that half_dots.cl does at a time */

/* k candidates are in blocks that are as even as can be: all but the last have so many. */
uint lms_candidates_each(uint k)
{
    const uint blocks = (k + LMS_SIDE_BY_SIDE - 1) / LMS_SIDE_BY_SIDE;
    return (k + blocks - 1) / blocks;
}

/* Calls a function with the count of a block as a literal behind the other arguments. */
#if LMS_SIDE_BY_SIDE > 6
#define LMS_MORE_SIDE_BY_SIDE(f, ...)                                                          \
    case 7: f(__VA_ARGS__, 7); break;                                                          \
    case 8: f(__VA_ARGS__, 8); break;
#else
#define LMS_MORE_SIDE_BY_SIDE(f, ...)
#endif
#define LMS_BY_COUNT(count, f, ...)                                                            \
    switch (count) {                                                                           \
    case 1: f(__VA_ARGS__, 1); break;                                                          \
    case 2: f(__VA_ARGS__, 2); break;                                                          \
    case 3: f(__VA_ARGS__, 3); break;                                                          \
    case 4: f(__VA_ARGS__, 4); break;                                                          \
    case 5: f(__VA_ARGS__, 5); break;                                                          \
    case 6: f(__VA_ARGS__, 6); break;                                                          \
    LMS_MORE_SIDE_BY_SIDE(f, __VA_ARGS__)                                                      \
    default: break;                                                                            \
    }

/* Puts the own elements from e on of candidate i to their place. */
void lms_put_candidate(__global float *out, uint e, uint i, uint k, uint padded, lms_own v)
{
    const uint each = lms_candidates_each(k), first = i / each * each;
    const uint count = min(each, k - first);
#if LMS_HALVES
    /* Stretch by stretch: all blocks, the lower lanes of each, then the upper ones. */
    const uint from = e / LMS_STRETCH * LMS_STRETCH, length = min(LMS_STRETCH, padded - from);
    const uint place = ((e - from) / LMS_DOT_LANES * count + i - first) * 8;
    out += (ulong)from * k + first * length;
    vstore8(v.lo, 0, out + place);
    vstore8(v.hi, 0, out + count * length / 2 + place);
#else
    const ulong place = lms_place_of(e, LMS_FLOAT_RUN, i - first, count);
    lms_put_own_float(out + (ulong)first * padded + place, v);
#endif
}
