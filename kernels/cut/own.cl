/* own.cl - a work-item's part of every step on the way to a cut. No barriers here. */
#pragma once
#include "cut/cutting.cl"
#include "select/counting.cl"
#include "select/pivots.cl"

int lms_largest_own(const lms_row *row)
{
    lms_ints best = (lms_ints)(LMS_NEVER);
    uint i = row->first;
    for (; i + LMS_LANES <= row->last; i += LMS_LANES) {
        best = max(best, LMS_V(vload)(0, row->tile_keys + i));
    }
    int largest = lms_max(best);
    for (; i < row->last; ++i) largest = max(largest, row->tile_keys[i]);
    return largest;
}

#if LMS_TEAM == 1

/* Finds the head at once. Above head.high are, most probably, fewer than k tokens, as groups
 * that have one of the best k seldom have two. */
void lms_head_own(const lms_row *row, lms_cutting *c)
{
    const bool tiles = c->is_head_of_tiles;
    const uint k = (uint)c->head.target, n = row->tiles * (tiles ? 1 : LMS_TILE_GROUPS);
    __global const int *const keys = tiles ? row->tile_keys : row->groups;
    c->head.low = lms_head_alone(keys, n, k, row->max_key);
    c->head.high = row->max_key;
    if (c->head.low == LMS_NEVER || k < 256) return;
    c->head.high = lms_key_with(keys, n, k - k / 4, k - k / 5, c->head.low, row->max_key);
}

/* Counts the tokens of the interval, and lists them while it is at it. */
lms_part lms_count_own(const lms_row *row, const lms_cutting *c)
{
    return lms_list_alone(row, &c->search);
}

lms_part lms_pivots_own(const lms_row *row, lms_cutting *c)
{
    const ulong mass = c->base_mass - c->search.above;
    return lms_part_make(0, lms_pivot_row(row, &c->scaled, &c->search, mass));
}

/* The token at which the target is reached; none if it is not. */
long lms_walk_list(const lms_row *row, lms_cutting *c)
{
    uint id = 0;
    return lms_search_list(row, &c->search, c->listed, &id) ? (long)id : LONG_MIN;
}

#else

void lms_head_own(const lms_row *row, lms_cutting *c)
{
    const uint per = c->is_head_of_tiles ? 1 : LMS_TILE_GROUPS;
    __global const int *const keys = c->is_head_of_tiles ? row->tile_keys : row->groups;
    for (uint i = row->first * per; i < row->last * per; ++i) {
        if (!lms_inside(&c->head, keys[i])) continue;
        lms_bin_add(&row->shared->bins, lms_bin_of(&c->head, keys[i]), 1);
    }
}

lms_part lms_count_own(const lms_row *row, const lms_cutting *c)
{
    return lms_part_make(lms_list_own(row, &c->search, 0, false), LONG_MIN);
}

/* Pivots are for teams of one. */
lms_part lms_pivots_own(const lms_row *row, lms_cutting *c)
{
    (void)row;
    (void)c;
    return lms_part_make(0, 0);
}

/* The token at which the target is reached, if that is an own one. */
long lms_walk_list(const lms_row *row, lms_cutting *c)
{
    uint id = 0;
    if (!lms_is_end_mine(c)) return LONG_MIN;
    lms_tie_list(row, &c->search, c->listed,
                 c->search.target - c->search.above - c->items_before, &id);
    return id;
}

#endif

long lms_walk_row(const lms_row *row, const lms_cutting *c)
{
    uint id = 0;
    if (!lms_is_end_mine(c)) return LONG_MIN;
    lms_tie_row(row, &c->scaled, &c->search,
                c->search.target - c->search.above - c->items_before, &id);
    return id;
}

void lms_list_part(const lms_row *row, const lms_cutting *c)
{
    const uint from = (uint)c->items_before;
    const uint to = LMS_TEAM == 1 ? c->listed : lms_list_own(row, &c->search, from, true);
    if (c->search.by_mass || c->wants_masses) lms_weigh_list(row, &c->scaled, from, to);
}

lms_part lms_cut_part(const lms_row *row, lms_cutting *c)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    uint id = 0;
    switch (c->step) {
    case LMS_CUT_MAXIMUM: part.best = lms_largest_own(row); break;
    case LMS_CUT_HEAD: lms_head_own(row, c); break;
    case LMS_CUT_TOTAL: part.sum = lms_summed_own(row, &c->scaled); break;
    case LMS_CUT_BASE: part.sum = lms_kept_own(row, &c->scaled, c->base).mass; break;
    case LMS_CUT_COUNT: part = lms_count_own(row, c); break;
    case LMS_CUT_LIST: lms_list_part(row, c); break;
    case LMS_CUT_LIST_MASS: part.sum = lms_listed_mass(row, c->listed, c->base); break;
    case LMS_CUT_LIST_BINS: lms_bin_list(row, &c->search, c->listed); break;
    case LMS_CUT_LIST_TIES:
        part.sum = lms_tie_list(row, &c->search, c->listed, 0, &id);
        break;
    case LMS_CUT_LIST_WALK: part.best = lms_walk_list(row, c); break;
    case LMS_CUT_PIVOTS: part = lms_pivots_own(row, c); break;
    case LMS_CUT_ROW_BINS: lms_bin_row(row, &c->scaled, &c->search); break;
    case LMS_CUT_ROW_TIES:
        part.sum = lms_tie_row(row, &c->scaled, &c->search, 0, &id);
        break;
    case LMS_CUT_ROW_WALK: part.best = lms_walk_row(row, c); break;
    case LMS_CUT_FOUND:
    case LMS_CUT_EMPTY: break;
    }
    c->own_sum = part.sum;
    return part;
}
