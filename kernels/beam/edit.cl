/* edit.cl - edits of the values of live beams' rows, by teams of more than one (specification,
 * section 26).
 *
 *   in   as for lms_beam_tiles; what requests bring
 *   out  values float[rows][groups][32] and edited uint[rows][groups], of rows in which values
 *        are edited
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM
 *   mem  sizeof(lms_shared) local
 */
#pragma once
#include "beam/slots.cl"
#include "edits/search.cl"

#if LMS_TEAM > 1
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_patch(LMS_LOGITS_ARGUMENTS, uint vocab, __global const lms_beam_entry *entries,
                    __global lms_beam_state *states, __global lms_beam_group *beam_groups,
                    uint max_width, LMS_REQUEST_ARGUMENTS)
{
    __local lms_shared shared;
    const ulong r = get_group_id(0);
    const lms_beam_entry e = entries[r];
    const lms_requests q = LMS_REQUESTS_GIVEN;
    const lms_beams beams = lms_beams_of(states, beam_groups, 0, 0, max_width, 0);
    if (!lms_is_live(&beams, e)) return;
    lms_patch_search_row(&q, r, states[e.slot].p.filters, LMS_LOGITS_ROW(e.row),
                         LMS_LOGITS_ROW(lms_unconditional_of(&q, r)), &shared);
}
#endif
