/* beam/results.cl - the best sequences of a request, gathered from the back pointers
 * (specification, section 17).
 *
 *   in   turns lms_beam_turn[requests]; states, groups, live, pool, links of the slots
 *   out  counts int[requests]; lengths int, scores float, logprobs float [requests][results];
 *        tokens, token_logprobs float, beams int [requests][results][stride], `columns` of each
 *        written; each where `wanted` has its bit, counts, lengths and tokens always
 *   run  a work-group of LMS_TEAM for each request
 *   mem  entrants: 2 * max_width for each slot, global
 */
#pragma once
#include "beam/rating.cl"
#include "beam/slots.cl"
#include "numeric/types.cl"
#include "team/meeting.cl"

/* A request and where its results go. */
typedef struct lms_gather {
    lms_beam_params p;
    uint step;
    uint group_width;
    __global const lms_beam_group *groups;
    __global const lms_beam_live *live;
    __global const lms_hypothesis *pool;
    __global const lms_beam_link *links; /* [step][max_width] */
    __global lms_beam_entrant *entrants;
    uint max_width;
    uint max_results;
    uint columns;
    ulong stride;
    uint wanted;
    __global int *lengths;
    __global lms_token *tokens;
    __global float *scores;
    __global float *logprobs;
    __global float *token_logprobs;
    __global int *beams;
} lms_gather;

/* Entrant i: member i of the pools, or live beam i - width. In the first tier are finished
 * sequences, and live ones where those compete with them. */
lms_beam_entrant lms_entrant_of(const lms_gather *g, uint i)
{
    const bool is_live = i >= g->p.width;
    const uint width = g->group_width;
    const uint beam = is_live ? i - g->p.width : i, group = beam / width;
    const lms_beam_group now = lms_group_at(g->groups, g->step, group);
    lms_beam_entrant e;
    e.order = group * 2 * width + (is_live ? width : 0) + beam % width;
    e.rating = lms_rating_zero();
    e.tier = 0;
    if (beam % width >= (is_live ? now.live : now.pooled)) return e;
    if (!is_live) {
        e.rating = g->pool[beam].rating;
        e.tier = 1;
        return e;
    }
    const bool competes = (g->p.flags & LMS_BEAM_KEEP_LIVE) && now.done != LMS_GROUP_EARLY;
    e.tier = competes ? 1 : 2;
    if (g->step > 0) {
        e.rating = lms_rating_of(&g->p, g->live[beam].value, g->live[beam].score, now.length);
    }
    return e;
}

/* How many entrants come before one. */
uint lms_entrant_place(const lms_gather *g, lms_beam_entrant own)
{
    uint place = 0;
    for (uint i = 0; i < 2 * g->p.width; ++i) {
        const lms_beam_entrant e = g->entrants[i];
        if (e.tier == 0) continue;
        if (e.tier != own.tier) {
            place += e.tier < own.tier;
        } else if (lms_is_better(e.rating, own.rating)) {
            ++place;
        } else if (!lms_is_better(own.rating, e.rating)) {
            place += e.order < own.order;
        }
    }
    return place;
}

void lms_put_token(const lms_gather *g, ulong at, int token, float logprob, int beam)
{
    g->tokens[at] = (lms_token)token;
    if (g->wanted & LMS_WANT_TOKEN_LOGPROBS) g->token_logprobs[at] = logprob;
    if (g->wanted & LMS_WANT_BEAMS) g->beams[at] = beam;
}

void lms_put_sequence(const lms_gather *g, uint result, uint length, lms_rating rating,
                      long score)
{
    g->lengths[result] = (int)length;
    if (g->wanted & LMS_WANT_SCORES) g->scores[result] = lms_rating_nats(rating);
    if (g->wanted & LMS_WANT_LOGPROBS) g->logprobs[result] = lms_score_or_none(score);
    for (uint i = length; i < g->columns; ++i) {
        lms_put_token(g, result * g->stride + i, LMS_NO_TOKEN, 0.0f, -1);
    }
}

/* The first `length` tokens of the sequence that a beam has after as many steps. */
void lms_put_links(const lms_gather *g, uint result, uint length, uint beam)
{
    for (uint i = min(length, g->columns); i-- > 0;) {
        const lms_beam_link link = g->links[(ulong)i * g->max_width + beam];
        lms_put_token(g, result * g->stride + i, link.token, link.logprob,
                      (int)min(link.parent, g->max_width - 1));
        beam = min(link.parent, g->max_width - 1);
    }
}

void lms_put_entrant(const lms_gather *g, uint i, uint result, lms_rating rating)
{
    if (i >= g->p.width) {
        const uint beam = i - g->p.width;
        const uint length = lms_group_at(g->groups, g->step, beam / g->group_width).length;
        lms_put_sequence(g, result, length, rating, g->step > 0 ? g->live[beam].score : 0);
        lms_put_links(g, result, length, beam);
        return;
    }
    const lms_hypothesis h = g->pool[i];
    lms_put_sequence(g, result, h.length, rating, h.score);
    if (h.length > g->columns) return;
    lms_put_token(g, result * g->stride + h.length - 1, h.token, h.logprob, (int)h.parent);
    lms_put_links(g, result, h.length - 1, h.parent);
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_results(__global const lms_beam_turn *turns, __global lms_beam_state *states,
                      __global lms_beam_group *beam_groups, __global lms_beam_live *live,
                      uint max_width, uint max_length, __global const lms_beam_link *links,
                      __global const lms_hypothesis *pool, __global lms_beam_entrant *entrants,
                      uint max_results, uint columns, ulong stride, uint wanted,
                      __global int *counts, ulong counts_offset, __global int *lengths,
                      ulong lengths_offset, __global lms_token *tokens, ulong tokens_offset,
                      __global float *scores, ulong scores_offset, __global float *logprobs,
                      ulong logprobs_offset, __global float *token_logprobs,
                      ulong token_logprobs_offset, __global int *beams, ulong beams_offset)
{
    __local lms_shared shared;
    const ulong r = get_group_id(0), slot = turns[r].slot;
    lms_gather g;
    g.p = states[slot].p;
    g.step = states[slot].step;
    if (!lms_is_state_of(states + slot, turns[r].serial)) { /* no results */
        g.p.width = 0;
        g.p.results = 0;
    }
    g.group_width = max(g.p.width / max(g.p.groups, 1u), 1u);
    g.groups = beam_groups + slot * max_width;
    g.live = live + slot * max_width;
    g.pool = pool + slot * max_width;
    g.links = links + slot * max_length * max_width;
    g.entrants = entrants + slot * 2 * max_width;
    g.max_width = max_width;
    g.max_results = max_results;
    g.columns = columns;
    g.stride = stride;
    g.wanted = wanted;
    g.lengths = lengths + lengths_offset + r * max_results;
    g.tokens = tokens + tokens_offset + r * max_results * stride;
    g.scores = scores + scores_offset + r * max_results;
    g.logprobs = logprobs + logprobs_offset + r * max_results;
    g.token_logprobs = token_logprobs + token_logprobs_offset + r * max_results * stride;
    g.beams = beams + beams_offset + r * max_results * stride;
    lms_begin_meetings(&shared);
    lms_part part = lms_part_make(0, 0);
    for (uint i = lms_item(); i < 2 * g.p.width; i += LMS_TEAM) {
        const lms_beam_entrant e = lms_entrant_of(&g, i);
        g.entrants[i] = e;
        part.sum += e.tier != 0;
    }
    const uint count = (uint)min(lms_meet(&shared, part, 0).total, (ulong)g.p.results);
    for (uint i = lms_item(); i < 2 * g.p.width; i += LMS_TEAM) {
        const lms_beam_entrant e = g.entrants[i];
        if (e.tier == 0) continue;
        const uint place = lms_entrant_place(&g, e);
        if (place < count) lms_put_entrant(&g, i, place, e.rating);
    }
    for (uint i = count + lms_item(); i < max_results; i += LMS_TEAM) {
        lms_put_sequence(&g, i, 0, lms_rating_none(), LMS_NO_SCORE);
    }
    if (lms_item() == 0) counts[counts_offset + r] = (int)count;
}
