/* entropy.cl - the entropy of what a cut keeps of a row (specification, section 28): from how
 * deep each token is below the first one, in 2^-14 octaves. */
#pragma once
#include "numeric/logarithm.cl"
#include "row/masses.cl"

/* Mass of the own tiles, and the sum of each token's weight times its depth. */
typedef struct lms_depth_part {
    ulong mass;
    ulong depth;
} lms_depth_part;

lms_depth_part lms_depth_sums(lms_pairs mass, lms_pairs depth)
{
    lms_depth_part sum;
    sum.mass = lms_sum_pairs(mass);
    sum.depth = lms_sum_pairs(depth);
    return sum;
}

#define LMS_DEEPEST 512.0f /* octaves */

/* z(x) of section 4, for a row that is not huge. */
LMS_INLINE lms_floats lms_octaves(const lms_scaled *r, lms_floats x)
{
    return fma(x, (lms_floats)(r->s), (lms_floats)(-r->h)) - r->c;
}

/* How deep tokens are, `top` being the z of the first. What is dead gets something. */
LMS_INLINE lms_uints lms_depths(const lms_scaled *r, float top, lms_floats x)
{
    const lms_floats gap = (lms_floats)(top) - lms_octaves(r, x);
    const lms_floats depth = gap < LMS_DEEPEST ? gap : (lms_floats)(LMS_DEEPEST);
    return LMS_V(as_uint)(LMS_V(convert_int)(depth * 0x1p+14f + 0.5f));
}

/* Sums of products, two lanes each: of weights below 2^30 and depths up to 2^23. */
LMS_INLINE lms_pairs lms_products(lms_uints a, lms_uints b)
{
    const lms_pairs x = LMS_AS_PAIRS(a), y = LMS_AS_PAIRS(b);
    return (x & 0xfffffffful) * (y & 0xfffffffful) + (x >> 32ul) * (y >> 32ul);
}

/* Of a whole tile, of which all is kept, in its own unit; C is 0. `is_edited` is a literal
 * where this is called. */
LMS_INLINE lms_depth_part lms_plain_depth(const lms_logits *x, uint begin, bool is_edited,
                                          const lms_scaled *r, float h, float top)
{
    const lms_scaled row = *r;
    lms_pairs mass = (lms_pairs)(0), depth = (lms_pairs)(0);
    for (uint i = 0; i < LMS_TILE; i += 4 * LMS_LANES) {
        lms_uints four = (lms_uints)(0);
#pragma unroll
        for (uint j = i; j < i + 4 * LMS_LANES; j += LMS_LANES) {
            const lms_floats v =
                is_edited ? lms_read(x, begin + j) : lms_read_plain(x, begin + j);
            const lms_uints w = LMS_V(as_uint)(lms_weights_plain(row.s, h, v));
            four += w;
            depth += lms_products(w, lms_depths(&row, top, v));
        }
        mass += lms_widen(four);
    }
    return lms_depth_sums(mass, depth);
}

/* Of any tile, what a cut keeps; the mass is a sum of weights, rounded where `is_filtered`. */
LMS_APART
lms_depth_part lms_any_depth(const lms_row *row, uint tile, lms_unit unit, const lms_scaled *r,
                             float top, lms_cut cut, bool is_filtered)
{
    const uint begin = tile * LMS_TILE, end = min(begin + LMS_TILE, row->logits.vocab);
    lms_pairs mass = (lms_pairs)(0), depth = (lms_pairs)(0);
    for (uint at = begin; at < end; at += LMS_LANES) {
        if (row->groups[at / LMS_GROUP] < cut.key) continue;
        const lms_floats x = lms_read(&row->logits, at);
        const lms_ints w = lms_weights(unit, x) & lms_kept(cut, lms_keys(x), at);
        mass += lms_widen(is_filtered ? lms_rounded(unit, w) : LMS_V(as_uint)(w));
        if (!r->huge) depth += lms_products(LMS_V(as_uint)(w), lms_depths(r, top, x));
    }
    return lms_depth_sums(mass, depth);
}

/* Of the own tiles, in the row's unit. Without filters the mass is that of lms_total_own(),
 * else that of lms_kept_own(). */
lms_depth_part lms_depth_own(const lms_row *row, const lms_scaled *r, lms_cut cut,
                             bool is_filtered)
{
    const float top = lms_octaves(r, (lms_floats)(lms_logit_of(r->max_key))).s0;
    lms_depth_part sum;
    sum.mass = 0;
    sum.depth = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(r, row->tile_keys[tile]);
        const uint begin = tile * LMS_TILE, end = begin + LMS_TILE;
        const bool is_plain = !is_filtered && !unit.huge && unit.c == 0.0f &&
                              end <= row->logits.vocab;
        lms_depth_part own;
        if (unit.shift >= LMS_NO_SHARE || row->tile_keys[tile] < cut.key) continue;
        if (!is_plain) {
            own = lms_any_depth(row, tile, unit, r, top, cut, is_filtered);
        } else if (lms_is_edited(&row->logits, begin, end)) {
            own = lms_plain_depth(&row->logits, begin, true, r, unit.h, top);
        } else {
            own = lms_plain_depth(&row->logits, begin, false, r, unit.h, top);
        }
        sum.mass += is_filtered ? lms_mass_of_rounded(unit, own.mass)
                                : lms_mass_of_sum(unit.shift, own.mass);
        sum.depth += own.depth >> unit.shift;
    }
    return sum;
}

/* The entropy in nats, of such sums of a whole row, and K of the mass. */
float lms_entropy_of(ulong depth, ulong mass, float norm)
{
    return fma((float)depth * lms_reciprocal((float)mass), 0x1.62e430p-2f, norm);
}
