/* Objects' lives, and objects beside others that they must not notice, on one thread and on
 * many. */
#include "calls/kinds.h"

#include <pthread.h>
#include <stdlib.h>

/* A rig beside another one: its own buffers, and other requests. */
static object_rig *open_other(const object_rig *r, const object_desc *desc)
{
    object_desc many = *desc;
    r->kind->set_in_flight(&many, 64);
    object_rig *const other = object_beside(r, &many);
    r->kind->other_requests(other);
    assert_int_equal(object_poison(other), CL_SUCCESS);
    RIG_OK(object_begin(other, other->object, r->kind->calls));
    assert_int_equal(object_read(other, (char *)other + r->kind->expected), CL_SUCCESS);
    RIG_OK(object_end(other, other->object));
    return other;
}

static void close_other(object_rig *other)
{
    object_close(other);
    free(other);
}

/* --- Requests ---------------------------------------------------------------------------- */

/* However far the earlier requests of the slots got. */
static void test_reopened_slots_start_afresh(void **state)
{
    const object_rig *const r = *state;
    object_rig *const other = open_other(r, &r->desc);
    for (unsigned calls = 0; calls <= r->kind->calls; ++calls) {
        RIG_OK(object_begin(r, other->object, calls));
        RIG_OK(object_end(r, other->object));
        clFinish(r->queue);
        object_assert_good(other, other->object);
        RIG_OK(object_begin(other, other->object, calls));
        RIG_OK(object_end(other, other->object));
        clFinish(r->queue);
        object_assert_good(r, other->object);
    }
    close_other(other);
}

/* Which slot it is makes no difference, and neither does what is left in it: the slots are
 * those of the rig, in all orders that one can be brought into by turning and by reversing it.
 * */
static void test_any_slots(void **state)
{
    const object_rig *const r = *state;
    const size_t count = r->kind->slot_count;
    object_rig *const copy = malloc(r->kind->rig_bytes);
    assert_non_null(copy);
    for (size_t i = 0; i < 3 * 2 * count; ++i) {
        memcpy(copy, r, r->kind->rig_bytes);
        uint32_t *const slots = (uint32_t *)(void *)((char *)copy + r->kind->slots);
        for (size_t k = 0; k < count; ++k) {
            const size_t from = i % 2 ? count - 1 - k : k;
            slots[k] =
                ((const uint32_t *)(const void *)((const char *)r +
                                                  r->kind->slots))[(from + i / 2) % count];
        }
        object_assert_good(copy, r->object);
    }
    free(copy);
}

/* All that is written is what was expected there. */
static void assert_nothing_else(const object_rig *r, const void *found)
{
    static const unsigned char poison[4] = {0xa5, 0xa5, 0xa5, 0xa5};
    const char *const expected = object_expected(r);
    for (size_t i = 0; i < r->kind->field_count; ++i) {
        const trace_field *const f = &r->kind->fields[i];
        for (size_t at = f->record; at < f->record + f->bytes; at += sizeof poison) {
            const char *const word = (const char *)found + at;
            if (memcmp(word, poison, sizeof poison) == 0) continue;
            assert_memory_equal(word, expected + at, sizeof poison);
        }
    }
}

/* Slots are closed, and opened for other requests, while all calls of the earlier ones wait. */
static void test_close_in_flight(void **state)
{
    const object_rig *const r = *state;
    object_rig *const other = open_other(r, &r->desc);
    void *const found = object_record(r);
    for (unsigned calls = 1; calls <= r->kind->calls; ++calls) {
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        assert_int_equal(object_poison(r), CL_SUCCESS);
        assert_int_equal(object_poison(other), CL_SUCCESS);
        RIG_OK(object_begin(r, other->object, 0));
        RIG_OK(object_call(r, other->object, r->queue, 0, 1, &hold, NULL));
        RIG_OK(object_calls(r, other->object, 1, calls));
        RIG_OK(object_end(r, other->object));
        RIG_OK(object_begin(other, other->object, r->kind->calls));
        RIG_OK(object_end(other, other->object));
        RIG_OK(object_begin(r, other->object, 0));
        RIG_OK(object_call(r, other->object, r->queue, 0, 0, NULL, &event));
        rig_assert_pending(event);
        rig_complete(hold);
        rig_wait(event);
        object_assert_expected(other);
        assert_int_equal(object_read(r, found), CL_SUCCESS);
        assert_nothing_else(r, found);
        if (calls == r->kind->calls) object_assert_same(r, found, object_expected(r));
        RIG_OK(object_end(r, other->object));
    }
    free(found);
    close_other(other);
}

/* --- Objects ----------------------------------------------------------------------------- */

static void test_many_lives(void **state)
{
    const object_rig *const r = *state;
    for (unsigned i = 0; i < 50; ++i) {
        void *const object = object_new(r, &r->desc);
        RIG_OK(object_begin(r, object, i % (r->kind->calls + 1)));
        r->kind->destroy(object); /* with calls in flight */
    }
    object_assert_good(r, r->object);
}

/* Destroying waits for the calls, however many, and however they are held. */
static void test_destroy_waits(void **state)
{
    const object_rig *const r = *state;
    for (unsigned calls = 1; calls <= r->kind->calls; ++calls) {
        const cl_command_queue queue = rig_queue(r->ctx, 0);
        cl_event hold = rig_user_event(r->context), last = NULL;
        cl_int status = CL_QUEUED;
        pthread_t id;
        void *const object = object_new(r, &r->desc);
        RIG_OK(object_begin(r, object, calls - 1));
        RIG_OK(object_call(r, object, queue, calls - 1, 1, &hold, &last));
        assert_int_equal(pthread_create(&id, NULL, rig_complete_later, &hold), 0);
        r->kind->destroy(object);
        assert_int_equal(clGetEventInfo(last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status,
                                        &status, NULL),
                         CL_SUCCESS);
        assert_int_equal(status, CL_COMPLETE);
        pthread_join(id, NULL);
        clReleaseEvent(last);
        clReleaseEvent(hold);
        clReleaseCommandQueue(queue);
    }
}

/* Two objects of every kind in turns, on one queue: those of this kind lead the others. */
static void test_objects_on_one_context(void **state)
{
    static const object_kind *const kinds[] = {&sampler_kind, &beam_kind, &contrastive_kind};
    const object_rig *const r = *state;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; ++k) {
        object_rig *const second = calloc(1, kinds[k]->rig_bytes);
        const object_desc desc = kinds[k]->desc();
        assert_non_null(second);
        object_open(second, kinds[k], r->ctx, &desc);
        for (unsigned lead = 0; lead < 4; ++lead) {
            assert_int_equal(object_poison(r), CL_SUCCESS);
            assert_int_equal(object_poison(second), CL_SUCCESS);
            RIG_OK(object_begin(r, r->object, 0));
            RIG_OK(object_begin(second, second->object, 0));
            for (unsigned call = 0; call < r->kind->calls || call < kinds[k]->calls + lead;
                 ++call) {
                if (call < r->kind->calls) RIG_OK(object_calls(r, r->object, call, call + 1));
                if (call >= lead && call - lead < kinds[k]->calls) {
                    RIG_OK(object_calls(second, second->object, call - lead, call - lead + 1));
                }
                if (call % 8 == 7) clFinish(r->queue);
            }
            object_assert_expected(r);
            object_assert_expected(second);
            RIG_OK(object_end(r, r->object));
            RIG_OK(object_end(second, second->object));
        }
        object_close(second);
        free(second);
        object_assert_good(r, r->object);
    }
}

/* --- Threads ----------------------------------------------------------------------------- */

enum {
    MAX_THREADS = 4,
    TIMES = 30
};

/* Assertions are for the main thread; a worker counts what is wrong. */
typedef struct worker {
    object_rig *rig;
    pthread_barrier_t *start;
    cl_command_queue queue;
    void *found;
    int wrong;
} worker;

static int run_once(worker *w, void *object)
{
    const object_rig *const r = w->rig;
    int wrong = object_poison(r) != CL_SUCCESS;
    wrong += object_begin(r, object, 0) != LMS_OK;
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        wrong += object_call(r, object, w->queue, call, 0, NULL, NULL) != LMS_OK;
    }
    wrong += clFinish(w->queue) != CL_SUCCESS;
    wrong += object_end(r, object) != LMS_OK;
    wrong += object_read(r, w->found) != CL_SUCCESS;
    return wrong + (object_difference(r, w->found, object_expected(r)) != NULL);
}

static void *work(void *argument)
{
    worker *const w = argument;
    void *object = NULL;
    pthread_barrier_wait(w->start);
    /* All threads build at once, some of them the same program. */
    w->wrong += w->rig->kind->create(w->rig->ctx, &w->rig->desc, &object) != LMS_OK;
    for (int i = 0; object != NULL && i < TIMES; ++i) w->wrong += run_once(w, object);
    w->rig->kind->destroy(object);
    return NULL;
}

/* A worker whose requests are expected to be what they are alone. */
static void make_worker(worker *w, const object_rig *r, lms_context *ctx, unsigned i,
                        bool own_queue)
{
    const object_desc desc = r->kind->thread_desc(i);
    object_rig in = *r;
    in.ctx = ctx;
    w->rig = i % 3 == 1 ? open_other(&in, &desc) : object_beside(&in, &desc);
    w->queue = own_queue ? rig_queue(w->rig->ctx, 0) : w->rig->queue;
    w->found = object_record(r);
    w->wrong = 0;
}

static void free_worker(worker *w, bool own_queue)
{
    if (own_queue) clReleaseCommandQueue(w->queue);
    close_other(w->rig);
    free(w->found);
}

static void compare(const object_rig *r, unsigned threads, bool own_queue, bool own_context)
{
    worker workers[MAX_THREADS];
    pthread_t ids[MAX_THREADS];
    pthread_barrier_t start;
    lms_context *ctx = NULL;
    if (!own_context) RIG_OK(lms_context_open(NULL, &ctx));
    assert_int_equal(pthread_barrier_init(&start, NULL, threads), 0);
    for (unsigned i = 0; i < threads; ++i) {
        make_worker(&workers[i], r, ctx, i, own_queue);
        workers[i].start = &start;
    }
    for (unsigned i = 0; i < threads; ++i) {
        assert_int_equal(pthread_create(&ids[i], NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
    for (unsigned i = 0; i < threads; ++i) {
        assert_int_equal(workers[i].wrong, 0);
        free_worker(&workers[i], own_queue);
    }
    lms_context_destroy(ctx);
    pthread_barrier_destroy(&start);
}

static void test_two_threads_on_one_queue(void **state) { compare(*state, 2, false, false); }
static void test_two_threads(void **state) { compare(*state, 2, true, false); }
static void test_four_threads(void **state) { compare(*state, 4, true, false); }
static void test_a_context_each(void **state) { compare(*state, 3, false, true); }

/* One object, handed from thread to thread. */
static void *hand_over(void *argument)
{
    worker *const w = argument;
    w->wrong += run_once(w, w->rig->object);
    return NULL;
}

static void test_one_after_the_other(void **state)
{
    worker w;
    make_worker(&w, *state, NULL, 0, false);
    for (int i = 0; i < 10; ++i) {
        pthread_t id;
        assert_int_equal(pthread_create(&id, NULL, hand_over, &w), 0);
        pthread_join(id, NULL);
    }
    assert_int_equal(w.wrong, 0);
    free_worker(&w, false);
}

/* What is wrong with a call without an object, and without a record or a queue. */
static void *fail_here(void *argument)
{
    const call_type *const type = argument;
    call_args args;
    memset(&args, 0, sizeof args);
    (void)type->run(NULL, NULL, &args, 0, NULL, NULL);
    return strstr(lms_error_message(), type->object_text) != NULL ? argument : NULL;
}

/* A message is its thread's own. */
static void test_messages(void **state)
{
    const object_rig *const r = *state;
    const call_type *const type = r->kind->types[0];
    call_args args;
    pthread_t id;
    void *found = NULL;
    (void)r->kind->arguments(r, 0, &args);
    RIG_FAILS(LMS_E_ARGUMENT, type->run(r->object, NULL, &args, 0, NULL, NULL),
              "queue: is NULL");
    assert_int_equal(pthread_create(&id, NULL, fail_here, (void *)(uintptr_t)type), 0);
    pthread_join(id, &found);
    assert_ptr_equal(found, type);
    assert_string_equal(lms_error_message(), "queue: is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reopened_slots_start_afresh),
        cmocka_unit_test(test_any_slots),
        cmocka_unit_test(test_close_in_flight),
        cmocka_unit_test(test_many_lives),
        cmocka_unit_test(test_destroy_waits),
        cmocka_unit_test(test_objects_on_one_context),
        cmocka_unit_test(test_two_threads_on_one_queue),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_four_threads),
        cmocka_unit_test(test_a_context_each),
        cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_messages),
    };
    return RUN_FOR_EACH_KIND("life", tests);
}
