/* together.cl - a row's edits of values by a team of more than one. */
#pragma once
#include "edits/steps.cl"
#include "team/meeting.cl"

#if LMS_TEAM > 1

/* The key of a tile's largest token. */
int lms_tile_key(const lms_logits *x, uint tile)
{
    int key = LMS_NEVER;
    uint seen = 0;
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        key = max(key, lms_group_key(x, tile * LMS_TILE + g * LMS_GROUP, &seen));
    }
    return key;
}

/* The largest key in this work-item's part of a row; its part of the row's mass. */
long lms_largest_part(const lms_logits *x, uint item)
{
    int key = LMS_NEVER;
    for (uint tile = item; tile < lms_tiles_of(x->vocab); tile += LMS_TEAM) {
        key = max(key, lms_tile_key(x, tile));
    }
    return key;
}
ulong lms_mass_part(const lms_logits *x, const lms_scaled *scaled, uint item)
{
    ulong mass = 0;
    for (uint tile = item; tile < lms_tiles_of(x->vocab); tile += LMS_TEAM) {
        const lms_unit unit = lms_unit_of(scaled, lms_tile_key(x, tile));
        if (unit.shift >= LMS_NO_SHARE) continue;
        mass += lms_mass_of_sum(unit.shift, lms_tile_sum(x, tile, unit));
    }
    return mass;
}

/* What makes log-probabilities of two rows, in four steps: maximum and mass of each. If that is
 * not wanted, one step that does nothing. */
void lms_log_scales(lms_logits a, lms_logits b, bool is_wanted, __local lms_shared *shared,
                    lms_log_scale scales[2])
{
    const float scale = lms_scale(1.0f);
    scales[0].is_wanted = scales[1].is_wanted = false;
    scales[0].max_key = scales[1].max_key = LMS_NEVER;
    for (uint step = 0; step < (is_wanted ? 4 : 1); ++step) {
        const lms_logits x = step < 2 ? a : b;
        lms_log_scale s = scales[step / 2];
        lms_part part = lms_part_make(0, LONG_MIN);
        const lms_scaled scaled = lms_at_scale(scale, s.max_key);
        if (is_wanted && step % 2 == 0) part.best = lms_largest_part(&x, lms_item());
        if (is_wanted && step % 2 == 1) part.sum = lms_mass_part(&x, &scaled, lms_item());
        const lms_meeting m = lms_meet(shared, part, 0);
        if (step % 2 == 0) {
            s.max_key = (int)m.best;
        } else if (s.max_key != LMS_NEVER) {
            s.is_wanted = true;
            s.log_mass = lms_log_mass(&scaled, m.total);
        }
        scales[step / 2] = s;
    }
}

/* All steps of a row. */
void lms_edit_row(lms_edits *d, const lms_asked_edits *a, lms_logits conditional,
                  lms_logits unconditional, bool is_guided, __local lms_shared *shared)
{
    const bool is_log = is_guided && (a->e->flags & LMS_GUIDANCE_LOGPROBS);
    lms_log_scale scales[2];
    lms_log_scales(conditional, unconditional, is_log, shared, scales);
    if (is_guided) {
        lms_edit_guidance(d, conditional, unconditional, scales[0], scales[1], a->e->guidance);
    } else {
        lms_clear_edits(d, conditional.vocab);
    }
    if (lms_has_window(a)) {
        lms_count_window(d, &a->slot, a->e->flags, a->e->window, a->counts);
    }
    lms_sync();
    lms_edit_listed(d, a);
    lms_sync();
    lms_edit_repeated(d, a);
    lms_sync();
    lms_edit_repetitions(d, a);
    lms_sync();
    lms_edit_last(d, a);
}

/* The values of row r of a call, whose logits are `x`; it has edits of such. */
void lms_edit_together(const lms_requests *q, ulong r, const lms_row_params *p, lms_logits x,
                       lms_logits unconditional, __local lms_shared *shared)
{
    const lms_asked_edits a = lms_asked_edits_of(q, r, r, p);
    const ulong groups = lms_tiles_of(x.vocab) * LMS_TILE_GROUPS;
    lms_edits d;
    d.stored = x.stored;
    d.edited = q->edited + r * groups;
    d.values = q->values + r * groups * LMS_GROUP;
    d.bans = 0;
    d.item = lms_item();
    lms_begin_meetings(shared);
    lms_edit_row(&d, &a, x, unconditional, lms_is_guided(q, p) && !a.e->forced, shared);
}

#endif
