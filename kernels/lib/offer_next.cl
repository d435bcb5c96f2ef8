/* offer_next.cl - which step of an offer follows which: alike in all work-items of a team. */

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
    t->p.top_k = (int)o->want;
    t->p.top_p = 1.0f;
    t->p.min_p = 0.0f;
    t->p.flags = 0;
    t->cut = lms_cut_none();
    lms_to_filters(t, row);
}

/* No kept token is eligible: the first ones are kept instead. */
void lms_fall_back(lms_task *t, lms_offer *o, const lms_row *row)
{
    o->fallen_back = true;
    o->use_total = false;
    o->searching = false;
    t->p.top_k = (int)o->end_count + 1;
    t->p.top_p = 1.0f;
    t->p.min_p = 0.0f;
    t->p.flags = 0;
    t->cut = lms_cut_none();
    t->outcome.filtered = LMS_FILTERED;
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
    o->searching = false;
    t->step = LMS_STEP_OFFER_TALLY;
    /* Otherwise the filters, or the row, have no more than are wanted. */
    if (t->cut.key > LMS_NEVER + 1 && lms_keeps(o->kept, t->cut.key, t->cut.id)) {
        lms_class_of(o, row, t->cut.key);
    }
}

bool lms_may_fall_back(const lms_task *t, const lms_offer *o)
{
    return o->end_count > 0 && !o->fallen_back && (t->outcome.filtered & LMS_FILTERED);
}

void lms_after_mass(lms_task *t, lms_offer *o, const lms_row *row, const lms_meeting *m)
{
    if (o->of_eligible && !o->use_total) {
        if (m->best <= 0 && lms_may_fall_back(t, o)) {
            lms_fall_back(t, o, row);
            return;
        }
        o->left = m->total;
        if (m->total == 0) {
            o->use_total = true; /* the same step again */
            return;
        }
    }
    o->norm = lms_norm(&t->draw_scale, m->total);
    if (o->mode == LMS_BEAM_SEARCH) {
        const uint filtered = t->outcome.filtered;
        lms_to_listing(t, o, row);
        t->outcome.filtered = filtered;
    } else {
        lms_to_draws(t, o);
    }
}

void lms_next_offer(lms_task *t, lms_offer *o, lms_row *row, const lms_meeting *m)
{
    t->before = m->before;
    switch (t->step) {
    case LMS_STEP_OFFER_MASS: lms_after_mass(t, o, row, m); break;
    case LMS_STEP_OFFER_TALLY: {
        const uint above = (uint)m->total, tied = (uint)(m->total >> 32);
        o->quota = o->want > above ? min(o->want - above, tied) : 0;
        o->count = min(above + (uint)o->quota, o->want);
        t->step = LMS_STEP_OFFER_LIST;
        break;
    }
    case LMS_STEP_OFFER_LIST:
        t->step = LMS_STEP_DONE;
        if (m->total == 0 && lms_may_fall_back(t, o)) lms_fall_back(t, o, row);
        break;
    case LMS_STEP_OFFER_DRAW: lms_after_draw(t, o, row, m); break;
    default: break;
    }
}

lms_part lms_offer_part(const lms_row *row, lms_task *t, const lms_offer *o)
{
    lms_part part;
    part.sum = 0;
    part.best = LONG_MIN;
    switch (t->step) {
    case LMS_STEP_OFFER_MASS: part = lms_mass_part(row, t, o); break;
    case LMS_STEP_OFFER_TALLY: part.sum = lms_offer_own(row, o, 0, false); break;
    case LMS_STEP_OFFER_LIST: part.sum = lms_offer_own(row, o, t->before, true); break;
    case LMS_STEP_OFFER_DRAW: part = lms_draw_part(row, t, o); break;
    default: break;
    }
    t->own = part.sum;
    return part;
}
