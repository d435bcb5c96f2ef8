/* together.cl - a row's token by a team of more than one, in supersteps:
 *
 *   FIRST -> DONE                                       greedy: the lowest id with the largest
 * key [TOTAL ->] [REACH_BINS .. -> REACH_TIES -> REACH_WALK ->]
 *       ENVELOPE -> PREFIX -> ATTEMPTS -> [COUNT ->] [ABOVE ->] .. -> DONE           all others
 *
 * COUNT and ABOVE decide a proposed token; behind the last one of a round is another ENVELOPE,
 * or, if the same groups are in reach, other ATTEMPTS. */
#pragma once
#include "draw/drawing.cl"
#include "draw/envelope.cl"
#include "row/masses.cl"
#include "select/bins.cl"

#if LMS_TEAM > 1

typedef enum lms_draw_step {
    LMS_DRAW_FIRST,      /* the lowest id with the largest key                    */
    LMS_DRAW_TOTAL,      /* the mass of the row, which is the base of top-p       */
    LMS_DRAW_REACH_BINS, /* narrows the keys that the k-th group can have         */
    LMS_DRAW_REACH_TIES, /* how many groups have that key, ...                    */
    LMS_DRAW_REACH_WALK, /* ... and which of them is the k-th                     */
    LMS_DRAW_ENVELOPE,   /* the own tiles' shares of the envelope                 */
    LMS_DRAW_PREFIX,     /* sums of lower items onto the own prefix sums          */
    LMS_DRAW_ATTEMPTS,   /* a round of them                                       */
    LMS_DRAW_COUNT,      /* tokens before a proposed one, ...                     */
    LMS_DRAW_ABOVE,      /* ... and their mass                                    */
    LMS_DRAW_DONE
} lms_draw_step;

/* Alike in all work-items of a team but for what lower items and this one have. */
typedef struct lms_team_draw {
    lms_draw_step step;
    lms_rules rules;
    lms_drawing d;
    lms_search kth;     /* for the key of the k-th group */
    lms_cut x;          /* the token that is judged, ... */
    uint at;            /* ... of the round's proposals  */
    ulong items_before; /* sums of lower items, from the last meeting, ... */
    ulong own_sum;      /* ... and what this item brought there            */
} lms_team_draw;

/* What a round proposes is where lists of tokens are at other times. While some read that of a
 * round, others may write that of the next. */
__global uint *lms_proposed(const lms_row *row, const lms_drawing *d)
{
    return row->list_id + (d->attempts / LMS_ROUND & 1) * LMS_ROUND;
}

void lms_to_reach(lms_team_draw *t, const lms_row *row)
{
    t->step = LMS_DRAW_ENVELOPE;
    if (!lms_narrows_reach(row, &t->rules)) return;
    t->kth = lms_search_of(t->rules.k, false, LMS_NEVER, row->max_key);
    lms_fit_bins(&t->kth);
    t->step = lms_single_key(&t->kth) ? LMS_DRAW_REACH_TIES : LMS_DRAW_REACH_BINS;
}

/* The row's maximum is known; `cut` is its cut, if that has been found. */
void lms_begin_together(lms_team_draw *t, const lms_row *row, const lms_filters *filters,
                        const lms_cut *cut)
{
    lms_drawing *const d = &t->d;
    t->step = LMS_DRAW_FIRST;
    if (lms_is_greedy(filters) || lms_is_certain(d, &t->rules)) return;
    d->reach = lms_min_p_of(&t->rules, row->max_key);
    d->scaled = lms_at_scale(lms_scale(filters->temperature), row->max_key);
    d->judge =
        cut ? lms_judge_of_cut(*cut) : lms_judge_of_rules(&t->rules, row->max_key, d->reach);
    if (lms_needs_base(&d->judge)) {
        t->step = LMS_DRAW_TOTAL;
    } else {
        lms_to_reach(t, row);
    }
}

/* --- A work-item's part of a step. No barriers here. -------------------------------------- */

void lms_attempts_own(const lms_row *row, const lms_drawing *d)
{
    __global uint *const proposed = lms_proposed(row, d);
    for (uint i = lms_item(); i < LMS_ROUND; i += LMS_TEAM) {
        proposed[i] =
            lms_propose_one(row, &d->scaled, d->reach, d->envelope, &d->words, d->attempts + i);
    }
}

lms_part lms_draw_part(const lms_row *row, lms_team_draw *t)
{
    const lms_drawing *const d = &t->d;
    lms_part part = lms_part_make(0, LONG_MIN);
    uint group = 0;
    switch (t->step) {
    case LMS_DRAW_FIRST: part.best = lms_first_own(row); break;
    case LMS_DRAW_TOTAL: part.sum = lms_summed_own(row, &d->judge.scaled); break;
    case LMS_DRAW_REACH_BINS: lms_bin_maxima(row, &t->kth); break;
    case LMS_DRAW_REACH_TIES: part.sum = lms_tied_maxima(row, t->kth.high, 0, &group); break;
    case LMS_DRAW_REACH_WALK:
        part.best = lms_walk_maxima(row, &t->kth, t->items_before, t->own_sum);
        break;
    case LMS_DRAW_ENVELOPE: part.sum = lms_envelope_own(row, &d->scaled, d->reach); break;
    case LMS_DRAW_PREFIX:
        for (uint i = row->first; i < row->last; ++i) row->sums[i] += t->items_before;
        break;
    case LMS_DRAW_ATTEMPTS: lms_attempts_own(row, d); break;
    case LMS_DRAW_COUNT:
        part.sum = lms_count_kept_own(row, lms_counted_before(&d->judge, t->x));
        break;
    case LMS_DRAW_ABOVE:
        part.sum = lms_kept_own(row, &d->judge.scaled, lms_cut_before(t->x.key, t->x.id)).mass;
        break;
    case LMS_DRAW_DONE: break;
    }
    t->own_sum = part.sum;
    return part;
}

/* What the bins are to reach in this step; 0 where it does not use them. */
ulong lms_draw_target(const lms_team_draw *t)
{
    return t->step == LMS_DRAW_REACH_BINS ? t->kth.target - t->kth.above : 0;
}

/* --- The next step: the same decision in all work-items. ---------------------------------- */

void lms_after_reach_bins(lms_team_draw *t, lms_crossing crossing)
{
    if (crossing.bin == LMS_BINS) {
        t->step = LMS_DRAW_ENVELOPE; /* fewer than k are live */
        return;
    }
    lms_narrow(&t->kth, crossing);
    lms_fit_bins(&t->kth);
    if (lms_single_key(&t->kth)) t->step = LMS_DRAW_REACH_TIES;
}

/* All groups that tie with the k-th are in reach, or those up to it. */
void lms_after_reach_ties(lms_team_draw *t)
{
    t->step = LMS_DRAW_REACH_WALK;
    if (!t->rules.keeps_ties) return;
    t->d.reach = lms_tighter(t->d.reach, lms_cut_at(t->kth.high, UINT_MAX));
    t->step = LMS_DRAW_ENVELOPE;
}

void lms_after_reach_walk(lms_team_draw *t, long group)
{
    if (group >= 0) {
        t->d.reach = lms_tighter(t->d.reach, lms_reach_to(t->kth.high, (uint)group));
    }
    t->step = LMS_DRAW_ENVELOPE;
}

void lms_to_attempts(lms_team_draw *t)
{
    t->step = LMS_DRAW_ATTEMPTS;
    t->at = 0;
    lms_begin_round(&t->d);
}

/* A round is over, and none of it is accepted. */
void lms_after_round(lms_team_draw *t, const lms_row *row)
{
    lms_drawing *const d = &t->d;
    d->attempts = min(d->attempts + LMS_ROUND, d->words.attempts);
    if (d->attempts == d->words.attempts) {
        t->step = lms_gives_up(d) ? LMS_DRAW_FIRST : LMS_DRAW_DONE;
    } else if (lms_narrow_reach(d, row)) {
        t->step = LMS_DRAW_ENVELOPE;
    } else {
        lms_to_attempts(t);
    }
}

/* Goes through what the round has proposed, to the first token that is known to be kept, or
 * has to be judged. */
void lms_next_proposed(lms_team_draw *t, const lms_row *row)
{
    lms_drawing *const d = &t->d;
    __global const uint *const proposed = lms_proposed(row, d);
    for (; t->at < LMS_ROUND; ++t->at) {
        const uint id = proposed[t->at];
        if (id == LMS_NOTHING) continue;
        t->x = lms_cut_at(lms_key(lms_read_one(&row->logits, id)), id);
        if (lms_is_open(&d->judge, t->x)) {
            t->step = d->judge.rules.k > 0 ? LMS_DRAW_COUNT : LMS_DRAW_ABOVE;
            return;
        }
        if (lms_keeps(d->judge.sure, t->x.key, id)) {
            d->attempts += t->at + 1;
            d->token = (int)id;
            t->step = LMS_DRAW_DONE;
            return;
        }
        d->first = lms_tighter(d->first, t->x);
    }
    lms_after_round(t, row);
}

void lms_after_judgement(lms_team_draw *t, const lms_row *row, bool is_kept)
{
    lms_learn(&t->d.judge, t->x, is_kept);
    lms_next_proposed(t, row);
}

void lms_after_counted(lms_team_draw *t, const lms_row *row, ulong count)
{
    const bool is_kept = count < t->rules.k;
    if (is_kept && t->rules.top_p < 1.0f) {
        t->step = LMS_DRAW_ABOVE;
    } else {
        lms_after_judgement(t, row, is_kept);
    }
}

void lms_next_draw(lms_team_draw *t, const lms_row *row, const lms_meeting *m)
{
    lms_drawing *const d = &t->d;
    t->items_before = m->before;
    switch (t->step) {
    case LMS_DRAW_FIRST:
        d->token = (int)-m->best;
        t->step = LMS_DRAW_DONE;
        break;
    case LMS_DRAW_TOTAL:
        d->judge.least = m->total;
        d->judge.most = m->total;
        lms_to_reach(t, row);
        break;
    case LMS_DRAW_REACH_BINS: lms_after_reach_bins(t, m->crossing); break;
    case LMS_DRAW_REACH_TIES: lms_after_reach_ties(t); break;
    case LMS_DRAW_REACH_WALK: lms_after_reach_walk(t, m->best); break;
    case LMS_DRAW_ENVELOPE:
        d->envelope = m->total;
        if (d->attempts == 0) lms_learn_reach(&d->judge, d->reach);
        t->step = LMS_DRAW_PREFIX;
        break;
    case LMS_DRAW_PREFIX: lms_to_attempts(t); break;
    case LMS_DRAW_ATTEMPTS: lms_next_proposed(t, row); break;
    case LMS_DRAW_COUNT: lms_after_counted(t, row, m->total); break;
    case LMS_DRAW_ABOVE:
        lms_after_judgement(t, row, m->total < lms_share_of(d->judge.most, t->rules.top_p));
        break;
    case LMS_DRAW_DONE: break;
    }
}

#endif
