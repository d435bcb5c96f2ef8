/* masses.cl - masses and counts of a tile, and of the own tiles (specification, section 4). */
#pragma once
#include "numeric/weights.cl"
#include "row/cut.cl"
#include "row/row.cl"

/* What a cut keeps. */
typedef struct lms_kept_part {
    ulong mass;
    ulong count;
} lms_kept_part;

/* Sum of the weights of a tile that is whole, not huge, not edited, or no more than masked, and
 * whose C is 0. Four weights below 2^30 fit 32 bits. */
LMS_INLINE ulong lms_plain_sum(const lms_logits *x, uint begin, bool is_masked, float s,
                               float h)
{
    lms_pairs sum = (lms_pairs)(0);
#if LMS_TEAM == 1
#pragma unroll
#else
#pragma unroll 1 /* a GPU's work-item has no registers for a tile */
#endif
    for (uint i = 0; i < LMS_TILE; i += 4 * LMS_LANES) {
        lms_uints four = (lms_uints)(0);
#pragma unroll
        for (uint j = i; j < i + 4 * LMS_LANES; j += LMS_LANES) {
            const lms_floats v = lms_read_masked(x, begin + j, is_masked);
            four += LMS_V(as_uint)(lms_weights_plain(s, h, v));
        }
        sum += lms_widen(four);
    }
    return lms_sum_pairs(sum);
}

/* Sum of the weights of any tile. */
LMS_APART
ulong lms_tile_sum(const lms_logits *x, uint tile, lms_unit unit)
{
    const uint begin = tile * LMS_TILE, end = begin + LMS_TILE;
    const bool is_plain = end <= x->vocab && !unit.huge && unit.c == 0.0f;
    lms_pairs sum = (lms_pairs)(0);
    if (is_plain && !lms_is_edited(x, begin, end)) {
        return lms_plain_sum(x, begin, false, unit.s, unit.h);
    }
    for (uint at = begin; at < min(end, x->vocab); at += LMS_LANES) {
        sum += lms_widen(LMS_V(as_uint)(lms_weights(unit, lms_read(x, at))));
    }
    return lms_sum_pairs(sum);
}

/* Mass of the own tiles, from the sums that the tile pass has written. */
ulong lms_summed_own(const lms_row *row, const lms_scaled *scaled)
{
    ulong mass = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        mass += lms_mass_of_sum(unit.shift, row->sums[tile]);
    }
    return mass;
}

/* Mass of the own tiles, from the logits. */
ulong lms_total_own(const lms_row *row, const lms_scaled *scaled)
{
    ulong mass = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        if (unit.shift >= LMS_NO_SHARE) continue;
        mass += lms_mass_of_sum(unit.shift, lms_tile_sum(&row->logits, tile, unit));
    }
    return mass;
}

/* How many tokens a cut keeps: this work-item's part. */
ulong lms_count_kept_own(const lms_row *row, lms_cut cut)
{
    lms_ints count = (lms_ints)(0);
    LMS_EACH_TILE(tile, row, cut.key) {
        LMS_EACH_GROUP(begin, row, tile, cut.key) {
            LMS_EACH_VECTOR(at, row, begin) {
                count -= lms_kept(cut, lms_keys(lms_read(&row->logits, at)), at);
            }
        }
    }
    return (ulong)lms_sum(count);
}

/* Mass and number of the tokens that a cut keeps: this work-item's part. */
lms_kept_part lms_kept_own(const lms_row *row, const lms_scaled *scaled, lms_cut cut)
{
    lms_kept_part sum;
    sum.mass = 0;
    sum.count = 0;
    LMS_EACH_TILE(tile, row, cut.key) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        lms_pairs rounded = (lms_pairs)(0);
        lms_ints count = (lms_ints)(0);
        LMS_EACH_GROUP(begin, row, tile, cut.key) {
            LMS_EACH_VECTOR(at, row, begin) {
                const lms_floats x = lms_read(&row->logits, at);
                const lms_ints kept = lms_kept(cut, lms_keys(x), at);
                rounded += lms_widen(lms_rounded(unit, lms_weights(unit, x) & kept));
                count -= kept;
            }
        }
        sum.mass += lms_mass_of_rounded(unit, lms_sum_pairs(rounded));
        sum.count += (ulong)lms_sum(count);
    }
    return sum;
}

/* Mass of one token of a row. */
ulong lms_mass_of(const lms_row *row, const lms_scaled *scaled, uint id, int key)
{
    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[id / LMS_TILE]);
    const int w = lms_weight(unit, lms_logit_of(key));
    return lms_mass_of_rounded(unit, lms_rounded(unit, (lms_ints)(w)).s0);
}

/* Weights of a tile's tokens, 0 of those that a cut does not keep. */
void lms_kept_weights(const lms_row *row, lms_cut cut, lms_unit unit, uint tile, uint *w)
{
    const uint begin = tile * LMS_TILE;
    for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
        const lms_floats x = lms_read(&row->logits, begin + i);
        const lms_ints kept = lms_kept(cut, lms_keys(x), begin + i);
        LMS_V(vstore)(LMS_V(as_uint)(lms_weights(unit, x) & kept), 0, w + i);
    }
}
