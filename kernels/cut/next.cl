/* cut/next.cl - which step follows which: the same decision in all work-items of a team. */
#pragma once
#include "cut/begin.cl"

void lms_after_maximum(lms_task *t, lms_row *row, int max_key)
{
    row->max_key = max_key;
    t->outcome.max_key = max_key;
    t->step = LMS_STEP_DONE;
    if (max_key == LMS_NEVER) {
        t->outcome.status |= LMS_ROW_EMPTY;
        return;
    }
    if (max_key == LMS_KEY_INF) t->outcome.status |= LMS_ROW_INF_SEEN;
    if (lms_is_greedy(&t->filters)) {
        t->outcome.filtered = LMS_GREEDY;
        t->step = LMS_STEP_FIRST;
    } else {
        lms_to_filters(t, row);
    }
}

void lms_after_head(lms_task *t, const lms_meeting *m)
{
    if (LMS_TEAM == 1) {
        t->f.low = t->head.low; /* found at once: alone.cl */
        /* Above head.high are fewer than k tokens, most probably: they are just counted. */
        if (t->for_k && !t->weigh && t->head.high > t->f.low) t->f.high = t->head.high;
        lms_to_list(t);
        return;
    }
    if (m->bin == LMS_BINS) {
        lms_to_list(t); /* fewer than k are live */
        return;
    }
    lms_narrow(&t->head, *m);
    /* A few too many cost less than another round. */
    if (lms_single_key(&t->head) || m->bin_measure <= 8 + t->head.target / 8) {
        t->f.low = t->head.low;
        lms_to_list(t);
    } else {
        lms_fit_bins(&t->head);
    }
}

void lms_to_list_bins(lms_task *t)
{
    if (LMS_TEAM == 1) {
        t->step = LMS_STEP_LIST_WALK; /* does it all: alone.cl */
        return;
    }
    lms_fit_bins(&t->f);
    t->step = lms_single_key(&t->f) ? LMS_STEP_LIST_TIES : LMS_STEP_LIST_BINS;
}

void lms_after_list(lms_task *t)
{
    t->has_list = t->for_k && t->weigh && !t->narrowed;
    if (t->narrowed || t->for_k) {
        lms_to_list_bins(t);
    } else {
        t->step = LMS_STEP_LIST_MASS;
    }
}

/* Top-p's candidates are listed. Either the cut is among them, or the search goes on below. */
void lms_after_list_mass(lms_task *t, ulong mass)
{
    if (!t->whole) {
        t->measure = mass;
        t->f.target = lms_share_of(mass, t->filters.top_p);
    }
    if (mass >= t->f.target) {
        lms_to_list_bins(t);
    } else {
        t->f.before = mass;
        t->f.high = t->f.low;
        t->f.low = LMS_NEVER;
        lms_to_row_bins(t);
    }
}

/* The list reaches the target, unless somebody writes to the logits meanwhile; then, too, the
 * search has to end. */
void lms_after_list_bins(lms_task *t, const lms_row *row, const lms_meeting *m)
{
    if (m->bin == LMS_BINS) {
        lms_found_cut(t, row, lms_cut_none());
        return;
    }
    lms_narrow(&t->f, *m);
    lms_to_list_bins(t);
}

void lms_after_row_bins(lms_task *t, const lms_row *row, const lms_meeting *m)
{
    if (m->bin == LMS_BINS) {
        lms_found_cut(t, row, lms_cut_none()); /* all of them do not reach the target */
        return;
    }
    lms_narrow(&t->f, *m);
    t->narrowed = true;
    t->step = LMS_STEP_COUNT;
}

void lms_after_attempts(lms_task *t, long best)
{
    t->step = LMS_STEP_DONE;
    if (best != LMS_NOT_DRAWN) {
        t->outcome.token = (int)(best & 0xffffffffl);
        return;
    }
    t->attempt += LMS_TEAM * LMS_TRIES;
    if (t->attempt < t->source.attempts) {
        t->step = LMS_STEP_ATTEMPTS;
    } else if (t->source.attempts < LMS_ATTEMPTS) {
        t->outcome.status |= LMS_ROW_UNIFORMS_SPENT;
    } else {
        t->step = LMS_STEP_FIRST;
    }
}

/* So many tokens are above an interval in which the cut was thought to be. If it is above,
 * looks there: the same step again. */
bool lms_is_above(lms_task *t, const lms_row *row, ulong sum, long above)
{
    if (t->narrowed || t->f.high == row->max_key) return false;
    if (sum > LMS_LIST) { /* and not all of them are counted */
        t->f.high = row->max_key;
        return false;
    }
    if ((ulong)above < t->f.target) {
        t->f.before = (ulong)above;
        return false;
    }
    t->f.low = t->f.high;
    t->f.high = row->max_key;
    return true;
}

void lms_next(lms_task *t, lms_row *row, const lms_meeting *m)
{
    t->before = m->before;
    switch (t->step) {
    case LMS_STEP_MAXIMUM: lms_after_maximum(t, row, (int)m->best); break;
    case LMS_STEP_FIRST:
        t->outcome.token = (int)-m->best;
        t->step = LMS_STEP_DONE;
        break;
    case LMS_STEP_HEAD: lms_after_head(t, m); break;
    case LMS_STEP_TOTAL:
        t->measure = m->total;
        t->f.target = lms_share_of(m->total, t->filters.top_p);
        if (t->f.target > LMS_LIST_MASS) {
            lms_to_row_bins(t);
        } else {
            lms_to_head(t, row, min(LMS_HEAD_GROUPS, row->tiles * LMS_TILE_GROUPS / 2));
        }
        break;
    case LMS_STEP_BASE:
        t->measure = m->total;
        t->f.target = lms_share_of(m->total, t->filters.top_p);
        lms_to_row_bins(t);
        break;
    case LMS_STEP_PIVOTS:
        t->narrowed = m->best != 0;
        if (t->narrowed) {
            t->step = LMS_STEP_COUNT;
        } else {
            lms_to_row_bins(t);
        }
        break;
    case LMS_STEP_COUNT:
        if (LMS_TEAM == 1 && lms_is_above(t, row, m->total, m->best)) break;
        t->listed = (uint)min(m->total, (ulong)LMS_LIST + 1);
        if (t->listed > LMS_LIST) {
            lms_overflow(t);
        } else {
            t->step = LMS_STEP_LIST;
        }
        break;
    case LMS_STEP_LIST: lms_after_list(t); break;
    case LMS_STEP_LIST_MASS: lms_after_list_mass(t, m->total); break;
    case LMS_STEP_LIST_BINS: lms_after_list_bins(t, row, m); break;
    case LMS_STEP_LIST_TIES: t->step = LMS_STEP_LIST_WALK; break;
    case LMS_STEP_ROW_BINS: lms_after_row_bins(t, row, m); break;
    case LMS_STEP_ROW_TIES: t->step = LMS_STEP_ROW_WALK; break;
    case LMS_STEP_LIST_WALK:
    case LMS_STEP_ROW_WALK:
        lms_found_cut(t, row, m->best < 0 ? lms_cut_none()
                                          : lms_cut_at(t->f.high, (uint)m->best));
        break;
    case LMS_STEP_ENVELOPE:
        t->envelope = m->total;
        t->step = LMS_TEAM > 1 ? LMS_STEP_PREFIX : LMS_STEP_ATTEMPTS;
        break;
    case LMS_STEP_PREFIX: t->step = LMS_STEP_ATTEMPTS; break;
    case LMS_STEP_ATTEMPTS: lms_after_attempts(t, m->best); break;
    default: break;
    }
}

/* What the bins are to reach; 0 in a step that does not use them. */
ulong lms_target_of_step(const lms_task *t)
{
    switch (t->step) {
    case LMS_STEP_HEAD: return LMS_TEAM == 1 ? 0 : t->head.target - t->head.before;
    case LMS_STEP_LIST_BINS:
    case LMS_STEP_ROW_BINS: return t->f.target - t->f.before;
    default: return 0;
    }
}
