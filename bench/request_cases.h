/* request_cases.h - what rows ask for where requests are measured, and the settings. */
#ifndef BENCH_REQUEST_CASES_H
#define BENCH_REQUEST_CASES_H

#include "cases.h"

/* What the record of edits of a row has. */
#define ASK_PENALTIES 1u
#define ASK_DRY 2u
#define ASK_NGRAM 4u
#define ASK_BAD_WORDS 8u
#define ASK_END_TOKENS 16u
#define ASK_GUIDANCE 32u

typedef enum ask_mask {
    MASK_NONE,
    MASK_RANDOM, /* half of the tokens are allowed */
    MASK_ALL_BUT_50,
    MASK_50,
    MASK_BYTES /* as MASK_RANDOM, a byte for each token */
} ask_mask;

typedef struct request_case {
    const char *name;
    uint32_t edits;    /* ASK_..., or-ed */
    uint32_t history;  /* tokens of each row's sequence; 0: rows have no slot */
    uint32_t distinct; /* of them */
    uint32_t bias;     /* entries of a row's list */
    ask_mask mask;
    uint32_t top; /* best tokens of each row */
    uint32_t want_flags;
    uint32_t named;
    uint32_t outputs; /* LMS_OUT_..., or-ed */
    uint32_t ways;    /* WAY_..., or-ed */
    /* What is to be held; 0: nothing. */
    double over_temperature;
    double over_logprob;
    double over_beside;
    unsigned beside; /* 1 + the case that this one is held against; 0: none */
} request_case;

#define WAY_PLAIN 1u    /* by a sampler that knows no requests */
#define WAY_HOST 2u     /* the tables are on the host, and copied in every call */
#define WAY_APPEND 4u   /* tokens are appended to the rows' slots */
#define WAY_ONE_ROW 8u  /* row 0 alone asks for it */
#define WAY_DRAWS 16u   /* DRAWS rows read the same row of logits */
#define WAY_TARGETS 32u /* rows are positions of prompts, whose next tokens are told of */
#define WAY_SHARED 64u  /* all rows have the same list */

enum {
    DRAWS = 8,
    PROMPT_ROWS = 8, /* times the rows of other cases */
    REQUEST_CASES = 32
};

/* The two steps that others are measured beside: of the temperature alone, and of one that
 * returns the raw log-probability too. Then the cases, 0 .. REQUEST_CASES-1. */
extern const request_case request_bases[2];
extern const request_case request_cases[REQUEST_CASES];
const char *request_name(unsigned which);

typedef struct request_setting {
    bench_shape shape;
    uint32_t rows;
    uint32_t vocab;
    lms_dtype dtype;
    uint64_t cases; /* 1 << case, or-ed */
} request_setting;

typedef struct request_plan {
    request_setting *settings;
    size_t count;
} request_plan;

request_plan make_request_plan(const selection *s);
void request_plan_free(request_plan *p);

#endif
