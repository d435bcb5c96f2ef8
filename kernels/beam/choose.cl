/* beam/choose.cl - cuts a group's best candidates out of all that its beams offer (specification,
 * section 14): a search with bins, as for a row's tokens, but over scores. They come out in the
 * order of parents and offers, which decides among equals. */
#pragma once
#include "beam/candidates.cl"
#include "beam/rating.cl"

void lms_bin_values(const lms_advance *a, __local lms_shared *shared)
{
    for (lms_spot s = lms_first_spot(a); s.place < lms_end_place(a); lms_next_spot(a, &s)) {
        const long value = lms_value_of(&s, s.i);
        if (value <= a->low || value > a->high) continue;
        const ulong bin = (ulong)(a->high - value) >> a->shift;
        lms_bin_add(shared, (uint)min(bin, (ulong)LMS_BINS - 1), 1);
    }
}

/* False where the interval is narrow enough: one value, or all of it is wanted. */
bool lms_narrow_values(lms_advance *a, const lms_meeting *m)
{
    if (m->bin == LMS_BINS) return false;
    a->before += m->bin_before;
    a->high -= (long)((ulong)m->bin << a->shift);
    if (m->bin < LMS_BINS - 1) a->low = max(a->low, a->high - (1l << a->shift));
    if (a->before + m->bin_measure == a->count || a->high - a->low == 1) return false;
    a->shift = (uint)max(54 - (int)clz((ulong)(a->high - a->low - 1)), 0);
    return true;
}

/* Does an end token count by its place in its own beam's list? */
bool lms_ends_here(const lms_advance *a, const lms_spot *s, long value)
{
    if (!lms_has_flag(a, LMS_BEAM_END_ANY_RANK)) return false;
    if (!lms_ends_with(a, s->list[s->i].token)) return false;
    uint before = 0;
    for (uint i = 0; i < s->count; ++i) {
        const long other = lms_value_of(s, i);
        before += other > value || (other == value && i < s->i);
    }
    return before < a->count;
}

/* Own places above the interval (16 bits), finished ones (16 bits), and those in it. */
ulong lms_tally_values(const lms_advance *a)
{
    ulong sum = 0;
    for (lms_spot s = lms_first_spot(a); s.place < lms_end_place(a); lms_next_spot(a, &s)) {
        const long value = lms_value_of(&s, s.i);
        if (value == LMS_NO_SCORE) continue;
        if (lms_ends_here(a, &s, value)) sum += 1ul << 16;
        if (value > a->high) {
            ++sum;
        } else if (value > a->low) {
            sum += 1ul << 32;
        }
    }
    return sum;
}

/* What a candidate is rated by, and the same of a live beam. */
lms_rating lms_rating_of(const lms_beam_params *p, long value, long score, uint length)
{
    if (p->mode == LMS_BEAM_STOCHASTIC) return lms_rating_of_units(value);
    if (p->length_counts == LMS_BEAM_LENGTH_NONE) return lms_rating_of_units(score);
    if (p->length_counts == LMS_BEAM_LENGTH_WITH_PROMPT) length += p->prompt_length;
    return lms_rate(score, max(length, 1u), p->length_penalty);
}

lms_hypothesis lms_hypothesis_of(const lms_advance *a, const lms_choice *c)
{
    const bool shorter =
        lms_has_flag(a, LMS_BEAM_LENGTH_WITHOUT_END) && lms_ends_with(a, c->token);
    lms_hypothesis h;
    h.length = a->step + 1;
    h.rating = lms_rating_of(&a->p, c->value, c->score, h.length - (shorter ? 1 : 0));
    h.score = c->score;
    h.token = c->token;
    h.parent = c->parent;
    h.logprob = c->logprob;
    h.order = c->order;
    h.reserved = 0;
    return h;
}

lms_choice lms_choice_of(const lms_advance *a, const lms_spot *s, long value)
{
    const lms_candidate c = s->list[s->i];
    lms_choice choice;
    choice.value = value;
    choice.score = a->p.mode == LMS_BEAM_SEARCH ? value : c.score;
    choice.token = c.token;
    choice.parent = a->first + s->beam;
    choice.logprob = c.logprob;
    choice.order = s->place;
    choice.is_end = lms_ends_with(a, c.token);
    choice.reserved = 0;
    return choice;
}

void lms_choose_part(const lms_advance *a)
{
    uint above = (uint)(a->own_before & 0xffff), ended = (uint)(a->own_before >> 16 & 0xffff);
    uint within = (uint)(a->own_before >> 32);
    for (lms_spot s = lms_first_spot(a); s.place < lms_end_place(a); lms_next_spot(a, &s)) {
        const long value = lms_value_of(&s, s.i);
        if (value == LMS_NO_SCORE) continue;
        if (lms_ends_here(a, &s, value)) {
            const lms_choice choice = lms_choice_of(a, &s, value);
            a->finished[a->chosen + ended++] = lms_hypothesis_of(a, &choice);
        }
        if (value <= a->low) continue;
        const uint place = above + min(within, a->quota);
        if (value > a->high) {
            ++above;
        } else if (within++ >= a->quota) {
            continue;
        }
        a->choices[place] = lms_choice_of(a, &s, value);
    }
}
