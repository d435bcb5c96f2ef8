/* sample/sample.cl - a row's token, from the maxima of its groups and the few logits they point to.
 *
 *   in   logits, index as for lms_tile_maxima; its outputs, or with_tiles (teams of one only):
 *        then the row's tiles are done here, while the row is in the cache; params
 *        lms_row_params[rows]; words uint[rows][attempts][4] or none
 *   out  tokens int or long[rows]; status uint[rows]; outcome lms_outcome[rows] for lms_report;
 *        in teams of one, what report.cl writes
 *   run  work-groups of LMS_TEAM: one a row, or, in teams of one, any number, which share the
 *        rows out in runs
 *   mem  sizeof(lms_shared) local; list and sums: LMS_LIST entries and `tiles` sums for each
 *        team, global
 *
 * A row is a sequence of supersteps: lms_part_of() does a work-item's part of one, lms_meet()
 * combines the parts, lms_next() decides on the next step, alike in all work-items.
 *
 *   MAXIMUM -> FIRST                                                                greedy
 *   MAXIMUM -> [top-k] -> [top-p] -> ENVELOPE -> PREFIX -> ATTEMPTS                 all others
 *
 *   top-k:   HEAD .. -> COUNT -> LIST -> LIST_BINS .. -> LIST_TIES -> LIST_WALK
 *   top-p:   TOTAL -> HEAD .. -> COUNT -> LIST -> LIST_BINS .. -> LIST_TIES -> LIST_WALK
 *   too many candidates for the list, or too little mass among them:
 *            [BASE ->] ROW_BINS .. -> COUNT -> LIST -> LIST_BINS ..   or   ROW_TIES -> ROW_WALK
 */
#pragma once
#include "cut/next.cl"
#include "cut/part.cl"
#include "row/maxima.cl"
#include "row/params.h"

/* A row that can be sampled, from MAXIMUM to DONE. */
void lms_sample_row(lms_row *row, lms_task *t)
{
    t->step = LMS_STEP_MAXIMUM;
    t->attempt = 0;
    t->before = 0;
    while (t->step != LMS_STEP_DONE) {
        const lms_part part = lms_part_of(row, t);
        const lms_meeting m = lms_meet(row->shared, part, lms_target_of_step(t));
        lms_next(t, row, &m);
    }
}

/* What a call works on. */
typedef struct lms_call {
    __global const lms_element *logits;
    ulong stride;
    ulong logits_rows;
    uint vocab;
    __global const int *index; /* or 0 */
    __global const lms_row_params *params;
    __global const uint *words; /* or 0 */
    uint attempts;
    __global int *groups;
    __global int *tile_keys;
    __global const uint *seen;
    uint chunks;
    __global ulong *list;
    __global ulong *sums;
} lms_call;

long lms_source_of(const lms_call *c, ulong r)
{
    return c->index ? (long)c->index[r] : (long)r;
}

/* The row that is next in memory for this work-item: it may as well come while this one is
 * computed with. */
__global const lms_element *lms_after(const lms_call *c, ulong r, ulong rows)
{
    const long source = r + 1 < rows ? lms_source_of(c, r + 1) : LMS_SKIP_ROW;
    if (source < 0 || (ulong)source >= c->logits_rows) return 0;
    return c->logits + (ulong)source * c->stride;
}

/* Row r of the batch; `slot` is its place in the workspace. */
LMS_APART
lms_outcome lms_do_row(const lms_call *c, ulong r, ulong slot, ulong rows, uint with_tiles,
                       __local lms_shared *shared)
{
    lms_task task;
    const lms_row_params p = c->params[r];
    task.filters = p.filters;
    task.outcome.token = LMS_NO_TOKEN;
    task.outcome.filtered = 0;
    task.outcome.max_key = LMS_NEVER;
    task.cut = lms_cut_none();
    const long source = lms_source_of(c, r);
    task.outcome.source = source;
    const uint field = lms_bad_field(p);
    if (source == LMS_SKIP_ROW) {
        task.outcome.status = LMS_ROW_SKIPPED;
    } else if (source < 0 || (ulong)source >= c->logits_rows) {
        task.outcome.status = LMS_ROW_BAD_INDEX;
    } else if (field) {
        task.outcome.status = LMS_ROW_BAD_PARAMS | field << 8;
    } else {
        lms_row row = lms_row_at(c->logits + (ulong)source * c->stride, c->vocab, slot,
                                 c->groups, c->tile_keys, c->list, c->sums, shared);
        row.next = LMS_TEAM == 1 ? lms_after(c, r, rows) : 0;
        task.source.seed = p.seed;
        task.source.step = p.step;
        task.source.words = c->attempts ? c->words + r * c->attempts * 4 : 0;
        task.source.attempts = c->attempts ? min(c->attempts, LMS_ATTEMPTS) : LMS_ATTEMPTS;
        task.outcome.status = 0;
#if LMS_TEAM == 1
        if (with_tiles) {
            const lms_tiles tiles =
                lms_tiles_of(c->groups, c->tile_keys, c->sums, slot, c->vocab, &p.filters);
            task.outcome.status = lms_do_tiles(row.x, c->vocab, 0, row.tiles, &tiles);
        }
#endif
        for (uint i = 0; i < c->chunks && !with_tiles; ++i) {
            task.outcome.status |= c->seen[r * c->chunks + i];
        }
        lms_sample_row(&row, &task);
    }
    task.outcome.cut_key = task.cut.key;
    task.outcome.cut_id = task.cut.id;
    return task.outcome;
}

#ifdef LMS_REPORTS_AT_ONCE
#define LMS_AND_REPORT , LMS_REPORT_ARGUMENTS
#else
#define LMS_AND_REPORT
#endif

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_sample(__global const lms_element *logits, ulong offset, ulong stride, ulong logits_rows,
                uint vocab, __global const int *index, ulong index_offset, uint has_index,
                __global const lms_row_params *params, ulong params_offset,
                __global const uint *words, ulong words_offset, uint attempts, uint rows,
                __global int *groups, __global int *tile_keys, __global const uint *seen,
                uint chunks, uint with_tiles, __global ulong *list,
                __global ulong *sums, __global lms_outcome *outcomes,
                __global lms_token *tokens, ulong tokens_offset,
                __global uint *status, ulong status_offset, uint has_status LMS_AND_REPORT)
{
    __local lms_shared shared;
    const ulong team = get_group_id(0);
    lms_call c;
    c.logits = logits + offset;
    c.stride = stride;
    c.logits_rows = logits_rows;
    c.vocab = vocab;
    c.index = has_index ? index + index_offset : 0;
    c.params = params + params_offset;
    c.words = words + words_offset * 4;
    c.attempts = attempts;
    c.groups = groups;
    c.tile_keys = tile_keys;
    c.seen = seen;
    c.chunks = chunks;
    c.list = list;
    c.sums = sums;
#ifdef LMS_REPORTS_AT_ONCE
    const lms_report_to to = LMS_REPORT_TO;
#endif
    lms_clear_own_bins(&shared);
    /* A team has one row, unless it is a work-item: no barrier is in a loop over rows. */
#if LMS_TEAM == 1
    const ulong per = (rows + get_num_groups(0) - 1) / get_num_groups(0);
    for (ulong r = team * per; r < min((team + 1) * per, (ulong)rows); ++r) {
#else
    for (ulong r = team; r <= team; ++r) {
#endif
        const lms_outcome outcome = lms_do_row(&c, r, team, rows, with_tiles, &shared);
        if (lms_item() != 0) continue;
        outcomes[r] = outcome;
        tokens[tokens_offset + r] = (lms_token)outcome.token;
        if (has_status) status[status_offset + r] = outcome.status;
#ifdef LMS_REPORTS_AT_ONCE
        if (wanted) {
            const ulong source = outcome.token != LMS_NO_TOKEN ? (ulong)outcome.source : 0;
            const lms_row row = lms_row_at(c.logits + source * stride, vocab, team, groups,
                                           tile_keys, 0, 0, &shared);
            lms_report_row(&to, r, outcome, row, c.params[r].filters.temperature);
        }
#endif
    }
}
