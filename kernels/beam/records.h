/* beam/records.h - records of a beam search's state: one layout on the host, which makes room
 * for them and writes some, and in the kernels. */
#ifndef LMS_BEAM_H
#define LMS_BEAM_H

#include "lms_abi.h"

/* A slot. The host writes it when a request is opened, the kernels from then on. */
typedef struct lms_beam_state {
    lms_beam_params p;
    lms_u64 serial; /* the request's: no two of a search have the same, and none has 0 */
    lms_u32 step;   /* steps taken */
    lms_u32 status; /* LMS_BEAM_DONE and the like, no LMS_ROW_ bits */
} lms_beam_state;

/* A request of a call. */
typedef struct lms_beam_turn {
    lms_u64 serial; /* of the request that the call is for: the slot's state may be another's */
    lms_u32 slot;
    lms_u32 row;   /* of the call's numbering, of its first beam */
    lms_u32 entry; /* of its first beam in the list of the call's beams */
    lms_u32 width;
} lms_beam_turn;

/* A beam of a call. */
typedef struct lms_beam_entry {
    lms_u64 serial; /* as in lms_beam_turn */
    lms_u32 slot;
    lms_u32 beam;
    lms_u32 row;
    lms_u32 reserved;
} lms_beam_entry;

/* A diversity group, from its request's first step on. */
typedef struct lms_beam_group {
    lms_u32 live;   /* how many of its beams, the first ones, go on */
    lms_u32 length; /* tokens that those have generated: the step they were made in, and 1 */
    lms_u32 pooled; /* members of its pool */
    lms_u32 done;   /* LMS_GROUP_... */
    lms_u32 taken;  /* links of its last step that have a token: `live`, or more at the end */
} lms_beam_group;
#define LMS_GROUP_EARLY 1u
#define LMS_GROUP_ENDED 2u /* by length, or for want of beams that go on */
#define LMS_GROUP_EMPTY 4u /* for want of candidates */

/* A live beam. */
typedef struct lms_beam_live {
    lms_i64 score;
    lms_i64 value; /* perturbed, in stochastic search */
} lms_beam_live;

/* A token of a live beam, at [slot][step][beam], and where it came from. */
typedef struct lms_beam_link {
    lms_i32 token;
    lms_u32 parent; /* beam of the step before */
    lms_f32 logprob;
} lms_beam_link;

/* What a sequence is ranked by: octave first, then digits, larger ones better; beam/rating.cl
 * says what they are. */
typedef struct lms_rating {
    lms_u64 digits;
    lms_i32 octave; /* below 0 of numbers below 0; 0 of 0 */
    lms_u32 reserved;
} lms_rating;

/* A finished sequence: its last token, and the beam that has the others. */
typedef struct lms_hypothesis {
    lms_rating rating;
    lms_i64 score;
    lms_i32 token;
    lms_u32 parent;
    lms_u32 length; /* tokens, with this one */
    lms_f32 logprob;
    lms_u32 order; /* of those that finish in one step */
    lms_u32 reserved;
} lms_hypothesis;

/* What a live beam offers: some tokens, its best ones among them. */
typedef struct lms_candidate {
    lms_i64 value;
    lms_i64 score;
    lms_i32 token;
    lms_f32 logprob;
} lms_candidate;

typedef struct lms_beam_offer {
    lms_u32 count;
    lms_u32 seen; /* LMS_ROW_NAN_SEEN, LMS_ROW_INF_SEEN, LMS_BEAM_BAD_REQUEST */
} lms_beam_offer;

/* A candidate among the best of its group. */
typedef struct lms_choice {
    lms_i64 value;
    lms_i64 score;
    lms_i32 token;
    lms_u32 parent;
    lms_f32 logprob;
    lms_u32 order; /* by parent, then as offered */
    lms_u32 is_end;
    lms_u32 reserved;
} lms_choice;

/* An entry among the results. */
typedef struct lms_beam_entrant {
    lms_rating rating;
    lms_u32 order;
    lms_u32 tier; /* 1, or 2 behind all of those; 0: no entrant */
} lms_beam_entrant;

/* Which outputs results have beyond tokens and lengths. */
#define LMS_WANT_SCORES 1u
#define LMS_WANT_LOGPROBS 2u
#define LMS_WANT_TOKEN_LOGPROBS 4u
#define LMS_WANT_BEAMS 8u

/* Every record that is in a buffer, and its last field: what a probe compares. */
#define LMS_BEAM_RECORDS(X)                                                                    \
    X(lms_beam_params, reserved)                                                               \
    X(lms_beam_state, status)                                                                  \
    X(lms_beam_turn, width)                                                                    \
    X(lms_beam_entry, reserved)                                                                \
    X(lms_beam_group, taken)                                                                   \
    X(lms_beam_live, value)                                                                    \
    X(lms_beam_link, logprob)                                                                  \
    X(lms_rating, reserved)                                                                    \
    X(lms_hypothesis, reserved)                                                                \
    X(lms_candidate, logprob)                                                                  \
    X(lms_beam_offer, seen)                                                                    \
    X(lms_choice, reserved)                                                                    \
    X(lms_beam_entrant, tier)

#endif /* LMS_BEAM_H */
