/* beam/slots.cl - what is kept of the requests in slots, and what follows from it: which beams are
 * live, and how many candidates a step has. The records are in beam/records.h. */
#pragma once
#include "beam/records.h"

/* Everything that is known of the beams in slots. */
typedef struct lms_beams {
    __global lms_beam_state *states;
    __global lms_beam_group *groups; /* [slots][max_width] */
    __global lms_beam_live *live;    /* [slots][max_width] */
    __global const int *ends;        /* [slots][max_ends] */
    uint max_width;
    uint max_ends;
} lms_beams;

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

/* The arguments of the kernels that take all of it, and the record that they make. */
#define LMS_BEAMS_ARGUMENTS                                                                    \
    __global lms_beam_state *states, __global lms_beam_group *beam_groups,                     \
        __global lms_beam_live *live, __global const int *ends, uint max_width, uint max_ends
#define LMS_BEAMS lms_beams_of(states, beam_groups, live, ends, max_width, max_ends)

bool lms_is_live(const lms_beams *b, lms_beam_entry e)
{
    __global const lms_beam_state *const state = b->states + e.slot;
    /* A state of another serial is an earlier request's: the write of this one's was
     * terminated, as happens where an event of a wait list fails. */
    if (state->serial != e.serial || (state->status & LMS_BEAM_DONE)) return false;
    if (state->step == 0) return e.beam == 0;
    const uint per = state->p.width / state->p.groups;
    const lms_beam_group group = b->groups[(ulong)e.slot * b->max_width + e.beam / per];
    return !group.done && e.beam % per < group.live;
}

/* Candidates of a group. */
uint lms_beam_candidates(const lms_beam_params *p)
{
    return max(2u, 1u + p->end_tokens) * (p->width / p->groups);
}

/* The tokens that a group can need of each of its beams. As many as go on, and each end token:
 * what a beam offers behind those has too many before it to go on, and what comes behind that
 * has too many before it to count as finished. Where that does not hold, all that may be
 * candidates: where end tokens count at any rank, and where it is not the order of candidates
 * that says who goes on. And one for each token that a diversity penalty may push down. */
uint lms_beam_wanted(const lms_beam_params *p)
{
    const uint candidates = lms_beam_candidates(p), per = p->width / p->groups;
    const bool all = (p->flags & LMS_BEAM_END_ANY_RANK) || p->mode == LMS_BEAM_SAMPLE;
    return (all ? candidates : min(candidates, per + p->end_tokens)) + p->width - per;
}
