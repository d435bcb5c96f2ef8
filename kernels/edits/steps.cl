/* steps.cl - a row's edits of values in their order, behind guidance (specification, section
 * 26). Between steps that share their work out in different ways, a team meets. */
#pragma once
#include "edits/biases.cl"
#include "edits/guidance.cl"
#include "edits/penalties.cl"

/* What a row's edits look at. */
typedef struct lms_asked_edits {
    const lms_requests *q;
    __global const lms_row_edits *e;
    __global uint *counts;
    __global const uint *repeats;
    lms_slot slot; /* none, where a token is forced */
    lms_penalties penalties;
    uint generated;
    bool has_dry;
} lms_asked_edits;

lms_asked_edits lms_asked_edits_of(const lms_requests *q, ulong r, ulong place,
                                   const lms_row_params *p)
{
    lms_asked_edits a;
    a.q = q;
    a.e = q->edits + (p->request.edits - 1);
    a.counts = q->counts + place * q->max_length;
    a.repeats = q->repeats + r * q->max_length;
    a.slot = a.e->forced ? lms_slot_none() : lms_slot_of_row(q, r);
    a.penalties = lms_penalties_of(a.e, p->filters.temperature);
    a.generated = q->prepared[r].generated;
    a.has_dry = q->prepared[r].has_dry && !a.e->forced;
    return a;
}

bool lms_has_window(const lms_asked_edits *a)
{
    return a->e->window != 0 && a->e->window < a->slot.length &&
           lms_has_penalties(&a->penalties);
}

/* Lists: of a token that is forced, nothing else is edited. */
void lms_edit_listed(lms_edits *d, const lms_asked_edits *a)
{
    const uint forced = a->e->forced;
    if (forced) {
        const uint t = forced - 1;
        if (lms_is_own_token(d, t)) lms_put(d, t, lms_value(d, t), 0.0f);
        return;
    }
    if (a->e->bias) lms_edit_bias(d, &a->q->lists, a->e->bias);
    if (a->e->sequence_bias) {
        lms_edit_sequence_bias(d, &a->q->lists, a->e->sequence_bias, &a->slot);
    }
}

/* Penalties. Those of a window have been counted. */
void lms_edit_repeated(lms_edits *d, const lms_asked_edits *a)
{
    if (a->slot.length == 0 || !lms_has_penalties(&a->penalties)) return;
    if (lms_has_window(a)) {
        lms_edit_counted(d, &a->penalties, &a->slot, a->e->window, a->counts);
    } else {
        lms_edit_penalties(d, &a->penalties, &a->slot);
    }
}

void lms_edit_last(lms_edits *d, const lms_asked_edits *a)
{
    const bool decays = a->e->decay_factor != 0.0f && a->generated > a->e->decay_start;
    if (!decays || a->e->forced) return;
    lms_edit_decay(d, &a->q->lists, a->e->end_tokens, a->e->decay_factor,
                   a->generated - a->e->decay_start);
}

void lms_edit_repetitions(lms_edits *d, const lms_asked_edits *a)
{
    if (!a->has_dry) return;
    lms_edit_dry(d, &a->slot, a->repeats, a->e->dry_multiplier, a->e->dry_base);
}
