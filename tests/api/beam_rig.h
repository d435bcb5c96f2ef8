/* beam_rig.h - beam searches for the tests of the calls: three requests that differ in all they
 * can, logits for all of their steps, and room for all that every step gives. So a whole search
 * is a list of calls, with no wait between them, that can be told from any other search by what
 * it leaves behind. */
#ifndef LMS_TEST_BEAM_RIG_H
#define LMS_TEST_BEAM_RIG_H

#include "rig.h"

enum {
    BEAM_VOCAB = 300,
    BEAM_REQUESTS = 3,
    BEAM_WIDTH = 4,
    BEAM_ROWS = 11, /* of 4, 4 and 3 beams */
    BEAM_STEPS = 8,
    BEAM_ENDS = 2,
    BEAM_SEQUENCES = BEAM_REQUESTS * BEAM_WIDTH,
    /* Those of a search, in their order: open, step, results. */
    BEAM_FIRST_STEP = BEAM_REQUESTS,
    BEAM_RESULTS = BEAM_FIRST_STEP + BEAM_STEPS,
    BEAM_CALLS = BEAM_RESULTS + 1
};

/* What a search writes. */
typedef struct beam_trace {
    int64_t tokens[BEAM_STEPS][BEAM_ROWS];
    int64_t fixed[BEAM_STEPS][BEAM_ROWS];
    int32_t parents[BEAM_STEPS][BEAM_ROWS];
    float scores[BEAM_STEPS][BEAM_ROWS];
    uint32_t done[BEAM_STEPS][BEAM_REQUESTS];
    uint32_t status[BEAM_STEPS][BEAM_REQUESTS];
    int64_t sequences[BEAM_SEQUENCES][BEAM_STEPS];
    int32_t counts[BEAM_REQUESTS];
    int32_t lengths[BEAM_SEQUENCES];
    float ratings[BEAM_SEQUENCES];
    float logprobs[BEAM_SEQUENCES];
    float token_logprobs[BEAM_SEQUENCES][BEAM_STEPS];
    int32_t beams[BEAM_SEQUENCES][BEAM_STEPS];
} beam_trace;

/* Requests, and where their results go. `ctx` may be shared, buffers and beam are its own. */
typedef struct beam_rig {
    lms_context *ctx;
    bool owns_context;
    lms_beam *beam;
    lms_beam_desc desc; /* of it */
    cl_context context;
    cl_command_queue queue; /* the context's own */
    lms_beam_params params[BEAM_REQUESTS];
    int32_t ends[BEAM_ENDS];
    uint32_t slots[BEAM_REQUESTS];
    uint32_t first_rows[BEAM_REQUESTS];
    cl_mem logits; /* [BEAM_STEPS][BEAM_ROWS][BEAM_VOCAB] */
    cl_mem parents, tokens, scores, fixed, done, status;
    cl_mem counts, lengths, sequences, ratings, logprobs, token_logprobs, beams;
    beam_trace
        expected; /* read after a search on the context's queue, with a beam of its own */
} beam_rig;

/* As RIG_FAILS, and OpenCL was asked questions and nothing else. For programs with hooks.h. */
#define BEAM_REFUSED(code, call, ...)                                                          \
    do {                                                                                       \
        hook_reset();                                                                          \
        RIG_FAILS((code), (call), __VA_ARGS__);                                                \
        assert_null(hook_deed());                                                              \
    } while (0)

/* Float logits, int32 tokens, as many calls in flight as a search has, and more. */
lms_beam_desc beam_desc(void);

/* Opens a context, or works in the one that is given. */
void beam_rig_open(beam_rig *r, lms_context *ctx, const lms_beam_desc *desc);
void beam_rig_close(beam_rig *r);

/* Setup and teardown of a group; *state is a beam_rig. */
int beam_setup(void **state);
int beam_teardown(void **state);

/* Other requests, in the same slots: modes, widths and lengths differ. */
void beam_other_params(beam_rig *r);

/* One call of the requests, with all outputs. */
lms_status beam_open(const beam_rig *r, lms_beam *beam, cl_command_queue queue,
                     unsigned request, cl_uint num_wait, const cl_event *wait_list,
                     cl_event *event);
lms_beam_step_args beam_batch(const beam_rig *r, unsigned step);
lms_beam_results_args beam_output(const beam_rig *r);
/* Call 0 .. BEAM_CALLS - 1 of a search. */
lms_status beam_call(const beam_rig *r, lms_beam *beam, cl_command_queue queue, unsigned call,
                     cl_uint num_wait, const cl_event *wait_list, cl_event *event);
/* Calls first .. last - 1, on the context's queue. */
lms_status beam_calls(const beam_rig *r, lms_beam *beam, unsigned first, unsigned last);
lms_status beam_close_all(const beam_rig *r, lms_beam *beam);

/* The last three are for any thread: OpenCL's code, and no assertion. */
cl_int beam_poison(const beam_rig *r);
cl_int beam_read(const beam_rig *r, beam_trace *out);
/* What differs first, or NULL. */
const char *beam_difference(const beam_trace *a, const beam_trace *b);

void beam_assert_same(const beam_trace *a, const beam_trace *b);
/* What the buffers have is what was expected, ... */
void beam_assert_expected(const beam_rig *r);
/* ... or what they were poisoned with. */
void beam_assert_poisoned(const beam_rig *r);
/* Searches, waits, compares and closes. */
void beam_assert_good(const beam_rig *r, lms_beam *beam);

#endif
