/* What ../inside/test_brackets.c asks, and what brackets.cl answers: one layout on the host and
 * on the device, which get it behind lms_abi.h. */
#ifndef LMSAMPLE_TESTS_BRACKET_RECORDS_H
#define LMSAMPLE_TESTS_BRACKET_RECORDS_H

#define BRACKET_TOKENS 4 /* that are judged of a row */
#define BRACKET_CUTS 3   /* of which groups are looked into */
#define BRACKET_TILES 80
#define BRACKET_LIST 2048 /* LMS_LIST */
#define BRACKET_PLACES 4  /* work-groups */

typedef struct bracket_question {
    lms_u64 at; /* the row's first logit */
    lms_u32 vocab;
    lms_f32 temperature;
    lms_f32 top_p[BRACKET_TOKENS];
    lms_u32 k[BRACKET_TOKENS];
    lms_u32 id[BRACKET_TOKENS];
    lms_i32 low[BRACKET_TOKENS]; /* a key */
} bracket_question;

/* What groups say: lms_known of draw/before.cl. */
typedef struct bracket_known {
    lms_u64 above;
    lms_u64 mass;
    lms_u64 slots;
    lms_u64 excess;
} bracket_known;

typedef struct bracket_range {
    lms_u64 least;
    lms_u64 most;
} bracket_range;

/* What the mass before a token and that of the base can be, and what that decides. */
typedef struct bracket_view {
    bracket_range base;
    bracket_range before;
    lms_u32 decides;
    lms_u32 keeps;
} bracket_view;

typedef struct bracket_token {
    bracket_known known[BRACKET_CUTS]; /* of what is before, of what is from `low` up, of all */
    bracket_view near;                 /* by groups */
    bracket_view about[2];             /* by a rough pass, by a finer one */
    bracket_view both;                 /* by all of these, one after the other */
    bracket_range all[2];              /* the passes themselves */
    bracket_range before[2];
    lms_u32 first_is_enough;
    lms_u32 top_p_keeps;
    lms_u32 top_p_keeps_then; /* by a judge that has judged the tokens before */
    lms_u32 top_k_keeps;
    lms_u32 top_k_keeps_ties;
    lms_u32 padding;
} bracket_token;

typedef struct bracket_answer {
    lms_u64 envelope;
    lms_u32 has_near;  /* the row is not huge */
    lms_u32 has_rough; /* and its exponent is not near 2^23 */
    bracket_token token[BRACKET_TOKENS];
} bracket_answer;

#endif
