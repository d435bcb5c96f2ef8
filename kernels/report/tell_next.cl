/* tell_next.cl - which step follows which while a row tells what its request wants, view by
 * view: decided by work-item 0.
 *
 *   [GROUPS -> [TILES ->]] SUMS -> [[CUT ..] -> LIST ->] STORE
 *
 * GROUPS and TILES are for the stored logits of a row that is edited; teams of one do both at
 * once. CUT has steps of its own. */
#pragma once
#include "cut/next.cl"
#include "report/tell_own.cl"

/* A row on its way. `row` is as the view has it. */
typedef struct lms_tell {
    lms_telling telling;
    lms_cutting cutting;
    lms_row edited;
    lms_row row;
} lms_tell;

/* What a row wants. What a list on the device has may be anything, but for what the kernel that
 * prepares rows has seen. */
void lms_tell_wants(lms_telling *o, const lms_tell_to *to, const lms_requests *q, uint entry)
{
    o->top_n = 0;
    o->flags = 0;
    o->named = 0;
    o->names = 0;
    if (entry == 0) return;
    const lms_row_wants wants = q->wants[entry - 1];
    o->flags = wants.flags;
    if (o->wanted & LMS_OUT_TOP) {
        o->top_n = (uint)min((ulong)min(wants.top_n, LMS_MAX_TOP), to->top_stride);
    }
    if (wants.named == 0 || wants.named > q->lists.count) return;
    const ulong begin = q->lists.offsets[wants.named - 1];
    const ulong end = min((ulong)q->lists.offsets[wants.named], q->lists.entries);
    if (!(o->wanted & LMS_OUT_NAMED) || begin >= end) return;
    o->named = (uint)min(end - begin, to->named_stride);
    o->names = begin;
}

/* What outputs tell of: the target, or the token that the row got; LMS_NO_TOKEN: nothing. */
int lms_told_token(const lms_outcome *outcome, const lms_row_params *p)
{
    const uint code = LMS_ROW_CODE(outcome->status);
    if (code != LMS_ROW_OK && code != LMS_ROW_EMPTY) return LMS_NO_TOKEN;
    return p->target ? (int)(p->target - 1) : outcome->token;
}

lms_telling lms_telling_of(const lms_tell_to *to, const lms_requests *q, ulong r,
                           const lms_outcome *outcome, const lms_row_params *p)
{
    lms_telling o;
    const lms_cut cut = lms_cut_at(outcome->cut_key, outcome->cut_id);
    o.r = r;
    o.wanted = to->of_all.wanted;
    o.token = (uint)lms_told_token(outcome, p);
    o.has_edits =
        q->prepared && (q->prepared[r].has_bans || q->prepared[r].has_values);
    o.is_greedy = outcome->filtered & LMS_GREEDY;
    o.is_filtered = outcome->filtered & LMS_FILTERED;
    o.temperature = p->filters.temperature;
    o.max_key = outcome->max_key;
    o.cut = o.is_filtered ? cut : lms_cut_none();
    lms_tell_wants(&o, to, q, p->wants);
    o.step = LMS_TELL_STORE;
    o.view = UINT_MAX;
    o.needs = 0;
    o.listed = 0;
    return o;
}

/* The largest key of the view's row is known. */
void lms_begin_view(lms_telling *o, const lms_row *row)
{
    const float temperature = lms_is_processed(o) ? o->temperature : 1.0f;
    o->step = LMS_TELL_SUMS;
    o->kept = lms_is_processed(o) ? o->cut : lms_cut_none();
    o->listed = 0;
    if (row->max_key == LMS_NEVER) {
        o->rank = 0;
        o->count = 0;
        o->step = LMS_TELL_STORE;
    } else if (!lms_is_of_first(o)) {
        o->scaled = lms_at_scale(lms_scale(temperature), row->max_key);
    }
}

/* Goes on to the next view that has something to tell. */
void lms_to_next_view(lms_telling *o, const lms_requests *q, ulong place,
                      LMS_OURS const lms_row *edited, lms_row *row)
{
    do {
        ++o->view;
        o->needs = o->view < LMS_VIEWS ? lms_needs_of(o, o->view) : 0;
    } while (o->view < LMS_VIEWS && o->needs == 0);
    o->step = LMS_TELL_DONE;
    o->is_summed = false;
    if (o->view >= LMS_VIEWS) return;
    *row = *edited;
    row->max_key = o->max_key;
    if (o->view == LMS_VIEW_RAW && o->has_edits) {
        *row = lms_raw_row(row, q, place);
        o->step = LMS_TELL_GROUPS;
    } else {
        lms_begin_view(o, row);
    }
}

/* Sums are known: looks for the best tokens, if they are wanted. */
void lms_after_sums(lms_telling *o, LMS_OURS lms_cutting *c, const lms_row *row)
{
    o->step = LMS_TELL_STORE;
    if (lms_needs_mass(o)) o->norm = lms_log_mass(&o->scaled, o->mass);
    if (!(o->needs & LMS_OUT_TOP)) return;
    o->step = LMS_TELL_LIST;
    o->best = o->kept;
    if (lms_is_of_first(o) || o->top_n >= row->logits.vocab) return;
    o->step = LMS_TELL_CUT;
    lms_to_first_k(c, row, o->top_n, o->scaled.s);
}

/* No default: a compiler tells which step is forgotten. */
void lms_next_tell(lms_telling *o, LMS_OURS lms_tell *s, const lms_requests *q, ulong place,
                   lms_row *row, const lms_meeting *m)
{
    switch (o->step) {
    case LMS_TELL_GROUPS:
        o->step = LMS_TELL_TILES;
        if (LMS_TEAM > 1) break;
        row->max_key = (int)m->best;
        lms_begin_view(o, row);
        break;
    case LMS_TELL_TILES:
        row->max_key = (int)m->best;
        lms_begin_view(o, row);
        break;
    case LMS_TELL_SUMS:
        if (lms_is_of_first(o)) o->kept = lms_cut_at(row->max_key, (uint)-m->best);
        o->mass = m->total;
        lms_after_sums(o, &s->cutting, row);
        break;
    case LMS_TELL_CUT:
        lms_next_cut(&s->cutting, row, m);
        if (!lms_is_cut(&s->cutting)) break;
        o->best = lms_tighter(o->kept, s->cutting.cut);
        o->step = LMS_TELL_LIST;
        break;
    case LMS_TELL_LIST:
        o->listed = (uint)min(m->total, (ulong)o->top_n);
        o->step = LMS_TELL_STORE;
        break;
    case LMS_TELL_STORE: lms_to_next_view(o, q, place, &s->edited, row); break;
    case LMS_TELL_DONE: break;
    }
}
