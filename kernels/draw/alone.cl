/* alone.cl - a row's token by a team of one, from top to bottom. Larger teams do the same in
 * supersteps: draw/together.cl. */
#pragma once
#include "draw/drawing.cl"
#include "draw/envelope.cl"
#include "draw/tries.cl"

#if LMS_TEAM == 1

/* The groups in reach at first, and their envelope; and one at the rules' scale, if top-p has
 * to know its base. */
void lms_begin_draw(const lms_row *row, const lms_rules *rules, lms_cut min_p, lms_drawing *d)
{
    lms_judge *const judge = &d->judge;
    d->reach = min_p;
    if (lms_narrows_reach(row, rules->k)) {
        d->reach = lms_tighter(
            min_p, lms_first_groups(row, rules->k, rules->keeps_ties, &judge->listed));
    }
    lms_learn_reach(judge, d->reach);
    /* The envelope of top-p's base: of the row, or of what is in reach, but for groups that tie
     * with the last one, if those may be more than k. */
    lms_cut base = rules->is_base_whole ? lms_cut_none() : d->reach;
    if (!rules->is_base_whole && rules->keeps_ties) base = lms_cut_at(base.key + 1, UINT_MAX);
    const bool is_same = lms_is_same_cut(d->reach, base) && rules->scale == d->scaled.s;
    const bool needs_base = lms_needs_base(judge);
    if (needs_base && !is_same) {
        lms_learn_envelope(judge, row, lms_envelope_own(row, &judge->scaled, base));
    }
    d->envelope = lms_envelope_own(row, &d->scaled, d->reach);
    if (needs_base && is_same) lms_learn_envelope(judge, row, d->envelope);
}

/* LMS_LANES attempts. True if one is accepted. */
bool lms_draw_some(const lms_row *row, lms_drawing *d)
{
    uint id[LMS_LANES];
    const uint from = d->attempts;
    uint found = lms_try(row, &d->scaled, d->reach, d->envelope, &d->words, from, id);
    for (; found; found &= found - 1) {
        const uint i = 31 - clz(found & -found);
        const lms_cut x = lms_cut_at(lms_key(lms_read_one(&row->logits, id[i])), id[i]);
        if (lms_judge_keeps(row, &d->judge, x)) {
            d->attempts = from + i + 1;
            d->token = (int)x.id;
            return true;
        }
        d->first = lms_tighter(d->first, x);
    }
    d->attempts = min(from + LMS_LANES, d->words.attempts);
    return false;
}

/* Round after round, until an attempt is accepted. */
bool lms_draw_rounds(const lms_row *row, lms_drawing *d)
{
    while (d->attempts < d->words.attempts) {
        const uint end = min(d->attempts + LMS_ROUND, d->words.attempts);
        lms_begin_round(d);
        while (d->attempts < end) {
            if (lms_draw_some(row, d)) return true;
        }
        if (lms_narrow_reach(d, row)) {
            d->envelope = lms_envelope_own(row, &d->scaled, d->reach);
        }
    }
    return false;
}

/* The token of a row whose maximum is known; `cut` is its cut, if that has been found. */
void lms_draw_alone(const lms_row *row, const lms_filters *filters, const lms_rules *rules,
                    const lms_cut *cut, lms_drawing *d)
{
    bool is_first = lms_is_greedy(filters) || lms_is_certain(d, rules);
    if (!is_first) {
        const lms_cut min_p = lms_min_p_of(rules, row->max_key);
        d->scaled = lms_at_scale(lms_scale(filters->temperature), row->max_key);
        d->judge =
            cut ? lms_judge_of_cut(*cut) : lms_judge_of_rules(rules, row->max_key, min_p);
        lms_begin_draw(row, rules, min_p, d);
        is_first =
            lms_needs_base(&d->judge) && lms_is_first_enough(row, &d->judge) && !d->words.given;
        if (!is_first) is_first = !lms_draw_rounds(row, d) && lms_gives_up(d);
    }
    if (is_first) d->token = (int)-lms_first_own(row);
}

#endif
