/* beam/offer_steps.cl - which step of an offer follows which: alike in all work-items of a team. */
#pragma once
#include "beam/offer.cl"
#include "cut/begin.cl"
#include "cut/part.cl"
#include "draw/without_replacement.cl"

/* How a row begins. */
void lms_to_offer(lms_task *t, const lms_offer *o)
{
    t->step = LMS_STEP_MAXIMUM;
    if (o->end_count > 0) t->step = LMS_STEP_OFFER_WHOLE;
}

void lms_after_whole(lms_task *t, lms_offer *o, int max_key)
{
    t->step = max_key == LMS_NEVER ? LMS_STEP_DONE : LMS_STEP_OFFER_TOTAL;
    if (max_key == LMS_KEY_INF) t->outcome.status |= LMS_ROW_INF_SEEN;
    o->top_key = max_key;
    if (max_key != LMS_NEVER) {
        t->draw_scale = lms_at_scale(lms_scale(t->filters.temperature), max_key);
    }
}

void lms_after_total(lms_task *t, lms_offer *o, lms_row *row, ulong total)
{
    o->norm = lms_norm(&t->draw_scale, total);
    lms_suppress_own(row, o);
    t->step = LMS_STEP_MAXIMUM;
}

/* Looks for the key that is worth listing: that of the want-th token. */
void lms_to_listing(lms_task *t, lms_offer *o, const lms_row *row)
{
    o->low = INT_MAX; /* no class */
    o->high = LMS_NEVER;
    o->quota = 0;
    if (o->want >= row->vocab) {
        t->step = LMS_STEP_OFFER_TALLY;
        return;
    }
    o->searching = true;
    t->filters.top_k = (int)o->want;
    t->filters.top_p = 1.0f;
    t->filters.min_p = 0.0f;
    t->filters.flags = 0;
    t->cut = lms_cut_none();
    lms_to_filters(t, row);
}

/* A search for a cut is over. */
void lms_after_cut(lms_task *t, lms_offer *o, const lms_row *row)
{
    if (!o->searching) {
        o->kept = t->cut;
        t->step = LMS_STEP_OFFER_MASS;
        return;
    }
    t->step = LMS_STEP_OFFER_TALLY;
    /* Otherwise the filters, or the row, have no more than are wanted. */
    if (t->cut.key > LMS_NEVER + 1 && lms_keeps(o->kept, t->cut.key, t->cut.id)) {
        lms_class_of(o, row, t->cut.key);
    }
}

void lms_after_mass(lms_task *t, lms_offer *o, const lms_row *row, ulong mass)
{
    if (o->of_eligible || o->end_count == 0) {
        o->top_key = row->max_key;
        o->norm = lms_norm(&t->draw_scale, mass);
    }
    o->left = mass;
    if (o->mode == LMS_BEAM_SEARCH) {
        lms_to_listing(t, o, row);
    } else {
        lms_to_draws(t, o, row);
    }
}

void lms_after_offer_tally(lms_task *t, lms_offer *o, ulong counts)
{
    const uint above = (uint)counts, tied = (uint)(counts >> 32);
    o->quota = o->want > above ? min(o->want - above, tied) : 0;
    o->count = min(above + (uint)o->quota, o->want);
    t->step = LMS_STEP_OFFER_LIST;
}

void lms_next_offer(lms_task *t, lms_offer *o, lms_row *row, const lms_meeting *m)
{
    t->before = m->before;
    switch (t->step) {
    case LMS_STEP_OFFER_WHOLE: lms_after_whole(t, o, (int)m->best); break;
    case LMS_STEP_OFFER_TOTAL: lms_after_total(t, o, row, m->total); break;
    case LMS_STEP_OFFER_MASS: lms_after_mass(t, o, row, m->total); break;
    case LMS_STEP_OFFER_TALLY: lms_after_offer_tally(t, o, m->total); break;
    case LMS_STEP_OFFER_LIST: t->step = LMS_STEP_DONE; break;
    case LMS_STEP_OFFER_DRAW: lms_after_draw(t, o, row, m); break;
    default: break;
    }
}

lms_part lms_offer_part(const lms_row *row, lms_task *t, lms_offer *o)
{
    lms_part part;
    part.sum = 0;
    part.best = LONG_MIN;
    switch (t->step) {
    case LMS_STEP_OFFER_WHOLE: part.best = lms_largest_own(row); break;
    case LMS_STEP_OFFER_TOTAL: part.sum = lms_total_of(row, t, o); break;
    case LMS_STEP_OFFER_MASS:
        if (o->of_eligible) {
            part.sum = lms_eligible_own(row, t, o);
        } else if (o->end_count == 0) {
            part.sum = lms_total_of(row, t, o);
        }
        break;
    case LMS_STEP_OFFER_TALLY: part.sum = lms_offer_own(row, o, 0, false); break;
    case LMS_STEP_OFFER_LIST: lms_offer_own(row, o, t->before, true); break;
    case LMS_STEP_OFFER_DRAW: part = lms_draw_part(row, t, o); break;
    default: break;
    }
    t->own = part.sum;
    return part;
}
