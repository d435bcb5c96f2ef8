/* contrastive.h - what a call of a contrastive search tells its kernels: one layout on the
 * host, which writes it, and in the kernels. Included by host/contrastive.h and by programs. */
#ifndef LMS_CONTRASTIVE_H
#define LMS_CONTRASTIVE_H

/* A request that wants candidates. */
typedef struct lms_proposal_entry {
    lms_row_params filters;
    lms_u32 first_row; /* of its candidates */
    lms_u32 k;
    lms_i32 index; /* of its logits, unless the device says */
    lms_u32 reserved;
} lms_proposal_entry;

/* A candidate on its way to its rank. */
typedef struct lms_pick {
    lms_i32 key;
    lms_i32 token;
    lms_f32 prob;
    lms_u32 reserved;
} lms_pick;

/* A request that chooses. */
typedef struct lms_context_turn {
    lms_u32 first_row; /* of its candidates */
    lms_u32 k;
    lms_u32 first_state; /* of its candidates among all of the call */
    lms_u32 first_piece; /* of its context among all of the call */
    lms_u32 pieces;
    lms_f32 alpha;
    lms_u32 reserved[2];
} lms_context_turn;

/* Neighbouring positions of a page that take part for a request. */
typedef struct lms_context_piece {
    lms_u32 turn;
    lms_u32 piece;  /* of the turn's */
    lms_u32 page;   /* in its buffer */
    lms_u32 first;  /* position in the page */
    lms_u32 count;  /* 1 .. LMS_CONTEXT_PAGE */
    lms_u32 serial; /* what is not marked with it was not written for this context */
} lms_context_piece;

/* States to append to a page. */
typedef struct lms_context_run {
    lms_u32 source; /* the first one's row, or the turn whose choice it is */
    lms_u32 page;
    lms_u32 first;
    lms_u32 count;
    lms_u32 serial;
} lms_context_run;

/* Of a position. Serials begin with 1. */
typedef struct lms_context_mark {
    lms_f32 inverse; /* of the norm; NaN for a bad state */
    lms_u32 serial;
} lms_context_mark;

/* The width as it is stored: whole blocks of every variant. */
#define LMS_STATE_ALIGN 64u

#endif
