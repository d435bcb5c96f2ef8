/* together_own.cl - a work-item's part of every step of a draw by a larger team. No barriers
 * here. */
#pragma once
#include "draw/envelope.cl"
#include "draw/together.cl"
#include "row/masses.cl"

#if LMS_TEAM > 1

/* The attempts of a round. */
void lms_attempts_own(const lms_row *row, __local const lms_team_draw *t,
                      __local lms_proposals *round)
{
    const lms_scaled scaled = t->d.scaled;
    const lms_words words = t->d.words;
    for (uint i = lms_item_of(row); i < LMS_ROUND; i += LMS_TEAM) {
        const uint id = lms_propose_one(row, &scaled, t->d.reach, t->d.envelope, &words,
                                        t->d.attempts + i);
        round->proposed[i].id = id;
        if (id != LMS_NOTHING) {
            round->proposed[i].key = lms_key(lms_read_one(&row->logits, id));
        }
    }
}

/* Masses, or numbers, of what each of several cuts keeps. */
typedef struct lms_sums {
    ulong of[LMS_JUDGED];
} lms_sums;

lms_sums lms_before_own(const lms_row *row, const lms_scaled *scaled, const lms_cut *cuts,
                        uint count, bool by_mass)
{
    lms_sums sums;
    int least = cuts[0].key;
#pragma unroll
    for (uint i = 0; i < LMS_JUDGED; ++i) {
        sums.of[i] = 0;
        least = min(least, cuts[i].key);
    }
    LMS_EACH_TILE(tile, row, least) {
        lms_unit unit;
        if (by_mass) unit = lms_unit_of(scaled, row->tile_keys[tile]);
        const uint up = by_mass ? lms_rounded_shift(unit) : 0;
        LMS_EACH_GROUP(begin, row, tile, least) {
            LMS_EACH_VECTOR(at, row, begin) {
                const lms_floats x = lms_read(&row->logits, at);
                const lms_ints keys = lms_keys(x);
                lms_uints measures = (lms_uints)(1);
                if (by_mass) measures = lms_rounded(unit, lms_weights(unit, x));
#pragma unroll
                for (uint i = 0; i < LMS_JUDGED; ++i) {
                    if (i < count) { /* a loop that is left early is not unrolled */
                        const lms_uints kept = LMS_V(as_uint)(lms_kept(cuts[i], keys, at));
                        sums.of[i] += lms_sum_below30(measures & kept) << up;
                    }
                }
            }
        }
    }
    return sums;
}

lms_part lms_judge_part(const lms_row *row, __local const lms_team_draw *t,
                        __local const lms_proposals *round)
{
    const bool by_mass = t->step == LMS_DRAW_ABOVE;
    const lms_scaled scaled = t->d.judge.scaled;
    lms_cut cuts[LMS_JUDGED];
#pragma unroll
    for (uint i = 0; i < LMS_JUDGED; ++i) {
        const lms_cut x = round->judged[i];
        const lms_cut before = by_mass ? lms_cut_before(x.key, x.id)
                                       : lms_counted_before(t->rules.keeps_ties, x);
        cuts[i] = i < t->judged_count ? before : lms_cut_all();
    }
    const lms_sums sums = lms_before_own(row, &scaled, cuts, t->judged_count, by_mass);
#pragma unroll
    for (uint i = 1; i < LMS_JUDGED; ++i) {
        row->shared->more[i - 1][lms_item_of(row)] = sums.of[i];
    }
    return lms_part_make(sums.of[0], LONG_MIN);
}

lms_part lms_envelope_part(const lms_row *row, __local const lms_team_draw *t)
{
    const lms_scaled scaled = t->d.scaled;
    ulong mass = 0;
    if (t->d.judge.least < t->d.judge.most) {
        const lms_scaled at_rules = t->d.judge.scaled;
        mass = lms_summed_own(row, &at_rules);
    }
    row->shared->more[0][lms_item_of(row)] = mass;
    return lms_part_make(lms_envelope_own(row, &scaled, t->d.reach), LONG_MIN);
}

void lms_reach_part(const lms_row *row, __local const lms_team_draw *t)
{
    const lms_search kth = t->kth;
    lms_bin_maxima(row, &kth);
}

/* The row is read from local memory where it is known which step it is: each takes what it
 * needs. */
lms_part lms_draw_part(__local const lms_row *ours, __local lms_shared *shared,
                       __local const lms_team_draw *t, __local lms_proposals *round)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    lms_row row;
    switch (t->step) {
    case LMS_DRAW_FIRST:
        row = lms_own_row(ours, shared);
        part.best = lms_first_own(&row);
        break;
    case LMS_DRAW_REACH_BINS:
    case LMS_DRAW_REACH_IDS:
        row = lms_own_row(ours, shared);
        lms_reach_part(&row, t);
        break;
    case LMS_DRAW_ENVELOPE:
        row = lms_own_row(ours, shared);
        part = lms_envelope_part(&row, t);
        break;
    case LMS_DRAW_ATTEMPTS:
        row = lms_own_row(ours, shared);
        lms_attempts_own(&row, t, round);
        break;
    case LMS_DRAW_COUNT:
    case LMS_DRAW_ABOVE:
        row = lms_own_row(ours, shared);
        part = lms_judge_part(&row, t, round);
        break;
    case LMS_DRAW_DONE: break;
    }
    return part;
}

/* What the bins are to reach in this step; 0 where it does not use them. */
ulong lms_draw_target(__local const lms_team_draw *t)
{
    const bool is_binned = t->step == LMS_DRAW_REACH_BINS || t->step == LMS_DRAW_REACH_IDS;
    return is_binned ? t->kth.target - t->kth.above : 0;
}

/* How many sums this step has beside that of its parts. */
uint lms_draw_more(__local const lms_team_draw *t)
{
    if (t->step == LMS_DRAW_ENVELOPE) return 1;
    return t->step == LMS_DRAW_COUNT || t->step == LMS_DRAW_ABOVE ? LMS_MORE : 0;
}

#endif
