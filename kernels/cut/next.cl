/* next.cl - which step follows which on the way to a cut: the same decision in all work-items
 * of a team. */
#pragma once
#include "cut/begin.cl"

void lms_after_maximum(lms_cutting *c, lms_row *row, int max_key)
{
    row->max_key = max_key;
    if (max_key == LMS_KEY_INF) c->seen |= LMS_ROW_INF_SEEN;
    if (max_key == LMS_NEVER) {
        c->seen |= LMS_ROW_EMPTY;
        c->step = LMS_CUT_EMPTY;
    } else {
        lms_to_rules(c, row);
    }
}

void lms_after_head(lms_cutting *c, const lms_meeting *m)
{
    if (LMS_TEAM == 1) {
        c->search.low = c->head.low; /* found at once: select/counting.cl */
        /* Above head.high are fewer than k tokens, most probably: they are just counted. */
        if (c->is_for_k && !c->wants_masses && c->head.high > c->search.low) {
            c->search.high = c->head.high;
        }
        lms_to_list(c);
        return;
    }
    if (m->crossing.bin == LMS_BINS) {
        lms_to_list(c); /* fewer than k are live */
        return;
    }
    lms_narrow(&c->head, m->crossing);
    /* A few too many cost less than another round. */
    if (lms_single_key(&c->head) || m->crossing.measure <= 8 + c->head.target / 8) {
        c->search.low = c->head.low;
        lms_to_list(c);
    } else {
        lms_fit_bins(&c->head);
    }
}

void lms_after_total(lms_cutting *c, const lms_row *row, ulong mass)
{
    c->base_mass = mass;
    c->search.target = lms_share_of(mass, c->rules.top_p);
    if (c->search.target > LMS_LIST_MASS) {
        lms_to_row_bins(c);
    } else {
        lms_to_head(c, row, min(LMS_HEAD_GROUPS, row->tiles * LMS_TILE_GROUPS / 2));
    }
}

void lms_after_base(lms_cutting *c, ulong mass)
{
    c->base_mass = mass;
    c->search.target = lms_share_of(mass, c->rules.top_p);
    lms_to_row_bins(c);
}

void lms_after_pivots(lms_cutting *c, bool is_narrowed)
{
    c->is_narrowed = is_narrowed;
    if (is_narrowed) {
        c->step = LMS_CUT_COUNT;
    } else {
        lms_to_row_bins(c);
    }
}

/* Teams of one count, with the `listed` tokens of an interval in which the cut was thought to
 * be, those above it. If the cut is there, the interval is the part above: true, and COUNT is
 * done again. */
bool lms_moves_above(lms_cutting *c, const lms_row *row, ulong listed, ulong above)
{
    if (LMS_TEAM > 1 || c->is_narrowed || c->search.high == row->max_key) return false;
    if (listed > LMS_LIST) { /* and not all of those above are counted */
        c->search.high = row->max_key;
        return false;
    }
    if (above < c->search.target) {
        c->search.above = above;
        return false;
    }
    c->search.low = c->search.high;
    c->search.high = row->max_key;
    return true;
}

void lms_after_count(lms_cutting *c, const lms_row *row, ulong listed, ulong above)
{
    if (lms_moves_above(c, row, listed, above)) return;
    c->listed = (uint)min(listed, (ulong)LMS_LIST + 1);
    if (c->listed > LMS_LIST) {
        lms_overflow(c);
    } else {
        c->step = LMS_CUT_LIST;
    }
}

void lms_to_list_bins(lms_cutting *c)
{
    if (LMS_TEAM == 1) {
        c->step = LMS_CUT_LIST_WALK; /* does it all: select/counting.cl */
        return;
    }
    lms_fit_bins(&c->search);
    c->step = lms_single_key(&c->search) ? LMS_CUT_LIST_TIES : LMS_CUT_LIST_BINS;
}

void lms_after_list(lms_cutting *c)
{
    c->has_base = c->is_for_k && c->wants_masses && !c->is_narrowed;
    if (c->is_narrowed || c->is_for_k) {
        lms_to_list_bins(c);
    } else {
        c->step = LMS_CUT_LIST_MASS;
    }
}

/* Top-p's candidates are listed. Either the cut is among them, or the search goes on below. */
void lms_after_list_mass(lms_cutting *c, ulong mass)
{
    if (!c->rules.is_base_whole) {
        c->base_mass = mass;
        c->search.target = lms_share_of(mass, c->rules.top_p);
    }
    if (mass >= c->search.target) {
        lms_to_list_bins(c);
    } else {
        c->search.above = mass;
        c->search.high = c->search.low;
        c->search.low = LMS_NEVER;
        lms_to_row_bins(c);
    }
}

/* The list reaches the target, unless somebody writes to the logits meanwhile; then, too, the
 * search has to end. */
void lms_after_list_bins(lms_cutting *c, const lms_row *row, const lms_meeting *m)
{
    if (m->crossing.bin == LMS_BINS) {
        lms_after_search(c, row, lms_cut_none());
    } else {
        lms_narrow(&c->search, m->crossing);
        lms_to_list_bins(c);
    }
}

void lms_after_row_bins(lms_cutting *c, const lms_row *row, const lms_meeting *m)
{
    if (m->crossing.bin == LMS_BINS) { /* all tokens together are below the target */
        lms_after_search(c, row, lms_cut_none());
    } else {
        lms_narrow(&c->search, m->crossing);
        c->is_narrowed = true;
        c->step = LMS_CUT_COUNT;
    }
}

/* The walk is over: `id` is the last kept token; below 0, the target is not reached, and all
 * tokens are kept. */
void lms_after_walk(lms_cutting *c, const lms_row *row, long id)
{
    lms_after_search(c, row,
                     id < 0 ? lms_cut_none() : lms_cut_at(c->search.high, (uint)id));
}

/* No default: a compiler tells which step is forgotten. */
void lms_next_cut(lms_cutting *c, lms_row *row, const lms_meeting *m)
{
    c->items_before = m->before;
    switch (c->step) {
    case LMS_CUT_MAXIMUM: lms_after_maximum(c, row, (int)m->best); break;
    case LMS_CUT_HEAD: lms_after_head(c, m); break;
    case LMS_CUT_TOTAL: lms_after_total(c, row, m->total); break;
    case LMS_CUT_BASE: lms_after_base(c, m->total); break;
    case LMS_CUT_PIVOTS: lms_after_pivots(c, m->best != 0); break;
    case LMS_CUT_COUNT: lms_after_count(c, row, m->total, (ulong)m->best); break;
    case LMS_CUT_LIST: lms_after_list(c); break;
    case LMS_CUT_LIST_MASS: lms_after_list_mass(c, m->total); break;
    case LMS_CUT_LIST_BINS: lms_after_list_bins(c, row, m); break;
    case LMS_CUT_LIST_TIES: c->step = LMS_CUT_LIST_WALK; break;
    case LMS_CUT_ROW_BINS: lms_after_row_bins(c, row, m); break;
    case LMS_CUT_ROW_TIES: c->step = LMS_CUT_ROW_WALK; break;
    case LMS_CUT_LIST_WALK:
    case LMS_CUT_ROW_WALK: lms_after_walk(c, row, m->best); break;
    case LMS_CUT_FOUND:
    case LMS_CUT_EMPTY: break;
    }
}

/* What the bins are to reach in this step; 0 where it does not use them. */
ulong lms_cut_target(const lms_cutting *c)
{
#if LMS_TEAM > 1
    if (c->step == LMS_CUT_HEAD) return c->head.target - c->head.above;
#endif
    if (c->step == LMS_CUT_LIST_BINS || c->step == LMS_CUT_ROW_BINS) {
        return c->search.target - c->search.above;
    }
    return 0;
}
