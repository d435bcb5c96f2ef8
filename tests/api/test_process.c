/* What holds for a process: its first OpenCL call may come from several threads at once, and a
 * child of fork() is told that it has no OpenCL, and never waits. */
#include "calls/beam_object.h"
#include "calls/contrastive_object.h"

#include <lms_tuning.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- First use --------------------------------------------------------------------------- */

enum {
    THREADS = 3,
    PROCESSES = 10
};

static pthread_barrier_t start;
static lms_status results[THREADS];

static void *list_first(void *result)
{
    lms_device devices[8];
    uint32_t count = 0;
    pthread_barrier_wait(&start);
    *(lms_status *)result = lms_devices(devices, 8, &count);
    return NULL;
}

static void *open_first(void *result)
{
    lms_context *ctx = NULL;
    pthread_barrier_wait(&start);
    *(lms_status *)result = lms_context_open(NULL, &ctx);
    lms_context_destroy(ctx);
    return NULL;
}

/* Also the first build and the first enqueue, each in a context of its own. */
static void *sample_first(void *result)
{
    const lms_sampler_desc desc = {.vocab = 100, .max_rows = 1, .logits = LMS_FLOAT32};
    const float logits[100] = {1.0f, 2.0f};
    const lms_row_params p = LMS_ROW_PARAMS_INIT;
    int32_t token = 0;
    const lms_sample_host_args batch = {
        .rows = 1, .logits = logits, .params = &p, .tokens = &token};
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    pthread_barrier_wait(&start);
    lms_status status = lms_context_open(NULL, &ctx);
    if (status == LMS_OK) status = lms_sampler_create(ctx, &desc, &sampler);
    if (status == LMS_OK) status = lms_sample_host(sampler, &batch);
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
    *(lms_status *)result = status;
    return NULL;
}

static int first_use(void *(*even)(void *), void *(*odd)(void *))
{
    pthread_t threads[THREADS];
    if (pthread_barrier_init(&start, NULL, THREADS) != 0) return 1;
    for (int i = 0; i < THREADS; ++i) {
        if (pthread_create(&threads[i], NULL, i % 2 ? odd : even, &results[i]) != 0) return 2;
    }
    for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; ++i) {
        if (results[i] != LMS_OK) return 3;
    }
    return 0;
}

/* Without a lock nearly every one of these processes ends in pocl 3.1. */
static void test_first_use_from_threads(void **state)
{
    static const char *const how[] = {"list", "open", "both", "sample"};
    (void)state;
    for (int i = 0; i < 4 * PROCESSES; ++i) {
        assert_int_equal(rig_child(how[i % 4], NULL, NULL), 0);
    }
}

/* --- Fork -------------------------------------------------------------------------------- */

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            printf("child: line %d: %s (%s)\n", __LINE__, #condition, lms_error_message());    \
            fflush(stdout);                                                                    \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (0)
#define CHECK_FORKED(call)                                                                     \
    CHECK((call) == LMS_E_FORKED && strstr(lms_error_message(), "child") != NULL)

static pid_t fork_child(void)
{
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) alarm(30); /* a call that hangs */
    return pid;
}

static void assert_child_is_good(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* What uses no object of the parent. */
static void check_first_calls(void)
{
    lms_device devices[8];
    lms_context *ctx = NULL;
    uint32_t count = 0;
    CHECK_FORKED(lms_devices(devices, 8, &count));
    CHECK_FORKED(lms_devices(NULL, 0, &count));
    CHECK_FORKED(lms_context_open(NULL, &ctx));
    CHECK(ctx == NULL && count == 0);
}

static lms_recording *recording_of(const rig *r)
{
    lms_sampler_run_args batch = rig_small_batch(r);
    lms_recording *made = NULL;
    batch.params = NULL;
    batch.index = NULL;
    batch.params_device.buffer = r->params;
    RIG_OK(lms_sampler_record(r->sampler, r->queue, &batch, &made));
    return made;
}

static void check_sampler(rig *r, lms_recording *recording)
{
    const lms_sampler_desc desc = rig_desc();
    const lms_sampler_run_args batch = rig_batch(r);
    int32_t token = 0;
    lms_sample_host_args host = {
        .rows = 1, .logits = r->values, .params = r->records, .tokens = &token};
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    CHECK_FORKED(lms_context_create(r->context, lms_context_device(r->ctx), &ctx));
    CHECK_FORKED(lms_sampler_create(r->ctx, &desc, &sampler));
    CHECK(ctx == NULL && sampler == NULL);
    CHECK_FORKED(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
    lms_recording *made = recording;
    CHECK_FORKED(lms_sampler_record(r->sampler, r->queue, &batch, &made));
    CHECK(made == NULL);
    CHECK_FORKED(lms_recording_run(recording, 0, NULL, NULL));
    lms_recording_destroy(recording);
    CHECK_FORKED(lms_sampler_effort(r->sampler, r->queue, 0, NULL));
    CHECK_FORKED(lms_sample_host(r->sampler, &host));
    host.rows = 0;
    CHECK_FORKED(lms_sample_host(r->sampler, &host));
    lms_sampler_destroy(r->sampler);
}

static void check_beam(beam_rig *r)
{
    lms_beam *beam = NULL;
    static const lms_beam_step_host_args step = {0};
    static const lms_beam_results_host_args output = {0};
    CHECK_FORKED(lms_beam_open_host(r->base.object, 0, &r->params[0], r->ends));
    CHECK_FORKED(lms_beam_step_host(r->base.object, &step));
    CHECK_FORKED(lms_beam_results_host(r->base.object, &output));
    CHECK_FORKED(lms_beam_create(r->base.ctx, &r->base.desc.beam, &beam));
    CHECK(beam == NULL);
    CHECK_FORKED(object_call(&r->base, r->base.object, r->base.queue, 0, 0, NULL, NULL));
    CHECK_FORKED(
        object_call(&r->base, r->base.object, r->base.queue, BEAM_FIRST_STEP, 0, NULL, NULL));
    CHECK_FORKED(
        object_call(&r->base, r->base.object, r->base.queue, BEAM_RESULTS, 0, NULL, NULL));
    lms_beam_destroy(r->base.object);
}

static void check_contrastive(contrastive_rig *r)
{
    static const unsigned calls[] = {0, 1, 2, CONTRASTIVE_FORK};
    lms_contrastive *search = NULL;
    static const lms_contrastive_append_host_args states = {0};
    static const lms_contrastive_propose_host_args proposal = {0};
    static const lms_contrastive_select_host_args choice = {0};
    CHECK_FORKED(lms_contrastive_append_host(r->base.object, &states));
    CHECK_FORKED(lms_contrastive_propose_host(r->base.object, &proposal));
    CHECK_FORKED(lms_contrastive_select_host(r->base.object, &choice));
    CHECK_FORKED(lms_contrastive_fork_host(r->base.object, 0, 1, NULL));
    CHECK_FORKED(lms_contrastive_create(r->base.ctx, &r->base.desc.contrastive, &search));
    CHECK(search == NULL);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; ++i) {
        CHECK_FORKED(
            object_call(&r->base, r->base.object, r->base.queue, calls[i], 0, NULL, NULL));
    }
    lms_contrastive_destroy(r->base.object);
}

/* With calls of the parent in flight, which no child can wait for. */
static void test_objects_in_a_child(void **state)
{
    rig r;
    beam_rig beams;
    contrastive_rig search;
    const object_desc beam = beam_kind.desc();
    const object_desc contrastive = contrastive_kind.desc();
    cl_event done[3] = {NULL, NULL, NULL};
    (void)state;
    rig_open(&r);
    object_open(&beams.base, &beam_kind, r.ctx, &beam);
    object_open(&search.base, &contrastive_kind, r.ctx, &contrastive);
    const cl_event hold = rig_user_event(r.context);
    const lms_sampler_run_args batch = rig_small_batch(&r);
    lms_recording *const recording = recording_of(&r);
    RIG_OK(lms_sampler_run(r.sampler, r.queue, &batch, 1, &hold, &done[0]));
    RIG_OK(
        object_call(&beams.base, beams.base.object, beams.base.queue, 0, 1, &hold, &done[1]));
    RIG_OK(contrastive_open_all(&search, search.base.object));
    RIG_OK(object_call(&search.base, search.base.object, search.base.queue, 0, 1, &hold,
                       &done[2]));
    const pid_t pid = fork_child();
    if (pid == 0) {
        check_first_calls();
        check_sampler(&r, recording);
        check_beam(&beams);
        check_contrastive(&search);
        lms_context_destroy(r.ctx);
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            check_first_calls();
            _exit(0);
        }
        assert_child_is_good(grandchild);
        _exit(0);
    }
    assert_child_is_good(pid);
    rig_complete(hold);
    for (int i = 0; i < 3; ++i) rig_wait(done[i]);
    lms_recording_destroy(recording);
    RIG_OK(lms_beam_close(beams.base.object, beams.slots[0]));
    RIG_OK(object_end(&search.base, search.base.object));
    rig_assert_good(&r); /* the parent has lost nothing */
    object_assert_good(&beams.base, beams.base.object);
    object_assert_good(&search.base, search.base.object);
    object_close(&search.base);
    object_close(&beams.base);
    rig_close(&r);
}

/* A child of a process that has not used OpenCL uses it, and so does its parent afterwards. */
static int fork_before(void)
{
    lms_context *ctx = NULL;
    const pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        CHECK(lms_context_open(NULL, &ctx) == LMS_OK);
        lms_context_destroy(ctx);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) return 1;
    if (lms_context_open(NULL, &ctx) != LMS_OK) return 2;
    lms_context_destroy(ctx);
    return 0;
}

static void test_fork_before_the_first_use(void **state)
{
    (void)state;
    assert_int_equal(rig_child("fork_before", NULL, NULL), 0);
}

static volatile int is_over;

static void *list_on_and_on(void *unused)
{
    uint32_t count = 0;
    (void)unused;
    while (!is_over) lms_devices(NULL, 0, &count);
    return NULL;
}

/* Another thread may hold the library's lock while this one forks. */
static void test_fork_while_a_thread_lists(void **state)
{
    pthread_t thread;
    uint32_t count = 0;
    (void)state;
    RIG_OK(lms_devices(NULL, 0, &count));
    is_over = 0;
    assert_int_equal(pthread_create(&thread, NULL, list_on_and_on, NULL), 0);
    for (int i = 0; i < 20; ++i) {
        const pid_t pid = fork_child();
        if (pid == 0) {
            check_first_calls();
            _exit(0);
        }
        assert_child_is_good(pid);
    }
    is_over = 1;
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_use_from_threads),
        cmocka_unit_test(test_objects_in_a_child),
        cmocka_unit_test(test_fork_before_the_first_use),
        cmocka_unit_test(test_fork_while_a_thread_lists),
    };
    if (argc > 1 && strcmp(argv[1], "list") == 0) return first_use(list_first, list_first);
    if (argc > 1 && strcmp(argv[1], "open") == 0) return first_use(open_first, open_first);
    if (argc > 1 && strcmp(argv[1], "both") == 0) return first_use(list_first, open_first);
    if (argc > 1 && strcmp(argv[1], "sample") == 0) {
        return first_use(sample_first, sample_first);
    }
    if (argc > 1 && strcmp(argv[1], "fork_before") == 0) return fork_before();
    return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
