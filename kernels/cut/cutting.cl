/* cutting.cl - what a team knows of a row on the way to its cut, the last token that the row's
 * rules keep. Rows of which that is not wanted have MAXIMUM alone (lms_needs_cut()). The way
 * has supersteps, which cut/next.cl puts in their order:
 *
 *   MAXIMUM -> [top-k] -> [top-p] -> FOUND; EMPTY where no token is live
 *
 *   top-k:   HEAD .. -> LIST -> [LIST_BINS ->] LIST_RANK
 *   top-p:   [TOTAL -> HEAD .. ->] LIST -> LIST_MASS -> LIST_BINS and so on; from LIST_MASS
 *            on where top-k's list has all that counts
 *   too many candidates for the list, or too little mass among them:
 *            [BASE ->] ROW_BINS .. -> LIST and so on   or   ROW_IDS ..
 *   teams of one: PIVOTS before ROW_BINS, or in their place; WEIGH behind LIST; LIST_WALK does
 *            LIST_BINS and what follows
 *
 * What follows is the program's: a draw, or a list of the best. */
#pragma once
#include "rules/rules.cl"
#include "select/bins.cl"

typedef enum lms_cut_step {
    LMS_CUT_MAXIMUM,    /* the row's largest key                                     */
    LMS_CUT_HEAD,       /* bins of tile or group maxima: a key with enough above it  */
    LMS_CUT_TOTAL,      /* mass of the row                                           */
    LMS_CUT_BASE,       /* mass of what top-k and min-p keep                         */
    LMS_CUT_LIST,       /* how many tokens the interval has, and which               */
    LMS_CUT_WEIGH,      /* ... and their masses: teams of one                        */
    LMS_CUT_LIST_MASS,  /* mass of the listed ones that count for top-p's base       */
    LMS_CUT_LIST_BINS,  /* narrows the interval by the list                          */
    LMS_CUT_LIST_RANK,  /* the token at which the target is reached, ...             */
    LMS_CUT_LIST_WALK,  /* ... in teams of one                                       */
    LMS_CUT_PIVOTS,     /* narrows it by measures above a few keys: teams of one     */
    LMS_CUT_ROW_BINS,   /* narrows it by the whole row, ...                          */
    LMS_CUT_ROW_IDS,    /* narrows the ids of those that have its last key           */
    LMS_CUT_FOUND,
    LMS_CUT_EMPTY       /* there is no token to keep */
} lms_cut_step;

/* What a team knows, not a work-item of it: larger teams have it in local memory. */
typedef struct lms_cutting {
    lms_cut_step step;
    lms_rules rules;
    lms_scaled scaled;   /* the row at the rules' scale, where there are any */
    lms_cut cut;         /* the tightest so far */
    lms_cut base;        /* what counts for top-p's base */
    ulong base_mass;
    bool is_for_k;       /* the search is top-k's, else top-p's */
    lms_search search;
    lms_search head;     /* for a key with enough tiles or groups above it, ... */
    bool is_head_of_tiles; /* ... by tile maxima, else by group maxima */
    bool is_narrowed;    /* the list is to hold just the interval in which the cut is */
    bool had_pivots;     /* the search has had its PIVOTS */
    bool wants_masses;   /* the list is to have masses: top-p's base is listed */
    bool has_base;       /* top-k's list has all of top-p's base, and masses */
    uint listed;         /* entries in the list */
    uint seen;           /* LMS_ROW_INF_SEEN, LMS_ROW_EMPTY */
} lms_cutting;

lms_cutting lms_cutting_of(lms_rules rules)
{
    lms_cutting c;
    c.step = LMS_CUT_MAXIMUM;
    c.rules = rules;
    c.cut = lms_cut_none();
    c.seen = 0;
    return c;
}

bool lms_is_cut(LMS_OURS const lms_cutting *c)
{
    return c->step == LMS_CUT_FOUND || c->step == LMS_CUT_EMPTY;
}

/* Is the list to have masses? */
bool lms_lists_masses(LMS_OURS const lms_cutting *c)
{
    return c->search.by_mass || c->wants_masses;
}
