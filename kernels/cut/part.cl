/* cut/part.cl - a work-item's part of every step. No barriers here. */
#pragma once
#include "cut/task.cl"
#include "row/masses.cl"
#include "select/counting.cl"
#include "select/list.cl"
#include "select/pivots.cl"

/* The lowest id with the largest key, negated; LONG_MIN if it is not in the own tiles. */
long lms_first_own(const lms_row *row)
{
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] != row->max_key) continue;
        for (uint i = tile * LMS_TILE; i < row->vocab; ++i) {
            if (lms_key(lms_element_at(row->x, i)) == row->max_key) return -(long)i;
        }
    }
    return LONG_MIN;
}

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

void lms_bin_head(const lms_row *row, const lms_task *t)
{
    const uint per = t->by_tile ? 1 : LMS_TILE_GROUPS;
    __global const int *const keys = t->by_tile ? row->tile_keys : row->groups;
    for (uint i = row->first * per; i < row->last * per; ++i) {
        if (!lms_inside(&t->head, keys[i])) continue;
        lms_bin_add(row->shared, lms_bin_of(&t->head, keys[i]), 1);
    }
}

#if LMS_TEAM == 1
/* The same at once. Above head.high are, most probably, fewer than k tokens, as groups that
 * have one of the best k seldom have two. */
void lms_find_head(const lms_row *row, lms_task *t)
{
    const uint k = (uint)t->head.target, n = row->tiles * (t->by_tile ? 1 : LMS_TILE_GROUPS);
    __global const int *const keys = t->by_tile ? row->tile_keys : row->groups;
    t->head.low = lms_head_alone(keys, n, k, row->max_key);
    t->head.high = row->max_key;
    if (t->head.low == LMS_NEVER || k < 256) return;
    t->head.high = lms_key_with(keys, n, k - k / 4, k - k / 5, t->head.low, row->max_key);
}
#endif

/* The own part of the end of a search by list: the token at which the target is reached. */
long lms_walk_list(const lms_row *row, lms_task *t)
{
    uint id = 0;
#if LMS_TEAM == 1
    return lms_search_list(row, &t->f, t->listed, &id) ? (long)id : LONG_MIN;
#else
    if (!lms_my_turn(t)) return LONG_MIN;
    lms_tie_list(row, &t->f, t->listed, t->f.target - t->f.before - t->before, &id);
    return id;
#endif
}

void lms_list_part(const lms_row *row, const lms_task *t)
{
    const uint from = (uint)t->before;
    const uint to = LMS_TEAM == 1 ? t->listed : lms_list_own(row, &t->f, from, true);
    if (t->f.by_mass || t->weigh) lms_weigh_list(row, &t->filter_scale, from, to);
}

lms_part lms_part_of(const lms_row *row, lms_task *t)
{
    lms_part part;
    uint id = 0;
    part.sum = 0;
    part.best = LONG_MIN;
    switch (t->step) {
    case LMS_STEP_MAXIMUM:
        part.best = lms_largest_own(row);
        break;
    case LMS_STEP_FIRST: part.best = lms_first_own(row); break;
    case LMS_STEP_HEAD:
#if LMS_TEAM == 1
        lms_find_head(row, t);
#else
        lms_bin_head(row, t);
#endif
        break;
    case LMS_STEP_TOTAL: part.sum = lms_summed_own(row, &t->filter_scale); break;
    case LMS_STEP_BASE: part.sum = lms_kept_own(row, &t->filter_scale, t->base).mass; break;
    case LMS_STEP_COUNT:
#if LMS_TEAM == 1
        part = lms_list_alone(row, &t->f);
#else
        part.sum = lms_list_own(row, &t->f, 0, false);
#endif
        break;
    case LMS_STEP_LIST: lms_list_part(row, t); break;
    case LMS_STEP_LIST_MASS:
        part.sum = lms_listed_mass(row, t->listed, t->base);
        break;
    case LMS_STEP_LIST_BINS: lms_bin_list(row, &t->f, t->listed); break;
    case LMS_STEP_LIST_TIES: part.sum = lms_tie_list(row, &t->f, t->listed, 0, &id); break;
    case LMS_STEP_LIST_WALK: part.best = lms_walk_list(row, t); break;
#if LMS_TEAM == 1
    case LMS_STEP_PIVOTS:
        part.best = lms_pivot_row(row, &t->filter_scale, &t->f, t->measure - t->f.before);
        break;
#endif
    case LMS_STEP_ROW_BINS: lms_bin_row(row, &t->filter_scale, &t->f); break;
    case LMS_STEP_ROW_TIES:
        part.sum = lms_tie_row(row, &t->filter_scale, &t->f, 0, &id);
        break;
    case LMS_STEP_ROW_WALK:
        if (lms_my_turn(t)) {
            const ulong stop = t->f.target - t->f.before - t->before;
            lms_tie_row(row, &t->filter_scale, &t->f, stop, &id);
            part.best = id;
        }
        break;
    case LMS_STEP_ENVELOPE: part.sum = lms_envelope_own(row, &t->draw_scale, t->cut); break;
    case LMS_STEP_PREFIX:
        for (uint i = row->first; i < row->last; ++i) row->sums[i] += t->before;
        break;
    case LMS_STEP_ATTEMPTS:
        part.best = lms_try(row, &t->draw_scale, t->cut, t->envelope, &t->source, t->attempt);
        break;
    default: break;
    }
    t->own = part.sum;
    return part;
}
