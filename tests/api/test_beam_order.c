/* Wait lists, events, queues, and calls in flight of a beam search. */
#include "beam_rig.h"

#include <stdio.h>

static const unsigned kinds[] = {0, BEAM_FIRST_STEP, BEAM_FIRST_STEP + 4, BEAM_RESULTS};
enum {
    KINDS = sizeof kinds / sizeof kinds[0]
};

/* A call returns while its wait list is incomplete, waits for all of it, and then completes. */
static void waits_for_all(const beam_rig *r, cl_command_queue queue, unsigned call)
{
    cl_event hold[3], event = NULL;
    for (int i = 0; i < 3; ++i) hold[i] = rig_user_event(r->context);
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, call));
    clFinish(r->queue);
    RIG_OK(beam_call(r, r->beam, queue, call, 3, hold, &event));
    assert_non_null(event);
    for (int i = 0; i < 3; ++i) {
        rig_assert_pending(event);
        rig_complete(hold[i]);
    }
    rig_wait(event);
    RIG_OK(beam_calls(r, r->beam, call + 1, BEAM_CALLS));
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

static void test_wait_lists(void **state)
{
    const beam_rig *const r = *state;
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    for (size_t i = 0; i < KINDS; ++i) {
        waits_for_all(r, r->queue, kinds[i]);
        waits_for_all(r, loose, kinds[i]);
    }
    clReleaseCommandQueue(loose);
}

/* Nothing is written before the wait list is complete. */
static void test_outputs_only_afterwards(void **state)
{
    const beam_rig *const r = *state;
    const cl_command_queue queue = rig_queue(r->ctx, 0);
    for (size_t i = 1; i < KINDS; ++i) {
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        RIG_OK(beam_calls(r, r->beam, 0, kinds[i]));
        clFinish(r->queue);
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        RIG_OK(beam_call(r, r->beam, queue, kinds[i], 1, &hold, &event));
        beam_assert_poisoned(r); /* read on the context's own queue, which is free */
        rig_complete(hold);
        rig_wait(event);
        RIG_OK(beam_close_all(r, r->beam));
    }
    clReleaseCommandQueue(queue);
}

/* Parameters, end tokens, slots and rows on the host are read before a call returns. */
static void test_host_data_is_read_at_once(void **state)
{
    const beam_rig *const r = *state;
    const cl_event hold = rig_user_event(r->context);
    beam_rig copy = *r;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    for (unsigned call = 0; call < BEAM_CALLS; ++call) {
        memcpy(copy.params, r->params, sizeof copy.params);
        memcpy(copy.ends, r->ends, sizeof copy.ends);
        memcpy(copy.slots, r->slots, sizeof copy.slots);
        memcpy(copy.first_rows, r->first_rows, sizeof copy.first_rows);
        RIG_OK(beam_call(&copy, r->beam, r->queue, call, call == 0, call == 0 ? &hold : NULL,
                         NULL));
        memset(copy.params, 0xff, sizeof copy.params);
        memset(copy.ends, 0x7f, sizeof copy.ends);
        memset(copy.slots, 0x7f, sizeof copy.slots);
        memset(copy.first_rows, 0x7f, sizeof copy.first_rows);
    }
    rig_complete(hold);
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

/* Another queue's commands can wait for a call's event, and see what it wrote. */
static void test_event_on_another_queue(void **state)
{
    const beam_rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        int32_t parents[BEAM_ROWS];
        cl_event event = NULL;
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        RIG_OK(beam_call(r, r->beam, r->queue, BEAM_FIRST_STEP + step, 0, NULL, &event));
        assert_int_equal(clEnqueueReadBuffer(other, r->parents, CL_TRUE, step * sizeof parents,
                                             sizeof parents, parents, 1, &event, NULL),
                         CL_SUCCESS);
        assert_memory_equal(parents, r->expected.parents[step], sizeof parents);
        clReleaseEvent(event);
    }
    RIG_OK(beam_close_all(r, r->beam));
    clReleaseCommandQueue(other);
}

/* No requests: an event that completes after the wait list, and no output. */
static void empty_call(const beam_rig *r, cl_command_queue queue, bool is_step)
{
    const cl_event hold = rig_user_event(r->context);
    cl_event event = NULL;
    lms_beam_step_args b;
    lms_beam_results_args o;
    memset(&b, 0, sizeof b);
    memset(&o, 0, sizeof o);
#define EMPTY(...)                                                                             \
    (is_step ? lms_beam_step(r->beam, queue, &b, __VA_ARGS__)                                  \
             : lms_beam_results(r->beam, queue, &o, __VA_ARGS__))
    RIG_OK(EMPTY(1, &hold, &event));
    assert_non_null(event);
    rig_assert_pending(event);
    rig_complete(hold);
    rig_wait(event);
    RIG_OK(EMPTY(0, NULL, &event));
    rig_wait(event);
    RIG_OK(EMPTY(0, NULL, NULL));
#undef EMPTY
}

static void test_no_requests(void **state)
{
    const beam_rig *const r = *state;
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    for (int is_step = 0; is_step < 2; ++is_step) {
        empty_call(r, r->queue, is_step);
        empty_call(r, loose, is_step);
    }
    clFinish(loose);
    beam_assert_poisoned(r);
    clReleaseCommandQueue(loose);
}

/* A whole search behind one event, on queues in turn and without any other wait list: the
 * calls' own order keeps it whole. */
static void search_on(const beam_rig *r, const cl_command_queue *queues, unsigned count)
{
    const cl_event hold = rig_user_event(r->context);
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    for (unsigned call = 0; call < BEAM_CALLS; ++call) {
        RIG_OK(beam_call(r, r->beam, queues[call % count], call, call == 0,
                         call == 0 ? &hold : NULL, NULL));
    }
    rig_complete(hold);
    for (unsigned q = 0; q < count; ++q) clFinish(queues[q]);
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

static void test_queues_in_turn(void **state)
{
    const beam_rig *const r = *state;
    cl_command_queue queues[3];
    for (unsigned q = 0; q < 3; ++q) {
        queues[q] = rig_queue(r->ctx, q == 1 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    }
    for (int again = 0; again < 10; ++again) {
        search_on(r, &r->queue, 1);
        for (unsigned count = 1; count <= 3; ++count) search_on(r, queues, count);
    }
    for (unsigned q = 0; q < 3; ++q) clReleaseCommandQueue(queues[q]);
}

/* The same, and no queue is kept by the library. */
static void test_a_queue_for_each_call(void **state)
{
    const beam_rig *const r = *state;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    for (unsigned call = 0; call < BEAM_CALLS; ++call) {
        const cl_command_queue queue =
            rig_queue(r->ctx, call % 2 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
        cl_event event = NULL;
        RIG_OK(beam_call(r, r->beam, queue, call, 0, NULL, &event));
        clReleaseCommandQueue(queue);
        if (call + 1 == BEAM_CALLS) {
            rig_wait(event);
        } else {
            clReleaseEvent(event);
        }
    }
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

/* A call that is held on one queue, and the next one (or the last one again) on another, behind
 * `num_wait` events of its own. They are completed in this order, or the other way round. */
static void behind_a_held_call(const beam_rig *r, cl_command_queue other, unsigned call,
                               cl_uint num_wait, bool own_first)
{
    const unsigned next = call + 1 < BEAM_CALLS ? call + 1 : call;
    const cl_event hold = rig_user_event(r->context);
    cl_event own[2] = {NULL, NULL}, event = NULL;
    for (cl_uint i = 0; i < num_wait; ++i) own[i] = rig_user_event(r->context);
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, call));
    clFinish(r->queue);
    RIG_OK(beam_call(r, r->beam, other, call, 1, &hold, NULL));
    RIG_OK(beam_call(r, r->beam, r->queue, next, num_wait, num_wait > 0 ? own : NULL, &event));
    rig_assert_pending(event);
    if (!own_first) rig_complete(hold);
    for (cl_uint i = 0; i < num_wait; ++i) {
        rig_assert_pending(event);
        rig_complete(own[i]);
    }
    if (own_first) {
        rig_assert_pending(event);
        rig_complete(hold);
    }
    rig_wait(event);
    RIG_OK(beam_calls(r, r->beam, call + 2, BEAM_CALLS));
    beam_assert_expected(r);
    clFinish(other);
    RIG_OK(beam_close_all(r, r->beam));
}

/* A call waits for the earlier ones, on whatever queue they are, whether it has a wait list of
 * its own or not, ... */
static void test_calls_wait_for_earlier_ones(void **state)
{
    const beam_rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    for (size_t i = 0; i < KINDS; ++i) {
        for (cl_uint num_wait = 0; num_wait <= 2; ++num_wait) {
            behind_a_held_call(r, other, kinds[i], num_wait, true);
        }
        behind_a_held_call(r, other, kinds[i], 1, false);
    }
    clReleaseCommandQueue(other);
}

/* ... but those of another object do not. */
static void test_objects_do_not_wait_for_each_other(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    const cl_command_queue other = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    lms_beam *beam = NULL;
    RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
    RIG_OK(beam_call(r, beam, other, 0, 1, &hold, NULL));
    beam_assert_good(r, r->beam);
    rig_complete(hold);
    clFinish(other);
    lms_beam_destroy(beam);
    clReleaseCommandQueue(other);
}

/* --- Too many calls ---------------------------------------------------------------------- */

/* A search whose calls are held until one of them is refused. That one is made again when the
 * others are over. */
static void busy_search(const beam_rig *r, uint32_t max_in_flight)
{
    lms_beam_desc desc = beam_desc();
    lms_beam *beam = NULL;
    unsigned call = 0;
    desc.max_in_flight = max_in_flight;
    RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    while (call < BEAM_CALLS) {
        const cl_event hold = rig_user_event(r->context);
        for (uint32_t i = 0; i < max_in_flight && call < BEAM_CALLS; ++i, ++call) {
            RIG_OK(beam_call(r, beam, r->queue, call, i == 0, i == 0 ? &hold : NULL, NULL));
        }
        for (int again = 0; again < 3 && call < BEAM_CALLS; ++again) {
            cl_event event = (cl_event)hold;
            char rule[40];
            snprintf(rule, sizeof rule, "max_in_flight: %u ", (unsigned)max_in_flight);
            RIG_FAILS(LMS_E_BUSY, beam_call(r, beam, r->queue, call, 0, NULL, &event), rule,
                      "unfinished");
            assert_null(event);
        }
        rig_complete(hold);
        clFinish(r->queue);
    }
    beam_assert_expected(r);
    lms_beam_destroy(beam);
}

/* So that opens, steps and results are refused, early ones and late ones. */
static void test_busy_and_retry(void **state)
{
    for (uint32_t max_in_flight = 3; max_in_flight <= 11; ++max_in_flight) {
        busy_search(*state, max_in_flight);
    }
}

static void test_one_or_two_in_flight(void **state)
{
    busy_search(*state, 1);
    busy_search(*state, 2);
}

/* By default 8, at most 64. */
static void test_limits_of_flight(void **state)
{
    static const uint32_t limits[][2] = {{0, 8}, {8, 8}, {64, 64}};
    const beam_rig *const r = *state;
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; ++k) {
        const cl_event hold = rig_user_event(r->context);
        lms_beam_desc desc = beam_desc();
        lms_beam *beam = NULL;
        cl_event event = NULL;
        lms_beam_step_args none;
        memset(&none, 0, sizeof none);
        desc.max_in_flight = limits[k][0];
        RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
        for (uint32_t i = 0; i < limits[k][1]; ++i) {
            const unsigned call = i < BEAM_FIRST_STEP ? i : BEAM_RESULTS;
            RIG_OK(beam_call(r, beam, r->queue, call, i == 0, i == 0 ? &hold : NULL, NULL));
        }
        for (size_t i = 1; i < KINDS; ++i) {
            RIG_FAILS(LMS_E_BUSY, beam_call(r, beam, r->queue, kinds[i], 0, NULL, NULL),
                      "max_in_flight: ");
        }
        /* A call that has nothing to do, or enqueues nothing, is never too much. */
        RIG_OK(lms_beam_step(beam, r->queue, &none, 0, NULL, &event));
        RIG_OK(lms_beam_close(beam, r->slots[0]));
        RIG_FAILS(LMS_E_BUSY, beam_call(r, beam, r->queue, 0, 0, NULL, NULL),
                  "max_in_flight: ");
        RIG_FAILS(LMS_E_SLOT, lms_beam_close(beam, r->slots[0]), "not open");
        rig_complete(hold);
        rig_wait(event);
        RIG_OK(beam_call(r, beam, r->queue, 0, 0, NULL, NULL));
        lms_beam_destroy(beam);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_lists),
        cmocka_unit_test(test_outputs_only_afterwards),
        cmocka_unit_test(test_host_data_is_read_at_once),
        cmocka_unit_test(test_event_on_another_queue),
        cmocka_unit_test(test_no_requests),
        cmocka_unit_test(test_queues_in_turn),
        cmocka_unit_test(test_a_queue_for_each_call),
        cmocka_unit_test(test_calls_wait_for_earlier_ones),
        cmocka_unit_test(test_objects_do_not_wait_for_each_other),
        cmocka_unit_test(test_busy_and_retry),
        cmocka_unit_test(test_one_or_two_in_flight),
        cmocka_unit_test(test_limits_of_flight),
    };
    return cmocka_run_group_tests_name("beam_order", tests, beam_setup, beam_teardown);
}
