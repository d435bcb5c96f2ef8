/* search.cl - the rows of a search, whose requests are known by what is prepared of them. */
#pragma once
#include "edits/alone.cl"
#include "edits/together.cl"

/* What edits of values need of a row's parameters. Member by member: asked.cl says why. */
lms_row_params lms_params_of_search(const lms_requests *q, ulong r, lms_filters filters)
{
    lms_row_params p;
    p.seed = p.step = p.request.slot = 0;
    p.request.mask = p.request.reserved = p.wants = p.target = 0;
    p.reserved[0] = p.reserved[1] = 0;
    p.request.edits = q->prepared[r].edits;
    p.request.unconditional = q->prepared[r].unconditional;
    p.filters = filters;
    return p;
}

/* The row of the logits that guidance goes away from, or 0 if there is none. */
ulong lms_unconditional_of(const lms_requests *q, ulong r)
{
    const uint name = q->prepared ? q->prepared[r].unconditional : 0;
    return name ? name - 1 : 0;
}

/* Does the tile pass of row r, if no kernel before has, and the row's edits of values; returns
 * what was seen. */
uint lms_begin_search_row(const lms_requests *q, const lms_workspace *w, ulong r, ulong place,
                          lms_filters filters, lms_logits unconditional, lms_row *row,
                          float scale)
{
#if LMS_TEAM == 1
    if (row->logits.edited) {
        const lms_row_params p = lms_params_of_search(q, r, filters);
        return lms_edit_alone(q, w, r, place, &p, unconditional, row, scale);
    }
#else
    (void)q; /* larger teams have a kernel for that */
    (void)filters;
    (void)unconditional;
#endif
    return lms_seen_in_row(row, w, r, place, scale);
}

#if LMS_TEAM > 1
/* Edits the values of row r, if it has such edits, before the tile pass. */
void lms_patch_search_row(const lms_requests *q, ulong r, lms_filters filters,
                          lms_logits stored, lms_logits unconditional,
                          __local lms_shared *shared)
{
    if (lms_refused(q, r) || !q->prepared[r].has_values) return;
    const lms_row_params p = lms_params_of_search(q, r, filters);
    lms_edit_together(q, r, &p, stored, unconditional, shared);
}
#endif
