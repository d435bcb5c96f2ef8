/* slots/records.h - what is known of sequences on the device, and what calls on slots tell
 * their kernels: one layout on the host and in the kernels. */
#ifndef LMS_SLOT_RECORDS_H
#define LMS_SLOT_RECORDS_H

#include "lms_abi.h"

/* A page has room for LMS_SLOT_PAGE tokens of one sequence, and for as many distinct tokens.
 * Its words, of 32 bits: distinct entries, two words each, in the order in which their tokens
 * appeared first; a hash index from tokens to entries, two words for each entry that there may
 * be; for each position the number of its entry. The pages of a sequence are the three arrays
 * in pieces. */
#define LMS_SLOT_INDEX_AT (2u * LMS_SLOT_PAGE)
#define LMS_SLOT_INDEX_WORDS (2u * LMS_SLOT_PAGE)
#define LMS_SLOT_HISTORY_AT (LMS_SLOT_INDEX_AT + LMS_SLOT_INDEX_WORDS)
#define LMS_SLOT_PAGE_WORDS (LMS_SLOT_HISTORY_AT + LMS_SLOT_PAGE)

/* A distinct entry has 64 bits: its token, whether that is in the prompt, how often it is there
 * behind what is ignored of the prompt, and how often it was generated. */
#define LMS_DISTINCT_TOKEN_BITS 20
#define LMS_DISTINCT_COUNT_BITS 21
#define LMS_DISTINCT_PROMPT_AT (LMS_DISTINCT_TOKEN_BITS + 1)
#define LMS_DISTINCT_OUTPUT_AT (LMS_DISTINCT_PROMPT_AT + LMS_DISTINCT_COUNT_BITS)

/* A name is a number that is never given again, over 1 + the slot that it is of. */
#define LMS_SLOT_NAME_BITS 20

/* What the device knows of a slot. The host counts how often a call has changed which pages it
 * has: where the device's count is another one, such a call was terminated, and nothing may be
 * done with pages that the host takes for the slot's. */
typedef struct lms_slot_state {
    lms_u64 name; /* 0: nobody's */
    lms_u32 version;
    lms_u32 pages;       /* it has */
    lms_u32 index_pages; /* that the hash index is in, the first ones */
    lms_u32 length;      /* tokens, ... */
    lms_u32 prompt;      /* ... the first of which are the prompt's, ... */
    lms_u32 ignored;     /* ... the first of which are not counted */
    lms_u32 distinct;    /* entries */
    lms_u32 reserved;
} lms_slot_state;

/* A slot of a call. */
typedef struct lms_slot_turn {
    lms_u64 name;       /* its own; of one that is opened, the one it gets */
    lms_u64 from;       /* its first token, or row; of a copy, the name of what is copied */
    lms_u32 version;    /* that it has with the call's new pages */
    lms_u32 first_page; /* of them, in the call's list */
    lms_u32 pages;      /* how many */
    lms_u32 count;      /* tokens; of those to be taken back, how many stay */
    lms_u32 prompt;     /* tokens that are its prompt, ... */
    lms_u32 ignored;    /* ... and that are not counted */
} lms_slot_turn;

/* A slot that had pages which are about to be somebody else's, and what the host has in it. */
typedef struct lms_slot_sweep {
    lms_u64 name; /* 0: nobody */
    lms_u32 version;
    lms_u32 slot;
} lms_slot_sweep;

/* The page that a slot gets before a sampler's token is appended to it, if it needs one. */
typedef struct lms_slot_growth {
    lms_u32 version; /* that it has with the page */
    lms_u32 page;    /* LMS_SLOT_NO_PAGE: it has room */
} lms_slot_growth;

#define LMS_SLOT_NO_VERSION 0u
#define LMS_SLOT_NO_PAGE 0xffffffffu

/* X(record, its last field): what host and device must lay out alike; the probe asks. */
#define LMS_SLOT_RECORDS(X)                                                                    \
    X(lms_slot_state, reserved)                                                                \
    X(lms_slot_turn, ignored)                                                                  \
    X(lms_slot_sweep, slot)                                                                    \
    X(lms_slot_growth, page)

#endif
