/* requests.cl - what a caller may want to know of rows with requests, beside their tokens
 * (specification, section 28): as report/report.cl, in samplers for requests.
 *
 *   in   as for lms_sample, and its outcome; what rows want
 *   out  each where `wanted` has its LMS_OUT_ bit: logprob_raw, logprob_edited, logprob,
 *        entropy_raw, entropy float[rows]; kept, rank_raw, rank_edited int[rows]; probs
 *        float[rows][probs_stride]; top_tokens int, top_values float[rows][top_stride];
 *        named_values float[rows][named_stride]
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM; a part of lms_sample in teams
 *        of one
 *   mem  sizeof(lms_shared) + sizeof(lms_tell) local; raw_keys int[rows][groups + tiles] and
 *        the list of each row, global
 */
#pragma once
#include "edits/append.cl"
#include "report/tell.cl"

#if LMS_TEAM == 1
#define LMS_REPORTS_AT_ONCE 1
#endif

#if LMS_TEAM > 1 && defined(LMS_REQUESTS)
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_report(LMS_LOGITS_ARGUMENTS, uint vocab, __global const lms_row_params *params,
                ulong params_offset, LMS_ROW_PASS_ARGUMENTS,
                __global const lms_outcome *outcomes,
                LMS_REPORT_ARGUMENTS, LMS_TELL_ARGUMENTS, LMS_REQUEST_ARGUMENTS,
                uint append)
{
    __local lms_shared shared;
    __local lms_tell tell;
    const lms_tell_to to = LMS_TELL_TO;
    const lms_requests requests = LMS_REQUESTS_GIVEN;
    const ulong r = get_group_id(0);
    const lms_outcome outcome = outcomes[r];
    const lms_row_params p = params[params_offset + r];
    const bool is_there = lms_told_token(&outcome, &p) != LMS_NO_TOKEN;
    const ulong at = is_there ? (ulong)outcome.logits_row : 0;
    const lms_workspace workspace = LMS_ROW_PASS_WORKSPACE;
    lms_row row = lms_row_at(LMS_LOGITS_ROW(at), &workspace, r, &shared);
    row.logits = lms_edited_logits(&requests, r, r, row.logits);
    lms_begin_meetings(&shared);
    lms_tell_row(&to, &requests, r, &outcome, &row, &p, &tell);
    if (append && lms_item() == 0) lms_append_token(&requests, r, outcome.token);
}
#endif
