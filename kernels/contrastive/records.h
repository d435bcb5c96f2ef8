/* contrastive/records.h - what a call of a contrastive search tells its kernels: one layout on
 * the host, which writes it, and in the kernels. */
#ifndef LMS_CONTRASTIVE_H
#define LMS_CONTRASTIVE_H

#include "lms_abi.h"

/* A request that wants candidates. */
typedef struct lms_proposal_entry {
    lms_u64 proposal; /* its name, which the slot has from now on */
    lms_u32 slot;
    lms_u32 first_row; /* of its candidates */
    lms_u32 k;
    lms_i32 index; /* of its logits, unless the device says */
    lms_filters filters;
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
    lms_u64 proposal; /* that it chooses from */
    lms_u32 slot;
    lms_u32 first_row; /* of its candidates */
    lms_u32 k;
    lms_u32 first_state; /* of its candidates among all of the call */
    lms_u32 first_piece; /* of its context among all of the call */
    lms_u32 pieces;
    lms_f32 alpha;
    lms_u32 reserved;
} lms_context_turn;

/* Neighbouring positions of a page that take part for a request. */
typedef struct lms_context_piece {
    lms_u32 turn;
    lms_u32 piece; /* of the turn's */
    lms_u32 page;
    lms_u32 first;  /* position in the page */
    lms_u32 count;  /* 1 .. LMS_CONTEXT_PAGE */
    lms_u32 serial; /* that the page has if anything of it was written for this context */
} lms_context_piece;

/* States to append to a page. */
typedef struct lms_context_run {
    lms_u32 row_or_turn; /* the first state's row; the turn, where states are choices */
    lms_u32 page;
    lms_u32 first;
    lms_u32 count;
    lms_u32 serial;
} lms_context_run;

/* What a page has. The last launch of a call that appends writes it for all of the call, so
 * that a call that fails before has written nothing. A search begins with zeros: nothing is
 * written, whatever the serial. */
typedef struct lms_context_page {
    lms_u32 serial;
    lms_u32 written; /* a bit for each position */
} lms_context_page;

/* Which outputs a choice has beyond the token and its row. */
#define LMS_WANT_CHOICE_SCORES 1u
#define LMS_WANT_CHOICE_PENALTIES 2u
#define LMS_WANT_ROW_SCORES 4u
#define LMS_WANT_ROW_PENALTIES 8u
#define LMS_WANT_CHOICE_STATUS 16u

/* X(record, its last field): what host and device must lay out alike; the probe asks. */
#define LMS_CONTEXT_RECORDS(X)                                                                 \
    X(lms_proposal_entry, filters)                                                             \
    X(lms_pick, reserved)                                                                      \
    X(lms_context_turn, reserved)                                                              \
    X(lms_context_piece, serial)                                                               \
    X(lms_context_run, serial)                                                                 \
    X(lms_context_page, written)

/* Lanes of a dot product. A state is the work of a crew: of one work-item with all lanes, or of
 * one for each lane. A team is one work-item, or at least so many. */
#define LMS_DOT_LANES 16u
#define LMS_CONTEXT_TEAM 32u

/* The width as it is stored: a multiple of what every variant has at a time. In teams above one
 * a state has whole runs of 16 bytes of each lane: a multiple of so many bytes. */
#define LMS_STATE_ALIGN 64u
#define LMS_STATE_BYTES 256u

#endif
