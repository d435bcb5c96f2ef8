/* reach.cl - which groups of a row a draw is from (specification, section 7): all that can have
 * a kept token by what their maxima say, so that no cut has to be known.
 *
 * Groups rank as their first tokens do: by the key of the maximum, then by place. Those in
 * reach are a top segment, told by an lms_cut at the last token of the last group. */
#pragma once
#include "row/row.cl"
#include "rules/rules.cl"
#include "select/bins.cl"
#include "select/counting.cl"

/* A group and all that rank before it. */
lms_cut lms_reach_to(int key, uint group)
{
    return lms_cut_at(key, group * LMS_GROUP + LMS_GROUP - 1);
}

/* Does another token with the key of x come before it in its group? */
bool lms_is_second(const lms_row *row, lms_cut x)
{
    uint i = x.id / LMS_GROUP * LMS_GROUP;
    while (i < x.id && lms_key(lms_read_one(&row->logits, i)) != x.key) ++i;
    return i < x.id;
}

/* The groups whose first token ranks before token x. */
lms_cut lms_reach_before(const lms_row *row, lms_cut x)
{
    const uint group = x.id / LMS_GROUP;
    if (row->groups[group] == x.key && lms_is_second(row, x)) return lms_reach_to(x.key, group);
    return group > 0 ? lms_reach_to(x.key, group - 1) : lms_cut_at(x.key + 1, UINT_MAX);
}

/* Does top-k leave a group out of reach? */
bool lms_narrows_reach(const lms_row *row, uint k)
{
    return k > 0 && k < row->tiles * LMS_TILE_GROUPS;
}

#if LMS_TEAM == 1

/* Groups with a maximum above `key` into the row's list, in their order; returns how many, or
 * more than the list holds. */
uint lms_list_maxima(const lms_row *row, int key)
{
    uint n = 0;
    for (uint tile = 0; tile < row->tiles; ++tile) {
        if (row->tile_keys[tile] <= key) continue;
        if (n > LMS_LIST - LMS_TILE_GROUPS) return LMS_LIST + 1;
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            const uint group = tile * LMS_TILE_GROUPS + g;
            row->list_key[n] = row->groups[group];
            row->list_id[n] = group;
            n += row->groups[group] > key;
        }
    }
    return n;
}

/* The smallest of n keys that are above `key`; one at least is. */
int lms_next_above(__global const int *keys, uint n, int key)
{
    lms_ints best = (lms_ints)(INT_MIN);
    int rest = INT_MIN; /* of -key, so that the largest is looked for */
    uint i = 0;
    for (; i + LMS_LANES <= n; i += LMS_LANES) {
        const lms_ints v = LMS_V(vload)(0, keys + i);
        best = max(best, v > key ? -v : (lms_ints)(INT_MIN));
    }
    for (; i < n; ++i) rest = keys[i] > key ? max(rest, -keys[i]) : rest;
    return -max(rest, lms_max(best));
}

/* The k-th of n keys, of which at least k are above `low`; *above is how many are above it. It
 * is looked for by halves and, as most keys lie evenly, in turn by their part. */
int lms_kth_key(__global const int *keys, uint n, uint k, int low, int max_key, uint *above)
{
    long from = low, to = max_key; /* at least k are above `from`, fewer above `to` */
    uint most = lms_count_above(keys, n, low), least = 0; /* so many */
    for (uint turn = 0; to - from > 1 && most > k; ++turn) {
        const float part = turn % 2 ? (float)(most - k) / (float)(most - least) : 0.5f;
        const long step = (long)((float)(to - from) * part);
        const long middle = from + clamp(step, 1l, to - from - 1);
        const uint count = lms_count_above(keys, n, (int)middle);
        if (count >= k) {
            from = middle;
            most = count;
        } else {
            to = middle;
            least = count;
        }
    }
    *above = least;
    if (to - from <= 1) return (int)to;
    const int key = lms_next_above(keys, n, (int)from); /* the smallest of k */
    *above = lms_count_above(keys, n, key);
    return key;
}

/* The place of the k-th of n keys that equals `key`. */
uint lms_kth_tie(__global const int *keys, uint n, uint k, int key)
{
    uint i = 0, count = 0;
    for (; i + LMS_LANES <= n; i += LMS_LANES) {
        const uint ties = lms_mask(LMS_V(vload)(0, keys + i) == key);
        if (count + popcount(ties) >= k) break;
        count += popcount(ties);
    }
    for (; i + 1 < n; ++i) {
        count += keys[i] == key;
        if (count == k) break;
    }
    return i;
}

/* A key with at least k groups above it, by the tiles' maxima; LMS_NEVER if they say
 * nothing. */
int lms_below_kth(const lms_row *row, uint k)
{
    if (k <= row->tiles / 2) {
        return lms_head_alone(row->tile_keys, row->tiles, k, row->max_key);
    }
    const int least = lms_next_above(row->tile_keys, row->tiles, LMS_NEVER) - 1;
    const uint all = row->tiles * LMS_TILE_GROUPS;
    return lms_count_above(row->groups, all, least) >= k ? least : LMS_NEVER;
}

/* The first k groups; all, if fewer are live. *listed is how many groups are in the row's list,
 * among them all in reach, or 0. */
LMS_APART
lms_cut lms_first_groups(const lms_row *row, uint k, bool keeps_ties, uint *listed)
{
    const uint all = row->tiles * LMS_TILE_GROUPS;
    const int low = lms_below_kth(row, k);
    uint above = 0;
    *listed = 0;
    if (low == LMS_NEVER && lms_count_above(row->groups, all, low) < k) return lms_cut_none();
    if (k <= row->tiles / 2) *listed = lms_list_maxima(row, low);
    if (*listed > LMS_LIST) *listed = 0;
    __global const int *const keys = *listed ? row->list_key : row->groups;
    const uint n = *listed ? *listed : all;
    const int key = lms_kth_key(keys, n, k, low, row->max_key, &above);
    if (keeps_ties) return lms_cut_at(key, UINT_MAX);
    const uint at = lms_kth_tie(keys, n, k - above, key);
    return lms_reach_to(key, *listed ? row->list_id[at] : at);
}

#else

/* Bins of the groups in the interval: this work-item's part. */
void lms_bin_maxima(const lms_row *row, const lms_search *s)
{
    for (uint i = lms_item_of(row); i < row->tiles * LMS_TILE_GROUPS; i += LMS_TEAM) {
        const int place = lms_place_of(s, row->groups[i], i);
        if (lms_inside(s, place)) lms_bin_add(&row->shared->bins, lms_bin_of(s, place), 1);
    }
}

#endif
