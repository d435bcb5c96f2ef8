/* beam/pool.cl - who goes on, and who is finished (specification, sections 14 and 16). Nothing is
 * sorted: each candidate counts who is before it, which is its rank, and who of those goes on,
 * which is its beam; each member of the pool counts who is better, which is its place. */
#pragma once
#include "beam/choose.cl"
#include "numeric/stored.cl"

/* The order of the next beams; choices are in the order that decides among equals. Sampled ones
 * are drawn by value, and go on by score. */
bool lms_goes_before(const lms_advance *a, uint i, uint j)
{
    __global const lms_choice *const x = a->choices + i, *const y = a->choices + j;
    if (a->p.mode == LMS_BEAM_SAMPLE && x->score != y->score) return x->score > y->score;
    return x->value > y->value || (x->value == y->value && i < j);
}

/* What the caller gets. */
typedef struct lms_beam_outputs {
    __global int *parents;
    __global lms_token *tokens;
    __global float *scores;
    __global long *scores_fixed;
    uint has_scores;
    uint has_scores_fixed;
} lms_beam_outputs;

void lms_put_beam(const lms_beam_outputs *out, uint row, uint parent_row, int token, long score)
{
    out->parents[row] = (int)parent_row;
    out->tokens[row] = (lms_token)token;
    if (out->has_scores) out->scores[row] = lms_score_or_none(score);
    if (out->has_scores_fixed) out->scores_fixed[row] = score;
}

/* Of a request that is done: all is as it was. */
void lms_put_all(const lms_advance *a, const lms_beam_outputs *out)
{
    for (uint beam = lms_item(); beam < a->p.width; beam += LMS_TEAM) {
        const bool is_live = beam % a->per < a->groups[beam / a->per].live;
        const uint row = a->turn.row + beam;
        const long score = is_live ? a->live[beam].score : LMS_NO_SCORE;
        lms_put_beam(out, row, row, LMS_NO_TOKEN, score);
    }
}

/* Of a request that there is nothing of. */
void lms_put_none(const lms_beam_outputs *out, const lms_beam_turn *turn)
{
    for (uint i = lms_item(); i < turn->width; i += LMS_TEAM) {
        const uint row = turn->row + i;
        lms_put_beam(out, row, row, LMS_NO_TOKEN, LMS_NO_SCORE);
    }
}

/* The beam takes its token, for a diversity penalty to see, and goes on with it. */
void lms_go_on(const lms_advance *a, const lms_beam_outputs *out, const lms_choice *c,
               uint beam)
{
    lms_beam_link link;
    lms_beam_live live;
    link.token = c->token;
    link.parent = c->parent;
    link.logprob = c->logprob;
    a->links[beam] = link;
    if (lms_is_over(a)) return;
    live.score = c->score;
    live.value = c->value;
    a->live[beam] = live;
    lms_put_beam(out, a->turn.row + beam, a->turn.row + c->parent, c->token, c->score);
}

/* Returns how many of the own ones take a beam, and their best. */
lms_part lms_place_part(const lms_advance *a, const lms_beam_outputs *out)
{
    lms_part part;
    part.sum = 0;
    part.best = LMS_NO_SCORE;
    for (uint i = lms_item(); i < a->chosen; i += LMS_TEAM) {
        const lms_choice own = a->choices[i];
        const bool listed = lms_has_flag(a, LMS_BEAM_END_ANY_RANK) && own.is_end;
        uint rank = 0, beam = 0;
        for (uint j = 0; j < a->chosen; ++j) {
            const long value = a->choices[j].value;
            rank += value > own.value || (value == own.value && j < i);
            beam += !a->choices[j].is_end && lms_goes_before(a, j, i);
        }
        part.best = max(part.best, a->p.mode == LMS_BEAM_STOCHASTIC ? own.value : own.score);
        if (!own.is_end && beam < a->per) {
            lms_go_on(a, out, &own, a->group * a->per + beam);
            ++part.sum;
        }
        if (!(own.is_end || lms_is_over(a)) || rank >= a->per || listed) {
            a->finished[i].rating = lms_rating_none();
        } else {
            a->finished[i] = lms_hypothesis_of(a, &own);
        }
    }
    return part;
}

__global lms_hypothesis *lms_pool_of(const lms_advance *a)
{
    return a->pool + a->group * a->per;
}

/* Member i of the group's pool, and then those that finish in this step. */
__global const lms_hypothesis *lms_member(const lms_advance *a, uint i)
{
    return i < a->pooled ? lms_pool_of(a) + i : a->finished + (i - a->pooled);
}

/* The new pool, in the place of the old one later. Returns how many of the own ones finish. */
ulong lms_pool_part(const lms_advance *a)
{
    const uint all = a->pooled + a->chosen + a->ended;
    ulong finished = 0;
    for (uint i = lms_item(); i < all; i += LMS_TEAM) {
        const lms_hypothesis own = *lms_member(a, i);
        if (!lms_is_rated(own.rating)) continue;
        const bool is_new = i >= a->pooled;
        uint place = 0;
        for (uint j = 0; j < all; ++j) {
            __global const lms_hypothesis *const other = lms_member(a, j);
            const bool is_earlier =
                j < a->pooled ? is_new || j < i : is_new && other->order < own.order;
            place += is_earlier ? !lms_is_better(own.rating, other->rating)
                                : lms_is_better(other->rating, own.rating);
        }
        if (place < a->per) a->merged[place] = own;
        finished += is_new;
    }
    return finished;
}

/* The beams that nothing goes on in. */
void lms_put_rest(const lms_advance *a, const lms_beam_outputs *out)
{
    for (uint i = a->going + lms_item(); i < a->per; i += LMS_TEAM) {
        const uint row = a->turn.row + a->group * a->per + i;
        lms_put_beam(out, row, row, LMS_NO_TOKEN, LMS_NO_SCORE);
    }
}

/* --- When a group is done ---------------------------------------------------------------- */

bool lms_is_early(const lms_advance *a)
{
    if (a->pooled < a->per || a->p.early_stopping == LMS_BEAM_EARLY_OFF) return false;
    if (a->p.early_stopping == LMS_BEAM_EARLY_YES) return true;
    if (a->going == 0) return false;
    const bool at_most = a->p.early_stopping == LMS_BEAM_EARLY_NEVER &&
                         a->p.length_penalty > 0.0f;
    lms_beam_live best = a->live[a->group * a->per];
    if (lms_has_flag(a, LMS_BEAM_STOP_BY_CANDIDATE)) best.value = best.score = a->best;
    const lms_rating hope = lms_rating_of(&a->p, best.value, best.score,
                                          at_most ? a->p.max_length : a->step + 1);
    return !lms_is_better(hope, a->merged[a->per - 1].rating);
}

lms_beam_group lms_group_now(const lms_advance *a)
{
    lms_beam_group group;
    group.live = a->going;
    group.length = a->step + 1;
    group.pooled = a->pooled;
    group.done = 0;
    group.taken = a->taken;
    if (lms_is_early(a)) {
        group.done = LMS_GROUP_EARLY;
    } else if (lms_is_last_step(a) || a->going == 0) {
        group.done = LMS_GROUP_ENDED;
    }
    return group;
}

void lms_settle_part(const lms_advance *a)
{
    for (uint i = lms_item(); i < a->pooled; i += LMS_TEAM) lms_pool_of(a)[i] = a->merged[i];
    if (lms_item() == 0) a->groups[a->group] = lms_group_now(a);
}

/* A group that has no candidates is done, and else as it was. */
void lms_empty_part(const lms_advance *a)
{
    const lms_beam_live start = {0, 0};
    lms_beam_group group = {1, 0, 0, LMS_GROUP_EMPTY, 0};
    if (lms_item() != 0) return;
    if (a->step > 0) {
        group = a->groups[a->group];
        group.done = LMS_GROUP_EMPTY;
    } else {
        a->live[a->group * a->per] = start;
    }
    a->groups[a->group] = group;
}

/* The beams of a group that does not go on. */
void lms_stay_part(const lms_advance *a, const lms_beam_outputs *out)
{
    const uint live = a->groups[a->group].live;
    for (uint i = lms_item(); i < a->per; i += LMS_TEAM) {
        const uint beam = a->group * a->per + i, row = a->turn.row + beam;
        const long score = i < live ? a->live[beam].score : LMS_NO_SCORE;
        lms_put_beam(out, row, row, LMS_NO_TOKEN, score);
    }
}
