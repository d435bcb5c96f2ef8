/* edit.cl - edits of the values of rows of logits, by teams of more than one (specification,
 * section 26).
 *
 *   in   as for lms_contrastive_tiles; what requests bring
 *   out  values float[rows][groups][32] and edited uint[rows][groups], of rows in which values
 *        are edited
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM
 *   mem  sizeof(lms_shared) local
 */
#pragma once
#include "edits/search.cl" /* rows.cl has such rows by it */
#include "contrastive/rows.cl"

#if LMS_TEAM > 1
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_contrastive_patch(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab,
                           __global const lms_proposal_entry *entries,
                           __global const int *index, ulong index_offset, uint has_index,
                           LMS_REQUEST_ARGUMENTS)
{
    __local lms_shared shared;
    const ulong r = get_group_id(0);
    const lms_proposal_entry e = entries[r];
    const long logits_row = lms_proposal_row(&e, index + index_offset, has_index, r);
    const lms_requests q = LMS_REQUESTS_GIVEN;
    if (logits_row < 0 || (ulong)logits_row >= logits_rows) return;
    lms_patch_search_row(&q, r, e.filters, LMS_LOGITS_ROW(logits_row),
                         LMS_LOGITS_ROW(lms_unconditional_of(&q, r)), &shared);
}
#endif
