/* next.cl - which step follows which on the way to a cut: decided by work-item 0. */
#pragma once
#include "cut/begin.cl"

void lms_after_maximum(LMS_OURS lms_cutting *c, lms_row *row, int max_key)
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

void lms_after_head(LMS_OURS lms_cutting *c, const lms_row *row, const lms_meeting *m)
{
    if (LMS_TEAM == 1) {
        c->search.low = c->head.low; /* found at once: select/counting.cl */
        /* Above head.high are fewer than k tokens, most probably: they are just counted. */
        if (c->is_for_k && !c->wants_masses && c->head.high > c->search.low) {
            c->search.high = c->head.high;
        }
        lms_to_list(c, row);
        return;
    }
    if (m->crossing.bin == LMS_BINS) {
        lms_to_list(c, row); /* fewer than k are live */
        return;
    }
    lms_narrow(&c->head, m->crossing);
    /* A few too many cost less than another round. */
    if (lms_single_key(&c->head) || m->crossing.measure <= 8 + c->head.target / 8) {
        c->search.low = c->head.low;
        lms_to_list(c, row);
    } else {
        lms_fit_bins(&c->head);
    }
}

void lms_after_total(LMS_OURS lms_cutting *c, const lms_row *row, ulong mass)
{
    c->base_mass = mass;
    c->search.target = lms_share_of(mass, c->rules.top_p);
    if (c->search.target > LMS_LIST_MASS) {
        lms_to_row_bins(c);
    } else {
        lms_to_head(c, row, min(LMS_HEAD_GROUPS, row->tiles * LMS_TILE_GROUPS / 2));
    }
}

void lms_after_base(LMS_OURS lms_cutting *c, ulong mass)
{
    c->base_mass = mass;
    c->search.target = lms_share_of(mass, c->rules.top_p);
    lms_to_row_bins(c);
}

void lms_after_pivots(LMS_OURS lms_cutting *c, bool is_narrowed)
{
    c->is_narrowed = is_narrowed;
    if (is_narrowed) {
        c->step = LMS_CUT_LIST;
    } else {
        lms_to_row_bins(c);
    }
}

/* Teams of one count, with the `listed` tokens of an interval in which the cut was thought to
 * be, those above it. If the cut is there, the interval is the part above: true, and LIST is
 * done again. */
bool lms_moves_above(LMS_OURS lms_cutting *c, const lms_row *row, ulong listed, ulong above)
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

/* Looks in the list. A larger team narrows the interval to a few tokens, and ranks those. */
void lms_to_list_search(LMS_OURS lms_cutting *c)
{
    if (LMS_TEAM == 1) {
        c->step = LMS_CUT_LIST_WALK; /* does it all: select/counting.cl */
        return;
    }
    lms_fit_bins(&c->search);
    c->step = lms_single_key(&c->search) ? LMS_CUT_LIST_RANK : LMS_CUT_LIST_BINS;
}

/* The list has all that it is to have. */
void lms_after_list(LMS_OURS lms_cutting *c)
{
    c->has_base = c->is_for_k && c->wants_masses && !c->is_narrowed;
    if (c->is_narrowed || c->is_for_k) {
        lms_to_list_search(c);
    } else {
        c->step = LMS_CUT_LIST_MASS;
    }
}

/* So many tokens are in the interval; teams of one have counted those above it as well. */
void lms_after_listed(LMS_OURS lms_cutting *c, const lms_row *row, ulong listed, ulong above)
{
    if (lms_moves_above(c, row, listed, above)) return;
    c->listed = (uint)min(listed, (ulong)LMS_LIST + 1);
    if (c->listed > LMS_LIST) {
        lms_overflow(c, row);
    } else if (LMS_TEAM == 1 && lms_lists_masses(c)) {
        c->step = LMS_CUT_WEIGH;
    } else {
        lms_after_list(c);
    }
}

/* Top-p's candidates are listed. Either the cut is among them, or the search goes on below. */
void lms_after_list_mass(LMS_OURS lms_cutting *c, ulong mass)
{
    if (!c->rules.is_base_whole) {
        c->base_mass = mass;
        c->search.target = lms_share_of(mass, c->rules.top_p);
    }
    if (mass >= c->search.target) {
        lms_to_list_search(c);
    } else {
        c->search.above = mass;
        c->search.high = c->search.low;
        c->search.low = LMS_NEVER;
        lms_to_row_bins(c);
    }
}

/* The bins of the list are added up. It reaches the target, unless somebody writes to the
 * logits meanwhile; then, too, the search has to end. */
void lms_after_list_bins(LMS_OURS lms_cutting *c, const lms_row *row, const lms_meeting *m)
{
    if (m->crossing.bin == LMS_BINS) {
        lms_after_search(c, row, lms_cut_none());
    } else {
        lms_narrow(&c->search, m->crossing);
        c->step = LMS_CUT_LIST_RANK;
    }
}

/* `best` is as lms_rank_listed() gives it. */
void lms_after_list_rank(LMS_OURS lms_cutting *c, const lms_row *row, long best)
{
    const lms_cut found = lms_cut_at((int)(best >> 32), ~(uint)best);
    lms_after_search(c, row, best == LONG_MIN ? lms_cut_none() : found);
}

/* Ids have been narrowed, down to one at last. */
void lms_after_ids(LMS_OURS lms_cutting *c, const lms_row *row, const lms_meeting *m)
{
    LMS_OURS lms_search *const s = &c->search;
    if (m->crossing.bin == LMS_BINS) { /* somebody writes to the logits meanwhile */
        lms_after_search(c, row, lms_cut_none());
        return;
    }
    lms_narrow(s, m->crossing);
    lms_fit_bins(s);
    if (lms_single_key(s)) lms_after_search(c, row, lms_cut_at(s->key, lms_found_id(s)));
}

void lms_after_row_bins(LMS_OURS lms_cutting *c, const lms_row *row, const lms_meeting *m)
{
    if (m->crossing.bin == LMS_BINS) { /* all tokens together are below the target */
        lms_after_search(c, row, lms_cut_none());
    } else {
        lms_narrow(&c->search, m->crossing);
        c->is_narrowed = true;
        c->step = LMS_CUT_LIST;
    }
}

/* The walk is over: `id` is the last kept token; below 0, the target is not reached, and all
 * tokens are kept. */
void lms_after_walk(LMS_OURS lms_cutting *c, const lms_row *row, long id)
{
    lms_after_search(c, row,
                     id < 0 ? lms_cut_none() : lms_cut_at(c->search.high, (uint)id));
}

/* No default: a compiler tells which step is forgotten. */
void lms_next_cut(LMS_OURS lms_cutting *c, lms_row *row, const lms_meeting *m)
{
    switch (c->step) {
    case LMS_CUT_MAXIMUM: lms_after_maximum(c, row, (int)m->best); break;
    case LMS_CUT_HEAD: lms_after_head(c, row, m); break;
    case LMS_CUT_TOTAL: lms_after_total(c, row, m->total); break;
    case LMS_CUT_BASE: lms_after_base(c, m->total); break;
    case LMS_CUT_PIVOTS: lms_after_pivots(c, m->best != 0); break;
    case LMS_CUT_LIST: lms_after_listed(c, row, m->total, (ulong)m->best); break;
    case LMS_CUT_WEIGH: lms_after_list(c); break;
    case LMS_CUT_LIST_MASS: lms_after_list_mass(c, m->total); break;
    case LMS_CUT_LIST_BINS: lms_after_list_bins(c, row, m); break;
    case LMS_CUT_LIST_RANK: lms_after_list_rank(c, row, m->best); break;
    case LMS_CUT_ROW_IDS: lms_after_ids(c, row, m); break;
    case LMS_CUT_ROW_BINS: lms_after_row_bins(c, row, m); break;
    case LMS_CUT_LIST_WALK: lms_after_walk(c, row, m->best); break;
    case LMS_CUT_FOUND:
    case LMS_CUT_EMPTY: break;
    }
#if LMS_TEAM > 1
    row->shared->listed = 0; /* whether a list is made next, or not */
#endif
}

/* What the bins are to reach in this step; 0 where it does not use them. */
ulong lms_cut_target(LMS_OURS const lms_cutting *c)
{
#if LMS_TEAM > 1
    if (c->step == LMS_CUT_HEAD) return c->head.target - c->head.above;
#endif
    switch (c->step) {
    case LMS_CUT_LIST_BINS:
    case LMS_CUT_ROW_BINS:
    case LMS_CUT_ROW_IDS: return c->search.target - c->search.above;
    default: return 0;
    }
}
