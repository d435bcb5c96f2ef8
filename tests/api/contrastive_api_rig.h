/* contrastive_api_rig.h - contrastive searches for the tests of the calls: three requests that
 * differ in all they can, a fork of the first on the way, and logits and hidden states for all
 * steps, whatever is chosen. So a whole search is a list of calls, with no wait between them,
 * that can be told from any other search by what it leaves behind. */
#ifndef LMS_TEST_CONTRASTIVE_API_RIG_H
#define LMS_TEST_CONTRASTIVE_API_RIG_H

#include "trace.h"

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

/* Requests, and where their results go. `ctx` may be shared, buffers and search are its own. */
typedef struct contrastive_api_rig {
    lms_context *ctx;
    bool owns_context;
    lms_contrastive *search;
    lms_contrastive_desc desc; /* of it */
    cl_context context;
    cl_command_queue queue; /* the context's own */
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
    contrastive_trace expected; /* read after a search on the context's queue */
} contrastive_api_rig;

/* What the host says of a search. */
typedef struct contrastive_view {
    uint32_t lengths[CONTRASTIVE_REQUESTS]; /* UINT32_MAX: not open */
    uint64_t room;
} contrastive_view;
contrastive_view contrastive_look(const lms_contrastive *search);
void contrastive_assert_looks(const lms_contrastive *search, const contrastive_view *before);

/* As RIG_FAILS, OpenCL was asked questions and nothing else, and lengths and room are as
 * before. For programs with hooks.h. */
#define CONTRASTIVE_REFUSED(search, code, call, ...)                                           \
    do {                                                                                       \
        const contrastive_view before_ = contrastive_look(search);                             \
        hook_reset();                                                                          \
        RIG_FAILS((code), (call), __VA_ARGS__);                                                \
        assert_null(hook_deed());                                                              \
        contrastive_assert_looks((search), &before_);                                          \
    } while (0)

/* Float logits and hidden states, int32 tokens, as many calls in flight as a search has, and
 * more; its contexts lie in several buffers. */
lms_contrastive_desc contrastive_desc(void);

/* Opens a context, or works in the one that is given. */
void contrastive_api_rig_open(contrastive_api_rig *r, lms_context *ctx,
                              const lms_contrastive_desc *desc);
void contrastive_api_rig_close(contrastive_api_rig *r);

/* Setup and teardown of a group; *state is a contrastive_api_rig. */
int contrastive_setup(void **state);
int contrastive_teardown(void **state);

/* Other requests, in the same slots and with as many candidates. */
void contrastive_other_params(contrastive_api_rig *r);

/* The calls' records, with all inputs and outputs. */
lms_contrastive_append_args contrastive_states(const contrastive_api_rig *r);
lms_contrastive_propose_args contrastive_proposal(const contrastive_api_rig *r, unsigned step);
lms_contrastive_select_args contrastive_batch(const contrastive_api_rig *r, unsigned step);

/* The calls of a step in a search. */
unsigned contrastive_propose_of(unsigned step);
unsigned contrastive_select_of(unsigned step);

/* Opens the parents' slots; closes whatever is open. */
lms_status contrastive_open_all(const contrastive_api_rig *r, lms_contrastive *search);
lms_status contrastive_close_all(const contrastive_api_rig *r, lms_contrastive *search);
/* Call 0 .. CONTRASTIVE_CALLS - 1 of a search whose parents are open. */
lms_status contrastive_call(const contrastive_api_rig *r, lms_contrastive *search,
                            cl_command_queue queue, unsigned call, cl_uint num_wait,
                            const cl_event *wait_list, cl_event *event);
/* Opens the parents, and makes the first `calls` calls on the context's queue. */
lms_status contrastive_begin(const contrastive_api_rig *r, lms_contrastive *search,
                             unsigned calls);
/* Calls first .. last - 1 of them. */
lms_status contrastive_calls(const contrastive_api_rig *r, lms_contrastive *search,
                             unsigned first, unsigned last);

/* The last three are for any thread: OpenCL's code, and no assertion. */
cl_int contrastive_poison(const contrastive_api_rig *r);
cl_int contrastive_read(const contrastive_api_rig *r, contrastive_trace *out);
/* What differs first, or NULL. */
const char *contrastive_difference(const contrastive_trace *a, const contrastive_trace *b);

void contrastive_assert_same(const contrastive_trace *a, const contrastive_trace *b);
/* What the buffers have is what was expected, ... */
void contrastive_assert_expected(const contrastive_api_rig *r);
/* ... or what they were poisoned with. */
void contrastive_assert_poisoned(const contrastive_api_rig *r);
/* Searches, waits, compares and closes; all pages are free before and afterwards. */
void contrastive_assert_good(const contrastive_api_rig *r, lms_contrastive *search);

#endif
