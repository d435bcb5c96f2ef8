/* beam/candidates.cl - a request on its way through a step, and the candidates of the group whose turn
 * it is; beam_advance.cl has the order of the steps. */
#pragma once
#include "beam/slots.cl"
#include "numeric/fixed.cl"
#include "team/meeting.cl"

typedef enum lms_advance_step {
    LMS_ADVANCE_VALUES, /* candidates, their largest value, what was seen in their rows     */
    LMS_ADVANCE_BINS,   /* narrows the interval in which the last of the best is            */
    LMS_ADVANCE_TALLY,  /* how many are above it, and in it                                 */
    LMS_ADVANCE_CHOOSE, /* the best ones, in the order of parents and offers                */
    LMS_ADVANCE_PLACE,  /* ... by rank; those that go on                                    */
    LMS_ADVANCE_POOL,   /* those that are finished, among the pool's                        */
    LMS_ADVANCE_SETTLE, /* the pool as it is now; is the group done?                        */
    LMS_ADVANCE_EMPTY,  /* a group without candidates is done, ...                          */
    LMS_ADVANCE_STAY,   /* ... and its beams, or those of one that was done, stay           */
    LMS_ADVANCE_DONE
} lms_advance_step;

/* A request and the group whose turn it is; alike in all work-items but for own_before. */
typedef struct lms_advance {
    lms_beam_params p;
    lms_advance_step phase;
    uint step; /* of the request */
    lms_beam_turn turn;
    uint per;   /* beams of a group */
    uint count; /* candidates that are chosen, at most */
    ulong penalty;
    __global lms_beam_group *groups;
    __global lms_beam_live *live;
    __global const int *ends;
    __global lms_beam_link *links; /* of this step */
    __global lms_hypothesis *pool;
    __global lms_candidate *candidates;
    __global const lms_beam_offer *offers;
    uint max_candidates;
    __global lms_choice *choices;
    __global lms_hypothesis *finished; /* in this step */
    __global lms_hypothesis *merged;   /* the pool as it will be */
    uint group;
    uint parents; /* live beams of the group */
    uint first;   /* the first of them */
    uint listed;  /* entries that a beam's list may have */
    long low, high; /* the last of the best is in (low, high] */
    uint shift;
    ulong before;  /* how many are above high */
    ulong own_before;
    uint chosen;
    uint quota;    /* of (low, high] */
    uint ended;    /* finished ones that were listed in CHOOSE */
    uint pooled;   /* of the group */
    uint taken;    /* first candidates without an end token, one a beam */
    uint going;    /* those of them that go on: all, unless the search is over */
    long best;     /* of the candidates, end tokens too: the score that they are rated by */
    bool all_done, all_early, any_empty;
    uint seen;
} lms_advance;

bool lms_has_flag(const lms_advance *a, uint flag) { return (a->p.flags & flag) != 0; }

bool lms_is_last_step(const lms_advance *a) { return a->step + 1 == a->p.max_length; }

bool lms_ends_with(const lms_advance *a, int token)
{
    for (uint i = 0; i < a->p.end_tokens; ++i) {
        if (a->ends[i] == token) return true;
    }
    return false;
}

/* Does nothing go on after this step? */
bool lms_is_over(const lms_advance *a)
{
    return lms_is_last_step(a) && !lms_has_flag(a, LMS_BEAM_KEEP_LIVE);
}

/* One of the places that a group's candidates may have, and the list that it is in. */
typedef struct lms_spot {
    uint place; /* beam * listed + i */
    uint beam;  /* of the group's live ones */
    uint i;
    uint count; /* entries of the list */
    __global lms_candidate *list;
} lms_spot;

void lms_open_list(const lms_advance *a, lms_spot *s)
{
    const ulong entry = a->turn.entry + a->first + s->beam;
    s->count = min(a->offers[entry].count, a->listed);
    s->list = a->candidates + entry * a->max_candidates;
}

uint lms_places_each(const lms_advance *a)
{
    return (a->parents * a->listed + LMS_TEAM - 1) / LMS_TEAM;
}

/* The own places are a run of them: the end of it, ... */
uint lms_end_place(const lms_advance *a)
{
    return min((lms_item() + 1) * lms_places_each(a), a->parents * a->listed);
}
/* ... and its begin. */
lms_spot lms_first_spot(const lms_advance *a)
{
    lms_spot s;
    s.place = min(lms_item() * lms_places_each(a), a->parents * a->listed);
    s.beam = s.place / a->listed;
    s.i = s.place % a->listed;
    s.count = 0;
    s.list = 0;
    if (s.beam < a->parents) lms_open_list(a, &s);
    return s;
}

void lms_next_spot(const lms_advance *a, lms_spot *s)
{
    ++s->place;
    if (++s->i < a->listed) return;
    s->i = 0;
    if (++s->beam < a->parents) lms_open_list(a, s);
}

/* A score less the penalty for each beam of an earlier group that has taken the token. */
long lms_penalized(const lms_advance *a, long score, int token)
{
    for (uint g = 0; g < a->group; ++g) {
        const lms_beam_group group = a->groups[g];
        if (group.length != a->step + 1) continue;
        for (uint beam = g * a->per; beam < g * a->per + group.taken; ++beam) {
            if (a->links[beam].token != token) continue;
            score = max(score - (long)a->penalty, LMS_SCORE_FLOOR);
        }
    }
    return score;
}

/* The value of entry i of a list; LMS_NO_SCORE where there is none. */
long lms_value_of(const lms_spot *s, uint i)
{
    return i < s->count ? s->list[i].value : LMS_NO_SCORE;
}

/* Groups have their first parent in common, so a penalty is taken from the score each time. */
void lms_set_value(const lms_advance *a, const lms_spot *s)
{
    if (a->penalty == 0 || a->p.groups == 1 || s->i >= s->count) return;
    s->list[s->i].value = lms_penalized(a, s->list[s->i].score, s->list[s->i].token);
}

#define LMS_NAN_COUNTS (1ul << 40)
#define LMS_INF_COUNTS (1ul << 52)

lms_part lms_values_part(const lms_advance *a)
{
    lms_part part;
    part.sum = 0;
    part.best = LMS_NO_SCORE;
    for (lms_spot s = lms_first_spot(a); s.place < lms_end_place(a); lms_next_spot(a, &s)) {
        lms_set_value(a, &s);
        const long value = lms_value_of(&s, s.i);
        if (value != LMS_NO_SCORE) ++part.sum;
        part.best = max(part.best, value);
        if (s.i > 0) continue;
        const uint seen = a->offers[a->turn.entry + a->first + s.beam].seen;
        if (seen & LMS_ROW_NAN_SEEN) part.sum += LMS_NAN_COUNTS;
        if (seen & LMS_ROW_INF_SEEN) part.sum += LMS_INF_COUNTS;
    }
    return part;
}
