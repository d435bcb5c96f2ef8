/* beam/candidates.cl - a request on its way through a step, and what the beams of one of its
 * diversity groups offer. */
#pragma once
#include "beam/slots.cl"
#include "numeric/fixed.cl"
#include "team/meeting.cl"

/* What is done for a group; beam/advance.cl has the order. */
typedef enum lms_advance_phase {
    LMS_ADVANCE_DONE,   /* all groups have had their turn                                   */
    LMS_ADVANCE_VALUES, /* candidates, their largest value, what was seen in their rows     */
    LMS_ADVANCE_BINS,   /* narrows the interval in which the last of the best is            */
    LMS_ADVANCE_TALLY,  /* how many are above the interval, and in it                       */
    LMS_ADVANCE_CHOOSE, /* the best ones, in the order of parents and offers                */
    LMS_ADVANCE_PLACE,  /* their ranks; which of them go on                                 */
    LMS_ADVANCE_POOL,   /* those that are finished, among the pool's                        */
    LMS_ADVANCE_SETTLE, /* the pool as it is now; is the group done?                        */
    LMS_ADVANCE_EMPTY,  /* a group without candidates is done                               */
    LMS_ADVANCE_STAY    /* the beams of a group that was done, or has no candidates, stay   */
} lms_advance_phase;

/* A request and the group whose turn it is: what a team knows. Larger teams have it in local
 * memory, as it would take all of a GPU's registers; work-item 0 writes it, between phases. */
typedef struct lms_beam_request {
    lms_beam_params p;
    lms_beam_turn turn;
    uint step;
    uint group_width;
    uint max_chosen; /* candidates of a group that are chosen, at most */
    uint max_listed; /* candidates of a beam that are looked at, at most */
    ulong penalty;
    __global lms_beam_group *groups;
    __global lms_beam_live *live;
    __global const int *ends;
    __global lms_beam_link *links; /* of this step */
    __global lms_hypothesis *pool;
    __global lms_candidate *candidates; /* of the call's beams, max_candidates of each */
    __global const lms_beam_offer *offers;
    uint max_candidates;
    __global lms_choice *choices;
    __global lms_hypothesis *finished; /* in this step */
    __global lms_hypothesis *merged;   /* the pool as it will be */
    bool all_done, all_early, any_empty; /* groups that have had their turn */
    uint seen; /* LMS_ROW_NAN_SEEN, LMS_ROW_INF_SEEN, LMS_BEAM_BAD_REQUEST, of all groups */

    lms_advance_phase phase;
    uint group;
    uint parents;      /* live beams of the group before this step */
    uint first_parent;
    long low, high;    /* values: the last candidate that is chosen is in (low, high] */
    uint bin_shift;
    ulong above_high;  /* candidates above `high` */
    uint chosen;
    uint quota;        /* how many of (low, high] are chosen */
    uint ended;        /* that finish by LMS_BEAM_END_ANY_RANK, listed behind the chosen ones */
    uint pooled;       /* members of the group's pool */
    uint taken;        /* best candidates without an end token, as many as there are beams */
    uint going;        /* how many of them go on: all, unless the search is over */
    long best;         /* score of the best candidate that is chosen, end tokens too */
} lms_beam_request;

#if LMS_TEAM == 1
#define LMS_KNOWN
#else
#define LMS_KNOWN __local
#endif
typedef LMS_KNOWN const lms_beam_request lms_known;

bool lms_has_flag(lms_known *req, uint flag) { return (req->p.flags & flag) != 0; }

bool lms_is_last_step(lms_known *req) { return req->step + 1 == req->p.max_length; }

bool lms_ends_with(lms_known *req, int token)
{
    for (uint i = 0; i < req->p.end_tokens; ++i) {
        if (req->ends[i] == token) return true;
    }
    return false;
}

/* Does nothing go on after this step? */
bool lms_is_over(lms_known *req)
{
    return lms_is_last_step(req) && !lms_has_flag(req, LMS_BEAM_KEEP_LIVE);
}

/* A place for a candidate: entry i of a live beam's list. All lists of a group, one behind the
 * other, have max_listed places each; a work-item has a run of them, up to `end`. The list is
 * an index: Intel's compiler for GPUs, as in Debian 12, crashes on a global pointer that a loop
 * changes under a condition. */
typedef struct lms_spot {
    uint place; /* beam * max_listed + i */
    uint end;
    uint beam; /* of the group's live ones */
    uint i;
    uint count; /* entries of the list */
    ulong list; /* its first entry in req->candidates */
} lms_spot;

void lms_open_list(lms_known *req, lms_spot *s)
{
    const ulong entry = req->turn.entry + req->first_parent + s->beam;
    s->count = min(req->offers[entry].count, req->max_listed);
    s->list = entry * req->max_candidates;
}

lms_spot lms_first_spot(lms_known *req)
{
    const uint places = req->parents * req->max_listed;
    const uint each = (places + LMS_TEAM - 1) / LMS_TEAM;
    lms_spot s;
    s.place = min(lms_item() * each, places);
    s.end = min(s.place + each, places);
    s.beam = s.place / req->max_listed;
    s.i = s.place % req->max_listed;
    s.count = 0;
    s.list = 0;
    if (s.beam < req->parents) lms_open_list(req, &s);
    return s;
}

void lms_next_spot(lms_known *req, lms_spot *s)
{
    ++s->place;
    if (++s->i < req->max_listed) return;
    s->i = 0;
    if (++s->beam < req->parents) lms_open_list(req, s);
}

/* A score less the penalty for each beam of an earlier group that has taken the token. */
long lms_penalized_value(lms_known *req, long score, int token)
{
    for (uint g = 0; g < req->group; ++g) {
        const lms_beam_group group = req->groups[g];
        const uint first = g * req->group_width;
        if (group.length != req->step + 1) continue;
        for (uint beam = first; beam < first + group.taken; ++beam) {
            if (req->links[beam].token != token) continue;
            score = max(score - (long)req->penalty, LMS_SCORE_FLOOR);
        }
    }
    return score;
}

/* The value of entry i of a list; LMS_NO_SCORE where there is none. */
long lms_value_of(lms_known *req, const lms_spot *s, uint i)
{
    return i < s->count ? req->candidates[s->list + i].value : LMS_NO_SCORE;
}

/* Sets an entry's value to its score less penalties. In the first step all groups have one
 * parent, the prompt, and its list: so an earlier group's penalties do not stay. */
void lms_set_value(lms_known *req, const lms_spot *s)
{
    if (req->penalty == 0 || req->p.groups == 1 || s->i >= s->count) return;
    __global lms_candidate *const c = req->candidates + s->list + s->i;
    c->value = lms_penalized_value(req, c->score, c->token);
}

/* In the sum of VALUES, candidates have the low 28 bits, beams with bad requests the 12 above,
 * beams with NaN in their rows the next 12, and beams with infinities the highest 12. */
#define LMS_BAD_COUNTS (1ul << 28)
#define LMS_NAN_COUNTS (1ul << 40)
#define LMS_INF_COUNTS (1ul << 52)

lms_part lms_values_part(lms_known *req)
{
    lms_part part = lms_part_make(0, LMS_NO_SCORE);
    for (lms_spot s = lms_first_spot(req); s.place < s.end; lms_next_spot(req, &s)) {
        lms_set_value(req, &s);
        const long value = lms_value_of(req, &s, s.i);
        if (value != LMS_NO_SCORE) ++part.sum;
        part.best = max(part.best, value);
        if (s.i > 0) continue;
        const uint seen = req->offers[req->turn.entry + req->first_parent + s.beam].seen;
#ifdef LMS_REQUESTS
        if (seen & LMS_BEAM_BAD_REQUEST) part.sum += LMS_BAD_COUNTS;
#endif
        if (seen & LMS_ROW_NAN_SEEN) part.sum += LMS_NAN_COUNTS;
        if (seen & LMS_ROW_INF_SEEN) part.sum += LMS_INF_COUNTS;
    }
    return part;
}
