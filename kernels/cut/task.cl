/* cut/task.cl - what a team knows of its row on the way to a token; sample.cl has the steps. */
#pragma once
#include "draw/attempts.cl"
#include "row/filters.h"
#include "rules/rules.cl"
#include "select/bins.cl"

typedef enum lms_step {
    LMS_STEP_MAXIMUM,    /* the row's largest key                                     */
    LMS_STEP_FIRST,      /* the lowest id that has it                                 */
    LMS_STEP_HEAD,       /* bins of tile or group maxima: a key with enough above it  */
    LMS_STEP_TOTAL,      /* mass of the row                                           */
    LMS_STEP_BASE,       /* mass of what top-k and min-p keep                         */
    LMS_STEP_COUNT,      /* how many tokens the interval has                          */
    LMS_STEP_LIST,       /* ... and which                                             */
    LMS_STEP_LIST_MASS,  /* mass of the listed ones that count for top-p's base       */
    LMS_STEP_LIST_BINS,  /* narrows the interval by the list, ...                     */
    LMS_STEP_LIST_TIES,  /* ... measures the tokens of its last key, ...              */
    LMS_STEP_LIST_WALK,  /* ... and takes them in id order                            */
    LMS_STEP_PIVOTS,     /* narrows it by measures above a few keys: teams of one     */
    LMS_STEP_ROW_BINS,   /* the same three by the whole row                           */
    LMS_STEP_ROW_TIES,
    LMS_STEP_ROW_WALK,
    LMS_STEP_ENVELOPE,   /* the own tiles' shares of the envelope                     */
    LMS_STEP_PREFIX,     /* sums of lower lanes onto the own prefix sums              */
    LMS_STEP_ATTEMPTS,
    LMS_STEP_DONE,
    /* What a beam's row goes through beside (offer.cl): */
    LMS_STEP_OFFER_WHOLE, /* maximum and mass of the row with what is dead    */
    LMS_STEP_OFFER_TOTAL,
    LMS_STEP_OFFER_MASS,  /* the mass that log-probabilities are relative to  */
    LMS_STEP_OFFER_TALLY, /* how many tokens are worth listing                */
    LMS_STEP_OFFER_LIST,  /* ... and which                                    */
    LMS_STEP_OFFER_DRAW,  /* one more drawn without replacement               */
    /* What a contrastive search's does (propose.cl): */
    LMS_STEP_PROPOSE_MASS,  /* the mass that probabilities are relative to */
    LMS_STEP_PROPOSE_TALLY, /* how many candidates there are               */
    LMS_STEP_PROPOSE_LIST   /* ... and which                               */
} lms_step;

/* Which filters a row has. By bits, subnormals included: as integers, negative floats are
 * negative. */
bool lms_is_greedy(const lms_filters *f)
{
    return (as_uint(f->temperature) & 0x7fffffffu) == 0 || as_int(f->top_p) <= 0;
}
bool lms_has_top_k(const lms_filters *f, uint vocab)
{
    return f->top_k > 0 && (uint)f->top_k < vocab;
}
bool lms_has_min_p(const lms_filters *f) { return as_int(f->min_p) > 0; }
bool lms_has_top_p(const lms_filters *f) { return f->top_p < 1.0f; }
/* Does min-p count for top-p's base? */
bool lms_min_p_counts(const lms_filters *f)
{
    return lms_has_min_p(f) && !(f->flags & LMS_MIN_P_LAST);
}
/* Is top-p's base the whole row? */
bool lms_base_is_whole(const lms_filters *f, uint vocab)
{
    return (f->flags & LMS_TOP_P_WHOLE_ROW) ||
           !(lms_has_top_k(f, vocab) || lms_min_p_counts(f));
}
/* Then the cut depends on the total mass at the filters' scale. */
bool lms_needs_total(const lms_filters *f, uint vocab)
{
    return !lms_bad_filter(*f) && !lms_is_greedy(f) && lms_has_top_p(f) &&
           lms_base_is_whole(f, vocab);
}
float lms_filter_scale(const lms_filters *f)
{
    return lms_scale(f->flags & LMS_TEMPERATURE_LAST ? 1.0f : f->temperature);
}

/* What a row's work-items know, the same in all of them but for `before` and `own`. */
typedef struct lms_task {
    lms_step step;
    lms_filters filters;
    lms_source source;
    lms_scaled filter_scale;
    lms_scaled draw_scale;
    lms_cut cut;       /* the tightest so far */
    lms_cut base;      /* what counts for top-p's base */
    bool whole;        /* that is the whole row */
    bool for_k;        /* the search is top-k's, else top-p's */
    bool narrowed;     /* the list is to hold just the interval in which the cut is */
    bool by_tile;      /* HEAD looks at tile maxima, else at group maxima */
    bool pivoted;      /* the search has had its PIVOTS */
    ulong measure;     /* mass of top-p's base */
    bool weigh;        /* the list is to have masses */
    bool has_list;     /* top-k's list has all of top-p's base, and masses */
    lms_search f;
    lms_search head;
    uint listed;       /* entries in the list */
    ulong before;      /* sums of lower lanes, from the last meeting */
    ulong own;         /* ... and the own one */
    ulong envelope;
    uint attempt;
    lms_outcome outcome;
} lms_task;

/* Is the search's end among the own tokens? */
bool lms_my_turn(const lms_task *t)
{
    const ulong before = t->f.before + t->before;
    return before < t->f.target && before + t->own >= t->f.target;
}
