/* before.cl - what ranks before a token, for a team of one: how many tokens, and what they
 * weigh, exactly. */
#pragma once
#include "draw/envelope.cl"
#include "row/masses.cl"
#include "select/counting.cl"

#if LMS_TEAM == 1

#define LMS_NEAR_TILES 32u
#define LMS_NEAR (LMS_NEAR_TILES * LMS_TILE_GROUPS) /* groups that are looked at together */

/* How many groups have a maximum of at least `key`, and so may have tokens from there up. */
uint lms_groups_from(const lms_row *row, int key)
{
    return lms_count_above(row->groups, row->tiles * LMS_TILE_GROUPS, key - 1);
}

/* Those of LMS_NEAR_TILES tiles from `from` on; returns how many. Finding them without a branch
 * for each, before anything is computed, keeps what is hard to predict apart from what takes
 * time. */
uint lms_find_near(const lms_row *row, int key, uint from, uint *found)
{
    const uint to = min(from + LMS_NEAR_TILES, row->tiles);
    uint n = 0;
    for (uint tile = from; tile < to; ++tile) {
        if (row->tile_keys[tile] < key) continue;
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            const uint group = tile * LMS_TILE_GROUPS + g;
            found[n] = group;
            n += row->groups[group] >= key;
        }
    }
    return n;
}

/* How many tokens a cut keeps. */
ulong lms_count_kept(const lms_row *row, lms_cut cut)
{
    const lms_logits logits = row->logits;
    const lms_ints one = lms_ones(logits.vocab);
    lms_ints count = (lms_ints)(0);
    for (uint from = 0; from < row->tiles; from += LMS_NEAR_TILES) {
        uint found[LMS_NEAR];
        const uint n = lms_find_near(row, cut.key, from, found);
        for (uint i = 0; i < n; ++i) {
            const uint begin = found[i] * LMS_GROUP;
#pragma unroll
            for (uint at = 0; at < LMS_GROUP; at += LMS_LANES) {
                const lms_ints keys = lms_keys(lms_read(&logits, begin + at));
                count += lms_kept(cut, keys, begin + at) & one;
            }
        }
    }
    return (ulong)lms_sum(count);
}

/* What some groups of a row say about masses. */
typedef struct lms_known {
    ulong above;  /* what a cut keeps, if all of that is in them */
    ulong mass;   /* all of them have at least that, ... */
    ulong slots;  /* ... and at most so much of the envelope, ... */
    ulong excess; /* ... which is at least so much more than they weigh */
} lms_known;

/* Adds up to LMS_LANES groups of a row that is not huge. */
void lms_know_some(const lms_row *row, const lms_scaled *scaled, lms_cut cut,
                   const uint *groups, uint n, lms_known *known)
{
    int tile_key[LMS_LANES], key[LMS_LANES], shift[LMS_LANES], w[LMS_LANES];
    float h[LMS_LANES], c[LMS_LANES];
    for (uint i = 0; i < LMS_LANES; ++i) {
        const uint group = groups[min(i, n - 1)];
        tile_key[i] = row->tile_keys[group / LMS_TILE_GROUPS];
        key[i] = row->groups[group];
    }
    const lms_units units = lms_units_of(scaled, LMS_V(vload)(0, tile_key));
    const lms_floats tops = lms_logits_of(LMS_V(vload)(0, key));
    LMS_V(vstore)(lms_weights_at(scaled->s, units.h, units.c, tops), 0, w);
    LMS_V(vstore)(units.h, 0, h);
    LMS_V(vstore)(units.c, 0, c);
    LMS_V(vstore)(units.shift, 0, shift);
    for (uint i = 0; i < n; ++i) {
        const uint begin = groups[i] * LMS_GROUP;
        lms_unit unit;
        unit.shift = (uint)shift[i];
        lms_pairs sum = (lms_pairs)(0), in = (lms_pairs)(0);
#pragma unroll
        for (uint at = 0; at < LMS_GROUP; at += LMS_LANES) {
            const lms_floats x = lms_read(&row->logits, begin + at);
            const lms_ints weights =
                lms_weights_at(scaled->s, (lms_floats)(h[i]), (lms_floats)(c[i]), x);
            const lms_ints kept = lms_kept(cut, lms_keys(x), begin + at);
            sum += lms_widen(LMS_V(as_uint)(weights));
            in += lms_widen(lms_rounded(unit, weights & kept));
        }
        const ulong all = lms_sum_pairs(sum);
        const ulong slots = lms_bound_of(w[i]) * lms_group_size(row, groups[i]);
        known->above += lms_mass_of_rounded(unit, lms_sum_pairs(in));
        known->mass += lms_mass_of_sum(unit.shift, all);
        known->slots += lms_mass_of_sum(unit.shift, slots) + 1;
        known->excess += lms_mass_of_sum(unit.shift, slots - all);
    }
}

/* The groups with a maximum of at least `key`, which is none above the cut's. */
lms_known lms_know(const lms_row *row, const lms_scaled *scaled, lms_cut cut, int key)
{
    lms_known known;
    known.above = 0;
    known.mass = 0;
    known.slots = 0;
    known.excess = 0;
    for (uint from = 0; from < row->tiles; from += LMS_NEAR_TILES) {
        uint found[LMS_NEAR];
        const uint n = lms_find_near(row, key, from, found);
        for (uint i = 0; i < n; i += LMS_LANES) {
            lms_know_some(row, scaled, cut, found + i, min(n - i, (uint)LMS_LANES), &known);
        }
    }
    return known;
}

/* --- A pass over the row ------------------------------------------------------------------ */

/* The mass of a row, and of what a cut keeps of it. */
typedef struct lms_split {
    ulong all;
    ulong above;
} lms_split;

/* Adds weights of a tile that is whole, not edited and not huge, and whose C is 0: of all
 * tokens, and of those with larger logits than `pivot`. */
LMS_INLINE lms_split lms_split_plain(const lms_logits *x, uint begin, float s, float h,
                                     float pivot)
{
    lms_pairs sum = (lms_pairs)(0), in = (lms_pairs)(0);
#pragma unroll
    for (uint i = 0; i < LMS_TILE; i += 4 * LMS_LANES) {
        lms_uints four = (lms_uints)(0), some = (lms_uints)(0);
#pragma unroll
        for (uint j = i; j < i + 4 * LMS_LANES; j += LMS_LANES) {
            const lms_floats v = lms_read_plain(x, begin + j);
            const lms_uints w = LMS_V(as_uint)(lms_weights_plain(s, h, v));
            four += w;
            some += w & LMS_V(as_uint)(v > (lms_floats)(pivot));
        }
        sum += lms_widen(four);
        in += lms_widen(some);
    }
    lms_split split;
    split.all = lms_sum_pairs(sum);
    split.above = lms_sum_pairs(in);
    return split;
}

/* Masses of any tile. */
LMS_APART
lms_split lms_split_any(const lms_row *row, const lms_scaled *scaled, uint tile, lms_cut cut)
{
    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
    lms_pairs sum = (lms_pairs)(0), in = (lms_pairs)(0);
    for (uint at = tile * LMS_TILE; at < min((tile + 1) * LMS_TILE, row->logits.vocab);
         at += LMS_LANES) {
        const lms_floats x = lms_read(&row->logits, at);
        const lms_ints w = lms_weights(unit, x);
        sum += lms_widen(LMS_V(as_uint)(w));
        in += lms_widen(lms_rounded(unit, w & lms_kept(cut, lms_keys(x), at)));
    }
    lms_split split;
    split.all = lms_mass_of_sum(unit.shift, lms_sum_pairs(sum));
    split.above = lms_mass_of_rounded(unit, lms_sum_pairs(in));
    return split;
}

/* The tokens of a tile that a cut keeps are those above this key; unless the cut's id is
 * within, of which *is_within tells. */
int lms_tile_pivot(lms_cut cut, uint tile, bool *is_within)
{
    const uint begin = tile * LMS_TILE;
    *is_within = cut.id >= begin && cut.id < begin + LMS_TILE - 1;
    return cut.id < begin ? cut.key : cut.key - 1;
}

/* A float that no device takes for another. */
bool lms_is_plain_pivot(int key)
{
    return abs(key) >= 0x00800000 && abs(key) <= LMS_KEY_INF;
}

/* Masses of one tile, `h` and `c` being its unit's. */
LMS_INLINE lms_split lms_split_tile(const lms_row *row, const lms_scaled *scaled,
                                    const lms_logits *x, uint tile, float h, float c,
                                    uint shift, lms_cut cut, bool wants_all)
{
    const uint begin = tile * LMS_TILE;
    const int tile_key = row->tile_keys[tile];
    bool is_within;
    const int pivot = lms_tile_pivot(cut, tile, &is_within);
    lms_split split;
    split.all = 0;
    split.above = 0;
    if (shift >= LMS_NO_SHARE || (!wants_all && tile_key < cut.key)) return split;
    if (scaled->huge || c != 0.0f || begin + LMS_TILE > x->vocab ||
        lms_is_edited(x, begin, begin + LMS_TILE)) {
        return lms_split_any(row, scaled, tile, cut);
    }
    if (tile_key < cut.key) {
        split.all = lms_mass_of_sum(shift, lms_plain_sum(x, begin, scaled->s, h));
        return split;
    }
    if (is_within || shift > LMS_GUARD_BITS || !lms_is_plain_pivot(pivot)) {
        return lms_split_any(row, scaled, tile, cut);
    }
    split = lms_split_plain(x, begin, scaled->s, h, lms_logit_of(pivot));
    split.all = lms_mass_of_sum(shift, split.all);
    split.above <<= LMS_GUARD_BITS - shift;
    return split;
}

/* One pass over the exponentials of a row; of those alone that may be above the cut, unless the
 * mass of all is wanted. A CPU asks for the rest of the next row meanwhile. */
LMS_APART
lms_split lms_split_row(const lms_row *row, const lms_scaled *scaled, lms_cut cut,
                        bool wants_all)
{
    const lms_logits logits = row->logits;
    lms_split sum;
    sum.all = 0;
    sum.above = 0;
    for (uint from = 0; from < row->tiles; from += LMS_LANES) {
        int tile_key[LMS_LANES], shift[LMS_LANES];
        float h[LMS_LANES], c[LMS_LANES];
        for (uint i = 0; i < LMS_LANES; ++i) {
            tile_key[i] = row->tile_keys[min(from + i, row->tiles - 1)];
        }
        const lms_units units = lms_units_of(scaled, LMS_V(vload)(0, tile_key));
        LMS_V(vstore)(units.h, 0, h);
        LMS_V(vstore)(units.c, 0, c);
        LMS_V(vstore)(units.shift, 0, shift);
        for (uint i = 0; i < min(row->tiles - from, (uint)LMS_LANES); ++i) {
            const uint tile = from + i;
            lms_prefetch_next(row, row->tiles * LMS_NEXT + tile * LMS_NEXT_PASS, LMS_NEXT_PASS);
            const uint down = scaled->huge ? 0 : (uint)shift[i];
            const lms_split split = lms_split_tile(row, scaled, &logits, tile, h[i], c[i], down,
                                                   cut, wants_all);
            sum.all += split.all;
            sum.above += split.above;
        }
    }
    return sum;
}

#endif
