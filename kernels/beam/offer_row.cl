/* offer_row.cl - a live beam's row by a team, superstep by superstep. */
#pragma once
#include "beam/offer_steps.cl"

typedef struct lms_offering {
    lms_cutting cutting;
    lms_offer offer;
#if LMS_TEAM > 1
    lms_row row;
#endif
} lms_offering;

#if LMS_TEAM == 1

lms_own lms_offer_superstep(lms_row *row, lms_offering *s, lms_own own)
{
    const bool is_cutting = s->offer.step == LMS_OFFER_CUT;
    const lms_part part =
        is_cutting ? lms_cut_part(row, &s->cutting) : lms_offer_part(row, &s->offer, own);
    const ulong target = is_cutting ? lms_cut_target(&s->cutting) : 0;
    const lms_meeting m = lms_meet(row->shared, part, target);
    lms_offer_after(row, &s->offer, &m);
    lms_next_offer(&s->offer, &s->cutting, row, &m);
    own.sum = part.sum;
    own.before = m.before;
    return own;
}

void lms_offer_row(lms_row *row, lms_offering *s)
{
    lms_own own;
    own.before = 0;
    own.sum = 0;
    while (s->offer.step != LMS_OFFER_DONE) own = lms_offer_superstep(row, s, own);
}

#else

lms_part lms_offering_part(__local lms_shared *shared, __local lms_offering *s)
{
    if (s->offer.step == LMS_OFFER_CUT) return lms_cut_part(&s->row, shared, &s->cutting);
    const lms_row row = lms_own_row(&s->row, shared);
    lms_own own;
    own.before = shared->parts[lms_item()].sum;
    own.sum = shared->more[0][lms_item()];
    return lms_offer_part(&row, &s->offer, own);
}

void lms_offering_after(__local lms_shared *shared, __local lms_offering *s,
                        const lms_meeting *m)
{
    if (s->offer.step != LMS_OFFER_TOTAL && s->offer.step != LMS_OFFER_LIST) return;
    lms_row row = lms_own_row(&s->row, shared);
    lms_offer_after(&row, &s->offer, m);
}

/* Work-item 0 goes on. */
void lms_next_offering(__local lms_shared *shared, __local lms_offering *s,
                       const lms_meeting *m)
{
    lms_row row = lms_own_row(&s->row, shared);
    lms_offer o = s->offer;
    if (o.step == LMS_OFFER_TOTAL) {
        s->row.logits.suppressed = o.ends;
        s->row.logits.suppressed_count = o.end_count;
    }
    lms_next_offer(&o, &s->cutting, &row, m);
    s->offer = o;
    s->row.max_key = row.max_key;
}

void lms_offer_superstep(__local lms_shared *shared, __local lms_offering *s)
{
    const lms_part part = lms_offering_part(shared, s);
    const ulong target = s->offer.step == LMS_OFFER_CUT ? lms_cut_target(&s->cutting) : 0;
    const lms_meeting m = lms_meet(shared, part, target);
    lms_offering_after(shared, s, &m);
    /* Draws look there for what a work-item has, and what is before that. */
    shared->parts[lms_item()].sum = m.before;
    shared->more[0][lms_item()] = part.sum;
    lms_sync(); /* work-item 0 changes what all have read */
    if (lms_item() == 0) lms_next_offering(shared, s, &m);
    lms_sync();
}

void lms_offer_row(__local lms_shared *shared, __local lms_offering *s)
{
    lms_sync(); /* work-item 0 has begun it */
    while (s->offer.step != LMS_OFFER_DONE) lms_offer_superstep(shared, s);
}

#endif
