/* listed.cl - a search in a list of tokens, or, where too many tokens have one key for the
 * list, in the row. */
#pragma once
#include "select/bins.cl"
#include "select/list.cl"

/* The own entries of a list of n. */
uint lms_list_first(uint n) { return min(lms_item() * ((n + LMS_TEAM - 1) / LMS_TEAM), n); }
uint lms_list_last(uint n) { return min(lms_list_first(n) + (n + LMS_TEAM - 1) / LMS_TEAM, n); }

ulong lms_listed_measure(const lms_row *row, const lms_search *s, uint i)
{
    return s->by_mass ? row->list_mass[i] : 1;
}

void lms_bin_list(const lms_row *row, const lms_search *s, uint n)
{
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        const int key = row->list_key[i];
        if (!lms_inside(s, key)) continue;
        lms_bin_add(&row->shared->bins, lms_bin_of(s, key), lms_listed_measure(row, s, i));
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

/* Measure of the own entries with the key s->high. Where `stop` > 0, which they reach: until
 * they do, and *id is the token at which that is. */
ulong lms_tie_list(const lms_row *row, const lms_search *s, uint n, ulong stop, uint *id)
{
    ulong sum = 0;
    for (uint i = lms_list_first(n); i < lms_list_last(n); ++i) {
        if (row->list_key[i] != s->high) continue;
        sum += lms_listed_measure(row, s, i);
        *id = row->list_id[i];
        if (stop > 0 && sum >= stop) break;
    }
    return sum;
}

/* Measure of the own tokens with the key s->high, and, as lms_tie_list() has it, the one at
 * which they reach `stop`: where the ties are too many for the list. */
ulong lms_tie_row(const lms_row *row, const lms_scaled *scaled, const lms_search *s, ulong stop,
                  uint *id)
{
    ulong sum = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] < s->high) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        /* In one tile, tokens of one key weigh the same. */
        const int w = lms_weight(unit, lms_logit_of(s->high));
        const ulong mass =
            s->by_mass ? lms_mass_of_rounded(unit, lms_rounded(unit, (lms_ints)(w)).s0) : 1;
        for (uint at = tile * LMS_TILE; at < (tile + 1) * LMS_TILE; at += LMS_LANES) {
            uint ties = lms_mask(lms_keys(lms_read(&row->logits, at)) == s->high);
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
