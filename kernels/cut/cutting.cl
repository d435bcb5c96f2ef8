/* cutting.cl - what a team knows of a row on the way to its cut, the last token that the row's
 * rules keep. Rows of which that is not wanted have MAXIMUM alone (lms_needs_cut()). The way
 * has supersteps, which cut/next.cl puts in their order:
 *
 *   MAXIMUM -> [top-k] -> [top-p] -> FOUND; EMPTY where no token is live
 *
 *   top-k:   HEAD .. -> COUNT -> LIST -> LIST_BINS .. -> LIST_TIES -> LIST_WALK
 *   top-p:   [TOTAL -> HEAD .. ->] COUNT -> LIST -> LIST_MASS -> LIST_BINS .. and so on; from
 *            LIST_MASS on where top-k's list has all that counts
 *   too many candidates for the list, or too little mass among them:
 *            [BASE ->] ROW_BINS .. -> COUNT -> LIST -> LIST_BINS ..   or   ROW_TIES -> ROW_WALK
 *   teams of one: PIVOTS before ROW_BINS, or in their place; LIST_WALK does LIST_BINS and
 *            LIST_TIES, too
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
    LMS_CUT_COUNT,      /* how many tokens the interval has                          */
    LMS_CUT_LIST,       /* ... and which                                             */
    LMS_CUT_LIST_MASS,  /* mass of the listed ones that count for top-p's base       */
    LMS_CUT_LIST_BINS,  /* narrows the interval by the list, ...                     */
    LMS_CUT_LIST_TIES,  /* ... measures the tokens of its last key, ...              */
    LMS_CUT_LIST_WALK,  /* ... and takes them in id order                            */
    LMS_CUT_PIVOTS,     /* narrows it by measures above a few keys: teams of one     */
    LMS_CUT_ROW_BINS,   /* narrows it by the whole row, ...                          */
    LMS_CUT_ROW_TIES,   /* ... measures the tokens of its last key, ...              */
    LMS_CUT_ROW_WALK,   /* ... and takes them in id order                            */
    LMS_CUT_FOUND,
    LMS_CUT_EMPTY       /* there is no token to keep */
} lms_cut_step;

/* Alike in all work-items of a team but for items_before and own_sum. */
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
    ulong items_before;  /* sums of lower items, from the last meeting, ... */
    ulong own_sum;       /* ... and what this item brought there */
    uint seen;           /* LMS_ROW_INF_SEEN, LMS_ROW_EMPTY */
} lms_cutting;

lms_cutting lms_cutting_of(lms_rules rules)
{
    lms_cutting c;
    c.step = LMS_CUT_MAXIMUM;
    c.rules = rules;
    c.cut = lms_cut_none();
    c.items_before = 0;
    c.seen = 0;
    return c;
}

bool lms_is_cut(const lms_cutting *c)
{
    return c->step == LMS_CUT_FOUND || c->step == LMS_CUT_EMPTY;
}

/* Is the search's end among the own tokens? */
bool lms_is_end_mine(const lms_cutting *c)
{
    const ulong before = c->search.above + c->items_before;
    return before < c->search.target && before + c->own_sum >= c->search.target;
}
