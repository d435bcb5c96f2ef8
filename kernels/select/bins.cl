/* select/bins.cl - where a cut falls: the shortest run of tokens, in their order, that reaches a
 * count or a mass. Exact for every input; only the time depends on the data.
 *
 * What a work-item does of it in a superstep is here; sample.cl says which step follows which.
 * Invariant of every search: the cut lies among the tokens with low < key <= high, and
 * `before` is the measure (count or mass) of the tokens with key > high. A round bins the
 * interval and narrows it to the bin in which the target is reached. Bins of keys shrink 1024
 * times a round, so four rounds reach a single key; among tokens of one key the ids decide. */
#pragma once
#include "numeric/weights.cl"
#include "row/row.cl"

typedef struct lms_search {
    ulong target; /* kept are the tokens whose predecessors measure less; > 0 */
    ulong before;
    int low;
    int high;
    bool by_mass;
    uint shift;   /* a bin is 2^shift keys, or, ... */
    float linear; /* > 0: 1 / linear in the logit   */
} lms_search;

lms_search lms_search_of(ulong target, bool by_mass, int low, int high)
{
    lms_search f;
    f.target = target;
    f.before = 0;
    f.low = low;
    f.high = high;
    f.by_mass = by_mass;
    f.shift = 0;
    f.linear = 0.0f;
    return f;
}

bool lms_inside(const lms_search *f, int key) { return key > f->low && key <= f->high; }

/* Bins for the interval as it is: as narrow as fit. */
void lms_fit_bins(lms_search *f)
{
    const uint span = (uint)f->high - (uint)f->low - 1;
    f->shift = (uint)max(22 - (int)clz(span), 0);
}

/* One key left: its tokens' ids decide. */
bool lms_single_key(const lms_search *f) { return f->high - 1 == f->low; }

/* Monotone in the key, which is all that a bin must be. */
uint lms_bin_of(const lms_search *f, int key)
{
    if (f->linear > 0.0f) {
        const float d = (lms_logit_of(f->high) - lms_logit_of(key)) * f->linear;
        return d < (float)(LMS_BINS - 1) ? (uint)d : LMS_BINS - 1;
    }
    return ((uint)f->high - (uint)key) >> f->shift;
}

lms_ints lms_insides(const lms_search *f, lms_ints keys)
{
    return (keys > f->low) & (keys <= f->high);
}

/* Of several keys; LMS_BINS for those outside the interval. */
lms_uints lms_bins_of(const lms_search *f, lms_ints keys)
{
    const lms_ints inside = lms_insides(f, keys);
    lms_uints bins;
    if (f->linear > 0.0f) {
        const lms_floats d = (lms_logit_of(f->high) - lms_logits_of(keys)) * f->linear;
        const lms_floats last = (lms_floats)((float)(LMS_BINS - 1));
        bins = LMS_V(as_uint)(LMS_V(convert_int)(d < last ? d : last));
    } else {
        bins = ((lms_uints)((uint)f->high) - LMS_V(as_uint)(keys)) >> f->shift;
    }
    return inside ? bins : (lms_uints)(LMS_BINS);
}

/* The largest key in (low, high] whose bin is at least `bin`; low if none. */
int lms_bin_top(const lms_search *f, uint bin)
{
    long above = (long)f->high + 1, below = f->low; /* bin_of(above) < bin <= bin_of(below) */
    while (above - below > 1) {
        const long middle = below + ((above - below) >> 1);
        if (lms_bin_of(f, (int)middle) >= bin) {
            below = middle;
        } else {
            above = middle;
        }
    }
    return (int)below;
}

/* Narrows the interval to the bin in which the target is reached. */
void lms_narrow(lms_search *f, lms_meeting m)
{
    f->before += m.bin_before;
    if (f->linear > 0.0f) {
        const int high = lms_bin_top(f, m.bin);
        if (m.bin < LMS_BINS - 1) f->low = lms_bin_top(f, m.bin + 1);
        f->high = high;
        f->linear = 0.0f;
        return;
    }
    f->high = (int)((uint)f->high - (m.bin << f->shift));
    f->low = (int)max((long)f->high - (1l << f->shift), (long)f->low);
}

/* Tokens of the own tiles with low < key <= high into the bins. */
void lms_bin_row(const lms_row *row, const lms_scaled *scaled, const lms_search *f)
{
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] <= f->low) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        const uint up = f->by_mass ? lms_rounded_shift(unit) : 0;
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            if (row->groups[tile * LMS_TILE_GROUPS + g] <= f->low) continue;
            const uint begin = tile * LMS_TILE + g * LMS_GROUP;
            for (uint at = begin; at < begin + LMS_GROUP; at += LMS_LANES) {
                const lms_floats x = lms_logits(row, at);
                const lms_ints keys = lms_keys(x);
                if (!lms_any(lms_insides(f, keys))) continue;
                const lms_uints measures =
                    f->by_mass ? lms_rounded(unit, lms_weights(unit, x)) : (lms_uints)(1);
                lms_bin_add_lanes(row->shared, lms_bins_of(f, keys), measures, up);
            }
        }
    }
}

/* The own entries of a list of n. */
uint lms_list_first(uint n) { return min(lms_item() * ((n + LMS_TEAM - 1) / LMS_TEAM), n); }
uint lms_list_last(uint n) { return min(lms_list_first(n) + (n + LMS_TEAM - 1) / LMS_TEAM, n); }

ulong lms_listed_measure(const lms_row *row, const lms_search *f, uint i)
{
    return f->by_mass ? row->list_mass[i] : 1;
}

void lms_bin_list(const lms_row *row, const lms_search *f, uint n)
{
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        const int key = row->list_key[i];
        if (!lms_inside(f, key)) continue;
        lms_bin_add(row->shared, lms_bin_of(f, key), lms_listed_measure(row, f, i));
    }
}

/* Mass of the own entries that `base` keeps. */
ulong lms_listed_mass(const lms_row *row, uint n, lms_cut base)
{
    ulong mass = 0;
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        if (lms_keeps(base, row->list_key[i], row->list_id[i])) mass += row->list_mass[i];
    }
    return mass;
}

/* Measure of the own entries with the key f->high. Where `stop` > 0, which they reach: until
 * they do, and *id is the token at which that is. */
ulong lms_tie_list(const lms_row *row, const lms_search *f, uint n, ulong stop, uint *id)
{
    ulong sum = 0;
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        if (row->list_key[i] != f->high) continue;
        sum += lms_listed_measure(row, f, i);
        *id = row->list_id[i];
        if (stop > 0 && sum >= stop) break;
    }
    return sum;
}

/* The same in the own tiles, where the ties are too many for the list. */
ulong lms_tie_row(const lms_row *row, const lms_scaled *scaled, const lms_search *f, ulong stop,
                  uint *id)
{
    ulong sum = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] < f->high) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        /* In one tile, tokens of one key weigh the same. */
        const int w = lms_weight(unit, lms_logit_of(f->high));
        const ulong mass =
            f->by_mass ? lms_mass_of_rounded(unit, lms_rounded(unit, (lms_ints)(w)).s0) : 1;
        for (uint at = tile * LMS_TILE; at < (tile + 1) * LMS_TILE; at += LMS_LANES) {
            uint ties = lms_mask(lms_keys(lms_logits(row, at)) == f->high);
            const ulong here = mass * popcount(ties);
            if (here == 0 || stop == 0 || sum + here < stop) {
                sum += here;
                continue;
            }
            for (; ties && sum < stop; ties &= ties - 1) {
                sum += mass;
                *id = at + 31 - clz(ties & -ties);
            }
            return sum;
        }
    }
    return sum;
}
