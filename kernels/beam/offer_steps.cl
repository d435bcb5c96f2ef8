/* offer_steps.cl - the steps of a beam's row:
 *
 *   [WHOLE -> TOTAL ->] CUT -> MASS -> [CUT] -> LIST    the best ones
 *                                   -> DRAW, DRAW ..    drawn ones
 *
 * WHOLE and TOTAL are for rows of which end tokens are suppressed, as log-probabilities may be
 * relative to the row as it is. Then those tokens are read as -inf, and what the tile pass has
 * found out about their tiles is made anew. The first CUT is that of the row's rules, the
 * second one says what is worth listing; each is a sequence of steps of its own. */
#pragma once
#include "beam/offer.cl"
#include "cut/next.cl"
#include "cut/own.cl"

void lms_begin_offer(lms_offer *o)
{
    o->step = o->end_count > 0 ? LMS_OFFER_WHOLE : LMS_OFFER_CUT;
}

void lms_after_whole(lms_offer *o, LMS_OURS lms_cutting *c, int max_key)
{
    o->step = LMS_OFFER_DONE;
    o->top_key = max_key;
    if (max_key == LMS_KEY_INF) c->seen |= LMS_ROW_INF_SEEN;
    if (max_key == LMS_NEVER) return;
    o->scaled = lms_at_scale(o->scale, max_key);
    o->step = LMS_OFFER_TOTAL;
}

void lms_after_offer_total(lms_offer *o, ulong total)
{
    o->norm = lms_norm(&o->scaled, total);
    o->step = LMS_OFFER_CUT;
}

/* The tokens that the rules keep are known. */
void lms_after_rules(lms_offer *o, LMS_OURS const lms_cutting *c, const lms_row *row)
{
    LMS_OURS_AS(const lms_rules, rules, &c->rules);
    o->is_filtered = lms_has_rules(rules);
    o->kept = c->cut;
    o->scaled = lms_at_scale(o->scale, row->max_key);
    o->step = LMS_OFFER_MASS;
}

/* Looks for the key that is worth listing: that of the want-th token. */
void lms_to_listing(lms_offer *o, LMS_OURS lms_cutting *c, const lms_row *row)
{
    o->low = INT_MAX; /* no class */
    o->high = LMS_NEVER;
    if (o->want >= row->logits.vocab) {
        o->step = LMS_OFFER_LIST;
        return;
    }
    o->is_listing = true;
    o->step = LMS_OFFER_CUT;
    lms_to_first_k(c, row, o->want, o->scale);
}

/* The want-th token is known. Where the rules, or the row, have no more than are wanted, there
 * is no class of ties. */
void lms_after_listing(lms_offer *o, LMS_OURS const lms_cutting *c, const lms_row *row)
{
    o->step = LMS_OFFER_LIST;
    if (c->cut.key > LMS_NEVER + 1 && lms_keeps(o->kept, c->cut.key, c->cut.id)) {
        lms_class_of(o, row, c->cut.key);
    }
}

/* The steps of a cut are over. */
void lms_after_offer_cut(lms_offer *o, LMS_OURS const lms_cutting *c, const lms_row *row)
{
    if (c->step == LMS_CUT_EMPTY) {
        o->step = LMS_OFFER_DONE;
    } else if (o->is_listing) {
        lms_after_listing(o, c, row);
    } else {
        lms_after_rules(o, c, row);
    }
}

/* Is the value of a beam's best offer drawn anew? Not in stochastic search after the first
 * step: there the best offer has the value that its beam has. */
bool lms_is_fresh(const lms_offer *o)
{
    return o->mode == LMS_BEAM_SAMPLE || o->clocks.turn == 0;
}

void lms_to_draws(lms_offer *o, const lms_row *row, ulong mass)
{
    lms_clocks *const clocks = &o->clocks;
    o->step = mass > 0 ? LMS_OFFER_DRAW : LMS_OFFER_DONE;
    clocks->cut = o->kept;
    clocks->scaled = o->scaled;
    lms_wind_clocks(clocks, row, mass);
    clocks->time = lms_is_fresh(o) ? lms_clock(clocks, 0) : lms_exp(o->score - o->value);
}

void lms_after_mass(lms_offer *o, LMS_OURS lms_cutting *c, const lms_row *row, ulong mass)
{
    if (o->is_of_eligible || o->end_count == 0) {
        o->top_key = row->max_key;
        o->norm = lms_norm(&o->scaled, mass);
    }
    if (o->mode == LMS_BEAM_SEARCH) {
        lms_to_listing(o, c, row);
    } else {
        lms_to_draws(o, row, mass);
    }
}

/* Tokens of the class of ties that are listed; `counts` are those of lms_offer_own(). */
uint lms_quota_of(const lms_offer *o, ulong counts)
{
    const uint above = (uint)counts, tied = (uint)(counts >> 32);
    return o->want > above ? min(o->want - above, tied) : 0;
}

void lms_after_offer_list(lms_offer *o, ulong counts)
{
    o->count = min((uint)counts + lms_quota_of(o, counts), o->want);
    o->step = LMS_OFFER_DONE;
}

/* The perturbed score of the latest draw. */
long lms_draw_value(const lms_offer *o)
{
    const bool is_first = o->clocks.drawn == 1;
    if (is_first && !lms_is_fresh(o)) return o->value;
    const long value = max(o->score - lms_ln(o->clocks.time), LMS_SCORE_FLOOR);
    return is_first ? value : min(value, o->last_value);
}

void lms_after_offer_draw(lms_offer *o, const lms_row *row, const lms_meeting *m)
{
    if (m->best < 0) {
        o->step = LMS_OFFER_DONE;
        return;
    }
    lms_after_ring(&o->clocks, row, m);
    o->last_value = lms_draw_value(o);
    lms_candidate c = lms_candidate_of(o, row, (uint)o->clocks.last_token);
    c.value = o->last_value;
    o->out[o->count] = c;
    ++o->count;
    if (o->clocks.left == 0 || o->count == o->want) o->step = LMS_OFFER_DONE;
}

/* The mass that log-probabilities are relative to, if it is not known yet. */
ulong lms_mass_own(const lms_row *row, const lms_offer *o)
{
    if (o->is_of_eligible) return lms_eligible_own(row, o);
    return o->end_count == 0 ? lms_offer_total(row, o) : 0;
}

/* A work-item's part of a step but CUT. No barriers here. `own` is what it has brought to the
 * last meeting. */
lms_part lms_offer_part(const lms_row *row, LMS_OURS lms_offer *ours, lms_own own)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    LMS_OURS_AS(lms_offer, o, ours);
    switch (o->step) {
    case LMS_OFFER_WHOLE: part.best = lms_largest_own(row); break;
    case LMS_OFFER_TOTAL: part.sum = lms_offer_total(row, o); break;
    case LMS_OFFER_MASS: part.sum = lms_mass_own(row, o); break;
    case LMS_OFFER_LIST: part.sum = lms_offer_own(row, o, 0, 0, false); break;
    case LMS_OFFER_DRAW: part = lms_ring_own(row, &o->clocks, own); break;
    case LMS_OFFER_CUT:
    case LMS_OFFER_DONE: break;
    }
    return part;
}

/* ... and what it does when all have met. */
void lms_offer_after(lms_row *row, LMS_OURS lms_offer *ours, const lms_meeting *m)
{
    if (ours->step != LMS_OFFER_TOTAL && ours->step != LMS_OFFER_LIST) return;
    LMS_OURS_AS(lms_offer, o, ours);
    if (o->step == LMS_OFFER_TOTAL) {
        lms_suppress_own(row, o);
    } else {
        lms_offer_own(row, o, m->before, lms_quota_of(o, m->total), true);
    }
}

void lms_next_offer(lms_offer *o, LMS_OURS lms_cutting *c, lms_row *row, const lms_meeting *m)
{
    switch (o->step) {
    case LMS_OFFER_WHOLE: lms_after_whole(o, c, (int)m->best); break;
    case LMS_OFFER_TOTAL: lms_after_offer_total(o, m->total); break;
    case LMS_OFFER_CUT:
        lms_next_cut(c, row, m);
        if (lms_is_cut(c)) lms_after_offer_cut(o, c, row);
        break;
    case LMS_OFFER_MASS: lms_after_mass(o, c, row, m->total); break;
    case LMS_OFFER_LIST: lms_after_offer_list(o, m->total); break;
    case LMS_OFFER_DRAW: lms_after_offer_draw(o, row, m); break;
    case LMS_OFFER_DONE: break;
    }
}
