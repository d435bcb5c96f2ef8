/* A request's life: opened afresh, closed in flight; and the end of a contrastive search. */
#include "contrastive_api_rig.h"

#include <pthread.h>
#include <time.h>

/* A rig beside another one: its own buffers, and other requests. */
static void open_other(contrastive_api_rig *other, lms_context *ctx)
{
    lms_contrastive_desc desc = contrastive_desc();
    desc.max_in_flight = 64;
    contrastive_api_rig_open(other, ctx, &desc);
    contrastive_other_params(other);
    assert_int_equal(contrastive_poison(other), CL_SUCCESS);
    RIG_OK(contrastive_begin(other, other->search, CONTRASTIVE_CALLS));
    assert_int_equal(contrastive_read(other, &other->expected), CL_SUCCESS);
    RIG_OK(contrastive_close_all(other, other->search));
}

/* However far the earlier requests of the slots got. */
static void test_reopened_slots_start_afresh(void **state)
{
    const contrastive_api_rig *const r = *state;
    contrastive_api_rig other;
    open_other(&other, r->ctx);
    for (unsigned calls = 0; calls <= CONTRASTIVE_CALLS; ++calls) {
        RIG_OK(contrastive_begin(r, other.search, calls));
        RIG_OK(contrastive_close_all(r, other.search));
        clFinish(r->queue);
        contrastive_assert_good(&other, other.search);
        RIG_OK(contrastive_begin(&other, other.search, calls));
        RIG_OK(contrastive_close_all(&other, other.search));
        clFinish(r->queue);
        contrastive_assert_good(r, other.search);
    }
    contrastive_api_rig_close(&other);
}

/* Which slot it is makes no difference, and neither do the pages that are left. */
static void test_any_slots(void **state)
{
    static contrastive_api_rig copy;
    static const uint32_t orders[][CONTRASTIVE_REQUESTS] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {2, 3, 0, 1}, {1, 0, 3, 2}, {3, 0, 2, 1}};
    const contrastive_api_rig *const r = *state;
    for (int again = 0; again < 3; ++again) {
        for (size_t i = 0; i < sizeof orders / sizeof orders[0]; ++i) {
            copy = *r;
            memcpy(copy.slots, orders[i], sizeof copy.slots);
            contrastive_assert_good(&copy, r->search);
        }
    }
}

/* Slots are closed, and opened for other requests, in the same pages, while all calls of the
 * earlier ones wait. */
static void test_close_in_flight(void **state)
{
    const contrastive_api_rig *const r = *state;
    contrastive_api_rig other;
    open_other(&other, r->ctx);
    for (unsigned calls = 1; calls <= CONTRASTIVE_CALLS; ++calls) {
        contrastive_trace found;
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        assert_int_equal(contrastive_poison(&other), CL_SUCCESS);
        RIG_OK(contrastive_open_all(r, other.search));
        RIG_OK(contrastive_call(r, other.search, r->queue, 0, 1, &hold, NULL));
        RIG_OK(contrastive_calls(r, other.search, 1, calls));
        RIG_OK(contrastive_close_all(r, other.search));
        RIG_OK(contrastive_begin(&other, other.search, CONTRASTIVE_CALLS));
        RIG_OK(contrastive_close_all(&other, other.search));
        RIG_OK(contrastive_open_all(r, other.search));
        RIG_OK(contrastive_call(r, other.search, r->queue, 0, 0, NULL, &event));
        rig_assert_pending(event);
        rig_complete(hold);
        rig_wait(event);
        contrastive_assert_expected(&other);
        assert_int_equal(contrastive_read(r, &found), CL_SUCCESS);
        for (unsigned step = 0; contrastive_select_of(step) < calls; ++step) {
            assert_memory_equal(found.rows[step], r->expected.rows[step], sizeof found.rows[0]);
            assert_memory_equal(found.row_scores[step], r->expected.row_scores[step],
                                sizeof found.row_scores[0]);
        }
        if (calls == CONTRASTIVE_CALLS) contrastive_assert_same(&found, &r->expected);
        RIG_OK(contrastive_close_all(r, other.search));
    }
    contrastive_api_rig_close(&other);
}

static void test_many_lives(void **state)
{
    const contrastive_api_rig *const r = *state;
    const lms_contrastive_desc desc = contrastive_desc();
    for (unsigned i = 0; i < 40; ++i) {
        lms_contrastive *search = NULL;
        RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
        RIG_OK(contrastive_begin(r, search, i % (CONTRASTIVE_CALLS + 1)));
        lms_contrastive_destroy(search); /* with calls in flight */
    }
    contrastive_assert_good(r, r->search);
}

/* Completes an event some time after. */
static void *complete_later(void *argument)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    clSetUserEventStatus(*(cl_event *)argument, CL_COMPLETE);
    return NULL;
}

/* Destroying waits for the calls, however many, and however they are held. */
static void test_destroy_waits(void **state)
{
    const contrastive_api_rig *const r = *state;
    const lms_contrastive_desc desc = contrastive_desc();
    for (unsigned calls = 1; calls <= CONTRASTIVE_CALLS; ++calls) {
        const cl_command_queue queue = rig_queue(r->ctx, 0);
        cl_event hold = rig_user_event(r->context), last = NULL;
        cl_int status = CL_QUEUED;
        pthread_t id;
        lms_contrastive *search = NULL;
        RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
        RIG_OK(contrastive_begin(r, search, calls - 1));
        RIG_OK(contrastive_call(r, search, queue, calls - 1, 1, &hold, &last));
        assert_int_equal(pthread_create(&id, NULL, complete_later, &hold), 0);
        lms_contrastive_destroy(search);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reopened_slots_start_afresh),
        cmocka_unit_test(test_any_slots),
        cmocka_unit_test(test_close_in_flight),
        cmocka_unit_test(test_many_lives),
        cmocka_unit_test(test_destroy_waits),
    };
    return cmocka_run_group_tests_name("contrastive_life", tests, contrastive_setup,
                                       contrastive_teardown);
}
