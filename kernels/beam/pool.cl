/* beam/pool.cl - which of a group's candidates go on, and which sequences are finished
 * (specification, sections 14 and 16). Nothing is sorted: each candidate counts who is before
 * it, which is its rank, and who of those goes on, which is its beam; each member of the pool
 * counts who is better, which is its place. */
#pragma once
#include "beam/choose.cl"
#include "beam/outputs.cl"

/* Is choice i before choice j among the next beams? Choices are in the order that decides among
 * equals. Sampled ones are drawn by value, and go on by score. */
bool lms_goes_before(lms_known *req, uint i, uint j)
{
    __global const lms_choice *const x = req->choices + i, *const y = req->choices + j;
    if (req->p.mode == LMS_BEAM_SAMPLE && x->score != y->score) return x->score > y->score;
    return x->value > y->value || (x->value == y->value && i < j);
}

/* The first beam of the group whose turn it is. */
uint lms_first_beam(lms_known *req) { return req->group * req->group_width; }

/* The beam takes its token, for a diversity penalty to see, and goes on with it. */
void lms_go_on(lms_known *req, lms_known_outputs *out, const lms_choice *c,
               uint beam)
{
    lms_beam_link link;
    lms_beam_live live;
    link.token = c->token;
    link.parent = c->parent;
    link.logprob = c->logprob;
    req->links[beam] = link;
    if (lms_is_over(req)) return;
    live.score = c->score;
    live.value = c->value;
    req->live[beam] = live;
    lms_put_beam(out, req->turn.row + beam, req->turn.row + c->parent, c->token, c->score);
}

/* Returns how many of the own choices take a beam, and the best score that one is rated by. */
lms_part lms_place_part(lms_known *req, lms_known_outputs *out)
{
    lms_part part = lms_part_make(0, LMS_NO_SCORE);
    for (uint i = lms_item(); i < req->chosen; i += LMS_TEAM) {
        const lms_choice own = req->choices[i];
        const bool listed = lms_has_flag(req, LMS_BEAM_END_ANY_RANK) && own.is_end;
        uint rank = 0, beam = 0;
        for (uint j = 0; j < req->chosen; ++j) {
            const long value = req->choices[j].value;
            rank += value > own.value || (value == own.value && j < i);
            beam += !req->choices[j].is_end && lms_goes_before(req, j, i);
        }
        part.best = max(part.best, req->p.mode == LMS_BEAM_STOCHASTIC ? own.value : own.score);
        if (!own.is_end && beam < req->group_width) {
            lms_go_on(req, out, &own, lms_first_beam(req) + beam);
            ++part.sum;
        }
        if (!(own.is_end || lms_is_over(req)) || rank >= req->group_width || listed) {
            req->finished[i].rating = lms_rating_none();
        } else {
            lms_put_finished(req, i, &own);
        }
    }
    return part;
}

__global lms_hypothesis *lms_pool_of(lms_known *req)
{
    return req->pool + lms_first_beam(req);
}

/* Member i of the group's pool, and then those that finish in this step. */
lms_hypothesis lms_member(lms_known *req, uint i)
{
    if (i < req->pooled) return lms_pool_of(req)[i];
    return req->finished[i - req->pooled];
}

/* Makes the new pool, which LMS_ADVANCE_SETTLE puts in the place of the old one. Returns how
 * many sequences of the own places finish in this step. */
ulong lms_pool_part(lms_known *req)
{
    const uint all = req->pooled + req->chosen + req->ended;
    ulong finished = 0;
    for (uint i = lms_item(); i < all; i += LMS_TEAM) {
        const lms_hypothesis own = lms_member(req, i);
        if (!lms_is_rated(own.rating)) continue;
        const bool is_new = i >= req->pooled;
        uint place = 0;
        for (uint j = 0; j < all; ++j) {
            const lms_hypothesis other = lms_member(req, j);
            const bool is_earlier =
                j < req->pooled ? is_new || j < i : is_new && other.order < own.order;
            place += is_earlier ? !lms_is_better(own.rating, other.rating)
                                : lms_is_better(other.rating, own.rating);
        }
        if (place < req->group_width) req->merged[place] = own;
        finished += is_new;
    }
    return finished;
}

/* --- When a group is done ---------------------------------------------------------------- */

bool lms_is_early(lms_known *req)
{
    if (req->p.early_stopping == LMS_BEAM_EARLY_OFF) return false;
    if (req->pooled < req->group_width) return false;
    if (req->p.early_stopping == LMS_BEAM_EARLY_YES) return true;
    if (req->going == 0) return false;
    const bool at_most = req->p.early_stopping == LMS_BEAM_EARLY_NEVER &&
                         req->p.length_penalty > 0.0f;
    const lms_beam_params p = req->p;
    lms_beam_live best = req->live[lms_first_beam(req)];
    if (lms_has_flag(req, LMS_BEAM_STOP_BY_CANDIDATE)) best.value = best.score = req->best;
    const lms_rating hope = lms_rating_of(&p, best.value, best.score,
                                          at_most ? req->p.max_length : req->step + 1);
    return !lms_is_better(hope, req->merged[req->group_width - 1].rating);
}

lms_beam_group lms_group_now(lms_known *req)
{
    lms_beam_group group;
    group.live = req->going;
    group.length = req->step + 1;
    group.pooled = req->pooled;
    group.done = 0;
    group.taken = req->taken;
    if (lms_is_early(req)) {
        group.done = LMS_GROUP_EARLY;
    } else if (lms_is_last_step(req) || req->going == 0) {
        group.done = LMS_GROUP_ENDED;
    }
    return group;
}

void lms_settle_part(lms_known *req)
{
    __global lms_hypothesis *const pool = lms_pool_of(req);
    for (uint i = lms_item(); i < req->pooled; i += LMS_TEAM) pool[i] = req->merged[i];
    if (lms_item() == 0) req->groups[req->group] = lms_group_now(req);
}

/* A group that has no candidates is done; else it stays as it was. */
void lms_empty_part(lms_known *req)
{
    if (lms_item() != 0) return;
    lms_beam_live prompt;
    lms_beam_group group = lms_group_at(req->groups, req->step, req->group);
    group.done = LMS_GROUP_EMPTY;
    req->groups[req->group] = group;
    prompt.score = 0;
    prompt.value = 0;
    if (req->step == 0) req->live[lms_first_beam(req)] = prompt;
}
