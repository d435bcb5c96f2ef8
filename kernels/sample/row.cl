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
#ifdef LMS_REQUESTS
#include "edits/alone.cl"
#endif
#include "row/maxima.cl"
#include "sample/call.cl"

#if LMS_TEAM == 1

/* What the last row has left in the place of the workspace: the maxima of a row as a request
 * has edited it. A row that has the same needs no tile pass, and no edits, of its own. Without
 * requests, it is not looked at. */
typedef struct lms_sampling {
    bool has_maxima;
#ifdef LMS_REQUESTS
    long logits_row;
    lms_request request;
    float temperature;
    bool is_ordered;
    uint seen;
#endif
} lms_sampling;

void lms_begin_sampling(__local lms_sampling *s) { s->has_maxima = false; }

/* Does the tile pass of row r, if no kernel before has, and the row's edits of values; returns
 * what was seen. */
uint lms_edit_and_see(const lms_call *c, ulong r, ulong place, const lms_row_params *p,
                      float scale, lms_row *row)
{
#ifdef LMS_REQUESTS
    if (row->logits.edited) {
        const uint other = p->request.unconditional ? p->request.unconditional - 1 : 0;
        return lms_edit_alone(&c->requests, &c->workspace, r, place, p,
                              lms_stored_row(c, other), row, scale);
    }
#endif
    (void)p;
    return lms_seen_in_row(row, &c->workspace, r, place, scale);
}

#ifdef LMS_REQUESTS
/* Are the maxima of the row before those of this one? Some penalties depend on temperature. */
bool lms_has_maxima(__local const lms_sampling *s, long logits_row, const lms_row_params *p)
{
    const lms_request q = p->request;
    return s->has_maxima && s->logits_row == logits_row && s->request.slot == q.slot &&
           s->request.edits == q.edits && s->request.mask == q.mask &&
           s->request.unconditional == q.unconditional &&
           (!q.edits || s->temperature == p->filters.temperature);
}
#endif

#ifdef LMS_REQUESTS
/* Are few of the edited values of row r going to be read again? Those that are told of edited
 * rows are made of all. */
bool lms_reads_few(const lms_call *c, const lms_row_params *p)
{
    const uint of_stored = LMS_OUT_LOGPROB_RAW | LMS_OUT_RANK_RAW | LMS_OUT_ENTROPY_RAW;
    const uint of_views = LMS_OUT_TOP | LMS_OUT_NAMED;
    if (c->told & ~(of_stored | of_views)) return false;
    if (!(c->told & of_views) || !p->wants) return true;
    return !(c->requests.wants[p->wants - 1].flags & (LMS_WANT_EDITED | LMS_WANT_PROCESSED));
}

/* Has row r's edited values in order, if that is right for them: is it? */
bool lms_order_values(const lms_call *c, ulong r, const lms_row_params *p, float scale,
                      lms_logits *x)
{
    if (!x->edited || scale > 0.0f || !lms_reads_few(c, p)) return false;
    if (!lms_are_ordered(&c->requests, r, p, x)) return false;
    x->places = 0;
    return true;
}
#endif

/* The same, if the row before has not left it. Sums do not last, nor does a sequence to which
 * tokens are appended. */
uint lms_begin_alone(const lms_call *c, ulong r, ulong place, const lms_row_params *p,
                     float scale, long logits_row, lms_row *row, __local lms_sampling *s)
{
#ifdef LMS_REQUESTS
    const bool is_ordered = lms_order_values(c, r, p, scale, &row->logits);
    if (scale == 0.0f && lms_has_maxima(s, logits_row, p) && s->is_ordered == is_ordered) {
        return s->seen;
    }
    const uint seen = lms_edit_and_see(c, r, place, p, scale, row);
    s->has_maxima = c->workspace.is_fused && !(c->appends && p->request.slot);
    s->logits_row = logits_row;
    s->request = p->request;
    s->temperature = p->filters.temperature;
    s->is_ordered = is_ordered;
    s->seen = seen;
    return seen;
#else
    (void)logits_row;
    (void)s;
    return lms_edit_and_see(c, r, place, p, scale, row);
#endif
}

/* Row r of the batch, in a place of the workspace. */
LMS_APART
lms_outcome lms_do_row(const lms_call *c, ulong r, ulong place, __local lms_shared *shared,
                       __local lms_sampling *sampling)
{
    const lms_row_params p = lms_params_of_row(c, r);
    lms_outcome outcome = lms_outcome_of(c, r, &p);
    if (outcome.status != LMS_ROW_OK) return outcome;
    lms_row row = lms_row_to_sample(c, r, outcome.logits_row, place, shared);
    row.next = lms_after(c, r);
    const lms_rules rules = lms_sampler_rules(&p.filters, c->vocab);
    const uint wants_cut = lms_wants_cut(c, r, &p);
    const bool needs_cut = lms_needs_cut(&rules, wants_cut);
    lms_cutting cutting = lms_cutting_of(needs_cut ? rules : lms_rules_none());
    lms_drawing drawing = lms_drawing_of(lms_words_of(c, r, &p));
    cutting.seen = lms_begin_alone(c, r, place, &p, lms_sums_if_needed(&rules, wants_cut),
                                   outcome.logits_row, &row, sampling);
    lms_find_cut(&row, &cutting);
    if (cutting.step != LMS_CUT_EMPTY && lms_target_of(&p)) {
        drawing.token = (int)lms_target_of(&p) - 1;
    } else if (cutting.step != LMS_CUT_EMPTY) {
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
#ifdef LMS_REQUESTS
    uint target; /* of lms_target_of() */
#endif
    long logits_row;
    lms_row row;
    lms_cutting cutting;
    lms_team_draw draw;
    lms_proposals round;
} lms_sampling;

void lms_begin_sampling(__local lms_sampling *s) { (void)s; }

/* Work-item 0 begins a row that can be sampled. */
void lms_begin_row(const lms_call *c, ulong r, ulong place, __local lms_shared *shared,
                   __local lms_sampling *s)
{
    const lms_row_params p = lms_params_of_row(c, r);
    const lms_rules rules = lms_sampler_rules(&p.filters, c->vocab);
    s->logits_row = lms_logits_row_of(c, r);
    s->row = lms_row_to_sample(c, r, s->logits_row, place, shared);
    s->is_over = false;
    s->is_cutting = true;
#ifdef LMS_REQUESTS
    s->target = lms_target_of(&p);
#endif
    const bool needs_cut = lms_needs_cut(&rules, lms_wants_cut(c, r, &p));
    s->cutting = lms_cutting_of(needs_cut ? rules : lms_rules_none());
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
#ifdef LMS_REQUESTS
    if (s->target) {
        s->draw.d.token = (int)s->target - 1;
        s->is_over = true;
        return;
    }
#endif
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
    const lms_row_params p = lms_params_of_row(c, r);
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
