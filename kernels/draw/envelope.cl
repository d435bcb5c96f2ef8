/* draw/envelope.cl - the envelope and the draw (specification, sections 5 and 7).
 *
 * A group's maximum bounds the weight of each of its tokens, so 1/32 of the exponentials give
 * an envelope of the kept tokens; a draw from it is accepted with at least one slot in 33, and
 * an accepted draw is exact. No pass over the logits, no sum of weights. */
#pragma once
#include "numeric/philox.cl"
#include "numeric/weights.cl"
#include "row/row.cl"

#define LMS_ATTEMPTS 4096u

/* A kept token's place in the envelope. */
typedef struct lms_drawn {
    bool found;
    uint id;
} lms_drawn;

/* Bounds of groups in the envelope, from the weights and keys of their maxima and their first
 * tokens; 0 for others. */
lms_uints lms_bounds_of(lms_ints w, lms_ints keys, lms_cut cut, lms_uints ids)
{
    return LMS_V(as_uint)((w + (w >> 20) + 2) & lms_kept_of(cut, keys, ids));
}

/* First tokens of the groups from a tile's first on. */
lms_uints lms_group_ids(uint tile)
{
    return (lms_uints)(tile * LMS_TILE) + LMS_GROUP * LMS_LANE_IDS;
}

/* Of a tile's groups. */
lms_uints lms_tile_bounds(const lms_row *row, lms_unit unit, lms_cut cut, uint tile)
{
    const lms_ints keys = lms_tile_groups(row, tile);
    const lms_ints w = lms_weights(unit, lms_logits_of(keys));
    return lms_bounds_of(w, keys, cut, lms_group_ids(tile));
}

/* Slots of the tile's envelope: E_t. */
ulong lms_tile_slots(const lms_row *row, lms_uints bounds, uint tile)
{
    if ((tile + 1) * LMS_TILE <= row->vocab) {
        return lms_sum_pairs(lms_widen(bounds)) * LMS_GROUP;
    }
    uint b[LMS_LANES];
    ulong sum = 0;
    LMS_V(vstore)(bounds, 0, b);
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        sum += (ulong)b[g] * lms_group_size(row, tile * LMS_TILE_GROUPS + g);
    }
    return sum;
}

/* Fills sums[tile] with `own` and the sum of E' of the tiles from `from` to before it; returns
 * that of all up to `to`. */
ulong lms_envelope_of(const lms_row *row, const lms_scaled *scaled, lms_cut cut, uint from,
                      uint to, ulong own)
{
    for (uint tile = from; tile < to; ++tile) {
        row->sums[tile] = own;
        if (row->tile_keys[tile] < cut.key) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        if (unit.shift >= LMS_NO_SHARE) continue;
        const lms_uints bounds = lms_tile_bounds(row, unit, cut, tile);
        own += lms_mass_of_sum(unit.shift, lms_tile_slots(row, bounds, tile));
    }
    return own;
}

#if LMS_TEAM == 1
/* The same for LMS_LANES whole tiles of a row that is not huge: what belongs to tiles is
 * computed for all of them at once. */
ulong lms_envelope_block(const lms_row *row, const lms_scaled *scaled, lms_cut cut, uint from,
                         ulong own)
{
    const lms_ints tile_keys = LMS_V(vload)(0, row->tile_keys + from);
    const lms_units units = lms_units_of(scaled, tile_keys);
    const lms_ints in = tile_keys >= cut.key;
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
        const lms_pairs slots = lms_widen(lms_bounds_of(w, keys, cut, lms_group_ids(tile)));
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

/* Of the own tiles. */
ulong lms_envelope_own(const lms_row *row, const lms_scaled *scaled, lms_cut cut)
{
    uint tile = row->first;
    ulong own = 0;
#if LMS_TEAM == 1
    const uint whole = scaled->huge ? 0 : row->vocab / LMS_TILE;
    for (; tile + LMS_LANES <= whole; tile += LMS_LANES) {
        lms_prefetch_next(row, tile * LMS_NEXT, LMS_LANES * LMS_NEXT);
        own = lms_envelope_block(row, scaled, cut, tile, own);
    }
#endif
    return lms_envelope_of(row, scaled, cut, tile, row->last, own);
}

/* The tile at `place` of the row's envelope: the last one with sums <= place, as one without a
 * share has the sum of the next. No branch depends on the data here and in lms_slot_at(), so
 * that a CPU works on several attempts at once; compilers make a branch of a comparison. */
uint lms_tile_at(const lms_row *row, ulong place)
{
    uint tile = 0;
    for (uint n = row->tiles; n > 1;) {
        const uint half_n = n / 2;
        const long left = (long)(place - row->sums[tile + half_n]) >> 63; /* both < 2^63 */
        tile += half_n & ~(uint)left;
        n -= half_n;
    }
    return tile;
}

/* A place in a tile's envelope. */
typedef struct lms_slot {
    uint token; /* of the tile's tokens */
    uint bound; /* of its group */
    uint height;
} lms_slot;

/* Every group counts as whole: one that the vocabulary cuts short is the last that has slots,
 * and `place` is below its end. */
lms_slot lms_slot_at(const uint *bounds, ulong place)
{
    uint group = 0;
    ulong begin = 0, end = 0;
    for (uint g = 0; g < LMS_TILE_GROUPS - 1; ++g) {
        end += (ulong)bounds[g] * LMS_GROUP;
        group += place >= end;
        begin = place >= end ? end : begin;
    }
    lms_slot s;
    ulong rest = place - begin;
    s.bound = bounds[group];
    s.token = group * LMS_GROUP;
    for (uint step = LMS_GROUP / 2; step > 0; step /= 2) {
        const ulong steps = (ulong)s.bound * step;
        s.token += rest >= steps ? step : 0;
        rest -= rest >= steps ? steps : 0;
    }
    s.height = (uint)rest;
    return s;
}

/* One attempt: the token it hits, and whether it is accepted. */
lms_drawn lms_attempt(const lms_row *row, const lms_scaled *scaled, lms_cut cut, ulong envelope,
                      uint4 q)
{
    const uint tile = lms_tile_at(row, mul_hi((ulong)q.y << 32 | q.x, envelope));
    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
    const lms_uints bounds = lms_tile_bounds(row, unit, cut, tile);
    const ulong place = mul_hi((ulong)q.w << 32 | q.z, lms_tile_slots(row, bounds, tile));
    uint b[LMS_LANES];
    LMS_V(vstore)(bounds, 0, b);
    const lms_slot slot = lms_slot_at(b, place);
    lms_drawn drawn;
    drawn.id = tile * LMS_TILE + slot.token;
    const float x = lms_element_at(row->x, drawn.id);
    drawn.found =
        lms_keeps(cut, lms_key(x), drawn.id) && slot.height < (uint)lms_weight(unit, x);
    return drawn;
}

/* Where a row's random words come from. */
typedef struct lms_source {
    ulong seed;
    ulong step;
    __global const uint *words; /* the caller's, or NULL */
    uint attempts;
} lms_source;

uint4 lms_words_of(const lms_source *source, uint attempt)
{
    return source->words ? vload4(attempt, source->words)
                         : lms_attempt_words(source->seed, source->step, attempt);
}

/* Of several accepted attempts the earliest is the largest value; LMS_NOT_DRAWN is none. The
 * low 32 bits are the token. */
#define LMS_NOT_DRAWN (-1l)
long lms_accepted(uint attempt, uint token) { return (long)(INT_MAX - attempt) << 32 | token; }

long lms_try_one(const lms_row *row, const lms_scaled *scaled, lms_cut cut, ulong envelope,
                 const lms_source *source, uint attempt)
{
    /* No envelope: only if somebody writes to the logits meanwhile. */
    if (attempt >= source->attempts || envelope == 0) return LMS_NOT_DRAWN;
    const uint4 q = lms_words_of(source, attempt);
    const lms_drawn drawn = lms_attempt(row, scaled, cut, envelope, q);
    return drawn.found ? lms_accepted(attempt, drawn.id) : LMS_NOT_DRAWN;
}
