/* Wait lists, events, queues, and calls in flight of a contrastive search. */
#include "contrastive_api_rig.h"

#include <stdio.h>

/* Append, both calls of a first step, the fork, and a select into new pages. */
static const unsigned kinds[] = {0, CONTRASTIVE_FIRST_STEP, CONTRASTIVE_FIRST_STEP + 1,
                                 CONTRASTIVE_FIRST_STEP + 5, CONTRASTIVE_FORK};
enum {
    KINDS = sizeof kinds / sizeof kinds[0]
};

/* A call returns while its wait list is incomplete, waits for all of it, and then completes. */
static void waits_for_all(const contrastive_api_rig *r, cl_command_queue queue, unsigned call)
{
    cl_event hold[3], event = NULL;
    for (int i = 0; i < 3; ++i) hold[i] = rig_user_event(r->context);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_begin(r, r->search, call));
    clFinish(r->queue);
    RIG_OK(contrastive_call(r, r->search, queue, call, 3, hold, &event));
    assert_non_null(event);
    for (int i = 0; i < 3; ++i) {
        rig_assert_pending(event);
        rig_complete(hold[i]);
    }
    rig_wait(event);
    RIG_OK(contrastive_calls(r, r->search, call + 1, CONTRASTIVE_CALLS));
    contrastive_assert_expected(r);
    RIG_OK(contrastive_close_all(r, r->search));
}

static void test_wait_lists(void **state)
{
    const contrastive_api_rig *const r = *state;
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
    const contrastive_api_rig *const r = *state;
    const cl_command_queue queue = rig_queue(r->ctx, 0);
    for (size_t i = 0; i < KINDS; ++i) {
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        RIG_OK(contrastive_begin(r, r->search, kinds[i]));
        clFinish(r->queue);
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        RIG_OK(contrastive_call(r, r->search, queue, kinds[i], 1, &hold, &event));
        contrastive_assert_poisoned(r); /* read on the context's own queue, which is free */
        rig_complete(hold);
        rig_wait(event);
        RIG_OK(contrastive_close_all(r, r->search));
    }
    clReleaseCommandQueue(queue);
}

/* Slots, counts, rows and indices on the host are read before a call returns. */
static void test_host_data_is_read_at_once(void **state)
{
    static contrastive_api_rig copy;
    const contrastive_api_rig *const r = *state;
    const cl_event hold = rig_user_event(r->context);
    copy = *r;
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->search));
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        memcpy(copy.params, r->params, sizeof copy.params);
        memcpy(copy.slots, r->slots, sizeof copy.slots);
        memcpy(copy.first_rows, r->first_rows, sizeof copy.first_rows);
        memcpy(copy.counts, r->counts, sizeof copy.counts);
        memcpy(copy.order, r->order, sizeof copy.order);
        RIG_OK(contrastive_call(&copy, r->search, r->queue, call, call == 0,
                                call == 0 ? &hold : NULL, NULL));
        memset(copy.params, 0xff, sizeof copy.params);
        memset(copy.slots, 0x7f, sizeof copy.slots);
        memset(copy.first_rows, 0x7f, sizeof copy.first_rows);
        memset(copy.counts, 0x7f, sizeof copy.counts);
        memset(copy.order, 0x7f, sizeof copy.order);
    }
    rig_complete(hold);
    contrastive_assert_expected(r);
    RIG_OK(contrastive_close_all(r, r->search));
}

/* Another queue's commands can wait for a call's event, and see what it wrote. */
static void test_event_on_another_queue(void **state)
{
    const contrastive_api_rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    RIG_OK(contrastive_begin(r, r->search, CONTRASTIVE_FIRST_STEP));
    for (unsigned step = 0; step < CONTRASTIVE_STEPS; ++step) {
        int32_t rows[CONTRASTIVE_REQUESTS];
        cl_event event = NULL;
        const unsigned last = contrastive_select_of(step);
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        RIG_OK(contrastive_calls(r, r->search,
                                 step == CONTRASTIVE_FORK_STEP ? last - 2 : last - 1, last));
        RIG_OK(contrastive_call(r, r->search, r->queue, last, 0, NULL, &event));
        assert_int_equal(clEnqueueReadBuffer(other, r->rows, CL_TRUE, step * sizeof rows,
                                             sizeof rows, rows, 1, &event, NULL),
                         CL_SUCCESS);
        assert_memory_equal(rows, r->expected.rows[step], sizeof rows);
        clReleaseEvent(event);
    }
    RIG_OK(contrastive_close_all(r, r->search));
    clReleaseCommandQueue(other);
}

/* --- Calls without requests -------------------------------------------------------------- */

/* A call of each kind that has nothing to do; a fork of an empty context into slot 3. */
static lms_status empty_call(lms_contrastive *search, cl_command_queue queue, unsigned kind,
                             cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    lms_contrastive_append_args s;
    lms_contrastive_propose_args p;
    lms_contrastive_select_args b;
    memset(&s, 0, sizeof s);
    memset(&p, 0, sizeof p);
    memset(&b, 0, sizeof b);
    if (kind == 3) (void)lms_contrastive_close(search, 3);
#define CALL(name, ...)                                                                        \
    lms_contrastive_##name(search, queue, __VA_ARGS__, num_wait, wait_list, event)
    return kind == 0   ? CALL(append, &s)
           : kind == 1 ? CALL(propose, &p)
           : kind == 2 ? CALL(select, &b)
                       : CALL(fork, 0, 3, NULL);
#undef CALL
}

/* An event that completes after the wait list, and no output. */
static void empty_calls(const contrastive_api_rig *r, cl_command_queue queue)
{
    for (unsigned kind = 0; kind < 4; ++kind) {
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        RIG_OK(empty_call(r->search, queue, kind, 1, &hold, &event));
        assert_non_null(event);
        rig_assert_pending(event);
        rig_complete(hold);
        rig_wait(event);
        RIG_OK(empty_call(r->search, queue, kind, 0, NULL, &event));
        rig_wait(event);
        RIG_OK(empty_call(r->search, queue, kind, 0, NULL, NULL));
    }
}

static void test_no_requests(void **state)
{
    const contrastive_api_rig *const r = *state;
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->search));
    empty_calls(r, r->queue);
    empty_calls(r, loose);
    clFinish(loose);
    contrastive_assert_poisoned(r);
    RIG_OK(contrastive_close_all(r, r->search));
    clReleaseCommandQueue(loose);
}

/* --- Order ------------------------------------------------------------------------------- */

/* A whole search behind one event, on queues in turn and without any other wait list: the
 * calls' own order keeps it whole. */
static void search_on(const contrastive_api_rig *r, const cl_command_queue *queues,
                      unsigned count)
{
    const cl_event hold = rig_user_event(r->context);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->search));
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        RIG_OK(contrastive_call(r, r->search, queues[call % count], call, call == 0,
                                call == 0 ? &hold : NULL, NULL));
    }
    rig_complete(hold);
    for (unsigned q = 0; q < count; ++q) clFinish(queues[q]);
    contrastive_assert_expected(r);
    RIG_OK(contrastive_close_all(r, r->search));
}

static void test_queues_in_turn(void **state)
{
    const contrastive_api_rig *const r = *state;
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
    const contrastive_api_rig *const r = *state;
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->search));
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        const cl_command_queue queue =
            rig_queue(r->ctx, call % 2 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
        cl_event event = NULL;
        RIG_OK(contrastive_call(r, r->search, queue, call, 0, NULL, &event));
        clReleaseCommandQueue(queue);
        if (call + 1 == CONTRASTIVE_CALLS) {
            rig_wait(event);
        } else {
            clReleaseEvent(event);
        }
    }
    contrastive_assert_expected(r);
    RIG_OK(contrastive_close_all(r, r->search));
}

/* A call that is held on one queue, and the next one on another, behind `num_wait` events of
 * its own. They are completed in this order, or the other way round. */
static void behind_a_held_call(const contrastive_api_rig *r, cl_command_queue other,
                               unsigned call, cl_uint num_wait, bool own_first)
{
    const cl_event hold = rig_user_event(r->context);
    cl_event own[2] = {NULL, NULL}, event = NULL;
    for (cl_uint i = 0; i < num_wait; ++i) own[i] = rig_user_event(r->context);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_begin(r, r->search, call));
    clFinish(r->queue);
    RIG_OK(contrastive_call(r, r->search, other, call, 1, &hold, NULL));
    RIG_OK(contrastive_call(r, r->search, r->queue, call + 1, num_wait,
                            num_wait > 0 ? own : NULL, &event));
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
    RIG_OK(contrastive_calls(r, r->search, call + 2, CONTRASTIVE_CALLS));
    contrastive_assert_expected(r);
    clFinish(other);
    RIG_OK(contrastive_close_all(r, r->search));
}

/* A call waits for the earlier ones, on whatever queue they are, whether it has a wait list of
 * its own or not, ... */
static void test_calls_wait_for_earlier_ones(void **state)
{
    const contrastive_api_rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    for (size_t i = 0; i < KINDS; ++i) {
        for (cl_uint num_wait = 0; num_wait <= 2; ++num_wait) {
            behind_a_held_call(r, other, kinds[i], num_wait, true);
        }
        behind_a_held_call(r, other, kinds[i], 1, false);
    }
    clReleaseCommandQueue(other);
}

/* ... but those of another search do not. */
static void test_objects_do_not_wait_for_each_other(void **state)
{
    const contrastive_api_rig *const r = *state;
    const lms_contrastive_desc desc = contrastive_desc();
    const cl_command_queue other = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    lms_contrastive *search = NULL;
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
    RIG_OK(contrastive_open_all(r, search));
    RIG_OK(contrastive_call(r, search, other, 0, 1, &hold, NULL));
    contrastive_assert_good(r, r->search);
    rig_complete(hold);
    clFinish(other);
    lms_contrastive_destroy(search);
    clReleaseCommandQueue(other);
}

/* --- Too many calls ---------------------------------------------------------------------- */

/* A search whose calls are held until one of them is refused. That one is made again when the
 * others are over. A fork keeps nothing on the host, and is never too much. */
static void busy_search(const contrastive_api_rig *r, uint32_t max_in_flight)
{
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    unsigned call = 0;
    desc.max_in_flight = max_in_flight;
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, search));
    while (call < CONTRASTIVE_CALLS) {
        const cl_event hold = rig_user_event(r->context);
        for (uint32_t i = 0; call < CONTRASTIVE_CALLS; ++call) {
            if (call != CONTRASTIVE_FORK && ++i > max_in_flight) break;
            RIG_OK(contrastive_call(r, search, r->queue, call, i <= 1, i <= 1 ? &hold : NULL,
                                    NULL));
        }
        for (int again = 0; again < 3 && call < CONTRASTIVE_CALLS; ++again) {
            const contrastive_view before = contrastive_look(search);
            cl_event event = (cl_event)hold;
            char rule[40];
            snprintf(rule, sizeof rule, "max_in_flight: %u ", (unsigned)max_in_flight);
            RIG_FAILS(LMS_E_BUSY, contrastive_call(r, search, r->queue, call, 0, NULL, &event),
                      rule, "unfinished");
            assert_null(event);
            contrastive_assert_looks(search, &before);
        }
        rig_complete(hold);
        clFinish(r->queue);
    }
    contrastive_assert_expected(r);
    lms_contrastive_destroy(search);
}

/* So that calls of all kinds are refused, early ones and late ones. */
static void test_busy_and_retry(void **state)
{
    for (uint32_t max_in_flight = 1; max_in_flight <= 9; ++max_in_flight) {
        busy_search(*state, max_in_flight);
    }
}

/* By default 8, at most 64. */
static void test_limits_of_flight(void **state)
{
    static const uint32_t limits[][2] = {{0, 8}, {8, 8}, {64, 64}};
    const contrastive_api_rig *const r = *state;
    for (size_t k = 0; k < sizeof limits / sizeof limits[0]; ++k) {
        const cl_event hold = rig_user_event(r->context);
        lms_contrastive_desc desc = contrastive_desc();
        lms_contrastive *search = NULL;
        cl_event event = NULL;
        desc.max_in_flight = limits[k][0];
        RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
        RIG_OK(contrastive_open_all(r, search));
        for (uint32_t i = 0; i < limits[k][1]; ++i) {
            RIG_OK(contrastive_call(r, search, r->queue, i == 0 ? 0 : CONTRASTIVE_FIRST_STEP,
                                    i == 0, i == 0 ? &hold : NULL, NULL));
        }
        for (unsigned call = CONTRASTIVE_FIRST_STEP; call < CONTRASTIVE_FORK; ++call) {
            RIG_FAILS(LMS_E_BUSY, contrastive_call(r, search, r->queue, call, 0, NULL, NULL),
                      "max_in_flight: ");
        }
        /* A call that has nothing to do, or enqueues nothing, is never too much. */
        for (unsigned kind = 0; kind < 3; ++kind) {
            RIG_OK(empty_call(search, r->queue, kind, 0, NULL, NULL));
        }
        RIG_OK(empty_call(search, r->queue, 3, 0, NULL, &event));
        RIG_OK(lms_contrastive_close(search, r->slots[0]));
        RIG_OK(lms_contrastive_open(search, r->slots[0], &r->params[0]));
        rig_complete(hold);
        rig_wait(event);
        RIG_OK(contrastive_call(r, search, r->queue, CONTRASTIVE_FIRST_STEP, 0, NULL, NULL));
        lms_contrastive_destroy(search);
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
        cmocka_unit_test(test_limits_of_flight),
    };
    return cmocka_run_group_tests_name("contrastive_order", tests, contrastive_setup,
                                       contrastive_teardown);
}
