/* judge.cl - is a token kept? Most times that is known without the row's cut: one comparison of
 * integers for each rule, of which bounds decide nearly all (specification, sections 6 and 7).
 *
 * Kept tokens are a top segment of the order, so each answer is one about all tokens before or
 * behind as well. */
#pragma once
#include "draw/before.cl"
#include "rules/rules.cl"

typedef struct lms_judge {
    lms_rules rules;
    lms_scaled scaled; /* the row at the rules' scale */
    lms_cut sure;      /* all that this keeps is kept, ... */
    lms_cut may;       /* ... and nothing else than this keeps is */
    ulong least;       /* bounds of the mass of top-p's base, ... */
    ulong most;        /* ... equal where it is known             */
    uint passes;       /* over all of the row's exponentials  */
} lms_judge;

/* Of a row whose cut has been found. */
lms_judge lms_judge_of_cut(lms_cut cut)
{
    lms_judge j;
    j.sure = cut;
    j.may = cut;
    j.least = 1;
    j.most = 1;
    j.passes = 0;
    return j;
}

/* Of a row of which nothing is known but its maximum, and what min-p keeps. The base of top-p
 * has to be the whole row. */
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
bool lms_needs_base(const lms_judge *j) { return j->least < j->most; }

/* Is this still to be decided? */
bool lms_is_open(const lms_judge *j, lms_cut x)
{
    return lms_keeps(j->may, x.key, x.id) && !lms_keeps(j->sure, x.key, x.id);
}

/* No token beyond the groups in reach is kept. */
void lms_learn_reach(lms_judge *j, lms_cut reach) { j->may = lms_tighter(j->may, reach); }

/* A token has been judged. */
void lms_learn(lms_judge *j, lms_cut x, bool is_kept)
{
    if (is_kept) {
        j->sure = x;
    } else {
        j->may = lms_cut_before(x.key, x.id);
    }
}

/* What counts against k before token x: with ties, those with larger keys. */
lms_cut lms_counted_before(const lms_judge *j, lms_cut x)
{
    return j->rules.keeps_ties ? lms_cut_at(x.key + 1, UINT_MAX) : lms_cut_before(x.key, x.id);
}

#if LMS_TEAM == 1

/* Has the first token of the order as much as top-p may keep? Then it is the only one kept. */
bool lms_is_first_enough(const lms_row *row, const lms_judge *j)
{
    const lms_unit unit = lms_unit_of(&j->scaled, row->max_key);
    const ulong mass = (ulong)lms_weight(unit, lms_logit_of(row->max_key)) << LMS_GUARD_BITS;
    return mass >= lms_share_of(j->most, j->rules.top_p);
}

/* How many groups are looked into before the whole row is: at once, or where their bounds are
 * at least such a part of the base's. */
#define LMS_KNOW_AT_ONCE 32u
#define LMS_KNOW_MOST 256u
#define LMS_KNOW_PART 1024.0f

/* About log2(n). */
float lms_rough_log2(ulong n) { return (float)as_int((float)n) * 0x1p-23f - 127.0f; }

/* The key of a maximum whose group has about 1 / LMS_KNOW_PART of the base. */
int lms_key_of_part(const lms_row *row, const lms_judge *j)
{
    const float top = (float)(LMS_WEIGHT_BITS + LMS_GUARD_BITS);
    const float part = lms_rough_log2(j->most) - lms_rough_log2((ulong)LMS_KNOW_PART * LMS_GROUP);
    const float x = lms_logit_of(row->max_key) - (top - part) / j->scaled.s;
    return min(lms_key(x), row->max_key);
}

/* What top-p says, if the groups with a maximum of at least `key` decide it. */
bool lms_bounds_decide(const lms_row *row, const lms_judge *j, lms_cut before, int key,
                       bool *is_kept)
{
    const lms_known known = lms_know(row, &j->scaled, before, key);
    ulong least = j->least, most = j->most;
    if (lms_needs_base(j)) {
        /* Others have at least their maxima: a 32nd of their bounds, which are at most
         * 1 + 2^-20 times as large and 2 units more; and tiles are rounded down. */
        const ulong slots = most - min(most, known.slots);
        const ulong off = (slots >> 25) + ((ulong)row->tiles * LMS_TILE_GROUPS << 15) + 2;
        const ulong others = slots >> 5;
        least = max(least, known.mass + (others > off ? others - off : 0));
        most = most - min(most, known.excess);
    }
    *is_kept = known.above < lms_share_of(least, j->rules.top_p);
    return *is_kept || known.above >= lms_share_of(most, j->rules.top_p);
}

/* Is the mass before x less than top-p's share of the base? */
bool lms_top_p_keeps(const lms_row *row, lms_judge *j, lms_cut x)
{
    const lms_cut before = lms_cut_before(x.key, x.id);
    bool is_kept = false;
    if (!j->scaled.huge) {
        const uint near = lms_groups_from(row, before.key);
        if (near <= LMS_KNOW_AT_ONCE &&
            lms_bounds_decide(row, j, before, before.key, &is_kept)) {
            return is_kept;
        }
        const int key = min(lms_key_of_part(row, j), before.key);
        if (near <= LMS_KNOW_MOST && lms_groups_from(row, key) <= LMS_KNOW_MOST &&
            lms_bounds_decide(row, j, before, key, &is_kept)) {
            return is_kept;
        }
    }
    const bool is_known = !lms_needs_base(j);
    const lms_split split = lms_split_row(row, &j->scaled, before, !is_known);
    ++j->passes;
    if (!is_known) {
        j->least = split.all;
        j->most = split.all;
    }
    return split.above < lms_share_of(j->most, j->rules.top_p);
}

/* Are fewer than k tokens before x? */
bool lms_top_k_keeps(const lms_row *row, const lms_judge *j, lms_cut x)
{
    const lms_cut before = lms_counted_before(j, x);
    const ulong groups = lms_groups_from(row, before.key);
    if (groups * LMS_GROUP < j->rules.k) return true;
    return lms_count_kept(row, before) < j->rules.k;
}

/* Is a live token kept? */
bool lms_judge_keeps(const lms_row *row, lms_judge *j, lms_cut x)
{
    if (lms_is_open(j, x)) {
        const bool is_kept = (j->rules.k == 0 || lms_top_k_keeps(row, j, x)) &&
                             (j->rules.top_p >= 1.0f || lms_top_p_keeps(row, j, x));
        lms_learn(j, x, is_kept);
    }
    return lms_keeps(j->sure, x.key, x.id);
}

#endif
