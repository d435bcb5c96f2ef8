/* asks.h - a sampler whose rows ask for what a case says, with all that its calls need. */
#ifndef BENCH_ASKS_H
#define BENCH_ASKS_H

#include "lms_slots.h"
#include "request_cases.h"
#include "stage.h"

/* Lists of a row; each is 1 + its number in the call's tables, or 0. */
typedef struct ask_lists {
    uint32_t bias;
    uint32_t bad_words;
    uint32_t end_tokens;
    uint32_t breakers;
    uint32_t named;
} ask_lists;

/* The outputs of a call are words of one buffer, behind its tokens. */
typedef struct ask_words {
    size_t logprob_raw;
    size_t rank_raw;
    size_t rank_edited;
    size_t entropy_raw;
    size_t entropy;
    size_t top_tokens;
    size_t top_values;
    size_t named_values;
    size_t count; /* of all */
} ask_words;

typedef struct asks {
    stage *on;
    const request_case *what;
    request_setting size;
    lms_sampler *sampler;
    lms_slots *slots;
    lms_row_params *params;
    uint64_t *names;    /* of the rows' slots */
    int32_t *histories; /* [rows][history] */
    int32_t *index;     /* NULL: row r reads row r */
    uint64_t step;
    /* The tables, on the host; where lists and masks are on the device too, `given` says so. */
    lms_row_edits *edits;
    lms_row_wants *wants;
    uint32_t *offsets;
    int32_t *ids;
    float *values;
    size_t entries;
    uint32_t lists;
    uint32_t *masks; /* or bytes */
    lms_tables given;
    cl_mem tables[6];
    unsigned table_count;
    ask_words at;
    cl_mem words;
    uint32_t *told; /* of the last call */
} asks;

void asks_open(asks *a, stage *on, const request_setting *size, const request_case *what);
void asks_close(asks *a);

/* What comes before a step and is not timed. */
void asks_prepare(asks *a);
/* One call, until all that it tells is in a->told. */
void asks_run(asks *a, lms_view logits, cl_command_queue queue);

/* Whether a row asks for it, and with which records. */
bool asks_row(const asks *a, uint32_t row);
bool asks_edits(const asks *a);
bool asks_wants(const asks *a);

/* asks_tables.c: everything that rows name, and where it is. */
void asks_make_tables(asks *a);
uint32_t asks_mask_columns(const asks *a);

#endif
