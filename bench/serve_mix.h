/* serve_mix.h - the requests that a simulation of serving has: who comes, with what parameters
 * and lengths. All of it follows from a request's number, so that any of them can be had again.
 * bench/README.md has the mix in words. */
#ifndef BENCH_SERVE_MIX_H
#define BENCH_SERVE_MIX_H

#include "lmsample.h"

#include <stdbool.h>

enum {
    SERVE_MASKS = 32, /* that rows of masked requests go through */
    SERVE_TOP = 20,
    SERVE_DRAWS = 4, /* of the few requests that want several */
    SERVE_EDITS = 8, /* records, of which beams have these two: */
    SERVE_EDITS_REPETITION = 1,
    SERVE_EDITS_NGRAM = 6,
    SERVE_PROMPT_MOST = 8192,
    SERVE_OUTPUT_MOST = 2048
};

/* The longest that there are: shorter for small vocabularies, where steps are quick. */
typedef struct serve_limits {
    uint32_t vocab;
    uint32_t prompt_most;
    uint32_t output_most;
} serve_limits;

serve_limits serve_limits_of(uint32_t vocab);

typedef struct serve_request {
    uint64_t number;
    uint32_t prompt; /* tokens */
    uint32_t output; /* tokens that it gets */
    uint32_t draws;  /* n */
    lms_filters filters;
    uint32_t edits; /* 1 + a record; 0: none */
    uint32_t wants; /* the same */
    bool is_masked; /* as in tool calls: another mask in every step */
    unsigned kind;  /* of the parameters alone: for samples of all of them */
} serve_request;

serve_request serve_request_of(uint64_t number, const serve_limits *limits);
/* Rows that a request has on average, times the tokens of each. */
double serve_mean_work(const serve_limits *limits);

/* A number that follows from these three. */
uint64_t serve_mixed(uint64_t a, uint64_t b, uint64_t c);
int32_t serve_prompt_token(uint64_t number, uint32_t position, uint32_t vocab);

/* What rows name. Records, lists and masks are on the host, as a server has them. */
typedef struct serve_tables {
    lms_tables given;
    lms_row_edits edits[SERVE_EDITS];
    lms_row_wants wants[2];
    uint32_t offsets[5];
    int32_t *ids;
    float *values;
    uint32_t *masks;
    size_t bytes; /* of all */
} serve_tables;

void serve_tables_open(serve_tables *t, uint32_t vocab);
void serve_tables_close(serve_tables *t);

#endif
