/* offer_row.cl - a live beam's row by a team, superstep by superstep. */
#pragma once
#include "beam/offer_steps.cl"

typedef struct lms_offering {
    lms_cutting cutting;
    lms_offer offer;
    int max_key; /* once it is known: larger teams */
} lms_offering;

#if LMS_TEAM == 1

lms_own lms_offer_superstep(lms_row *row, lms_offering *s, lms_own own)
{
    const lms_part part = lms_offer_part(row, &s->cutting, &s->offer, own);
    const ulong target = s->offer.step == LMS_OFFER_CUT ? lms_cut_target(&s->cutting) : 0;
    const lms_meeting m = lms_meet(row->shared, part, target);
    lms_offer_after(row, &s->offer, &m);
    lms_next_offer(&s->offer, &s->cutting, row, &m);
    own.sum = part.sum;
    own.before = m.before;
    return own;
}

#else

lms_own lms_offer_superstep(lms_row *row, __local lms_offering *s, lms_own own)
{
    row->max_key = s->max_key;
    const lms_part part = lms_offer_part(row, &s->cutting, &s->offer, own);
    const ulong target = s->offer.step == LMS_OFFER_CUT ? lms_cut_target(&s->cutting) : 0;
    const lms_meeting m = lms_meet(row->shared, part, target);
    lms_offer_after(row, &s->offer, &m);
    lms_sync(); /* work-item 0 changes what all have read */
    if (lms_item() == 0) {
        lms_offer o = s->offer;
        lms_next_offer(&o, &s->cutting, row, &m);
        s->offer = o;
        s->max_key = row->max_key;
    }
    lms_sync();
    own.sum = part.sum;
    own.before = m.before;
    return own;
}

#endif

void lms_offer_row(lms_row *row, LMS_OURS lms_offering *s)
{
    lms_own own;
    own.before = 0;
    own.sum = 0;
    lms_sync(); /* work-item 0 has begun it */
    while (s->offer.step != LMS_OFFER_DONE) own = lms_offer_superstep(row, s, own);
}
