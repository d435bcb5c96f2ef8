/* envelope.cl - the envelope of a draw (specification, section 5).
 *
 * A group's maximum bounds the weight of each of its tokens, so 1/32 of the exponentials give
 * an envelope of the groups in reach, without a pass over the logits. */
#pragma once
#include "numeric/weights.cl"
#include "row/cut.cl"
#include "row/row.cl"

/* The bound of a group whose maximum weighs w. */
ulong lms_bound_of(int w) { return (ulong)(w + (w >> 20) + 2); }

/* Bounds of groups in reach, from the weights and keys of their maxima and their first tokens;
 * 0 for others. */
lms_uints lms_bounds_of(lms_ints w, lms_ints keys, lms_cut reach, lms_uints ids)
{
    return LMS_V(as_uint)((w + (w >> 20) + 2) & lms_kept_of(reach, keys, ids));
}

/* First tokens of the groups from a tile's first on. */
lms_uints lms_group_ids(uint tile)
{
    return (lms_uints)(tile * LMS_TILE) + LMS_GROUP * LMS_LANE_IDS;
}

/* The bounds of a tile's groups. */
lms_uints lms_tile_bounds(const lms_row *row, lms_unit unit, lms_cut reach, uint tile)
{
    const lms_ints keys = lms_tile_groups(row, tile);
    const lms_ints w = lms_weights(unit, lms_logits_of(keys));
    return lms_bounds_of(w, keys, reach, lms_group_ids(tile));
}

/* How many slots a tile's envelope has: E_t. */
ulong lms_tile_slots(const lms_row *row, lms_uints bounds, uint tile)
{
    if ((tile + 1) * LMS_TILE <= row->logits.vocab) {
        return lms_sum_pairs(lms_widen(bounds)) * LMS_GROUP;
    }
    uint b[LMS_LANES];
    ulong sum = 0;
    LMS_V(vstore)(bounds, 0, b);
#pragma unroll
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        sum += (ulong)b[g] * lms_group_size(row, tile * LMS_TILE_GROUPS + g);
    }
    return sum;
}

/* Fills sums[tile] with `own` and the sum of E' of the tiles from `from` to before it; returns
 * that of all up to `to`. */
ulong lms_envelope_of(const lms_row *row, const lms_scaled *scaled, lms_cut reach, uint from,
                      uint to, ulong own)
{
    for (uint tile = from; tile < to; ++tile) {
        row->sums[tile] = own;
        if (row->tile_keys[tile] < reach.key) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        if (unit.shift >= LMS_NO_SHARE) continue;
        const lms_uints bounds = lms_tile_bounds(row, unit, reach, tile);
        own += lms_mass_of_sum(unit.shift, lms_tile_slots(row, bounds, tile));
    }
    return own;
}

#if LMS_TEAM == 1
/* lms_envelope_of() for LMS_LANES whole tiles of a row that is not huge: what belongs to tiles
 * is computed for all of them at once. */
ulong lms_envelope_block(const lms_row *row, const lms_scaled *scaled, lms_cut reach, uint from,
                         ulong own)
{
    const lms_ints tile_keys = LMS_V(vload)(0, row->tile_keys + from);
    const lms_units units = lms_units_of(scaled, tile_keys);
    const lms_ints in = tile_keys >= reach.key;
    float h[LMS_LANES], c[LMS_LANES];
    int shift[LMS_LANES], any_in[LMS_LANES];
    LMS_V(vstore)(units.h, 0, h);
    LMS_V(vstore)(units.c, 0, c);
    LMS_V(vstore)(units.shift, 0, shift);
    LMS_V(vstore)(in, 0, any_in);
    for (uint j = 0; j < LMS_LANES; j += LMS_LANES / LMS_TILE_GROUPS) {
        const uint tile = from + j;
#if LMS_LANES == 16
        row->sums[tile] = own;
        row->sums[tile + 1] = own;
        if (!(any_in[j] | any_in[j + 1])) continue;
        const lms_floats hs = (lms_floats)((float8)(h[j]), (float8)(h[j + 1]));
        const lms_floats cs = (lms_floats)((float8)(c[j]), (float8)(c[j + 1]));
#else
        row->sums[tile] = own;
        if (!any_in[j]) continue;
        const lms_floats hs = (lms_floats)(h[j]), cs = (lms_floats)(c[j]);
#endif
        const lms_ints keys = LMS_V(vload)(0, row->groups + tile * LMS_TILE_GROUPS);
        const lms_ints w = lms_weights_at(scaled->s, hs, cs, lms_logits_of(keys));
        const lms_pairs slots = lms_widen(lms_bounds_of(w, keys, reach, lms_group_ids(tile)));
#if LMS_LANES == 16
        own += lms_mass_of_sum((uint)shift[j], lms_sum4(slots.lo) * LMS_GROUP);
        row->sums[tile + 1] = own;
        own += lms_mass_of_sum((uint)shift[j + 1], lms_sum4(slots.hi) * LMS_GROUP);
#else
        own += lms_mass_of_sum((uint)shift[j], lms_sum4(slots) * LMS_GROUP);
#endif
    }
    return own;
}
#endif

/* Fills the own sums; returns the envelope of the own tiles. */
LMS_APART
ulong lms_envelope_own(const lms_row *row, const lms_scaled *scaled, lms_cut reach)
{
    uint tile = row->first;
    ulong own = 0;
#if LMS_TEAM == 1
    const uint whole = scaled->huge ? 0 : row->logits.vocab / LMS_TILE;
    for (; tile + LMS_LANES <= whole; tile += LMS_LANES) {
        lms_prefetch_next(row, tile * LMS_NEXT, LMS_LANES * LMS_NEXT);
        own = lms_envelope_block(row, scaled, reach, tile, own);
    }
#endif
    return lms_envelope_of(row, scaled, reach, tile, row->last, own);
}
