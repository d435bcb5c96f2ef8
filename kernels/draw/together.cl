/* together.cl - a row's token by a team of more than one, in supersteps:
 *
 *   FIRST -> DONE                             greedy: the lowest id with the largest key
 *   [REACH_BINS .. -> [REACH_IDS .. ->]] ENVELOPE -> ATTEMPTS -> [COUNT ->] [ABOVE ->] .. DONE
 *
 * COUNT and ABOVE decide proposed tokens, several at once; behind the last one of a round is
 * another ENVELOPE. */
#pragma once
#include "draw/drawing.cl"

#if LMS_TEAM > 1

typedef enum lms_draw_step {
    LMS_DRAW_FIRST,      /* the lowest id with the largest key                    */
    LMS_DRAW_REACH_BINS, /* narrows the keys that the k-th group can have, ...    */
    LMS_DRAW_REACH_IDS,  /* ... and which of those with its key it is             */
    LMS_DRAW_ENVELOPE,   /* the tiles' shares of the envelope; the row's mass     */
    LMS_DRAW_ATTEMPTS,   /* a round of them                                       */
    LMS_DRAW_COUNT,      /* tokens before proposed ones, ...                      */
    LMS_DRAW_ABOVE,      /* ... and their mass                                    */
    LMS_DRAW_DONE
} lms_draw_step;

/* Proposed tokens that are judged by the same pass over the row: the first one, most times one
 * of them, is kept, and a pass costs more than a few sums. */
#define LMS_JUDGED (1 + LMS_MORE)

/* What a team knows, not a work-item of it. */
typedef struct lms_team_draw {
    lms_draw_step step;
    lms_rules rules;
    bool is_greedy;
    float temperature;
    lms_drawing d;
    lms_search kth;    /* for the key of the k-th group */
    uint at;           /* the first of a round's attempts that is not known to be in vain */
    uint judged_count;
} lms_team_draw;

typedef struct lms_proposals {
    lms_cut proposed[LMS_ROUND];  /* LMS_NOTHING where an attempt has proposed none */
    lms_cut judged[LMS_JUDGED];
} lms_proposals;

#endif
