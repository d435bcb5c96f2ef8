/* contrastive_object.h - contrastive searches for the tests of the calls: three requests that
 * differ in all they can, a fork of the first on the way, and logits and hidden states for all
 * steps, whatever is chosen. */
#ifndef LMS_TEST_CONTRASTIVE_OBJECT_H
#define LMS_TEST_CONTRASTIVE_OBJECT_H

#include "object.h"

enum {
    CONTRASTIVE_VOCAB = 300,
    CONTRASTIVE_WIDTH = 100,
    CONTRASTIVE_PARENTS = 3, /* requests that are opened; the fork is the one behind them */
    CONTRASTIVE_REQUESTS = 4,
    CONTRASTIVE_K = 5,
    CONTRASTIVE_ROWS = 14, /* of 5, 4, 3 and 2 candidates */
    CONTRASTIVE_STEPS = 6,
    CONTRASTIVE_PROMPT = 20 + 62 + 30, /* positions; the last two leave a page in the search */
    CONTRASTIVE_LENGTH = 70,
    CONTRASTIVE_PAGES = 8, /* one more than a search needs */
    CONTRASTIVE_FORK_STEP = 3,
    /* Calls of a search, in their order: append; propose, select for each step; the fork before
     * its first step. */
    CONTRASTIVE_FIRST_STEP = 1,
    CONTRASTIVE_FORK = CONTRASTIVE_FIRST_STEP + 2 * CONTRASTIVE_FORK_STEP,
    CONTRASTIVE_CALLS = CONTRASTIVE_FIRST_STEP + 2 * CONTRASTIVE_STEPS + 1
};

/* What a search writes. */
typedef struct contrastive_trace {
    int64_t tokens[CONTRASTIVE_STEPS][CONTRASTIVE_ROWS];
    float probs[CONTRASTIVE_STEPS][CONTRASTIVE_ROWS];
    uint32_t row_status[CONTRASTIVE_STEPS][CONTRASTIVE_REQUESTS];
    int64_t next[CONTRASTIVE_STEPS][CONTRASTIVE_REQUESTS];
    int32_t rows[CONTRASTIVE_STEPS][CONTRASTIVE_REQUESTS];
    float scores[CONTRASTIVE_STEPS][CONTRASTIVE_REQUESTS];
    float penalties[CONTRASTIVE_STEPS][CONTRASTIVE_REQUESTS];
    float row_scores[CONTRASTIVE_STEPS][CONTRASTIVE_ROWS];
    float row_penalties[CONTRASTIVE_STEPS][CONTRASTIVE_ROWS];
    uint32_t status[CONTRASTIVE_STEPS][CONTRASTIVE_REQUESTS];
} contrastive_trace;

typedef struct contrastive_rig {
    object_rig base;
    lms_contrastive_params params[CONTRASTIVE_REQUESTS];
    uint32_t slots[CONTRASTIVE_REQUESTS];
    uint32_t first_rows[CONTRASTIVE_REQUESTS];
    uint32_t counts[CONTRASTIVE_PARENTS]; /* of the prompts' positions */
    int32_t order[CONTRASTIVE_REQUESTS];  /* which logits row each request reads */
    float *state_values;                  /* [CONTRASTIVE_PROMPT][CONTRASTIVE_WIDTH] */
    float *hidden_values;  /* [CONTRASTIVE_STEPS][CONTRASTIVE_ROWS][CONTRASTIVE_WIDTH] */
    cl_mem states, hidden; /* the same on the device */
    cl_mem logits;         /* [CONTRASTIVE_STEPS][CONTRASTIVE_REQUESTS][CONTRASTIVE_VOCAB] */
    cl_mem index;          /* `order` */
    cl_mem tokens, probs, row_status, next, rows, scores, penalties, row_scores, row_penalties;
    cl_mem status;
    contrastive_trace expected;
} contrastive_rig;

/* Float logits and hidden states, int32 tokens, as many calls in flight as the scenario has,
 * and more; its contexts lie in several buffers. */
lms_contrastive_desc contrastive_desc(void);

int contrastive_setup(void **state); /* *state is a contrastive_rig */

/* The calls' records, with all inputs and outputs. */
lms_contrastive_append_args contrastive_append_args(const contrastive_rig *r);
lms_contrastive_propose_args contrastive_propose_args(const contrastive_rig *r, unsigned step);
lms_contrastive_select_args contrastive_select_args(const contrastive_rig *r, unsigned step);

/* The calls of a step in the scenario. */
unsigned contrastive_propose_of(unsigned step);
unsigned contrastive_select_of(unsigned step);

/* Opens the parents' slots. */
lms_status contrastive_open_all(const contrastive_rig *r, void *search);

extern const call_type contrastive_append_type, contrastive_propose_type;
extern const call_type contrastive_select_type, contrastive_fork_type;
/* Of a description. */
enum {
    CONTRASTIVE_DESC_LISTS = 1
};
extern const refusals contrastive_desc_refusals[CONTRASTIVE_DESC_LISTS];

#endif
