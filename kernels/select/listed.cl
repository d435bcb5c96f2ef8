/* listed.cl - a search in a list of tokens. */
#pragma once
#include "select/bins.cl"
#include "select/list.cl"

ulong lms_listed_measure(const lms_row *row, const lms_search *s, uint i)
{
    return s->by_mass ? row->list_mass[i] : 1;
}

void lms_bin_list(const lms_row *row, const lms_search *s, uint n)
{
    for (uint i = lms_item_of(row); i < n; i += LMS_TEAM) {
        const int key = row->list_key[i];
        if (!lms_inside(s, key)) continue;
        lms_bin_add(&row->shared->bins, lms_bin_of(s, key), lms_listed_measure(row, s, i));
    }
}

/* Mass of the own entries that `base` keeps. */
ulong lms_listed_mass(const lms_row *row, uint n, lms_cut base)
{
    ulong mass = 0;
    for (uint i = lms_item_of(row); i < n; i += LMS_TEAM) {
        if (lms_keeps(base, row->list_key[i], row->list_id[i])) mass += row->list_mass[i];
    }
    return mass;
}

#if LMS_TEAM == 1

/* The token at which the listed ones with the key s->high, in id order, reach `stop`, which
 * they do. */
uint lms_tied_at(const lms_row *row, const lms_search *s, uint n, ulong stop)
{
    ulong sum = 0;
    uint id = 0;
    for (uint i = 0; i < n && sum < stop; ++i) {
        if (row->list_key[i] != s->high) continue;
        sum += lms_listed_measure(row, s, i);
        id = row->list_id[i];
    }
    return id;
}

#else

/* The listed token at which the target is reached: its key, and its id with its bits flipped,
 * as one number; LONG_MIN if it is not one of the own. Each token of the interval, of which
 * there are few, adds up what comes before it. */
long lms_rank_listed(const lms_row *row, const lms_search *s, uint n)
{
    for (uint i = lms_item_of(row); i < n; i += LMS_TEAM) {
        const int key = row->list_key[i];
        const uint id = row->list_id[i];
        ulong before = s->above;
        if (!lms_inside(s, key)) continue;
#pragma unroll 4
        for (uint j = 0; j < n; ++j) {
            const int other = row->list_key[j];
            const bool is_before = other > key || (other == key && row->list_id[j] < id);
            if (is_before && other <= s->high) before += lms_listed_measure(row, s, j);
        }
        if (before < s->target && before + lms_listed_measure(row, s, i) >= s->target) {
            return (long)((ulong)(uint)key << 32 | ~id);
        }
    }
    return LONG_MIN;
}

#endif
