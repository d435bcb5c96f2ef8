/* Threads with a sampler each on one context: tokens as with one thread. */
#include "rig.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    MAX_THREADS = 4,
    CALLS = 200,
    SHAPES = 3
};
static const uint32_t vocabs[SHAPES] = {300, 1000, 37};

/* Asserts are for the main thread; a worker counts what is wrong. */
typedef struct worker {
    lms_context *ctx;
    pthread_barrier_t *start;
    unsigned number;
    bool own_queue;
    int wrong;
    int32_t tokens[CALLS][RIG_ROWS];
} worker;

static float logit_of(unsigned call, size_t i)
{
    const uint32_t noise = ((uint32_t)i * 2654435761u) ^ (call * 40503u);
    return (float)((noise * 1664525u + 1013904223u) >> 16) * 0x1p-13f;
}

static lms_row_params params_of(unsigned call, unsigned row)
{
    lms_row_params p = LMS_ROW_PARAMS_INIT;
    p.seed = call;
    p.step = row;
    p.filters.temperature = row == 1 ? 0.0f : 1.0f;
    p.filters.top_k = row == 2 ? 10 : 0;
    p.filters.top_p = row >= 3 ? 0.8f : 1.0f;
    return p;
}

static cl_mem make_logits(cl_context context, unsigned number, uint32_t vocab)
{
    float *const values = malloc(RIG_ROWS * vocab * sizeof *values);
    for (size_t i = 0; i < RIG_ROWS * vocab; ++i) values[i] = logit_of(number, i);
    const cl_mem buffer = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                         RIG_ROWS * vocab * sizeof *values, values, NULL);
    free(values);
    return buffer;
}

static void sample(worker *w, lms_sampler *sampler, cl_command_queue queue, cl_mem logits)
{
    cl_mem tokens = clCreateBuffer(lms_context_cl_context(w->ctx), CL_MEM_READ_WRITE,
                                   sizeof w->tokens[0], NULL, NULL);
    for (unsigned call = 0; call < CALLS; ++call) {
        lms_row_params params[RIG_ROWS];
        cl_event event = NULL;
        lms_sampler_run_args b = {
            .rows = 1 + call % RIG_ROWS, .logits = {logits, 0}, .logits_rows = RIG_ROWS};
        for (unsigned row = 0; row < RIG_ROWS; ++row) params[row] = params_of(call, row);
        b.params = params;
        b.tokens.buffer = tokens;
        memset(w->tokens[call], 0, sizeof w->tokens[call]);
        w->wrong += lms_sampler_run(sampler, queue, &b, 0, NULL, &event) != LMS_OK;
        w->wrong += clEnqueueReadBuffer(queue, tokens, CL_TRUE, 0, b.rows * sizeof(int32_t),
                                        w->tokens[call], 1, &event, NULL) != CL_SUCCESS;
        if (event != NULL) clReleaseEvent(event);
    }
    clReleaseMemObject(tokens);
}

static void *work(void *argument)
{
    worker *const w = argument;
    lms_sampler *sampler = NULL;
    cl_command_queue queue = lms_context_queue(w->ctx);
    const lms_sampler_desc desc = {.vocab = vocabs[w->number % SHAPES],
                                   .max_rows = RIG_ROWS,
                                   .logits = LMS_FLOAT32,
                                   .outputs = w->number % 2 ? LMS_OUT_KEPT : 0};
    const cl_mem logits = make_logits(lms_context_cl_context(w->ctx), w->number, desc.vocab);
    if (w->own_queue) {
        queue = clCreateCommandQueue(lms_context_cl_context(w->ctx), lms_context_device(w->ctx),
                                     0, NULL);
    }
    if (w->start != NULL) pthread_barrier_wait(w->start);
    /* All threads build at once, some of them the same program. */
    if (lms_sampler_create(w->ctx, &desc, &sampler) == LMS_OK) {
        sample(w, sampler, queue, logits);
    } else {
        ++w->wrong;
    }
    lms_sampler_destroy(sampler);
    clReleaseMemObject(logits);
    if (w->own_queue) clReleaseCommandQueue(queue);
    return NULL;
}

/* Workers together, then the same alone. */
static void compare(unsigned threads, bool own_queue, bool own_context)
{
    static worker together[MAX_THREADS], alone;
    pthread_t ids[MAX_THREADS];
    pthread_barrier_t start;
    lms_context *contexts[MAX_THREADS];
    assert_int_equal(pthread_barrier_init(&start, NULL, threads), 0);
    for (unsigned i = 0; i < threads; ++i) {
        if (i == 0 || own_context)
            RIG_OK(lms_context_open(NULL, &contexts[i]));
        else
            contexts[i] = contexts[0];
        together[i] =
            (worker){.ctx = contexts[i], .start = &start, .number = i, .own_queue = own_queue};
        assert_int_equal(pthread_create(&ids[i], NULL, work, &together[i]), 0);
    }
    for (unsigned i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
    for (unsigned i = 0; i < threads; ++i) {
        alone = (worker){.ctx = contexts[0], .number = i};
        work(&alone);
        assert_int_equal(together[i].wrong, 0);
        assert_int_equal(alone.wrong, 0);
        assert_memory_equal(together[i].tokens, alone.tokens, sizeof alone.tokens);
    }
    for (unsigned i = threads; i-- > 0;) {
        if (i == 0 || own_context) lms_context_destroy(contexts[i]);
    }
    pthread_barrier_destroy(&start);
}

static void test_two_threads_on_one_queue(void **state)
{
    (void)state;
    compare(2, false, false);
}

static void test_two_threads(void **state)
{
    (void)state;
    compare(2, true, false);
}

static void test_four_threads(void **state)
{
    (void)state;
    compare(4, true, false);
}

static void test_a_context_each(void **state)
{
    (void)state;
    compare(3, false, true);
}

static void *fail_here(void *argument)
{
    lms_context *out = NULL;
    (void)lms_context_open("no such device in the world", &out);
    *(bool *)argument = strstr(lms_error_message(), "no such device in the world") != NULL;
    return NULL;
}

/* A message is its thread's own. */
static void test_messages(void **state)
{
    pthread_t id;
    bool found = false;
    (void)state;
    RIG_FAILS(LMS_E_ARGUMENT, lms_context_open(NULL, NULL), "out: is NULL");
    assert_int_equal(pthread_create(&id, NULL, fail_here, &found), 0);
    pthread_join(id, NULL);
    assert_true(found);
    assert_string_equal(lms_error_message(), "out: is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_threads_on_one_queue),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_four_threads),
        cmocka_unit_test(test_a_context_each),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
