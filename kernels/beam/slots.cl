/* beam/slots.cl - what is kept of the requests in slots, and what follows from it: which beams
 * are live, and how many candidates a step has. */
#pragma once
#include "beam/records.h"

/* The state of all slots. */
typedef struct lms_beams {
    __global lms_beam_state *states;
    __global lms_beam_group *groups; /* [slots][max_width] */
    __global lms_beam_live *live;    /* [slots][max_width] */
    __global const int *ends;        /* [slots][max_ends] */
    uint max_width;
    uint max_ends;
} lms_beams;

/* Its fields as arguments of a kernel, and a record from those. */
#define LMS_BEAMS_ARGUMENTS                                                                    \
    __global lms_beam_state *states, __global lms_beam_group *beam_groups,                     \
        __global lms_beam_live *live, __global const int *ends, uint max_width, uint max_ends
#define LMS_BEAMS lms_beams_of(states, beam_groups, live, ends, max_width, max_ends)

lms_beams lms_beams_of(__global lms_beam_state *states, __global lms_beam_group *groups,
                       __global lms_beam_live *live, __global const int *ends, uint max_width,
                       uint max_ends)
{
    lms_beams b;
    b.states = states;
    b.groups = groups;
    b.live = live;
    b.ends = ends;
    b.max_width = max_width;
    b.max_ends = max_ends;
    return b;
}

/* Is the state that of the request with this serial? Else it is an earlier request's: the write
 * of this one's was terminated, as happens where an event of a wait list fails. */
bool lms_is_state_of(__global const lms_beam_state *state, ulong serial)
{
    return state->serial == serial;
}

uint lms_group_width(const lms_beam_params *p) { return p->width / p->groups; }

/* A diversity group of a request that has taken `step` steps. Before the first one there are no
 * groups yet: the prompt is the only beam, every group's first parent. */
lms_beam_group lms_group_at(__global const lms_beam_group *groups, uint step, uint group)
{
    lms_beam_group prompt;
    if (step > 0) return groups[group];
    prompt.live = 1;
    prompt.length = 0;
    prompt.pooled = 0;
    prompt.done = 0;
    prompt.taken = 0;
    return prompt;
}

bool lms_is_live(const lms_beams *b, lms_beam_entry e)
{
    __global const lms_beam_state *const state = b->states + e.slot;
    if (!lms_is_state_of(state, e.serial) || (state->status & LMS_BEAM_DONE)) return false;
    if (state->step == 0) return e.beam == 0;
    const uint per = state->p.width / state->p.groups;
    const lms_beam_group group = b->groups[(ulong)e.slot * b->max_width + e.beam / per];
    return !group.done && e.beam % per < group.live;
}

/* How many candidates of a group are chosen in a step, at most. */
uint lms_beam_candidates(const lms_beam_params *p)
{
    return max(2u, 1u + p->end_tokens) * lms_group_width(p);
}

/* How many tokens a group can need of each of its beams, the best ones first. At least `per` of
 * the first per + end_tokens are no end tokens, and those would fill all beams of the group.
 * So no token behind them goes on, and no sequence that ends there counts as finished: it has
 * to be among the first `per` candidates. That does not hold where end tokens count at any
 * rank, nor where the order of candidates does not say who goes on (LMS_BEAM_SAMPLE): these
 * need as many as there are candidates. And for each beam of the other groups, a diversity
 * penalty can push down one token: so many more. */
uint lms_beam_wanted(const lms_beam_params *p)
{
    const uint candidates = lms_beam_candidates(p), per = lms_group_width(p);
    const bool all = (p->flags & LMS_BEAM_END_ANY_RANK) || p->mode == LMS_BEAM_SAMPLE;
    return (all ? candidates : min(candidates, per + p->end_tokens)) + p->width - per;
}
