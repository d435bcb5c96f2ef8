/* list.cl - lists the tokens of an interval of keys, with their masses: teams of one in id
 * order, others in none. */
#pragma once
#include "row/masses.cl"
#include "select/search.cl"

#if LMS_TEAM > 1

/* Lists tokens of a vector from `place` on. */
void lms_list_hits_at(const lms_row *row, uint place, uint hits, uint at, lms_ints keys,
                      lms_uints rounded, uint up)
{
    int key[LMS_LANES];
    uint mass[LMS_LANES];
    LMS_V(vstore)(keys, 0, key);
    LMS_V(vstore)(rounded, 0, mass);
#pragma unroll
    for (uint i = 0; i < LMS_LANES; ++i) {
        if (!(hits >> i & 1) || place >= LMS_LIST) continue;
        row->list_key[place] = key[i];
        row->list_id[place] = at + i;
        row->list_mass[place] = (ulong)mass[i] << up;
        ++place;
    }
}

/* Lists the tokens with low < key <= high, in no order, as far as there is room, behind *end,
 * which is 0 when a list is begun; with masses, if they are wanted. Returns how many this
 * work-item has found. */
uint lms_list_own(const lms_row *row, const lms_scaled *scaled, const lms_search *s,
                  bool with_masses, __local uint *end)
{
    uint found = 0;
    LMS_EACH_TILE(tile, row, s->low + 1) {
        LMS_EACH_GROUP(begin, row, tile, s->low + 1) {
            LMS_EACH_VECTOR(at, row, begin) {
                const lms_floats x = lms_read(&row->logits, at);
                const lms_ints keys = lms_keys(x);
                const uint hits = lms_mask(lms_insides(s, keys));
                if (!hits) continue;
                lms_uints rounded = (lms_uints)(0);
                uint up = 0;
                if (with_masses) {
                    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
                    rounded = lms_rounded(unit, lms_weights(unit, x));
                    up = lms_rounded_shift(unit);
                }
                found += popcount(hits);
                lms_list_hits_at(row, atomic_add(end, popcount(hits)), hits, at, keys, rounded,
                                 up);
            }
        }
    }
    return found;
}

#else

/* Can the interval be told by comparing floats? It can where its ends are normal or infinite:
 * no device takes those for something else, and NaN is never in it. */
bool lms_by_floats(const lms_search *s)
{
    return abs(s->low) >= 0x00800000u && abs(s->high) >= 0x00800000u;
}

/* Bits of a group's tokens, spread over the lanes: bit i is set in one of them if token i has
 * low < key <= high. Adds the tokens above that to `above`. */
LMS_INLINE lms_ints lms_group_bits(const lms_row *row, const lms_search *s, uint group,
                                   bool by_floats, lms_ints *above)
{
    const float low = lms_logit_of(s->low), high = lms_logit_of(s->high);
    const lms_ints one = lms_ones(row->logits.vocab);
    lms_ints bits = (lms_ints)(0);
#pragma unroll
    for (uint i = 0; i < LMS_GROUP; i += LMS_LANES) {
        const lms_floats x = lms_read(&row->logits, group * LMS_GROUP + i);
        const lms_ints keys = lms_keys(x);
        const lms_ints over = by_floats ? x > (lms_floats)(high) : keys > s->high;
        const lms_ints in = by_floats ? x > (lms_floats)(low) : keys > s->low;
        *above += over & one;
        bits |= in & ~over & LMS_V(as_int)((lms_uints)(1) << (LMS_LANE_IDS + i));
    }
    return bits;
}

/* Lists the tokens of a group that `mask` has bits of, from `at` on, as far as there is room;
 * returns the end. */
LMS_INLINE uint lms_list_group(const lms_row *row, uint group, uint mask, uint at)
{
    for (; mask && at < LMS_LIST; mask &= mask - 1, ++at) {
        const uint id = group * LMS_GROUP + 31 - clz(mask & -mask);
        row->list_key[at] = lms_key(lms_read_one(&row->logits, id));
        row->list_id[at] = id;
    }
    return at + popcount(mask);
}

#define LMS_FOUND 256u /* groups that are looked at together */

/* Groups of a tile whose maximum is above s->low, appended to `found`; returns the new end. */
LMS_INLINE uint lms_find_groups(const lms_row *row, const lms_search *s, uint tile, uint *found,
                                uint n)
{
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        const uint group = tile * LMS_TILE_GROUPS + g;
        found[n] = group;
        n += row->groups[group] > s->low;
    }
    return n;
}

/* Lists tokens of n groups from `at` on; returns the end. The first loop finds the tokens of
 * all groups, without a branch; the second one, whose branches cannot be predicted, lists
 * them. */
LMS_INLINE uint lms_list_groups(const lms_row *row, const lms_search *s, uint *groups, uint n,
                                bool by_floats, uint at, lms_ints *above)
{
    uint masks[LMS_FOUND];
    uint hits = 0;
    for (uint i = 0; i < n; ++i) {
        const lms_ints bits = lms_group_bits(row, s, groups[i], by_floats, above);
        masks[hits] = (uint)lms_sum(bits);
        groups[hits] = groups[i];
        hits += masks[hits] != 0;
    }
    for (uint i = 0; i < hits; ++i) at = lms_list_group(row, groups[i], masks[i], at);
    return at;
}

/* Lists the tokens with low < key <= high, as far as there is room: `sum` is their number, or
 * more than the list holds, and `best` that of the tokens above `high`. Finding the groups
 * first keeps what is hard to predict apart from what takes time. */
lms_part lms_list_alone(const lms_row *row, const lms_search *s)
{
    uint found[LMS_FOUND];
    lms_ints above = (lms_ints)(0);
    const bool by_floats = lms_by_floats(s);
    uint at = 0;
    const uint stride = LMS_FOUND / LMS_TILE_GROUPS;
    for (uint from = 0; from < row->tiles && at <= LMS_LIST; from += stride) {
        const uint to = min(from + stride, row->tiles);
        uint n = 0;
        for (uint tile = from; tile < to; ++tile) {
            if (row->tile_keys[tile] > s->low) n = lms_find_groups(row, s, tile, found, n);
        }
        at = by_floats ? lms_list_groups(row, s, found, n, true, at, &above)
                       : lms_list_groups(row, s, found, n, false, at, &above);
    }
    lms_part part;
    part.sum = at;
    part.best = lms_sum(above);
    return part;
}

/* Masses of several tokens of a row that is not huge, each of its own tile. */
LMS_V(ulong) lms_masses_of(const lms_row *row, const lms_scaled *scaled, lms_uints ids,
                           lms_ints keys)
{
    uint tile[LMS_LANES];
    int tile_key[LMS_LANES];
    LMS_V(vstore)(ids / LMS_TILE, 0, tile);
    for (uint i = 0; i < LMS_LANES; ++i) tile_key[i] = row->tile_keys[tile[i]];
    const lms_units units = lms_units_of(scaled, LMS_V(vload)(0, tile_key));
    const lms_ints w = lms_weights_at(scaled->s, units.h, units.c, lms_logits_of(keys));
    const lms_ints down = units.shift - (int)LMS_GUARD_BITS;
    const lms_ints half_unit = down > 0 ? (lms_ints)(1) << (down - 1) : (lms_ints)(0);
    const lms_ints rounded = down > 30 ? (lms_ints)(0)
                                       : (w + half_unit) >> max(down, (lms_ints)(0));
    return LMS_V(convert_ulong)(rounded) << LMS_V(convert_ulong)(max(-down, (lms_ints)(0)));
}

/* Fills in the masses of the listed tokens [0, n). */
void lms_weigh_list(const lms_row *row, const lms_scaled *scaled, uint n)
{
    uint i = 0;
    for (; i + LMS_LANES <= n && !scaled->huge; i += LMS_LANES) {
        const lms_uints ids = LMS_V(vload)(0, row->list_id + i);
        const lms_ints keys = LMS_V(vload)(0, row->list_key + i);
        LMS_V(vstore)(lms_masses_of(row, scaled, ids, keys), 0, row->list_mass + i);
    }
    for (; i < n; ++i) {
        row->list_mass[i] = lms_mass_of(row, scaled, row->list_id[i], row->list_key[i]);
    }
}

#endif
