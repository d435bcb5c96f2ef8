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
 */
#pragma once
#include "sample/row.cl"
#ifdef LMS_REQUESTS
#include "edits/append.cl"
#endif

#if defined(LMS_REPORTS_AT_ONCE) && defined(LMS_REQUESTS)
#define LMS_AND_REPORT , LMS_REPORT_ARGUMENTS, LMS_TELL_ARGUMENTS
#elif defined(LMS_REPORTS_AT_ONCE)
#define LMS_AND_REPORT , LMS_REPORT_ARGUMENTS
#else
#define LMS_AND_REPORT
#endif

#ifdef LMS_REQUESTS
#define LMS_AND_APPEND , uint append /* the call's last kernel does it */
#else
#define LMS_AND_APPEND
#endif

#if defined(LMS_REPORTS_AT_ONCE) && defined(LMS_REQUESTS)
/* Reports on row r, which is in a place of the workspace. Where there is nothing to tell of,
 * the row may be any. */
void lms_tell_at_once(const lms_call *c, const lms_tell_to *to, ulong r, ulong place,
                      const lms_outcome *outcome, __local lms_shared *shared)
{
    const lms_row_params p = c->params[r];
    const bool is_there = lms_told_token(outcome, &p) != LMS_NO_TOKEN;
    const long at = is_there ? (long)outcome->logits_row : 0;
    const lms_row row = lms_row_to_sample(c, r, at, place, shared);
    lms_tell_row(to, &c->requests, r, place, outcome, &row, &p);
}
#endif

/* AMD's compilers take registers for constants of the whole kernel as long as there are any.
 * With 128 of them, next to nothing goes to memory, and local memory allows no more waves. */
#ifdef __AMDGCN__
#define LMS_SAMPLE_WAVES __attribute__((amdgpu_waves_per_eu(4)))
#else
#define LMS_SAMPLE_WAVES
#endif

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1))) LMS_SAMPLE_WAVES
void lms_sample(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab, __global const int *index,
                ulong index_offset, uint has_index, __global const lms_row_params *params,
                ulong params_offset, __global const uint *words, ulong words_offset,
                uint attempts, uint wants_cut, uint rows, LMS_ROW_PASS_ARGUMENTS,
                __global lms_outcome *outcomes, __global lms_token *tokens,
                ulong tokens_offset, __global uint *status, ulong status_offset,
                uint has_status LMS_AND_REQUESTS LMS_AND_APPEND LMS_AND_REPORT)
{
    __local lms_shared shared;
    __local lms_sampling sampling;
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
#ifdef LMS_REQUESTS
    const lms_requests requests = LMS_REQUESTS_GIVEN;
    c.requests = requests;
    c.appends = append != 0;
#ifdef LMS_REPORTS_AT_ONCE
    c.told = wanted;
#else
    c.told = 0;
#endif
    lms_begin_sampling(&sampling);
#endif
#if defined(LMS_REPORTS_AT_ONCE) && defined(LMS_REQUESTS)
    const lms_tell_to to = LMS_TELL_TO;
#elif defined(LMS_REPORTS_AT_ONCE)
    const lms_report_to to = LMS_REPORT_TO;
#endif
    lms_begin_meetings(&shared);
    for (ulong r = team * each; r < end; ++r) {
        const lms_outcome outcome = lms_do_row(&c, r, team, &shared, &sampling);
        if (lms_item() != 0) continue;
#ifdef LMS_REQUESTS
        if (append) lms_append_token(&c.requests, r, outcome.token);
#endif
        outcomes[r] = outcome;
        tokens[tokens_offset + r] = (lms_token)outcome.token;
        if (has_status) status[status_offset + r] = outcome.status;
#if defined(LMS_REPORTS_AT_ONCE) && defined(LMS_REQUESTS)
        if (wanted) lms_tell_at_once(&c, &to, r, team, &outcome, &shared);
#elif defined(LMS_REPORTS_AT_ONCE)
        if (wanted) {
            const long at = outcome.token != LMS_NO_TOKEN ? outcome.logits_row : 0;
            const lms_row row = lms_row_to_sample(&c, r, at, team, &shared);
            lms_report_row(&to, r, outcome, row, c.params[r].filters.temperature);
        }
#endif
    }
}
