/* rig.h - a context, a sampler and a full set of exactly fitting buffers for the tests of the
 * calls. */
#ifndef LMS_TEST_RIG_H
#define LMS_TEST_RIG_H

#include <lmsample.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

enum {
    RIG_VOCAB = 300,
    RIG_ROWS = 6,
    RIG_ATTEMPTS = 64
};
#define RIG_ALL_OUTPUTS (LMS_OUT_LOGPROB_RAW | LMS_OUT_LOGPROB | LMS_OUT_KEPT | LMS_OUT_PROBS)

/* What one call writes. */
typedef struct rig_results {
    int64_t tokens[RIG_ROWS];
    uint32_t status[RIG_ROWS];
    float logprob_raw[RIG_ROWS];
    float logprob[RIG_ROWS];
    int32_t kept[RIG_ROWS];
    float probs[RIG_ROWS * RIG_VOCAB];
} rig_results;

typedef struct rig {
    lms_context *ctx;
    lms_sampler *sampler;
    cl_context context;
    cl_command_queue queue; /* the context's own */
    cl_mem logits, params, index, uniforms;
    cl_mem tokens, status, logprob_raw, logprob, kept, probs;
    float values[RIG_ROWS * RIG_VOCAB];
    lms_row_params records[RIG_ROWS];
    int32_t order[RIG_ROWS];
    rig_results expected; /* of rig_batch(), read after a run on the context's queue */
} rig;

/* Succeeds or fails the running test with the library's message. */
#define RIG_OK(call) rig_ok((call), #call, __FILE__, __LINE__)
/* The status, and a message that has every one of the parts (up to NULL). */
#define RIG_FAILS(code, call, ...)                                                             \
    rig_fails((code), (call), #call, __FILE__, __LINE__, __VA_ARGS__, (const char *)NULL)
void rig_ok(lms_status status, const char *call, const char *file, int line);
void rig_fails(lms_status expected, lms_status status, const char *call, const char *file,
               int line, ...);

/* A sampler of float logits, int32 tokens, all outputs, two calls in flight. */
lms_sampler_desc rig_desc(void);
void rig_open(rig *r);
void rig_close(rig *r);

/* Setup and teardown of a group; *state is a rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* Every input but the uniforms by its device door, and every output. */
lms_sampler_run_args rig_batch(const rig *r);
/* Host records, no index, tokens and status only. */
lms_sampler_run_args rig_small_batch(const rig *r);

cl_mem rig_buffer(cl_context context, cl_mem_flags flags, size_t bytes);
void rig_poison(const rig *r);
void rig_read(const rig *r, rig_results *out);
void rig_assert_poisoned(const rig *r);
/* All results, bit for bit. */
void rig_assert_same(const rig_results *a, const rig_results *b);
/* Runs, waits, and compares tokens with the expected ones. */
void rig_assert_good(rig *r);

/* The event is not over, nor a while later: long enough for a call of this size. */
void rig_assert_pending(cl_event event);

/* An event that the test completes, and a queue of the rig's device. */
cl_event rig_user_event(cl_context context);
cl_command_queue rig_queue(const lms_context *ctx, cl_command_queue_properties properties);
/* For a thread: completes the event that this points to, some time after. */
void *rig_complete_later(void *hold);
/* Completes it, or waits for it, and releases it. */
void rig_complete(cl_event hold);
void rig_wait(cl_event event);

/* Runs this program again as `argv[0] child` with one variable set (or NULL), and returns its
 * exit status; -1 if it ended otherwise. */
int rig_child(const char *child, const char *variable, const char *value);

#endif
