/* own.cl - a work-item's part of every step on the way to a cut. No barriers here. */
#pragma once
#include "cut/cutting.cl"
#include "select/counting.cl"
#include "select/pivots.cl"

#if LMS_TEAM == 1

int lms_largest_own(const lms_row *row)
{
    lms_ints best = (lms_ints)(LMS_NEVER);
    uint i = 0;
    for (; i + LMS_LANES <= row->tiles; i += LMS_LANES) {
        best = max(best, LMS_V(vload)(0, row->tile_keys + i));
    }
    int largest = lms_max(best);
    for (; i < row->tiles; ++i) largest = max(largest, row->tile_keys[i]);
    return largest;
}

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

/* This work-item's part of a step. */
lms_part lms_cut_part(const lms_row *row, lms_cutting *c)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    switch (c->step) {
    case LMS_CUT_MAXIMUM: part.best = lms_largest_own(row); break;
    case LMS_CUT_HEAD: lms_head_own(row, c); break;
    case LMS_CUT_TOTAL: part.sum = lms_summed_own(row, &c->scaled); break;
    case LMS_CUT_BASE: part.sum = lms_kept_own(row, &c->scaled, c->base).mass; break;
    case LMS_CUT_LIST: part = lms_list_alone(row, &c->search); break;
    case LMS_CUT_WEIGH: lms_weigh_list(row, &c->scaled, c->listed); break;
    case LMS_CUT_LIST_MASS: part.sum = lms_listed_mass(row, c->listed, c->base); break;
    case LMS_CUT_LIST_WALK: part.best = lms_walk_list(row, c); break;
    case LMS_CUT_PIVOTS: part = lms_pivots_own(row, c); break;
    case LMS_CUT_ROW_BINS:
    case LMS_CUT_ROW_IDS: lms_bin_row(row, &c->scaled, &c->search); break;
    default: break;
    }
    return part;
}

#else

int lms_largest_own(const lms_row *row)
{
    int largest = LMS_NEVER;
    for (uint i = lms_item_of(row); i < row->tiles; i += LMS_TEAM) {
        largest = max(largest, row->tile_keys[i]);
    }
    return largest;
}

void lms_head_own(const lms_row *row, __local const lms_cutting *c)
{
    const lms_search head = c->head;
    const uint n = row->tiles * (c->is_head_of_tiles ? 1 : LMS_TILE_GROUPS);
    __global const int *const keys = c->is_head_of_tiles ? row->tile_keys : row->groups;
    for (uint i = lms_item_of(row); i < n; i += LMS_TEAM) {
        if (!lms_inside(&head, keys[i])) continue;
        lms_bin_add(&row->shared->bins, lms_bin_of(&head, keys[i]), 1);
    }
}

/* The part of a step that is a pass over the row, or over its list. What a step works on is
 * read from local memory where it is known which step it is: no registers for the others. */
lms_part lms_pass_part(__local const lms_row *ours, __local lms_shared *shared,
                       __local const lms_cutting *c)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    lms_row row;
    lms_scaled scaled;
    lms_search search;
    switch (c->step) {
    case LMS_CUT_LIST:
        row = lms_own_row(ours, shared);
        scaled = c->scaled;
        search = c->search;
        part.sum = lms_list_own(&row, &scaled, &search, lms_lists_masses(c), &shared->listed);
        break;
    case LMS_CUT_LIST_BINS:
        row = lms_own_row(ours, shared);
        search = c->search;
        lms_bin_list(&row, &search, c->listed);
        break;
    case LMS_CUT_LIST_RANK:
        row = lms_own_row(ours, shared);
        search = c->search;
        part.best = lms_rank_listed(&row, &search, c->listed);
        break;
    case LMS_CUT_ROW_BINS:
    case LMS_CUT_ROW_IDS:
        row = lms_own_row(ours, shared);
        scaled = c->scaled;
        search = c->search;
        lms_bin_row(&row, &scaled, &search);
        break;
    default: break;
    }
    return part;
}

/* This work-item's part of a step. */
lms_part lms_cut_part(__local const lms_row *ours, __local lms_shared *shared,
                      __local const lms_cutting *c)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    lms_row row;
    lms_scaled scaled;
    switch (c->step) {
    case LMS_CUT_MAXIMUM:
        row = lms_own_row(ours, shared);
        part.best = lms_largest_own(&row);
        break;
    case LMS_CUT_HEAD:
        row = lms_own_row(ours, shared);
        lms_head_own(&row, c);
        break;
    case LMS_CUT_TOTAL:
        row = lms_own_row(ours, shared);
        scaled = c->scaled;
        part.sum = lms_summed_own(&row, &scaled);
        break;
    case LMS_CUT_BASE:
        row = lms_own_row(ours, shared);
        scaled = c->scaled;
        part.sum = lms_kept_own(&row, &scaled, c->base).mass;
        break;
    case LMS_CUT_LIST_MASS:
        row = lms_own_row(ours, shared);
        part.sum = lms_listed_mass(&row, c->listed, c->base);
        break;
    default: part = lms_pass_part(ours, shared, c); break;
    }
    return part;
}

#endif
