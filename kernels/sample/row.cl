/* row.cl - a row of a sampler's call, by a team: its maximum, its cut where that is needed
 * (rules/rules.cl says when), and a draw.
 *
 * A team of one does it from top to bottom. Larger ones go on as they find a cut: a work-item
 * does its part of a superstep, lms_meet() combines the parts, and work-item 0 decides on the
 * next one. */
#pragma once
#include "cut/next.cl"
#include "cut/own.cl"
#include "draw/alone.cl"
#include "draw/together_next.cl"
#include "draw/together_own.cl"
#include "row/maxima.cl"
#include "sample/call.cl"

#if LMS_TEAM == 1

/* A team of one has no need of it. */
typedef struct lms_sampling {
    uint none;
} lms_sampling;

/* Row r of the batch, in a place of the workspace. */
LMS_APART
lms_outcome lms_do_row(const lms_call *c, ulong r, ulong place, __local lms_shared *shared,
                       __local lms_sampling *sampling)
{
    const lms_row_params p = c->params[r];
    lms_outcome outcome = lms_outcome_of(c, r, &p);
    (void)sampling;
    if (outcome.status != LMS_ROW_OK) return outcome;
    lms_row row = lms_row_to_sample(c, outcome.logits_row, place, shared);
    row.next = lms_after(c, r);
    const lms_rules rules = lms_sampler_rules(&p.filters, c->vocab);
    const bool needs_cut = lms_needs_cut(&rules, c->wants_cut);
    lms_cutting cutting = lms_cutting_of(needs_cut ? rules : lms_rules_none());
    lms_drawing drawing = lms_drawing_of(lms_words_of(c, r, &p));
    cutting.seen = lms_seen_in_row(&row, &c->workspace, r, place,
                                   lms_sums_if_needed(&rules, c->wants_cut));
    lms_find_cut(&row, &cutting);
    if (cutting.step != LMS_CUT_EMPTY) {
        lms_draw_alone(&row, &p.filters, &rules, needs_cut ? &cutting.cut : 0, &drawing);
    }
    lms_put_outcome(&outcome, lms_is_greedy(&p.filters), &rules, row.max_key, &cutting,
                    &drawing);
    return outcome;
}

#else

/* What a team knows of its row. It is in local memory, because no work-item has registers for
 * all of it: each step takes what it needs. */
typedef struct lms_sampling {
    bool is_cutting; /* else drawing */
    bool is_over;
    long logits_row;
    lms_row row;
    lms_cutting cutting;
    lms_team_draw draw;
    lms_proposals round;
} lms_sampling;

/* Work-item 0 begins a row that can be sampled. */
void lms_begin_row(const lms_call *c, ulong r, ulong place, __local lms_shared *shared,
                   __local lms_sampling *s)
{
    const lms_row_params p = c->params[r];
    const lms_rules rules = lms_sampler_rules(&p.filters, c->vocab);
    s->logits_row = lms_logits_row_of(c, r);
    s->row = lms_row_to_sample(c, s->logits_row, place, shared);
    s->is_over = false;
    s->is_cutting = true;
    s->cutting = lms_cutting_of(lms_needs_cut(&rules, c->wants_cut) ? rules : lms_rules_none());
    s->cutting.seen = lms_seen(&c->workspace, r);
    s->draw.rules = rules;
    s->draw.is_greedy = lms_is_greedy(&p.filters);
    s->draw.temperature = p.filters.temperature;
    s->draw.d = lms_drawing_of(lms_words_of(c, r, &p));
}

/* The next step, by work-item 0. */
void lms_next_of_row(__local lms_shared *shared, __local lms_sampling *s, const lms_meeting *m)
{
    lms_row row = lms_own_row(&s->row, shared);
    if (!s->is_cutting) {
        lms_next_draw(&s->draw, &row, &s->round, m);
        s->is_over = s->draw.step == LMS_DRAW_DONE;
        return;
    }
    lms_next_cut(&s->cutting, &row, m);
    s->row.max_key = row.max_key;
    s->is_cutting = !lms_is_cut(&s->cutting);
    s->is_over = s->cutting.step == LMS_CUT_EMPTY;
    if (s->cutting.step != LMS_CUT_FOUND) return;
    const lms_rules searched = s->cutting.rules;
    lms_begin_together(&s->draw, &row, lms_has_rules(&searched), s->cutting.cut);
}

/* One superstep. */
void lms_step_of_row(__local lms_shared *shared, __local lms_sampling *s)
{
    const lms_part part = s->is_cutting
                              ? lms_cut_part(&s->row, shared, &s->cutting)
                              : lms_draw_part(&s->row, shared, &s->draw, &s->round);
    const ulong target =
        s->is_cutting ? lms_cut_target(&s->cutting) : lms_draw_target(&s->draw);
    const lms_meeting m =
        lms_meet_more(shared, part, target, s->is_cutting ? 0 : lms_draw_more(&s->draw));
    /* Attempts look there for what is before a work-item's tiles. */
    shared->parts[lms_item()].sum = m.before;
    if (lms_item() == 0) lms_next_of_row(shared, s, &m);
    lms_sync();
}

/* Row r of the batch. */
lms_outcome lms_do_row(const lms_call *c, ulong r, ulong place, __local lms_shared *shared,
                       __local lms_sampling *s)
{
    const lms_row_params p = c->params[r];
    lms_outcome outcome = lms_outcome_of(c, r, &p);
    if (outcome.status != LMS_ROW_OK) return outcome;
    if (lms_item() == 0) lms_begin_row(c, r, place, shared, s);
    lms_sync();
    while (!s->is_over) lms_step_of_row(shared, s);
    outcome.logits_row = s->logits_row;
    const lms_rules rules = s->draw.rules;
    const lms_drawing drawing = s->draw.d;
    const lms_cutting cutting = s->cutting;
    lms_put_outcome(&outcome, s->draw.is_greedy, &rules, s->row.max_key, &cutting, &drawing);
    return outcome;
}

#endif
