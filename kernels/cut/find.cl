/* find.cl - a row's cut by a team of one, which can be found wherever it is needed. Larger
 * teams meet in every step: cut/next.cl. */
#pragma once
#include "cut/next.cl"
#include "cut/own.cl"

#if LMS_TEAM == 1

LMS_APART
void lms_find_cut(lms_row *row, lms_cutting *c)
{
    while (!lms_is_cut(c)) {
        const lms_part part = lms_cut_part(row, c);
        const lms_meeting m = lms_meet(row->shared, part, lms_cut_target(c));
        lms_next_cut(c, row, &m);
    }
}

#endif
