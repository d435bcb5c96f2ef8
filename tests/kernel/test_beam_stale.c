/* What must not be read: maxima of tokens that are suppressed, and links that an earlier
 * request has left in its slot. The results are derived by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "device.h"
#include "lmsample.h"

enum {
    MOST_ROWS = 20,
    GROUP = 32,
    VOCAB = 2048
};

typedef struct search {
    lms_context *ctx;
    lms_beam *beam;
    uint32_t vocab, rows;
    cl_mem logits, parents, tokens, done;
    int32_t token[MOST_ROWS];
} search;

static cl_mem buffer(const search *s, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    const cl_context context = lms_context_cl_context(s->ctx);
    cl_mem mem = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    device_require(code, "clCreateBuffer");
    return mem;
}

static void start(search *s, const lms_beam_desc *desc)
{
    s->ctx = device_open();
    s->vocab = desc->vocab;
    s->rows = desc->max_width;
    device_require(lms_beam_create(s->ctx, desc, &s->beam), "lms_beam_create");
    s->logits = buffer(s, (size_t)s->rows * s->vocab * sizeof(float));
    s->parents = buffer(s, s->rows * sizeof(int32_t));
    s->tokens = buffer(s, s->rows * sizeof(int32_t));
    s->done = buffer(s, sizeof(uint32_t));
}

static void end(search *s)
{
    const cl_mem all[] = {s->logits, s->parents, s->tokens, s->done};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) clReleaseMemObject(all[i]);
    lms_beam_destroy(s->beam);
    lms_context_destroy(s->ctx);
}

static void open_slot(const search *s, const lms_beam_params *params, const int32_t *ends)
{
    const cl_command_queue queue = lms_context_queue(s->ctx);
    device_require(lms_beam_open(s->beam, queue, 0, params, ends, 0, NULL, NULL), "open");
    device_require(clFinish(queue), "clFinish");
}

/* A step of the one request; returns whether it is done. */
static uint32_t step(search *s, const float *logits)
{
    const cl_command_queue queue = lms_context_queue(s->ctx);
    const uint32_t slot = 0;
    uint32_t done = 0;
    const lms_beam_batch batch = {.requests = 1,
                                  .slots = &slot,
                                  .logits = {s->logits, 0},
                                  .parents = {s->parents, 0},
                                  .tokens = {s->tokens, 0},
                                  .done = {s->done, 0}};
    device_require(clEnqueueWriteBuffer(queue, s->logits, CL_TRUE, 0,
                                        (size_t)s->rows * s->vocab * sizeof *logits, logits, 0,
                                        NULL, NULL),
                   "write");
    device_require(lms_beam_step(s->beam, queue, &batch, 0, NULL, NULL), "lms_beam_step");
    device_require(clEnqueueReadBuffer(queue, s->tokens, CL_TRUE, 0, s->rows * sizeof *s->token,
                                       s->token, 0, NULL, NULL),
                   "read");
    device_require(
        clEnqueueReadBuffer(queue, s->done, CL_TRUE, 0, sizeof done, &done, 0, NULL, NULL),
        "read");
    return done;
}

/* Every group of 32 tokens has one that counts; in twelve groups that is an end token. */
static void suppressed_maxima(uint32_t work_items)
{
    enum {
        ENDS = 12,
        WIDTH = MOST_ROWS
    };
    static float x[WIDTH * VOCAB];
    int32_t ends[ENDS];
    const lms_beam_desc desc = {.vocab = VOCAB,
                                .max_requests = 1,
                                .max_width = WIDTH,
                                .max_length = 2,
                                .max_end_tokens = ENDS,
                                .logits = LMS_FLOAT32,
                                .work_items = work_items};
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(WIDTH);
    search s = {0};
    for (uint32_t i = 0; i < VOCAB; ++i) x[i] = -50.0f;
    for (uint32_t g = 0; g < VOCAB / GROUP; ++g) x[g * GROUP] = 0.125f * (float)g;
    for (uint32_t i = 0; i < ENDS; ++i) {
        ends[i] = (int32_t)(i * GROUP);
        x[ends[i]] = 20.0f;
    }
    params.max_length = 2;
    params.min_length = 1;
    params.end_tokens = ENDS;
    start(&s, &desc);
    open_slot(&s, &params, ends);
    assert_int_equal(step(&s, x), 0);
    for (int32_t i = 0; i < WIDTH; ++i) {
        assert_int_equal(s.token[i], (VOCAB / GROUP - 1 - i) * GROUP);
    }
    end(&s);
}

static void test_suppressed_maxima(void **state)
{
    (void)state;
    suppressed_maxima(1);
    suppressed_maxima(8);
}

/* Two diversity groups of one beam, the first of which is done after two steps. In the third
 * step the other's best token is the one that the request before took in its third step. */
static void test_earlier_links(void **state)
{
    static const float always_2[8] = {0, 0, 9, 0, 0, 0, 9, 0};
    static const float steps[3][8] = {
        {5.0f, 4.9f, 0, 0, 0, 0, 0, 0},    /* group 0 takes 0, group 1 then 1   */
        {1.0f, 0, 0, 9.0f, 0, 0, 9.0f, 0}, /* group 0 ends with 3, group 1 has 2 */
        {0, 0, 0, 0, 5.0f, 0, 5.5f, 0},    /* group 1: 2 a little before 0      */
    };
    const int32_t end_token = 3;
    const lms_beam_desc desc = {.vocab = 4,
                                .max_requests = 1,
                                .max_width = 2,
                                .max_length = 4,
                                .max_end_tokens = 1,
                                .logits = LMS_FLOAT32};
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(2);
    search s = {0};
    (void)state;
    params.max_length = 4;
    params.groups = 2;
    start(&s, &desc);
    open_slot(&s, &params, NULL);
    for (int i = 0; i < 4; ++i) step(&s, always_2);
    device_require(lms_beam_close(s.beam, 0), "lms_beam_close");
    params.diversity_penalty = 3.0f;
    params.early_stopping = LMS_EARLY_YES;
    params.end_tokens = 1;
    open_slot(&s, &params, &end_token);
    assert_int_equal(step(&s, steps[0]), 0);
    assert_int_equal(s.token[0], 0);
    assert_int_equal(s.token[1], 1);
    assert_int_equal(step(&s, steps[1]), 0);
    assert_int_equal(s.token[1], 2);
    assert_int_equal(step(&s, steps[2]), 0);
    assert_int_equal(s.token[0], LMS_NO_TOKEN);
    assert_int_equal(s.token[1], 2);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suppressed_maxima),
        cmocka_unit_test(test_earlier_links),
    };
    return cmocka_run_group_tests_name("beam_stale", tests, NULL, NULL);
}
