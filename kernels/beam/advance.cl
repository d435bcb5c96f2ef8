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
 * Diversity groups take their turns in the order of their numbers. The phases of a turn:
 *
 *   VALUES -> BINS .. -> TALLY -> CHOOSE -> PLACE -> POOL -> SETTLE
 *   VALUES -> EMPTY -> STAY                   where nothing is offered
 *   STAY                                      where the group was done
 *
 * In each phase every work-item does its part; then all meet, and the first one says what the
 * next phase is. Every write has a place of its own. */
#pragma once
#include "beam/pool.cl"

/* What a group's turn begins with; DONE behind the last group. */
lms_advance_phase lms_to_group(LMS_KNOWN lms_beam_request *req, uint group)
{
    if (group == req->p.groups) return LMS_ADVANCE_DONE;
    const lms_beam_group now = lms_group_at(req->groups, req->step, group);
    req->group = group;
    req->parents = now.live;
    req->first_parent = req->step > 0 ? lms_first_beam(req) : 0;
    req->pooled = now.pooled;
    return now.done ? LMS_ADVANCE_STAY : LMS_ADVANCE_VALUES;
}

lms_advance_phase lms_after_values(LMS_KNOWN lms_beam_request *req, const lms_meeting *m)
{
#ifdef LMS_REQUESTS
    const ulong count = m->total & (LMS_BAD_COUNTS - 1);
    if (m->total / LMS_BAD_COUNTS % (LMS_NAN_COUNTS / LMS_BAD_COUNTS)) {
        req->seen |= LMS_BEAM_BAD_REQUEST;
    }
#else
    const ulong count = m->total & (LMS_NAN_COUNTS - 1);
#endif
    if (m->total / LMS_NAN_COUNTS % (LMS_INF_COUNTS / LMS_NAN_COUNTS)) {
        req->seen |= LMS_ROW_NAN_SEEN;
    }
    if (m->total / LMS_INF_COUNTS) req->seen |= LMS_ROW_INF_SEEN;
    req->low = LMS_SCORE_FLOOR - 1;
    req->high = req->low;
    req->above_high = 0;
    if (count == 0) return LMS_ADVANCE_EMPTY;
    if (count <= req->max_chosen) return LMS_ADVANCE_TALLY; /* all of them */
    req->high = m->best;
    req->bin_shift = 38 - LMS_BIN_BITS; /* 64 nats in all: the rest is in the last bin */
    return LMS_ADVANCE_BINS;
}

lms_advance_phase lms_after_tally(LMS_KNOWN lms_beam_request *req, const lms_meeting *m)
{
    const lms_tally all = lms_tally_of(m->total);
    req->ended = all.ended;
    req->quota = min(req->max_chosen - min(all.above, req->max_chosen), all.within);
    req->chosen = all.above + req->quota;
    return LMS_ADVANCE_CHOOSE;
}

lms_advance_phase lms_after_place(LMS_KNOWN lms_beam_request *req, const lms_meeting *m)
{
    req->taken = (uint)m->total;
    req->going = lms_is_over(req) ? 0 : req->taken;
    req->best = m->best;
    return LMS_ADVANCE_POOL;
}

lms_advance_phase lms_after_pool(LMS_KNOWN lms_beam_request *req, const lms_meeting *m)
{
    req->pooled = (uint)min(req->pooled + m->total, (ulong)req->group_width);
    return LMS_ADVANCE_SETTLE;
}

lms_advance_phase lms_after_group(LMS_KNOWN lms_beam_request *req, lms_beam_group group)
{
    req->all_done = req->all_done && group.done;
    req->all_early = req->all_early && group.done == LMS_GROUP_EARLY;
    req->any_empty = req->any_empty || group.done == LMS_GROUP_EMPTY;
    return lms_to_group(req, req->group + 1);
}

/* The phase that follows. */
lms_advance_phase lms_next_phase(LMS_KNOWN lms_beam_request *req, const lms_meeting *m)
{
    switch (req->phase) {
    case LMS_ADVANCE_DONE: break;
    case LMS_ADVANCE_VALUES: return lms_after_values(req, m);
    case LMS_ADVANCE_BINS:
        return lms_narrow_values(req, m) ? LMS_ADVANCE_BINS : LMS_ADVANCE_TALLY;
    case LMS_ADVANCE_TALLY: return lms_after_tally(req, m);
    case LMS_ADVANCE_CHOOSE: return LMS_ADVANCE_PLACE;
    case LMS_ADVANCE_PLACE: return lms_after_place(req, m);
    case LMS_ADVANCE_POOL: return lms_after_pool(req, m);
    case LMS_ADVANCE_EMPTY: return LMS_ADVANCE_STAY;
    case LMS_ADVANCE_SETTLE: /* work-item 0 has written it */
    case LMS_ADVANCE_STAY: return lms_after_group(req, req->groups[req->group]);
    }
    return LMS_ADVANCE_DONE;
}

/* The own part of a phase; `before` is the sum of lower work-items in the phase before. */
lms_part lms_advance_part(lms_known *req, ulong before, lms_known_outputs *out,
                          __local lms_shared *shared)
{
    const uint first = lms_first_beam(req), end = first + req->group_width;
    lms_part part = lms_part_make(0, LMS_NO_SCORE);
    switch (req->phase) {
    case LMS_ADVANCE_DONE: break;
    case LMS_ADVANCE_VALUES: part = lms_values_part(req); break;
    case LMS_ADVANCE_BINS: lms_bin_values(req, shared); break;
    case LMS_ADVANCE_TALLY: part.sum = lms_tally_values(req); break;
    case LMS_ADVANCE_CHOOSE: lms_choose_part(req, before); break;
    case LMS_ADVANCE_PLACE: part = lms_place_part(req, out); break;
    case LMS_ADVANCE_POOL:
        part.sum = lms_pool_part(req);
        lms_put_none(out, req->turn.row + first + req->going, req->turn.row + end);
        break;
    case LMS_ADVANCE_SETTLE: lms_settle_part(req); break;
    case LMS_ADVANCE_EMPTY: lms_empty_part(req); break;
    case LMS_ADVANCE_STAY: lms_put_unchanged(req, out, first, end); break;
    }
    return part;
}

uint lms_beam_status(lms_known *req)
{
    return (req->any_empty ? LMS_BEAM_EMPTY : 0) |
           (req->all_done ? LMS_BEAM_DONE | (req->all_early ? LMS_BEAM_EARLY : 0) : 0);
}

/* All but what is of a step or a group; the turn is there. */
void lms_begin_request(LMS_KNOWN lms_beam_request *req, const lms_beams *b)
{
    const ulong slot = req->turn.slot, first = slot * b->max_width;
    const lms_beam_params p = b->states[slot].p;
    req->p = p;
    req->step = b->states[slot].step;
    req->group_width = lms_group_width(&p);
    req->max_chosen = lms_beam_candidates(&p);
    req->max_listed = lms_beam_wanted(&p);
    req->penalty = lms_fixed(p.diversity_penalty);
    req->groups = b->groups + first;
    req->live = b->live + first;
    req->ends = b->ends + slot * b->max_ends;
    req->all_done = true;
    req->all_early = true;
    req->any_empty = false;
    req->seen = 0;
}

/* A request that is done, or that the slot has nothing of: nothing changes. */
void lms_put_over(lms_known *req, lms_known_outputs *out, ulong r, uint status)
{
    if (status & LMS_BEAM_NOT_OPENED) {
        lms_put_none(out, req->turn.row, req->turn.row + req->turn.width);
    } else {
        lms_put_unchanged(req, out, 0, req->p.width);
    }
    if (lms_item() == 0) lms_put_request(out, r, status | LMS_BEAM_DONE, 0);
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_advance(__global const lms_beam_turn *turns, uint first_turn, LMS_BEAMS_ARGUMENTS,
                      uint max_length, __global lms_candidate *candidates, uint max_candidates,
                      __global const lms_beam_offer *offers, __global lms_beam_link *links,
                      __global lms_hypothesis *pool, __global lms_choice *choices,
                      __global lms_hypothesis *finished, __global lms_hypothesis *merged,
                      uint max_choices, LMS_BEAM_OUTPUTS_ARGUMENTS)
{
    __local lms_shared shared;
    LMS_KNOWN lms_beam_request req;
    LMS_KNOWN lms_beam_outputs out;
    const ulong r = get_group_id(0), slot = turns[first_turn + r].slot;
    __global lms_beam_state *const state = states + slot;
    const bool is_there = lms_is_state_of(state, turns[first_turn + r].serial);
    if (lms_item() == 0) {
        out = LMS_BEAM_OUTPUTS;
        req.turn = turns[first_turn + r];
        if (is_there) {
            const lms_beams beams = LMS_BEAMS;
            lms_begin_request(&req, &beams);
            req.links = links + (slot * max_length + req.step) * max_width;
            req.pool = pool + slot * max_width;
            req.candidates = candidates;
            req.max_candidates = max_candidates;
            req.offers = offers;
            req.choices = choices + slot * max_choices;
            req.finished = finished + slot * 2 * max_choices;
            req.merged = merged + slot * max_width;
            req.phase = lms_to_group(&req, 0);
        }
    }
    lms_begin_meetings(&shared);
    lms_sync();
    if (!is_there || (state->status & LMS_BEAM_DONE)) {
        lms_put_over(&req, &out, r, is_there ? state->status : LMS_BEAM_NOT_OPENED);
        return;
    }
    ulong before = 0;
    while (req.phase != LMS_ADVANCE_DONE) {
        const ulong target =
            req.phase == LMS_ADVANCE_BINS ? req.max_chosen - req.above_high : 0;
        const lms_part part = lms_advance_part(&req, before, &out, &shared);
        const lms_meeting m = lms_meet(&shared, part, target);
        before = m.before;
        if (lms_item() == 0) req.phase = lms_next_phase(&req, &m);
        lms_sync(); /* all know it */
    }
    if (lms_item() != 0) return;
    const uint now = lms_beam_status(&req);
    state->step = req.step + 1;
    state->status = now;
    lms_put_request(&out, r, now, req.seen);
}
