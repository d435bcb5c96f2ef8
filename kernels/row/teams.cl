/* teams.cl - the tile pass of teams of 32 and more, as on GPUs: neighbouring work-items read
 * neighbouring vectors, a tile's work-items tell each other by way of local memory. Smaller
 * teams have row/blocks.cl.
 *
 * A round is a few strips, in each of which every work-item has a vector: as many strips as
 * there are work-items to a group, so that each work-item has a group of the round, too. All
 * reads of a round are under way at once, and a barrier is one for all of its strips. What is
 * unusual (the end of the row, suppressed tokens, NaN, maxima of 0, large products) is left out
 * of what is fast, and done again by one vector at a time. */
#pragma once
#include "row/round.cl"

#if LMS_TEAM >= 32

#define LMS_TILE_SUMS (LMS_TILE_ITEMS + 1) /* one more: tiles begin in different banks */

/* Products with the scale below it are rounded to integers by two additions. */
#define LMS_LARGE 0x1p+22f

#if LMS_STRIPS == 4
typedef int4 lms_group_keys;
int lms_largest_of(int4 k) { return max(max(k.x, k.y), max(k.z, k.w)); }
#else
typedef int2 lms_group_keys;
int lms_largest_of(int2 k) { return max(k.x, k.y); }
#endif

/* What the work-items of a team share in the tile pass. */
typedef struct lms_tile_shared {
    int8 groups[LMS_ROUND_TILES]; /* keys of a round's groups */
    union {
        lms_group_keys keys[LMS_TEAM]; /* of its vectors */
        ulong sums[LMS_ROUND_TILES * LMS_TILE_SUMS];
    } of;
    float scale;
    uint seen;
} lms_tile_shared;

float lms_largest8(float8 v)
{
    const float4 a = fmax(v.lo, v.hi);
    const float2 b = fmax(a.lo, a.hi);
    return fmax(b.x, b.y);
}
float lms_largest(lms_floats v)
{
#if LMS_LANES == 16
    return lms_largest8(fmax(v.lo, v.hi));
#else
    return lms_largest8(v);
#endif
}

int lms_has_nan8(float8 v)
{
    return isunordered(v.s0, v.s1) | isunordered(v.s2, v.s3) | isunordered(v.s4, v.s5) |
           isunordered(v.s6, v.s7);
}
int lms_has_nan(lms_floats v)
{
#if LMS_LANES == 16
    return lms_has_nan8(v.lo) | lms_has_nan8(v.hi);
#else
    return lms_has_nan8(v);
#endif
}

/* Keys of a round's vectors, by comparing floats, which is a third of the work of comparing
 * keys. Bit s of what it returns: that of strip s is not to be trusted, because there is a NaN,
 * because the row ends, or because the maximum is 0 or subnormal, and the device may take
 * subnormals for 0. */
LMS_INLINE uint lms_keys_of_round(const lms_logits *x, lms_round r, const lms_floats *v,
                                  __local int *keys)
{
    const uint end = lms_round_end(x, r);
    uint odd = 0;
#pragma unroll
    for (uint s = 0; s < LMS_STRIPS; ++s) {
        const int bits = as_int(lms_largest(v[s])), sign = bits >> 31;
        keys[s * LMS_TEAM + (uint)get_local_id(0)] = ((bits & 0x7fffffff) ^ sign) - sign;
        const int is_odd = lms_has_nan(v[s]) | ((bits & 0x7f800000) == 0) |
                            (lms_strip_token(r, s) >= end);
        odd |= is_odd ? 1u << s : 0u;
    }
    return odd;
}

/* A bit for each strip of which the work-item's vector has suppressed tokens. */
uint lms_edits_of_round(const lms_logits *x, lms_round r)
{
    uint edits = 0;
    if (x->suppressed_count == 0) return 0;
#pragma unroll 1
    for (uint s = 0; s < LMS_STRIPS; ++s) {
        const uint begin = lms_strip_token(r, s);
        if (lms_is_edited(x, begin, begin + LMS_LANES)) edits |= 1u << s;
    }
    return edits;
}

/* Keys of the vectors that are odd; returns what was seen. */
uint lms_keys_of_odd(const lms_logits *x, lms_round r, uint odd, __local int *keys)
{
    uint seen = 0;
#pragma unroll 1
    for (uint s = 0; odd >> s != 0; ++s) {
        const uint begin = lms_strip_token(r, s);
        if ((odd >> s & 1) == 0 || begin >= r.last * LMS_TILE) continue;
        const lms_floats v = lms_read(x, begin);
        if (lms_any(lms_magnitudes(v) > LMS_KEY_INF)) seen = LMS_ROW_NAN_SEEN;
        keys[s * LMS_TEAM + (uint)get_local_id(0)] = lms_max(lms_keys(v));
    }
    return seen;
}

/* Four weights below 2^30 fit 32 bits. */
LMS_INLINE ulong lms_sum_of_weights(lms_ints w)
{
    const uint8 ones = as_uint8(lms_fold(w));
    const uint4 twos = ones.lo + ones.hi;
#if LMS_LANES == 16
    return lms_sum4(convert_ulong4(twos));
#else
    const uint2 fours = twos.lo + twos.hi;
    return (ulong)fours.x + fours.y;
#endif
}

/* Sums of a round's vectors; those of strips in `odd`, or of tiles that need more than plain
 * weights, one at a time. */
LMS_INLINE void lms_sums_of_round(const lms_logits *x, lms_round r, const lms_floats *v,
                                  uint odd, float scale, __local const int8 *groups,
                                  __local ulong *sums)
{
    const uint place = (uint)get_local_id(0) % LMS_TILE_ITEMS;
#pragma unroll
    for (uint s = 0; s < LMS_STRIPS; ++s) {
        const uint tile = lms_strip_tile(s);
        const float top = lms_logit_of(lms_max8(groups[tile]));
        const float u = top * scale;
        const float h = (u + LMS_MAGIC) - LMS_MAGIC;
        /* C is 0. Tokens of tiles without live ones weigh nothing, whatever H is. */
        const bool is_plain = fabs(u) < LMS_LARGE && fabs(fma(top, scale, -h)) <= 0.5f;
        if (!is_plain && top != -INFINITY) odd |= 1u << s;
        sums[tile * LMS_TILE_SUMS + place] =
            lms_sum_of_weights(lms_weights_plain(scale, h, v[s]));
    }
#pragma unroll 1
    for (uint s = 0; odd >> s != 0; ++s) {
        const uint tile = lms_strip_tile(s), begin = lms_strip_token(r, s);
        if ((odd >> s & 1) == 0 || begin >= r.last * LMS_TILE) continue;
        const lms_unit unit = lms_unit_alone(scale, lms_max8(groups[tile]));
        sums[tile * LMS_TILE_SUMS + place] =
            lms_sum_of_weights(lms_weights(unit, lms_read(x, begin)));
    }
}

/* Tiles [first, last), round by round; returns what was seen. The scale is that of work-item 0,
 * which may still be computing it while others read. */
LMS_INLINE uint lms_do_tiles(const lms_logits *x, uint first, uint last, const lms_tiles *t,
                             __local lms_tile_shared *shared)
{
    const lms_logits logits = *x;
    __local int *const keys = (__local int *)shared->of.keys;
    __local ulong *const sums = shared->of.sums;
    const uint item = (uint)get_local_id(0);
    uint seen = 0;
    if (item == 0) shared->scale = t->scale;
    for (uint from = first; from < last; from += LMS_ROUND_TILES) {
        const lms_round r = {from, last};
        const bool has_tile = item < LMS_ROUND_TILES && from + item < last;
        lms_floats v[LMS_STRIPS];
        lms_read_round(&logits, r, v);
        const uint odd =
            lms_keys_of_round(&logits, r, v, keys) | lms_edits_of_round(&logits, r);
        if (odd != 0) seen |= lms_keys_of_odd(&logits, r, odd, keys);
        barrier(CLK_LOCAL_MEM_FENCE);
        const uint group = from * LMS_TILE_GROUPS + item;
        const float scale = shared->scale;
        const int key = lms_largest_of(shared->of.keys[item]);
        ((__local int *)shared->groups)[item] = key;
        if (group < last * LMS_TILE_GROUPS) t->groups[group] = key;
        barrier(CLK_LOCAL_MEM_FENCE);
        if (has_tile) t->keys[from + item] = lms_max8(shared->groups[item]);
        if (scale > 0.0f) {
            lms_sums_of_round(&logits, r, v, odd, scale, shared->groups, sums);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (has_tile) {
                ulong sum = 0;
                for (uint i = 0; i < LMS_TILE_ITEMS; ++i) {
                    sum += sums[item * LMS_TILE_SUMS + i];
                }
                t->sums[from + item] = sum;
            }
            barrier(CLK_LOCAL_MEM_FENCE); /* the next round's keys are where the sums are */
        }
    }
    return seen;
}

#endif
