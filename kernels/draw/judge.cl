/* judge.cl - is a token kept? Most times that is known without the row's cut: one comparison of
 * integers for each rule, of which bounds decide nearly all (specification, sections 6 and 7).
 *
 * Kept tokens are a top segment of the order, so each answer is one about all tokens before or
 * behind as well. */
#pragma once
#include "cut/find.cl"
#include "draw/before.cl"
#include "draw/rough.cl"
#include "rules/rules.cl"

typedef struct lms_judge {
    lms_rules rules;
    lms_scaled scaled; /* the row at the rules' scale */
    lms_cut sure;      /* all that this keeps is kept, ... */
    lms_cut may;       /* ... and nothing else than this keeps is */
    ulong slots;       /* of the envelope that has top-p's base, at the rules' scale */
    ulong least;       /* bounds of the mass of that base, ...                       */
    ulong most;        /* ... equal where it is known                                */
    uint listed;       /* groups in the row's list, among which are all in reach, or 0   */
    uint passes;       /* through all of the row, or searches for its cut            */
} lms_judge;

/* Of a row whose cut has been found. */
lms_judge lms_judge_of_cut(lms_cut cut)
{
    lms_judge j;
    j.sure = cut;
    j.may = cut;
    j.slots = 0;
    j.listed = 0;
    j.least = 1;
    j.most = 1;
    j.passes = 0;
    return j;
}

/* Of a row of which nothing is known but its maximum, and what min-p keeps. */
lms_judge lms_judge_of_rules(const lms_rules *rules, int max_key, lms_cut min_p)
{
    const bool has_others = rules->k > 0 || rules->top_p < 1.0f;
    lms_judge j = lms_judge_of_cut(min_p);
    j.rules = *rules;
    if (!has_others) return j;
    j.scaled = lms_at_scale(rules->scale, max_key);
    j.sure = lms_cut_all();
    if (rules->top_p < 1.0f) j.most = ULONG_MAX;
    return j;
}

/* Is top-p to decide, and the mass of its base not known? */
bool lms_needs_base(LMS_OURS const lms_judge *j) { return j->least < j->most; }

/* Is this still to be decided? */
bool lms_is_open(LMS_OURS const lms_judge *j, lms_cut x)
{
    return lms_keeps(j->may, x.key, x.id) && !lms_keeps(j->sure, x.key, x.id);
}

/* No token behind the last first one of the groups in reach is kept. That holds at first only:
 * from a reach that a round has narrowed, tokens may be missing that are before the one that
 * has narrowed it, in groups with a larger maximum. */
void lms_learn_reach(LMS_OURS lms_judge *j, lms_cut reach)
{
    j->may = lms_tighter(j->may, reach);
}

/* A token has been judged. */
void lms_learn(LMS_OURS lms_judge *j, lms_cut x, bool is_kept)
{
    if (!is_kept) {
        j->may = lms_tighter(j->may, lms_cut_before(x.key, x.id));
    } else if (!lms_keeps(j->sure, x.key, x.id)) {
        j->sure = x;
    }
}

/* What counts against k before token x: with ties, those with larger keys. */
lms_cut lms_counted_before(bool keeps_ties, lms_cut x)
{
    return keeps_ties ? lms_cut_at(x.key + 1, UINT_MAX) : lms_cut_before(x.key, x.id);
}

#if LMS_TEAM == 1

/* Where no more groups than this can have tokens before one, they are looked into. */
#define LMS_KNOW_AT_ONCE 128u

/* What groups weigh at least whose bounds have so many slots: as much as their maxima. A bound
 * is at most 1 + 2^-20 times its maximum's weight, and 2 units more; tiles are rounded down;
 * and tokens may weigh a little less than others behind them in the order. */
ulong lms_least_of(const lms_row *row, ulong slots)
{
    const ulong off = (slots >> 24) + ((ulong)row->tiles * LMS_TILE_GROUPS << 15) + 2;
    return (slots >> 5) - min(slots >> 5, off);
}

/* The envelope of top-p's base is known. If the base is not the whole row, it has as many
 * tokens as that has groups, the first ones of the order: they weigh as much as the maxima. */
void lms_learn_envelope(lms_judge *j, const lms_row *row, ulong slots)
{
    j->slots = slots;
    j->least = max(lms_least_of(row, slots), 1ul);
    if (j->rules.is_base_whole) j->most = slots;
}

/* Has the first token of the order as much as top-p may keep? Then it is the only one kept. */
bool lms_is_first_enough(const lms_row *row, const lms_judge *j)
{
    if (!j->rules.is_base_whole) return false;
    const lms_unit unit = lms_unit_of(&j->scaled, row->max_key);
    const ulong mass = (ulong)lms_weight(unit, lms_logit_of(row->max_key)) << LMS_GUARD_BITS;
    return mass >= lms_share_of(j->most, j->rules.top_p);
}

/* Does what is known of the mass before a token decide? Then *is_kept is what top-p says. */
bool lms_decides(const lms_judge *j, lms_range before, bool *is_kept)
{
    *is_kept = before.most < lms_share_of(j->least, j->rules.top_p);
    return *is_kept || before.least >= lms_share_of(j->most, j->rules.top_p);
}

/* Looks into the groups that can have tokens before x: what is before it, and, as others weigh
 * at least what their maxima do and at most their bounds, the whole row. */
lms_range lms_before_near(const lms_row *row, lms_judge *j, lms_cut before)
{
    const lms_known known = lms_know(row, j->listed, &j->scaled, before);
    lms_range range;
    if (lms_needs_base(j) && j->rules.is_base_whole) {
        const ulong others = j->slots - min(j->slots, known.slots);
        j->least = max(j->least, known.mass + lms_least_of(row, others));
        j->most = min(j->most, j->slots - known.excess);
    }
    range.least = known.above;
    range.most = known.above;
    return range;
}

/* Goes through the whole row, roughly or finer. */
lms_range lms_before_about(const lms_row *row, lms_judge *j, lms_cut before, bool is_finer)
{
    lms_range all, kept;
    if (is_finer) {
        lms_finer_row(row, &j->scaled, before, &all, &kept);
    } else {
        lms_rough_row(row, &j->scaled, before, &all, &kept);
    }
    if (lms_needs_base(j)) {
        j->least = max(j->least, all.least);
        j->most = min(j->most, all.most);
    }
    ++j->passes;
    return kept;
}

/* Finds the row's cut, after which all is known. */
void lms_search_cut(const lms_row *row, lms_judge *j)
{
    lms_row searched = *row;
    lms_cutting c = lms_cutting_of(j->rules);
    lms_find_cut(&searched, &c);
    j->listed = 0; /* what the search has listed is something else */
    j->sure = c.cut;
    j->may = c.cut;
    ++j->passes;
}

/* Is the mass before x less than top-p's share of the whole row, of which near groups did not
 * say enough? */
bool lms_far_decides(const lms_row *row, lms_judge *j, lms_cut before, bool is_near,
                     lms_range mass)
{
    bool is_kept = false;
    for (uint finer = 0; finer < 2 && lms_has_rough(&j->scaled); ++finer) {
        const lms_range about = lms_before_about(row, j, before, finer > 0);
        if (!is_near) mass = about;
        if (lms_decides(j, mass, &is_kept)) return is_kept;
    }
    if (lms_needs_base(j)) {
        j->least = lms_total_own(row, &j->scaled);
        j->most = j->least;
        ++j->passes;
    }
    if (!is_near) {
        mass.least = lms_kept_own(row, &j->scaled, before).mass;
        mass.most = mass.least;
    }
    lms_decides(j, mass, &is_kept);
    return is_kept;
}

/* Judges x by top-p. */
void lms_judge_by_top_p(const lms_row *row, lms_judge *j, lms_cut x)
{
    const lms_cut before = lms_cut_before(x.key, x.id);
    const bool is_near =
        !j->scaled.huge && lms_groups_before(row, j->listed, before) <= LMS_KNOW_AT_ONCE;
    lms_range mass;
    bool is_kept = false;
    mass.least = 0;
    mass.most = ULONG_MAX;
    if (is_near) mass = lms_before_near(row, j, before);
    if (is_near && lms_decides(j, mass, &is_kept)) {
        lms_learn(j, x, is_kept);
    } else if (j->rules.is_base_whole) {
        lms_learn(j, x, lms_far_decides(row, j, before, is_near, mass));
    } else {
        lms_search_cut(row, j);
    }
}

/* Are fewer than k tokens before x? */
bool lms_top_k_keeps(const lms_row *row, const lms_judge *j, lms_cut x)
{
    const lms_cut before = lms_counted_before(j->rules.keeps_ties, x);
    const ulong groups = lms_groups_before(row, j->listed, before);
    if (groups * LMS_GROUP < j->rules.k) return true;
    return lms_count_kept(row, j->listed, before) < j->rules.k;
}

/* Is a live token kept? */
LMS_APART
bool lms_judge_keeps(const lms_row *row, lms_judge *j, lms_cut x)
{
    if (lms_is_open(j, x)) {
        if (j->rules.k > 0 && !lms_top_k_keeps(row, j, x)) {
            lms_learn(j, x, false);
        } else if (j->rules.top_p < 1.0f) {
            lms_judge_by_top_p(row, j, x);
        } else {
            lms_learn(j, x, true);
        }
    }
    return lms_keeps(j->sure, x.key, x.id);
}

#endif
