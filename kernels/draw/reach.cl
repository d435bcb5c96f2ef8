/* reach.cl - which groups of a row a draw is from (specification, section 7): all that can have
 * a kept token by what their maxima say, so that no cut has to be known.
 *
 * Groups rank as their first tokens do: by the key of the maximum, then by place. Those in
 * reach are a top segment, told by an lms_cut at the last token of the last group. */
#pragma once
#include "row/row.cl"
#include "rules/rules.cl"
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
bool lms_narrows_reach(const lms_row *row, const lms_rules *rules)
{
    return rules->k > 0 && rules->k < row->tiles * LMS_TILE_GROUPS;
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

/* The k-th of n keys, of which at least k are above `low`; *above is how many are above it. */
int lms_kth_key(__global const int *keys, uint n, uint k, int low, int max_key, uint *above)
{
    long from = low, to = max_key; /* at least k are above `from`, fewer above `to` */
    *above = 0;
    while (to - from > 1) {
        const long middle = from + ((to - from) >> 1);
        const uint count = lms_count_above(keys, n, (int)middle);
        if (count >= k) {
            from = middle;
        } else {
            to = middle;
            *above = count;
        }
    }
    return (int)to;
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

/* The first k groups; all, if fewer are live. */
lms_cut lms_first_groups(const lms_row *row, uint k, bool keeps_ties)
{
    const uint all = row->tiles * LMS_TILE_GROUPS;
    int low = LMS_NEVER;
    uint above = 0;
    if (k <= row->tiles / 2) {
        low = lms_head_alone(row->tile_keys, row->tiles, k, row->max_key);
    }
    if (low == LMS_NEVER) low = lms_head_alone(row->groups, all, k, row->max_key);
    if (low == LMS_NEVER && lms_count_above(row->groups, all, low) < k) return lms_cut_none();
    const uint listed = lms_list_maxima(row, low);
    const bool is_listed = listed <= LMS_LIST;
    __global const int *const keys = is_listed ? row->list_key : row->groups;
    const uint n = is_listed ? listed : all;
    const int key = lms_kth_key(keys, n, k, low, row->max_key, &above);
    if (keeps_ties) return lms_cut_at(key, UINT_MAX);
    const uint at = lms_kth_tie(keys, n, k - above, key);
    return lms_reach_to(key, is_listed ? row->list_id[at] : at);
}

#endif
