/* Threads with a contrastive search each on one context: what they find is as with one
 * thread. */
#include "contrastive_api_rig.h"

#include <pthread.h>

enum {
    MAX_THREADS = 4,
    SEARCHES = 30
};

/* Assertions are for the main thread; a worker counts what is wrong. */
typedef struct worker {
    contrastive_api_rig rig;
    pthread_barrier_t *start;
    cl_command_queue queue;
    int wrong;
} worker;

static int search_once(const contrastive_api_rig *r, lms_contrastive *search,
                       cl_command_queue queue)
{
    contrastive_trace found;
    int wrong = contrastive_poison(r) != CL_SUCCESS;
    wrong += contrastive_open_all(r, search) != LMS_OK;
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        wrong += contrastive_call(r, search, queue, call, 0, NULL, NULL) != LMS_OK;
    }
    wrong += clFinish(queue) != CL_SUCCESS;
    wrong += contrastive_close_all(r, search) != LMS_OK;
    wrong += contrastive_read(r, &found) != CL_SUCCESS;
    return wrong + (contrastive_difference(&found, &r->expected) != NULL);
}

static void *work(void *argument)
{
    worker *const w = argument;
    const contrastive_api_rig *const r = &w->rig;
    lms_contrastive *search = NULL;
    pthread_barrier_wait(w->start);
    /* All threads build at once, some of them the same programs. */
    w->wrong += lms_contrastive_create(r->ctx, &r->desc, &search) != LMS_OK;
    for (int i = 0; search != NULL && i < SEARCHES; ++i) {
        w->wrong += search_once(r, search, w->queue);
    }
    lms_contrastive_destroy(search);
    return NULL;
}

/* A worker whose requests are expected to be what they are alone. */
static void make_worker(worker *w, lms_context *ctx, unsigned i, bool own_queue)
{
    lms_contrastive_desc desc = contrastive_desc();
    desc.tokens = i % 2 ? LMS_INT64 : LMS_INT32;
    memset(w, 0, sizeof *w);
    contrastive_api_rig_open(&w->rig, ctx, &desc);
    if (i % 3 == 1) {
        contrastive_other_params(&w->rig);
        assert_int_equal(contrastive_poison(&w->rig), CL_SUCCESS);
        RIG_OK(contrastive_begin(&w->rig, w->rig.search, CONTRASTIVE_CALLS));
        assert_int_equal(contrastive_read(&w->rig, &w->rig.expected), CL_SUCCESS);
        RIG_OK(contrastive_close_all(&w->rig, w->rig.search));
    }
    w->queue = own_queue ? rig_queue(w->rig.ctx, 0) : w->rig.queue;
}

static void compare(unsigned threads, bool own_queue, bool own_context)
{
    static worker workers[MAX_THREADS];
    pthread_t ids[MAX_THREADS];
    pthread_barrier_t start;
    lms_context *ctx = NULL;
    if (!own_context) RIG_OK(lms_context_open(NULL, &ctx));
    assert_int_equal(pthread_barrier_init(&start, NULL, threads), 0);
    for (unsigned i = 0; i < threads; ++i) {
        make_worker(&workers[i], ctx, i, own_queue);
        workers[i].start = &start;
    }
    for (unsigned i = 0; i < threads; ++i) {
        assert_int_equal(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
    for (unsigned i = 0; i < threads; ++i) {
        assert_int_equal(workers[i].wrong, 0);
        if (own_queue) clReleaseCommandQueue(workers[i].queue);
        contrastive_api_rig_close(&workers[i].rig);
    }
    lms_context_destroy(ctx);
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

/* One search, handed from thread to thread. */
static void *hand_over(void *argument)
{
    worker *const w = argument;
    w->wrong += search_once(&w->rig, w->rig.search, w->queue);
    return NULL;
}

static void test_one_after_the_other(void **state)
{
    static worker w;
    (void)state;
    make_worker(&w, NULL, 0, false);
    for (int i = 0; i < 10; ++i) {
        pthread_t id;
        assert_int_equal(pthread_create(&id, NULL, hand_over, &w), 0);
        pthread_join(id, NULL);
    }
    assert_int_equal(w.wrong, 0);
    contrastive_api_rig_close(&w.rig);
}

static void *fail_here(void *argument)
{
    (void)lms_contrastive_close(argument, 12345);
    return strstr(lms_error_message(), "slot: 12345") != NULL ? argument : NULL;
}

/* A message is its thread's own. */
static void test_messages(void **state)
{
    static worker w;
    pthread_t id;
    void *found = NULL;
    (void)state;
    make_worker(&w, NULL, 0, false);
    RIG_FAILS(LMS_E_SLOT, lms_contrastive_close(w.rig.search, 0), "slot: 0 is not open");
    assert_int_equal(pthread_create(&id, NULL, fail_here, w.rig.search), 0);
    pthread_join(id, &found);
    assert_ptr_equal(found, w.rig.search);
    assert_string_equal(lms_error_message(), "slot: 0 is not open");
    contrastive_api_rig_close(&w.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_threads_on_one_queue),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_four_threads),
        cmocka_unit_test(test_a_context_each),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests_name("contrastive_threads", tests, NULL, NULL);
}
