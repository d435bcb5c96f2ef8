/* report.cl - what a caller may want to know beside the token (specification, section 9). Only
 * samplers that were made for it have it. In teams of one, lms_sample reports on a row right
 * after its token, while the row is in the cache and its maxima are in the workspace. Other
 * teams have a kernel for it, lms_report, as each barrier of a kernel is dear. Rows with
 * requests have report/requests.cl in the place of this.
 *
 *   in   as for lms_sample, and its outcome
 *   out  logprob_raw, logprob float[rows]; kept int[rows]; probs float[rows][probs_stride],
 *        each where `wanted` has its LMS_OUT_ bit
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM
 *   mem  sizeof(lms_shared) local
 */
#pragma once
#include "report/row.cl"

#if LMS_TEAM == 1
#define LMS_REPORTS_AT_ONCE 1
#endif

#if LMS_TEAM > 1
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_report(LMS_LOGITS_ARGUMENTS, uint vocab, __global const lms_row_params *params,
                ulong params_offset, __global int *groups, __global int *tile_keys,
                __global const lms_outcome *outcomes, LMS_REPORT_ARGUMENTS)
{
    __local lms_shared shared;
    const lms_report_to to = LMS_REPORT_TO;
    const ulong r = get_group_id(0);
    const lms_outcome outcome = outcomes[r];
    const ulong at = outcome.token != LMS_NO_TOKEN ? (ulong)outcome.logits_row : 0;
    const lms_workspace workspace = lms_workspace_of(groups, tile_keys, 0, 0, 0, false, 0);
    const lms_row row = lms_row_at(LMS_LOGITS_ROW(at), &workspace, r, &shared);
    lms_report_row(&to, r, outcome, row, params[params_offset + r].filters.temperature);
}
#endif
