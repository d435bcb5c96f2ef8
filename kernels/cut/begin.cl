/* begin.cl - how each stage of the way to a cut begins. */
#pragma once
#include "cut/cutting.cl"

/* How many groups' maxima are to be above the head of top-p, which has no k to go by. */
#define LMS_HEAD_GROUPS 240u

/* The mass of so many of the heaviest tokens there can be. The list of a head is not likely to
 * hold more than that, so it is not tried for a target above it. */
#define LMS_LIST_MASS ((ulong)LMS_HEAD_GROUPS << (30 + LMS_GUARD_BITS))

void lms_to_row_bins(LMS_OURS lms_cutting *c)
{
    if (LMS_TEAM == 1 && !c->had_pivots) {
        c->had_pivots = true;
        c->step = LMS_CUT_PIVOTS;
        return;
    }
    lms_suit_bins(&c->scaled, &c->search);
    c->step = LMS_CUT_ROW_BINS;
}

/* The candidates did not fit the list. */
void lms_overflow(LMS_OURS lms_cutting *c, const lms_row *row)
{
    if (c->is_narrowed && lms_single_key(&c->search)) {
        lms_search_ids(&c->search, row->logits.vocab);
        lms_fit_bins(&c->search);
        c->step = LMS_CUT_ROW_IDS;
    } else if (c->is_narrowed) {
        lms_fit_bins(&c->search);
        c->step = LMS_CUT_ROW_BINS;
    } else if (c->is_for_k || c->rules.is_base_whole) {
        c->search.low = LMS_NEVER;
        lms_to_row_bins(c);
    } else {
        c->step = LMS_CUT_BASE;
    }
}

/* Lists the tokens above search.low, if that says anything. */
void lms_to_list(LMS_OURS lms_cutting *c, const lms_row *row)
{
    c->is_narrowed = false;
    if (c->search.low == LMS_NEVER) {
        lms_overflow(c, row);
    } else {
        c->step = LMS_CUT_LIST;
    }
}

/* Looks for a key with at least k tiles or groups above it: at least k tokens are above it, and
 * for most data not many more. */
void lms_to_head(LMS_OURS lms_cutting *c, const lms_row *row, uint k)
{
    c->is_head_of_tiles = k <= row->tiles / 2;
    if (k > row->tiles * LMS_TILE_GROUPS / 2) {
        lms_to_list(c, row);
        return;
    }
    c->head = lms_search_of(k, false, LMS_NEVER, row->max_key);
    if (LMS_TEAM > 1) lms_suit_bins(&c->scaled, &c->head);
    c->step = LMS_CUT_HEAD;
}

void lms_to_top_p(LMS_OURS lms_cutting *c, const lms_row *row)
{
    const int listed_above = c->search.low;
    if (c->rules.top_p >= 1.0f) {
        c->step = LMS_CUT_FOUND;
        return;
    }
    c->is_for_k = false;
    c->search = lms_top_p_search(row->max_key);
    c->had_pivots = false;
    if (c->has_base) {
        c->search.low = listed_above;
        c->step = LMS_CUT_LIST_MASS;
    } else if (c->rules.is_base_whole) {
        c->base = lms_cut_none();
        c->step = LMS_CUT_TOTAL;
    } else {
        c->search.low = c->base.key - 1;
        lms_to_list(c, row);
    }
}

/* A search is over. */
void lms_after_search(LMS_OURS lms_cutting *c, const lms_row *row, lms_cut found)
{
    if (!c->is_for_k) {
        c->cut = lms_tighter(c->cut, found);
        c->step = LMS_CUT_FOUND;
        return;
    }
    const lms_cut cut = lms_top_k_cut(found, c->rules.keeps_ties);
    c->cut = lms_tighter(c->cut, cut);
    c->base = lms_tighter(c->base, cut);
    lms_to_top_p(c, row);
}

/* The rules in their order: min-p needs nothing but the row's maximum, the others have steps of
 * their own. */
void lms_to_rules(LMS_OURS lms_cutting *c, const lms_row *row)
{
    LMS_OURS_AS(const lms_rules, rules, &c->rules);
    c->base = lms_cut_none();
    c->has_base = false;
    c->had_pivots = false;
    c->step = LMS_CUT_FOUND;
    if (!lms_has_rules(rules)) return;
    const lms_scaled scaled = lms_at_scale(rules->scale, row->max_key);
    c->scaled = scaled;
    c->wants_masses = rules->top_p < 1.0f && !rules->is_base_whole;
    if (as_int(rules->min_p) > 0) c->cut = lms_min_p_cut(&scaled, rules->min_p);
    if (rules->is_min_p_in_base) c->base = c->cut;
    if (rules->k == 0) {
        lms_to_top_p(c, row);
        return;
    }
    c->is_for_k = true;
    c->search = lms_top_k_search(rules->k, row->max_key);
    lms_to_head(c, row, rules->k);
}

/* Looks once more, for the first k tokens of a row whose maximum is known. */
void lms_to_first_k(LMS_OURS lms_cutting *c, const lms_row *row, uint k, float scale)
{
    c->rules = lms_rules_top_k(k, scale);
    c->cut = lms_cut_none();
    lms_to_rules(c, row);
}
