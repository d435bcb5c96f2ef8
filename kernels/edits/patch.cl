/* patch.cl - edits of logits' values by teams of more than one (specification, section 26).
 *
 *   in   logits, index, params as for lms_sample; what requests bring
 *   out  values float[rows][groups][32] and edited uint[rows][groups], of rows in which
 *        values are edited
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM
 *   mem  sizeof(lms_shared) local
 */
#pragma once
#include "edits/together.cl"

#if LMS_TEAM > 1
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_patch(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab, __global const int *index,
               ulong index_offset, uint has_index, __global const lms_row_params *params,
               ulong params_offset, LMS_REQUEST_ARGUMENTS)
{
    __local lms_shared shared;
    const ulong r = get_group_id(0);
    const long logits_row = has_index ? (long)index[index_offset + r] : (long)r;
    const lms_requests q = LMS_REQUESTS_GIVEN;
    if (logits_row < 0 || (ulong)logits_row >= logits_rows) return;
    if (prepared[r].status != LMS_ROW_OK || !prepared[r].has_values) return;
    const lms_row_params p = lms_params_of(&q, params + params_offset, r);
    const uint other = p.request.unconditional ? p.request.unconditional - 1 : 0;
    lms_edit_together(&q, r, &p, LMS_LOGITS_ROW(logits_row), LMS_LOGITS_ROW(other), &shared);
}
#endif
