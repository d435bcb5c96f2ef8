/* sample.cl - a row's token, from the maxima of its groups and the few logits they point to.
 *
 *   in   logits, index as for lms_tile_maxima; its outputs, or with_tiles (teams of one only):
 *        then the row's tiles are done here, while the row is in the cache; params
 *        lms_row_params[rows]; words uint[rows][attempts][4] or none
 *   out  tokens int or long[rows]; status uint[rows]; outcomes lms_outcome[rows] for
 *        lms_report; in teams of one, what report/report.cl writes
 *   run  work-groups of LMS_TEAM: one a row, or, in teams of one, any number, which share the
 *        rows out in runs
 *   mem  sizeof(lms_shared) local; list and sums: LMS_LIST entries and `tiles` sums for each
 *        team, global
 *
 * First a row's maximum, and its cut where that is needed (rules/rules.cl says when); then a
 * draw. A team of one draws from top to bottom. Larger ones go on as they find a cut: a
 * work-item does its part of a superstep, lms_meet() combines the parts, and the next one is
 * decided on, alike in all work-items. */
#pragma once
#include "cut/next.cl"
#include "cut/own.cl"
#include "draw/alone.cl"
#include "draw/together.cl"
#include "row/params.h"
#include "row/maxima.cl"

#if LMS_TEAM == 1

/* A row that can be sampled. `c` has its rules if its cut has to be found, and else none. */
void lms_sample_row(lms_row *row, const lms_filters *filters, const lms_rules *rules,
                    lms_cutting *c, lms_drawing *d)
{
    lms_find_cut(row, c);
    if (c->step == LMS_CUT_EMPTY) return;
    lms_draw_alone(row, filters, rules, lms_has_rules(&c->rules) ? &c->cut : 0, d);
}

#else

void lms_sample_row(lms_row *row, const lms_filters *filters, const lms_rules *rules,
                    lms_cutting *c, lms_drawing *d)
{
    lms_team_draw t;
    bool is_cutting = true;
    t.d = *d;
    t.rules = *rules;
    t.step = LMS_DRAW_DONE;
    /* The one loop has the one meeting: see team/meeting.cl. */
    while (is_cutting || t.step != LMS_DRAW_DONE) {
        const lms_part part = is_cutting ? lms_cut_part(row, c) : lms_draw_part(row, &t);
        const lms_meeting m = lms_meet(row->shared, part,
                                       is_cutting ? lms_cut_target(c) : lms_draw_target(&t));
        if (!is_cutting) {
            lms_next_draw(&t, row, &m);
            continue;
        }
        lms_next_cut(c, row, &m);
        is_cutting = !lms_is_cut(c);
        if (!is_cutting && c->step == LMS_CUT_FOUND) {
            lms_begin_together(&t, row, filters, lms_has_rules(&c->rules) ? &c->cut : 0);
        }
    }
    *d = t.d;
}

#endif

/* What a call works on. */
typedef struct lms_call {
    __global const lms_element *logits;
    ulong stride;
    ulong logits_rows;
    uint vocab;
    uint rows;
    __global const int *index; /* or 0 */
    __global const lms_row_params *params;
    __global const uint *words; /* or 0 */
    uint attempts;
    uint wants_cut; /* outputs tell what rows keep */
    lms_workspace workspace;
} lms_call;

/* The index of row r: a row of the logits, LMS_SKIP_ROW, or, where it comes from the device,
 * anything. Whoever calls this checks it. */
long lms_logits_row_of(const lms_call *c, ulong r)
{
    return c->index ? (long)c->index[r] : (long)r;
}

/* The logits that this work-item reads after row r, or 0: they may as well come while that one
 * is computed with. */
__global const lms_element *lms_after(const lms_call *c, ulong r)
{
    const long next = r + 1 < c->rows ? lms_logits_row_of(c, r + 1) : LMS_SKIP_ROW;
    if (next < 0 || (ulong)next >= c->logits_rows) return 0;
    return c->logits + (ulong)next * c->stride;
}

lms_words lms_words_of(const lms_call *c, ulong r, const lms_row_params *p)
{
    lms_words words;
    words.seed = p->seed;
    words.step = p->step;
    words.given = c->attempts ? c->words + r * c->attempts * 4 : 0;
    words.attempts = c->attempts ? min(c->attempts, LMS_ATTEMPTS) : LMS_ATTEMPTS;
    return words;
}

/* Why row r cannot be sampled, or LMS_ROW_OK. */
uint lms_refusal(const lms_call *c, long logits_row, const lms_row_params *p)
{
    const uint field = lms_bad_field(*p);
    if (logits_row == LMS_SKIP_ROW) return LMS_ROW_SKIPPED;
    if (logits_row < 0 || (ulong)logits_row >= c->logits_rows) return LMS_ROW_BAD_INDEX;
    return field ? LMS_ROW_BAD_PARAMS | field << 8 : LMS_ROW_OK;
}

/* Row r of the batch, in a place of the workspace. */
LMS_APART
lms_outcome lms_do_row(const lms_call *c, ulong r, ulong place, __local lms_shared *shared)
{
    const lms_row_params p = c->params[r];
    const lms_cut no_cut = lms_cut_none();
    lms_outcome outcome;
    outcome.logits_row = lms_logits_row_of(c, r);
    outcome.token = LMS_NO_TOKEN;
    outcome.status = lms_refusal(c, outcome.logits_row, &p);
    outcome.filtered = 0;
    outcome.attempts = 0;
    outcome.passes = 0;
    outcome.max_key = LMS_NEVER;
    outcome.cut_key = no_cut.key;
    outcome.cut_id = no_cut.id;
    if (outcome.status != LMS_ROW_OK) return outcome;
    const lms_logits x =
        lms_logits_at(c->logits + (ulong)outcome.logits_row * c->stride, c->vocab);
    lms_row row = lms_row_at(x, &c->workspace, place, shared);
    row.next = LMS_TEAM == 1 ? lms_after(c, r) : 0;
    const lms_rules rules = lms_sampler_rules(&p.filters, c->vocab);
    const bool needs_cut = lms_needs_cut(&rules, c->wants_cut);
    lms_cutting cutting = lms_cutting_of(needs_cut ? rules : lms_rules_none());
    lms_drawing drawing = lms_drawing_of(lms_words_of(c, r, &p));
    cutting.seen = lms_seen_in_row(&row, &c->workspace, r, place,
                                   lms_sums_if_needed(&rules, c->wants_cut));
    lms_sample_row(&row, &p.filters, &rules, &cutting, &drawing);
    outcome.token = drawing.token;
    outcome.attempts = drawing.attempts;
    outcome.passes = drawing.judge.passes;
    outcome.status = cutting.seen | drawing.status;
    outcome.max_key = row.max_key;
    outcome.cut_key = cutting.cut.key;
    outcome.cut_id = cutting.cut.id;
    if (row.max_key == LMS_NEVER) return outcome;
    if (lms_is_greedy(&p.filters)) outcome.filtered = LMS_GREEDY;
    if (lms_has_rules(&rules)) outcome.filtered = LMS_FILTERED;
    return outcome;
}

#ifdef LMS_REPORTS_AT_ONCE
#define LMS_AND_REPORT , LMS_REPORT_ARGUMENTS
#else
#define LMS_AND_REPORT
#endif

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_sample(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab, __global const int *index,
                ulong index_offset, uint has_index, __global const lms_row_params *params,
                ulong params_offset, __global const uint *words, ulong words_offset,
                uint attempts, uint wants_cut, uint rows, LMS_ROW_PASS_ARGUMENTS,
                __global lms_outcome *outcomes, __global lms_token *tokens,
                ulong tokens_offset, __global uint *status, ulong status_offset,
                uint has_status LMS_AND_REPORT)
{
    __local lms_shared shared;
    const ulong team = get_group_id(0), each = lms_rounds(rows, get_num_groups(0));
    const ulong end = LMS_TEAM == 1 ? min((team + 1) * each, (ulong)rows) : team + 1;
    lms_call c;
    c.logits = logits + logits_offset;
    c.stride = stride;
    c.logits_rows = logits_rows;
    c.vocab = vocab;
    c.rows = rows;
    c.index = has_index ? index + index_offset : 0;
    c.params = params + params_offset;
    c.words = words + words_offset * 4;
    c.attempts = attempts;
    c.wants_cut = wants_cut;
    c.workspace = LMS_ROW_PASS_WORKSPACE;
#ifdef LMS_REPORTS_AT_ONCE
    const lms_report_to to = LMS_REPORT_TO;
#endif
    lms_begin_meetings(&shared);
    for (ulong r = team * each; r < end; ++r) {
        const lms_outcome outcome = lms_do_row(&c, r, team, &shared);
        if (lms_item() != 0) continue;
        outcomes[r] = outcome;
        tokens[tokens_offset + r] = (lms_token)outcome.token;
        if (has_status) status[status_offset + r] = outcome.status;
#ifdef LMS_REPORTS_AT_ONCE
        if (wanted) {
            const ulong at = outcome.token != LMS_NO_TOKEN ? (ulong)outcome.logits_row : 0;
            const lms_row row =
                lms_row_at(LMS_LOGITS_ROW(at), &c.workspace, team, &shared);
            lms_report_row(&to, r, outcome, row, c.params[r].filters.temperature);
        }
#endif
    }
}
