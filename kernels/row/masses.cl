/* row/masses.cl - masses and counts of a tile and of the own tiles. */
#pragma once
#include "numeric/weights.cl"
#include "row/row.cl"

typedef struct lms_measure {
    ulong mass;
    ulong count;
} lms_measure;

/* Sum of the weights of a whole tile that is not huge, and whose C is 0. Four weights below
 * 2^30 fit 32 bits. */
LMS_INLINE ulong lms_plain_sum(__global const lms_element *x, float s, float h)
{
    lms_pairs sum = (lms_pairs)(0);
#pragma unroll
    for (uint i = 0; i < LMS_TILE; i += 4 * LMS_LANES) {
        lms_uints four = (lms_uints)(0);
#pragma unroll
        for (uint j = i; j < i + 4 * LMS_LANES; j += LMS_LANES) {
            four += LMS_V(as_uint)(lms_weights_plain(s, h, lms_elements_at(x, j)));
        }
        sum += lms_widen(four);
    }
    return lms_sum_pairs(sum);
}

/* Of any tile. */
LMS_APART
ulong lms_tile_sum_until(__global const lms_element *x, uint tile, uint vocab, lms_unit unit)
{
    const uint begin = tile * LMS_TILE;
    lms_pairs sum = (lms_pairs)(0);
    if (begin + LMS_TILE <= vocab && !unit.huge && unit.c == 0.0f) {
        return lms_plain_sum(x + begin, unit.s, unit.h);
    }
    for (uint at = begin; at < min(begin + LMS_TILE, vocab); at += LMS_LANES) {
        sum += lms_widen(LMS_V(as_uint)(lms_weights(unit, lms_elements_until(x, at, vocab))));
    }
    return lms_sum_pairs(sum);
}

ulong lms_tile_sum_of(const lms_row *row, uint tile, lms_unit unit)
{
    const uint begin = tile * LMS_TILE;
    lms_pairs sum = (lms_pairs)(0);
    if (row->dead_count == 0) return lms_tile_sum_until(row->x, tile, row->vocab, unit);
    for (uint at = begin; at < min(begin + LMS_TILE, row->vocab); at += LMS_LANES) {
        sum += lms_widen(LMS_V(as_uint)(lms_weights(unit, lms_logits(row, at))));
    }
    return lms_sum_pairs(sum);
}

/* `total` of section 4, of the own tiles, whose sums the tile pass has written. */
ulong lms_summed_own(const lms_row *row, const lms_scaled *scaled)
{
    ulong mass = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        mass += lms_mass_of_sum(unit.shift, row->sums[tile]);
    }
    return mass;
}

/* The same from the logits. */
ulong lms_total_own(const lms_row *row, const lms_scaled *scaled)
{
    ulong mass = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        if (unit.shift >= LMS_NO_SHARE) continue;
        mass += lms_mass_of_sum(unit.shift, lms_tile_sum_of(row, tile, unit));
    }
    return mass;
}

lms_measure lms_kept_own(const lms_row *row, const lms_scaled *scaled, lms_cut cut)
{
    lms_measure sum;
    sum.mass = 0;
    sum.count = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] < cut.key) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        lms_pairs rounded = (lms_pairs)(0);
        lms_ints count = (lms_ints)(0);
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            if (row->groups[tile * LMS_TILE_GROUPS + g] < cut.key) continue;
            const uint begin = tile * LMS_TILE + g * LMS_GROUP;
            for (uint at = begin; at < begin + LMS_GROUP; at += LMS_LANES) {
                const lms_floats x = lms_logits(row, at);
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
