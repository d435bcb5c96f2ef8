/* together_next.cl - which step of a draw by a larger team follows which: decided by work-item
 * 0. */
#pragma once
#include "draw/together.cl"

#if LMS_TEAM > 1

void lms_to_reach(__local lms_team_draw *t, const lms_row *row)
{
    t->step = LMS_DRAW_ENVELOPE;
    if (!lms_narrows_reach(row, t->rules.k)) return;
    t->kth = lms_search_of(t->rules.k, false, LMS_NEVER, row->max_key);
    lms_suit_bins(&t->d.scaled, &t->kth);
    t->step = LMS_DRAW_REACH_BINS;
}

/* The row's maximum is known, and its cut, if that has been found. */
void lms_begin_together(__local lms_team_draw *t, const lms_row *row, bool is_cut, lms_cut cut)
{
    __local lms_drawing *const d = &t->d;
    const lms_rules rules = t->rules;
    t->step = LMS_DRAW_FIRST;
    if (t->is_greedy || lms_is_certain(d, &rules)) return;
    const lms_cut min_p = lms_min_p_of(&rules, row->max_key);
    d->reach = min_p;
    d->scaled = lms_at_scale(lms_scale(t->temperature), row->max_key);
    d->judge =
        is_cut ? lms_judge_of_cut(cut) : lms_judge_of_rules(&rules, row->max_key, min_p);
    lms_to_reach(t, row);
}

/* The groups up to the k-th are in reach; with ties, all that have its key. */
void lms_reach_kth(__local lms_team_draw *t, lms_cut last)
{
    t->d.reach = lms_tighter(t->d.reach, last);
    t->step = LMS_DRAW_ENVELOPE;
}

void lms_after_reach_bins(__local lms_team_draw *t, const lms_row *row, lms_crossing crossing)
{
    __local lms_search *const s = &t->kth;
    if (crossing.bin == LMS_BINS) {
        t->step = LMS_DRAW_ENVELOPE; /* fewer than k are live */
        return;
    }
    lms_narrow(s, crossing);
    if (!lms_single_key(s)) {
        lms_fit_bins(s);
    } else if (s->by_id) {
        lms_reach_kth(t, lms_reach_to(s->key, lms_found_id(s)));
    } else if (t->rules.keeps_ties || s->above + crossing.measure == s->target) {
        lms_reach_kth(t, lms_cut_at(s->high, UINT_MAX));
    } else {
        lms_search_ids(s, row->tiles * LMS_TILE_GROUPS);
        lms_fit_bins(s);
        t->step = LMS_DRAW_REACH_IDS;
    }
}

/* A round is over, and none of it is accepted. */
void lms_after_round(__local lms_team_draw *t, const lms_row *row)
{
    __local lms_drawing *const d = &t->d;
    d->attempts = min(d->attempts + LMS_ROUND, d->words.attempts);
    if (d->attempts == d->words.attempts) {
        t->step = lms_gives_up(d) ? LMS_DRAW_FIRST : LMS_DRAW_DONE;
        return;
    }
    lms_narrow_reach(d, row);
    t->step = LMS_DRAW_ENVELOPE;
}

/* Goes through what the round has proposed, to the first token that is known to be kept. Those
 * before it that have to be judged are, as many as are judged at once. */
void lms_next_proposed(__local lms_team_draw *t, const lms_row *row,
                       __local lms_proposals *round)
{
    __local lms_drawing *const d = &t->d;
    /* Of a probable one, most times the first is kept; each sum makes the pass longer. */
    const uint most = t->rules.top_p >= 0.75f ? LMS_JUDGED / 2 : LMS_JUDGED;
    t->judged_count = 0;
    for (uint i = t->at; i < LMS_ROUND && t->judged_count < most; ++i) {
        const lms_cut x = round->proposed[i];
        if (x.id == LMS_NOTHING) continue;
        if (lms_is_open(&d->judge, x)) {
            round->judged[t->judged_count++] = x;
        } else if (lms_keeps(d->judge.sure, x.key, x.id)) {
            if (t->judged_count > 0) break;
            d->attempts += i + 1;
            d->token = (int)x.id;
            t->step = LMS_DRAW_DONE;
            return;
        } else if (t->judged_count == 0) {
            t->at = i + 1;
            d->first = lms_tighter(d->first, x);
        }
    }
    if (t->judged_count > 0) {
        t->step = d->judge.rules.k > 0 ? LMS_DRAW_COUNT : LMS_DRAW_ABOVE;
    } else {
        lms_after_round(t, row);
    }
}

/* The sum before judged token i. */
ulong lms_sum_before(const lms_row *row, const lms_meeting *m, uint i)
{
    return i == 0 ? m->total : lms_total_of_more(row->shared, i - 1);
}

/* Those with fewer than k tokens before them are kept, or top-p decides. */
void lms_after_counted(__local lms_team_draw *t, const lms_row *row,
                       __local lms_proposals *round,
                       const lms_meeting *m)
{
    uint left = 0;
    for (uint i = 0; i < t->judged_count; ++i) {
        const lms_cut x = round->judged[i];
        const bool is_kept = lms_sum_before(row, m, i) < t->rules.k;
        if (is_kept && t->rules.top_p < 1.0f) {
            round->judged[left++] = x;
        } else {
            lms_learn(&t->d.judge, x, is_kept);
        }
    }
    t->judged_count = left;
    if (left > 0) {
        t->step = LMS_DRAW_ABOVE;
    } else {
        lms_next_proposed(t, row, round);
    }
}

void lms_after_above(__local lms_team_draw *t, const lms_row *row, __local lms_proposals *round,
                     const lms_meeting *m)
{
    __local lms_judge *const judge = &t->d.judge;
    const ulong target = lms_share_of(judge->most, t->rules.top_p);
    for (uint i = 0; i < t->judged_count; ++i) {
        lms_learn(judge, round->judged[i], lms_sum_before(row, m, i) < target);
    }
    lms_next_proposed(t, row, round);
}

void lms_next_draw(__local lms_team_draw *t, const lms_row *row, __local lms_proposals *round,
                   const lms_meeting *m)
{
    __local lms_drawing *const d = &t->d;
    switch (t->step) {
    case LMS_DRAW_FIRST:
        d->token = (int)-m->best;
        t->step = LMS_DRAW_DONE;
        break;
    case LMS_DRAW_REACH_BINS:
    case LMS_DRAW_REACH_IDS: lms_after_reach_bins(t, row, m->crossing); break;
    case LMS_DRAW_ENVELOPE:
        d->envelope = m->total;
        if (lms_needs_base(&d->judge)) {
            d->judge.least = lms_total_of_more(row->shared, 0);
            d->judge.most = d->judge.least;
        }
        if (d->attempts == 0) lms_learn_reach(&d->judge, d->reach);
        t->step = LMS_DRAW_ATTEMPTS;
        t->at = 0;
        lms_begin_round(d);
        break;
    case LMS_DRAW_ATTEMPTS: lms_next_proposed(t, row, round); break;
    case LMS_DRAW_COUNT: lms_after_counted(t, row, round, m); break;
    case LMS_DRAW_ABOVE: lms_after_above(t, row, round, m); break;
    case LMS_DRAW_DONE: break;
    }
}

#endif
