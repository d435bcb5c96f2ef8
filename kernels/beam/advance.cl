/* beam/advance.cl - which beams of a request go on, which sequences are finished, and whether
 * the search is done (specification, sections 14 and 16).
 *
 *   in   turns lms_beam_turn[requests], from first_turn on; candidates and offers of the
 *        beams; states, groups, live
 *   out  parents int[rows], tokens, scores float[rows] or none, scores_fixed long[rows] or
 *        none; done uint[requests], status uint[requests] or none; links of the step, pool,
 *        states
 *   run  a work-group of LMS_TEAM for each request
 *   mem  sizeof(lms_shared) local; choices, finished, merged: a part for each slot, global
 *
 * Diversity groups take their turns in the order of their numbers. Of each:
 *
 *   VALUES -> BINS .. -> TALLY -> CHOOSE -> PLACE -> POOL -> SETTLE
 *
 * Every write has a place of its own, and nothing is done by one work-item for all. */
#pragma once
#include "beam/pool.cl"

void lms_to_group(lms_advance *a, uint group)
{
    a->group = group;
    a->phase = LMS_ADVANCE_DONE;
    if (group == a->p.groups) return;
    lms_beam_group now = {1, 0, 0, 0, 0}; /* the prompt's beam is every group's first parent */
    if (a->step > 0) now = a->groups[group];
    a->phase = now.done ? LMS_ADVANCE_STAY : LMS_ADVANCE_VALUES;
    a->parents = now.live;
    a->first = a->step > 0 ? group * a->per : 0;
    a->pooled = now.pooled;
}

void lms_after_values(lms_advance *a, const lms_meeting *m)
{
    const ulong count = m->total & (LMS_NAN_COUNTS - 1);
    if (m->total / LMS_NAN_COUNTS % (LMS_INF_COUNTS / LMS_NAN_COUNTS)) {
        a->seen |= LMS_ROW_NAN_SEEN;
    }
    if (m->total / LMS_INF_COUNTS) a->seen |= LMS_ROW_INF_SEEN;
    a->low = LMS_SCORE_FLOOR - 1;
    a->high = a->low;
    a->before = 0;
    a->phase = count > 0 ? LMS_ADVANCE_TALLY : LMS_ADVANCE_EMPTY;
    if (count <= a->count) return; /* all of them */
    a->high = m->best;
    a->shift = 28; /* 64 nats in all: the rest is in the last bin */
    a->phase = LMS_ADVANCE_BINS;
}

void lms_after_tally(lms_advance *a, const lms_meeting *m)
{
    const uint above = (uint)(m->total & 0xffff), within = (uint)(m->total >> 32);
    a->ended = (uint)(m->total >> 16 & 0xffff);
    a->quota = min(a->count - min(above, a->count), within);
    a->chosen = above + a->quota;
    a->own_before = m->before;
    a->phase = LMS_ADVANCE_CHOOSE;
}

void lms_after_group(lms_advance *a, lms_beam_group group)
{
    a->all_done = a->all_done && group.done;
    a->all_early = a->all_early && group.done == LMS_GROUP_EARLY;
    a->any_empty = a->any_empty || group.done == LMS_GROUP_EMPTY;
    lms_to_group(a, a->group + 1);
}

void lms_next_advance(lms_advance *a, const lms_meeting *m)
{
    switch (a->phase) {
    case LMS_ADVANCE_VALUES: lms_after_values(a, m); break;
    case LMS_ADVANCE_BINS:
        if (!lms_narrow_values(a, m)) a->phase = LMS_ADVANCE_TALLY;
        break;
    case LMS_ADVANCE_TALLY: lms_after_tally(a, m); break;
    case LMS_ADVANCE_CHOOSE: a->phase = LMS_ADVANCE_PLACE; break;
    case LMS_ADVANCE_PLACE:
        a->taken = (uint)m->total;
        a->going = lms_is_over(a) ? 0 : a->taken;
        a->best = m->best;
        a->phase = LMS_ADVANCE_POOL;
        break;
    case LMS_ADVANCE_POOL:
        a->pooled = (uint)min(a->pooled + m->total, (ulong)a->per);
        a->phase = LMS_ADVANCE_SETTLE;
        break;
    case LMS_ADVANCE_SETTLE: lms_after_group(a, lms_group_now(a)); break;
    case LMS_ADVANCE_EMPTY: a->phase = LMS_ADVANCE_STAY; break;
    case LMS_ADVANCE_STAY: lms_after_group(a, a->groups[a->group]); break;
    default: break;
    }
}

lms_part lms_advance_part(const lms_advance *a, const lms_beam_outputs *out,
                          __local lms_shared *shared)
{
    lms_part part;
    part.sum = 0;
    part.best = LMS_NO_SCORE;
    switch (a->phase) {
    case LMS_ADVANCE_VALUES: part = lms_values_part(a); break;
    case LMS_ADVANCE_BINS: lms_bin_values(a, shared); break;
    case LMS_ADVANCE_TALLY: part.sum = lms_tally_values(a); break;
    case LMS_ADVANCE_CHOOSE: lms_choose_part(a); break;
    case LMS_ADVANCE_PLACE: part = lms_place_part(a, out); break;
    case LMS_ADVANCE_POOL:
        part.sum = lms_pool_part(a);
        lms_put_rest(a, out);
        break;
    case LMS_ADVANCE_SETTLE: lms_settle_part(a); break;
    case LMS_ADVANCE_EMPTY: lms_empty_part(a); break;
    case LMS_ADVANCE_STAY: lms_stay_part(a, out); break;
    default: break;
    }
    return part;
}

uint lms_beam_status(const lms_advance *a)
{
    return (a->any_empty ? LMS_BEAM_EMPTY : 0) |
           (a->all_done ? LMS_BEAM_DONE | (a->all_early ? LMS_BEAM_EARLY : 0) : 0);
}

lms_advance lms_advance_of(const lms_beams *b, lms_beam_turn turn)
{
    lms_advance a;
    const ulong first = (ulong)turn.slot * b->max_width;
    a.turn = turn;
    a.p = b->states[turn.slot].p;
    a.step = b->states[turn.slot].step;
    a.per = a.p.width / a.p.groups;
    a.count = lms_beam_candidates(&a.p);
    a.listed = lms_beam_wanted(&a.p);
    a.penalty = lms_fixed(a.p.diversity_penalty);
    a.groups = b->groups + first;
    a.live = b->live + first;
    a.ends = b->ends + (ulong)turn.slot * b->max_ends;
    a.all_done = true;
    a.all_early = true;
    a.any_empty = false;
    a.seen = 0;
    return a;
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_advance(__global const lms_beam_turn *turns, uint first_turn,
                      __global lms_beam_state *states,
                      __global lms_beam_group *groups, __global lms_beam_live *live,
                      __global const int *ends, uint max_width, uint max_ends, uint max_length,
                      __global lms_candidate *candidates, uint max_candidates,
                      __global const lms_beam_offer *offers, __global lms_beam_link *links,
                      __global lms_hypothesis *pool, __global lms_choice *choices,
                      __global lms_hypothesis *finished, __global lms_hypothesis *merged,
                      uint max_choices, __global int *parents, ulong parents_offset,
                      __global lms_token *tokens, ulong tokens_offset, __global float *scores,
                      ulong scores_offset, uint has_scores, __global long *scores_fixed,
                      ulong scores_fixed_offset, uint has_scores_fixed, __global uint *done,
                      ulong done_offset, __global uint *status, ulong status_offset,
                      uint has_status)
{
    __local lms_shared shared;
    const ulong r = get_group_id(0);
    const lms_beams beams = lms_beams_of(states, groups, live, ends, max_width, max_ends);
    const lms_beam_turn turn = turns[first_turn + r];
    const ulong slot = turn.slot;
    lms_beam_outputs out;
    out.parents = parents + parents_offset;
    out.tokens = tokens + tokens_offset;
    out.scores = scores + scores_offset;
    out.scores_fixed = scores_fixed + scores_fixed_offset;
    out.has_scores = has_scores;
    out.has_scores_fixed = has_scores_fixed;
    const bool is_known = states[slot].serial == turn.serial; /* as in lms_is_live() */
    const uint before = is_known ? states[slot].status : LMS_BEAM_DONE | LMS_BEAM_NOT_OPENED;
    if (before & LMS_BEAM_DONE) {
        if (is_known) {
            const lms_advance over = lms_advance_of(&beams, turn);
            lms_put_all(&over, &out);
        } else {
            lms_put_none(&out, &turn);
        }
        if (lms_item() == 0) {
            done[done_offset + r] = 1;
            if (has_status) status[status_offset + r] = before;
        }
        return;
    }
    lms_advance a = lms_advance_of(&beams, turn);
    a.links = links + (slot * max_length + a.step) * max_width;
    a.pool = pool + slot * max_width;
    a.candidates = candidates;
    a.max_candidates = max_candidates;
    a.offers = offers;
    a.choices = choices + slot * max_choices;
    a.finished = finished + slot * 2 * max_choices;
    a.merged = merged + slot * max_width;
    lms_clear_own_bins(&shared);
    lms_to_group(&a, 0);
    while (a.phase != LMS_ADVANCE_DONE) {
        const lms_part part = lms_advance_part(&a, &out, &shared);
        const lms_meeting m =
            lms_meet(&shared, part, a.phase == LMS_ADVANCE_BINS ? a.count - a.before : 0);
        lms_next_advance(&a, &m);
    }
    if (lms_item() != 0) return;
    const uint now = lms_beam_status(&a);
    states[slot].step = a.step + 1;
    states[slot].status = now;
    done[done_offset + r] = now & LMS_BEAM_DONE ? 1 : 0;
    if (has_status) status[status_offset + r] = now | a.seen;
}
