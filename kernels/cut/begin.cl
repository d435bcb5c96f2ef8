/* cut/begin.cl - how each stage of a row begins: alike in all work-items of a team. */
#pragma once
#include "cut/task.cl"

/* Groups that are worth listing when nobody says how many tokens count. */
#define LMS_HEAD_GROUPS 240u

/* More than such a list is likely to hold, so it is not tried: 240 of the heaviest tokens. */
#define LMS_LIST_MASS ((ulong)LMS_HEAD_GROUPS << (30 + LMS_GUARD_BITS))

void lms_to_draw(lms_task *t)
{
    t->draw_scale = lms_at_scale(lms_scale(t->filters.temperature), t->outcome.max_key);
    t->step = LMS_STEP_ENVELOPE;
}

/* First bins: of 1/32 octave of probability, which suit most rows; of keys, where nothing but
 * the maximum has any. */
void lms_suit_bins(const lms_task *t, lms_search *f)
{
    f->linear = t->filter_scale.huge ? 0.0f : t->filter_scale.s * 32.0f;
    lms_fit_bins(f);
}

void lms_to_row_bins(lms_task *t)
{
    if (LMS_TEAM == 1 && !t->pivoted) {
        t->pivoted = true;
        t->step = LMS_STEP_PIVOTS;
        return;
    }
    lms_suit_bins(t, &t->f);
    t->step = LMS_STEP_ROW_BINS;
}

/* The candidates did not fit the list. */
void lms_overflow(lms_task *t)
{
    if (t->narrowed) {
        lms_fit_bins(&t->f);
        t->step = lms_single_key(&t->f) ? LMS_STEP_ROW_TIES : LMS_STEP_ROW_BINS;
    } else if (t->for_k || t->whole) {
        t->f.low = LMS_NEVER;
        lms_to_row_bins(t);
    } else {
        t->step = LMS_STEP_BASE;
    }
}

/* Lists the tokens above f.low, if that says anything. */
void lms_to_list(lms_task *t)
{
    t->narrowed = false;
    if (t->f.low == LMS_NEVER) {
        lms_overflow(t);
    } else {
        t->step = LMS_STEP_COUNT;
    }
}

/* Looks for a key with at least k tiles or groups above it: at least k tokens are above it, and
 * for most data not many more. */
void lms_to_head(lms_task *t, const lms_row *row, uint k)
{
    t->by_tile = k <= row->tiles / 2;
    if (k > row->tiles * LMS_TILE_GROUPS / 2) {
        lms_to_list(t);
        return;
    }
    t->head = lms_search_of(k, false, LMS_NEVER, row->max_key);
    if (LMS_TEAM > 1) lms_suit_bins(t, &t->head);
    t->step = LMS_STEP_HEAD;
}

void lms_to_top_p(lms_task *t, const lms_row *row)
{
    if (!lms_has_top_p(&t->filters)) {
        lms_to_draw(t);
        return;
    }
    const int listed_above = t->f.low;
    const bool has_list = t->has_list;
    t->for_k = false;
    t->f = lms_search_of(1, true, LMS_NEVER, row->max_key);
    t->pivoted = false;
    if (has_list) {
        t->f.low = listed_above; /* top-k's list has all of the base */
        t->step = LMS_STEP_LIST_MASS;
    } else if (t->whole) {
        t->base = lms_cut_none();
        t->step = LMS_STEP_TOTAL;
    } else {
        t->f.low = t->base.key - 1;
        lms_to_list(t);
    }
}

/* The end of a search. */
void lms_found_cut(lms_task *t, const lms_row *row, lms_cut cut)
{
    if (!t->for_k) {
        t->cut = lms_tighter(t->cut, cut);
        lms_to_draw(t);
        return;
    }
    if (t->filters.flags & LMS_TOP_K_TIES) cut.id = UINT_MAX;
    t->cut = lms_tighter(t->cut, cut);
    t->base = lms_tighter(t->base, cut);
    lms_to_top_p(t, row);
}

/* min-p needs nothing but the row's maximum; the others have steps of their own. */
void lms_to_filters(lms_task *t, const lms_row *row)
{
    const bool top_k = lms_has_top_k(&t->filters, row->vocab);
    t->base = lms_cut_none();
    t->has_list = false;
    t->pivoted = false;
    if (!top_k && !lms_has_min_p(&t->filters) && !lms_has_top_p(&t->filters)) {
        lms_to_draw(t);
        return;
    }
    t->outcome.filtered = LMS_FILTERED;
    t->filter_scale = lms_at_scale(lms_filter_scale(&t->filters), row->max_key);
    t->whole = lms_base_is_whole(&t->filters, row->vocab);
    t->weigh = lms_has_top_p(&t->filters) && !t->whole;
    if (lms_has_min_p(&t->filters)) t->cut = lms_min_p(&t->filter_scale, t->filters.min_p);
    if (lms_min_p_counts(&t->filters)) t->base = t->cut;
    if (top_k) {
        t->for_k = true;
        t->f = lms_search_of((uint)t->filters.top_k, false, LMS_NEVER, row->max_key);
        lms_to_head(t, row, (uint)t->filters.top_k);
    } else {
        lms_to_top_p(t, row);
    }
}
