/* Wait lists, events, queues, and calls in flight. */
#include "rig.h"

static void assert_expected(rig *r)
{
    rig_results found;
    rig_read(r, &found);
    rig_assert_same(&found, &r->expected);
}

/* Run returns while its wait list is incomplete, waits for all of it, and then completes. */
static void waits_for_all(rig *r, cl_command_queue queue, bool host_records)
{
    cl_event hold[3] = {rig_user_event(r->context), rig_user_event(r->context),
                        rig_user_event(r->context)},
             event = NULL;
    lms_sampler_run_args b = rig_batch(r);
    if (host_records) {
        b.params_device.buffer = NULL;
        b.params = r->records;
    }
    rig_poison(r);
    RIG_OK(lms_sampler_run(r->sampler, queue, &b, 3, hold, &event));
    assert_non_null(event);
    for (int i = 0; i < 3; ++i) {
        rig_assert_pending(event);
        rig_complete(hold[i]);
    }
    rig_wait(event);
    assert_expected(r);
}

static void test_wait_lists(void **state)
{
    rig *const r = *state;
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    waits_for_all(r, r->queue, false);
    waits_for_all(r, r->queue, true);
    waits_for_all(r, loose, false);
    waits_for_all(r, loose, true);
    clReleaseCommandQueue(loose);
}

/* Nothing is written before the wait list is complete. */
static void test_results_only_afterwards(void **state)
{
    rig *const r = *state;
    const cl_command_queue queue = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    cl_event event = NULL;
    const lms_sampler_run_args b = rig_batch(r);
    rig_poison(r);
    RIG_OK(lms_sampler_run(r->sampler, queue, &b, 1, &hold, &event));
    rig_assert_poisoned(r); /* read on the context's own queue, which is free */
    rig_complete(hold);
    rig_wait(event);
    assert_expected(r);
    clReleaseCommandQueue(queue);
}

/* Records and indices on the host are read before the call returns. */
static void test_host_records_are_read_at_once(void **state)
{
    rig *const r = *state;
    lms_row_params records[RIG_ROWS];
    int32_t index[RIG_ROWS];
    const cl_event hold = rig_user_event(r->context);
    lms_sampler_run_args b = rig_batch(r);
    memcpy(records, r->records, sizeof records);
    memcpy(index, r->order, sizeof index);
    b.params_device.buffer = NULL;
    b.params = records;
    b.index_device.buffer = NULL;
    b.index = index;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 1, &hold, NULL));
    memset(records, 0xff, sizeof records);
    memset(index, 0x7f, sizeof index);
    rig_complete(hold);
    clFinish(r->queue);
    assert_expected(r);
}

/* Another queue's commands can wait for the event, and see the results. */
static void test_event_on_another_queue(void **state)
{
    rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    for (int i = 0; i < 20; ++i) {
        int32_t tokens[RIG_ROWS];
        cl_event event = NULL;
        const lms_sampler_run_args b = rig_batch(r);
        rig_poison(r);
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, &event));
        assert_int_equal(clEnqueueReadBuffer(other, r->tokens, CL_TRUE, 0, sizeof tokens,
                                             tokens, 1, &event, NULL),
                         CL_SUCCESS);
        for (int row = 0; row < RIG_ROWS; ++row) {
            assert_int_equal(tokens[row], r->expected.tokens[row]);
        }
        clReleaseEvent(event);
    }
    clReleaseCommandQueue(other);
}

/* No rows: an event that completes after the wait list, and no output. */
static void empty_call(rig *r, cl_command_queue queue)
{
    const cl_event hold = rig_user_event(r->context);
    cl_event event = NULL;
    lms_sampler_run_args b;
    memset(&b, 0, sizeof b);
    RIG_OK(lms_sampler_run(r->sampler, queue, &b, 1, &hold, &event));
    assert_non_null(event);
    rig_assert_pending(event);
    rig_complete(hold);
    rig_wait(event);
    RIG_OK(lms_sampler_run(r->sampler, queue, &b, 0, NULL, &event));
    rig_wait(event);
    RIG_OK(lms_sampler_run(r->sampler, queue, &b, 0, NULL, NULL));
}

static void test_no_rows(void **state)
{
    rig *const r = *state;
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    rig_poison(r);
    empty_call(r, r->queue);
    empty_call(r, loose);
    clFinish(loose);
    rig_assert_poisoned(r);
    clReleaseCommandQueue(loose);
}

/* Calls that differ in their logits, so that a mixture of two shows. */
static lms_sampler_run_args shifted_batch(const rig *r, int call, cl_mem tokens)
{
    lms_sampler_run_args b = rig_batch(r);
    b.index_device.buffer = NULL;
    b.rows = (uint32_t)(1 + call % (RIG_ROWS - 1));
    b.logits_rows = RIG_ROWS - 1;
    b.logits.offset = (size_t)call * 5 % RIG_VOCAB;
    b.tokens.buffer = tokens;
    return b;
}

/* Queues in turn, without any wait list: the sampler's own order keeps its workspace whole. */
static void test_queues_in_turn(void **state)
{
    enum {
        CALLS = 60
    };
    rig *const r = *state;
    cl_command_queue queues[3];
    cl_mem tokens[CALLS];
    int32_t expected[CALLS][RIG_ROWS], found[RIG_ROWS];
    for (int q = 0; q < 3; ++q) {
        queues[q] = rig_queue(r->ctx, q == 0 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    }
    for (int i = 0; i < CALLS; ++i) {
        tokens[i] = rig_buffer(r->context, CL_MEM_READ_WRITE, sizeof found);
        const lms_sampler_run_args b = shifted_batch(r, i, tokens[i]);
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
        clEnqueueReadBuffer(r->queue, tokens[i], CL_TRUE, 0, sizeof found, expected[i], 0, NULL,
                            NULL);
    }
    const cl_event hold = rig_user_event(r->context);
    for (int i = 0; i < CALLS; ++i) {
        const lms_sampler_run_args b = shifted_batch(r, i, tokens[i]);
        RIG_OK(lms_sampler_run(r->sampler, queues[i % 3], &b, i == 0, i == 0 ? &hold : NULL,
                               NULL));
    }
    rig_complete(hold);
    for (int q = 0; q < 3; ++q) clFinish(queues[q]);
    for (int i = 0; i < CALLS; ++i) {
        clEnqueueReadBuffer(r->queue, tokens[i], CL_TRUE, 0, sizeof found, found, 0, NULL,
                            NULL);
        assert_memory_equal(found, expected[i], (size_t)(1 + i % (RIG_ROWS - 1)) * 4);
        clReleaseMemObject(tokens[i]);
    }
    for (int q = 0; q < 3; ++q) clReleaseCommandQueue(queues[q]);
}

/* A call waits for the sampler's earlier ones, on whatever queue they are. */
static void test_calls_wait_for_earlier_ones(void **state)
{
    rig *const r = *state;
    const cl_command_queue other = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    cl_event event = NULL;
    const lms_sampler_run_args b = rig_batch(r);
    RIG_OK(lms_sampler_run(r->sampler, other, &b, 1, &hold, NULL));
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, &event));
    rig_assert_pending(event);
    rig_complete(hold);
    rig_wait(event);
    clFinish(other);
    clReleaseCommandQueue(other);
    assert_expected(r);
}

/* A call with a wait list of its own, behind an earlier one that is held: it waits for both,
 * and its list does not stand in for the sampler's own order. */
static void wait_for_both(rig *r, cl_command_queue first, cl_command_queue second,
                          bool own_first, bool host_records)
{
    const cl_event hold = rig_user_event(r->context), own = rig_user_event(r->context);
    cl_event event = NULL;
    lms_sampler_run_args b = rig_batch(r);
    if (host_records) {
        b.params_device.buffer = NULL;
        b.params = r->records;
    }
    RIG_OK(lms_sampler_run(r->sampler, first, &b, 1, &hold, NULL));
    rig_poison(r);
    RIG_OK(lms_sampler_run(r->sampler, second, &b, 1, &own, &event));
    assert_int_equal(clFlush(second), CL_SUCCESS);
    rig_complete(own_first ? own : hold);
    rig_assert_pending(event);
    if (own_first) rig_assert_poisoned(r); /* nothing of it has run */
    rig_complete(own_first ? hold : own);
    rig_wait(event);
    assert_expected(r);
    clFinish(first);
}

static void test_own_wait_list_behind_a_held_call(void **state)
{
    rig *const r = *state;
    const cl_command_queue strict[2] = {rig_queue(r->ctx, 0), rig_queue(r->ctx, 0)};
    const cl_command_queue loose[2] = {
        rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE),
        rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)};
    for (int bits = 0; bits < 4; ++bits) {
        wait_for_both(r, strict[0], strict[1], bits & 1, bits & 2);
        wait_for_both(r, loose[0], loose[1], bits & 1, bits & 2);
        wait_for_both(r, strict[0], loose[0], bits & 1, bits & 2);
        wait_for_both(r, loose[0], strict[0], bits & 1, bits & 2);
        wait_for_both(r, loose[0], loose[0], bits & 1, bits & 2);
    }
    for (int i = 0; i < 2; ++i) {
        clReleaseCommandQueue(strict[i]);
        clReleaseCommandQueue(loose[i]);
    }
}

/* More calls than max_in_flight: refused, without harm, until an earlier one is over. */
static void test_busy_and_retry(void **state)
{
    rig *const r = *state;
    const cl_event hold = rig_user_event(r->context);
    cl_event event = NULL, extra = NULL;
    int32_t found[2][RIG_ROWS];
    lms_sampler_run_args b = rig_small_batch(r);
    lms_sampler_run_args second = b;
    second.tokens.buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, sizeof found[0]);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 1, &hold, NULL));
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, &event));
    for (int i = 0; i < 3; ++i) {
        RIG_FAILS(LMS_E_BUSY, lms_sampler_run(r->sampler, r->queue, &second, 0, NULL, &extra),
                  "max_in_flight: 2", "unfinished");
        assert_null(extra);
    }
    const lms_sampler_run_args device =
        rig_batch(r); /* needs no staging, so it is never too much */
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &device, 0, NULL, NULL));
    rig_complete(hold);
    rig_wait(event);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &second, 0, NULL, &extra));
    rig_wait(extra);
    assert_expected(r);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    clEnqueueReadBuffer(r->queue, r->tokens, CL_TRUE, 0, sizeof found[0], found[0], 0, NULL,
                        NULL);
    clEnqueueReadBuffer(r->queue, second.tokens.buffer, CL_TRUE, 0, sizeof found[1], found[1],
                        0, NULL, NULL);
    assert_memory_equal(found[0], found[1], sizeof found[0]);
    clReleaseMemObject(second.tokens.buffer);
}

static void test_one_in_flight(void **state)
{
    rig *const r = *state;
    lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    const lms_sampler_run_args b = rig_small_batch(r);
    desc.max_in_flight = 1;
    RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
    const cl_event hold = rig_user_event(r->context);
    RIG_OK(lms_sampler_run(sampler, r->queue, &b, 1, &hold, NULL));
    RIG_FAILS(LMS_E_BUSY, lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL),
              "max_in_flight: 1");
    rig_complete(hold);
    clFinish(r->queue);
    RIG_OK(lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL));
    lms_sampler_destroy(sampler); /* waits for the call */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wait_lists),
        cmocka_unit_test(test_results_only_afterwards),
        cmocka_unit_test(test_host_records_are_read_at_once),
        cmocka_unit_test(test_event_on_another_queue),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_queues_in_turn),
        cmocka_unit_test(test_calls_wait_for_earlier_ones),
        cmocka_unit_test(test_own_wait_list_behind_a_held_call),
        cmocka_unit_test(test_busy_and_retry),
        cmocka_unit_test(test_one_in_flight),
    };
    return cmocka_run_group_tests_name("order", tests, rig_setup, rig_teardown);
}
