/* beam/choose.cl - cuts a group's best candidates out of all that its beams offer
 * (specification, section 14): a search with bins, as for a row's tokens, but over scores. They
 * come out in the order of parents and offers, which decides among equals. */
#pragma once
#include "beam/candidates.cl"
#include "beam/rating.cl"

void lms_bin_values(lms_known *req, __local lms_shared *shared)
{
    for (lms_spot s = lms_first_spot(req); s.place < s.end; lms_next_spot(req, &s)) {
        const long value = lms_value_of(req, &s, s.i);
        if (value <= req->low || value > req->high) continue;
        const ulong bin = (ulong)(req->high - value) >> req->bin_shift;
        lms_bin_add(&shared->bins, (uint)min(bin, (ulong)LMS_BINS - 1), 1);
    }
}

/* False where the interval is narrow enough: one value, or all of it is wanted. */
bool lms_narrow_values(LMS_KNOWN lms_beam_request *req, const lms_meeting *m)
{
    if (m->crossing.bin == LMS_BINS) return false;
    req->above_high += m->crossing.before;
    req->high -= (long)((ulong)m->crossing.bin << req->bin_shift);
    if (m->crossing.bin < LMS_BINS - 1) {
        req->low = max(req->low, req->high - (1l << req->bin_shift));
    }
    const ulong width = (ulong)(req->high - req->low);
    if (req->above_high + m->crossing.measure == req->max_chosen || width == 1) return false;
    /* The width fits the bins. */
    req->bin_shift = (uint)max(64 - LMS_BIN_BITS - (int)clz(width - 1), 0);
    return true;
}

/* Does an end token count by its place in its own beam's list? */
bool lms_ends_here(lms_known *req, const lms_spot *s, long value)
{
    if (!lms_has_flag(req, LMS_BEAM_END_ANY_RANK)) return false;
    if (!lms_ends_with(req, req->candidates[s->list + s->i].token)) return false;
    uint before = 0;
    for (uint i = 0; i < s->count; ++i) {
        const long other = lms_value_of(req, s, i);
        before += other > value || (other == value && i < s->i);
    }
    return before < req->max_chosen;
}

/* Candidates above the interval, those that an end token finishes at any rank, and those in the
 * interval. In a sum for a meeting they have 16, 16 and 32 bits. */
typedef struct lms_tally {
    uint above;
    uint ended;
    uint within;
} lms_tally;

#define LMS_TALLY_ABOVE 1ul
#define LMS_TALLY_ENDED (1ul << 16)
#define LMS_TALLY_WITHIN (1ul << 32)

lms_tally lms_tally_of(ulong sum)
{
    lms_tally t;
    t.above = sum & 0xffff;
    t.ended = sum >> 16 & 0xffff;
    t.within = sum >> 32;
    return t;
}

ulong lms_tally_values(lms_known *req)
{
    ulong sum = 0;
    for (lms_spot s = lms_first_spot(req); s.place < s.end; lms_next_spot(req, &s)) {
        const long value = lms_value_of(req, &s, s.i);
        if (value == LMS_NO_SCORE) continue;
        if (lms_ends_here(req, &s, value)) sum += LMS_TALLY_ENDED;
        if (value > req->high) {
            sum += LMS_TALLY_ABOVE;
        } else if (value > req->low) {
            sum += LMS_TALLY_WITHIN;
        }
    }
    return sum;
}

/* A finished sequence gets its place. Its rating, which takes long, comes last: all else that
 * is known of it is out of the registers then. */
void lms_put_finished(lms_known *req, uint place, const lms_choice *c)
{
    const bool shorter =
        lms_has_flag(req, LMS_BEAM_LENGTH_WITHOUT_END) && lms_ends_with(req, c->token);
    const lms_beam_params p = req->p;
    __global lms_hypothesis *const h = req->finished + place;
    h->score = c->score;
    h->token = c->token;
    h->parent = c->parent;
    h->length = req->step + 1;
    h->logprob = c->logprob;
    h->order = c->order;
    h->reserved = 0;
    h->rating = lms_rating_of(&p, c->value, c->score, req->step + (shorter ? 0 : 1));
}

lms_choice lms_choice_of(lms_known *req, const lms_spot *s, long value)
{
    const lms_candidate c = req->candidates[s->list + s->i];
    lms_choice choice;
    choice.value = value;
    choice.score = req->p.mode == LMS_BEAM_SEARCH ? value : c.score;
    choice.token = c.token;
    choice.parent = req->first_parent + s->beam;
    choice.logprob = c.logprob;
    choice.order = s->place;
    choice.is_end = lms_ends_with(req, c.token);
    choice.reserved = 0;
    return choice;
}

/* Lists the chosen ones of the own places, and behind all chosen ones those that an end token
 * finishes at any rank. `before` are the lms_tally_values() of lower work-items. */
void lms_choose_part(lms_known *req, ulong before)
{
    lms_tally t = lms_tally_of(before);
    for (lms_spot s = lms_first_spot(req); s.place < s.end; lms_next_spot(req, &s)) {
        const long value = lms_value_of(req, &s, s.i);
        if (value == LMS_NO_SCORE) continue;
        if (lms_ends_here(req, &s, value)) {
            const lms_choice choice = lms_choice_of(req, &s, value);
            lms_put_finished(req, req->chosen + t.ended++, &choice);
        }
        if (value <= req->low) continue;
        const uint place = t.above + min(t.within, req->quota);
        if (value > req->high) {
            ++t.above;
        } else if (t.within++ >= req->quota) {
            continue;
        }
        req->choices[place] = lms_choice_of(req, &s, value);
    }
}
