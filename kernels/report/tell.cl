/* tell.cl - what a row with a request tells beside its token, by a team, superstep by
 * superstep: report/tell_next.cl has their order. */
#pragma once
#include "cut/own.cl"
#include "report/tell_next.cl"

/* A work-item's part of a step but CUT. */
lms_tell_part lms_tell_part_own(const lms_tell_to *to, const lms_requests *q,
                                const lms_row *row, lms_telling *o)
{
    lms_tell_part own;
    own.part = lms_part_make(0, LONG_MIN);
    own.depth = 0;
    own.rank = 0;
    own.count = 0;
    switch (o->step) {
#if LMS_TEAM == 1
    case LMS_TELL_GROUPS:
        /* Sums while a block is at hand; with depths there are others. */
        o->is_summed = lms_needs_mass(o) && !(o->needs & LMS_OUT_ENTROPY_RAW);
        lms_raw_tiles_own(row, o->is_summed ? lms_scale(1.0f) : 0.0f);
        own.part.best = lms_largest_own(row);
        break;
    case LMS_TELL_LIST:
        own.part.sum = lms_best_own(row, o->best, 0, o->top_n, true);
        if (own.part.sum > LMS_FEW_BEST) lms_sort_best(row, (uint)own.part.sum);
        break;
    case LMS_TELL_TILES: break;
#else
    case LMS_TELL_GROUPS: lms_raw_groups_own(row); break;
    case LMS_TELL_TILES: own.part.best = lms_raw_tiles_own(row); break;
    case LMS_TELL_LIST:
        own.part.sum = lms_best_own(row, o->best, 0, 0, false);
        break;
#endif
    case LMS_TELL_SUMS: lms_tell_sums_own(row, o, &own); break;
    case LMS_TELL_STORE: lms_store_view_own(to, q, row, o); break;
    case LMS_TELL_CUT:
    case LMS_TELL_DONE: break;
    }
    return own;
}

#if LMS_TEAM == 1

void lms_tell_superstep(const lms_tell_to *to, const lms_requests *q, ulong place,
                        lms_tell *s)
{
    lms_telling *const o = &s->telling;
    const bool is_cutting = o->step == LMS_TELL_CUT;
    const ulong target = is_cutting ? lms_cut_target(&s->cutting) : 0;
    lms_tell_part own;
    if (is_cutting) {
        own.part = lms_cut_part(&s->row, &s->cutting);
    } else {
        own = lms_tell_part_own(to, q, &s->row, o);
    }
    const lms_meeting m = lms_meet(s->row.shared, own.part, target);
    if (o->step == LMS_TELL_SUMS) {
        o->depth = own.depth;
        o->rank = own.rank;
        o->count = own.count;
    }
    lms_next_tell(o, s, q, place, &s->row, &m);
}

/* Row r of the batch, in a place of the workspace. */
LMS_APART
void lms_tell_row(const lms_tell_to *to, const lms_requests *q, ulong r, ulong place,
                  const lms_outcome *outcome, const lms_row *row, const lms_row_params *p)
{
    lms_tell s;
    if (LMS_ROW_CODE(outcome->status) == LMS_ROW_SKIPPED) return;
    if (lms_told_token(outcome, p) == LMS_NO_TOKEN) {
        lms_store_none_own(to, row, r);
        return;
    }
    s.telling = lms_telling_of(to, q, r, outcome, p);
    s.edited = *row;
    lms_store_nothing_own(to, r, s.telling.top_n, s.telling.named);
    lms_to_next_view(&s.telling, q, place, &s.edited, &s.row);
    while (s.telling.step != LMS_TELL_DONE) lms_tell_superstep(to, q, place, &s);
}

#else

/* This work-item's part of a step; LMS_MORE sums of it are where meetings add them up. */
lms_part lms_tell_step_own(const lms_tell_to *to, const lms_requests *q,
                           __local lms_shared *shared, __local lms_tell *s)
{
    if (s->telling.step == LMS_TELL_CUT) return lms_cut_part(&s->row, shared, &s->cutting);
    const lms_row row = lms_own_row(&s->row, shared);
    lms_telling o = s->telling;
    const lms_tell_part own = lms_tell_part_own(to, q, &row, &o);
    shared->more[0][lms_item()] = own.depth;
    shared->more[1][lms_item()] = own.rank;
    shared->more[2][lms_item()] = own.count;
    return own.part;
}

/* Work-item 0 goes on. */
void lms_tell_next(const lms_requests *q, ulong place, __local lms_shared *shared,
                   __local lms_tell *s, const lms_meeting *m)
{
    lms_row row = lms_own_row(&s->row, shared);
    lms_telling o = s->telling;
    if (o.step == LMS_TELL_SUMS) {
        o.depth = lms_total_of_more(shared, 0);
        o.rank = lms_total_of_more(shared, 1);
        o.count = lms_total_of_more(shared, 2);
    }
    lms_next_tell(&o, s, q, place, &row, m);
    s->telling = o;
    s->row = row;
}

void lms_tell_superstep(const lms_tell_to *to, const lms_requests *q, ulong place,
                        __local lms_shared *shared, __local lms_tell *s)
{
    const bool is_cutting = s->telling.step == LMS_TELL_CUT;
    const ulong target = is_cutting ? lms_cut_target(&s->cutting) : 0;
    const lms_part part = lms_tell_step_own(to, q, shared, s);
    const lms_meeting m = lms_meet_more(shared, part, target, LMS_MORE);
    if (s->telling.step == LMS_TELL_LIST) {
        const lms_row row = lms_own_row(&s->row, shared);
        lms_best_own(&row, s->telling.best, m.before, s->telling.top_n, true);
    }
    lms_sync(); /* work-item 0 changes what all have read */
    if (lms_item() == 0) lms_tell_next(q, place, shared, s, &m);
    lms_sync();
}

/* Row r of the batch. */
void lms_tell_row(const lms_tell_to *to, const lms_requests *q, ulong r,
                  const lms_outcome *outcome, const lms_row *row, const lms_row_params *p,
                  __local lms_tell *s)
{
    if (LMS_ROW_CODE(outcome->status) == LMS_ROW_SKIPPED) return;
    if (lms_told_token(outcome, p) == LMS_NO_TOKEN) {
        lms_store_none_own(to, row, r);
        return;
    }
    lms_telling o = lms_telling_of(to, q, r, outcome, p);
    lms_store_nothing_own(to, r, o.top_n, o.named);
    if (lms_item() == 0) {
        lms_row first = *row;
        s->edited = first;
        lms_to_next_view(&o, q, r, &s->edited, &first);
        s->row = first;
        s->telling = o;
    }
    lms_sync();
    do {
        lms_tell_superstep(to, q, r, row->shared, s);
    } while (s->telling.step != LMS_TELL_DONE);
}

#endif
