/* Every OpenCL call and every allocation of the library fails once, and nothing is lost by
 * it. */
#include "faults.h"
#include "hooks.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

/* The scenario opens a context, makes a sampler, and stops where something fails. */
static lms_status make_all(void)
{
    const lms_sampler_desc desc = rig_desc();
    lms_context *ctx = NULL;
    lms_sampler *sampler = NULL;
    lms_status status = lms_context_open(NULL, &ctx);
    if (status == LMS_OK) {
        status = lms_sampler_create(ctx, &desc, &sampler);
        assert_true((status == LMS_OK) == (sampler != NULL));
    } else {
        assert_null(ctx);
    }
    lms_sampler_destroy(sampler);
    lms_context_destroy(ctx);
    return status;
}

/* What make_all() may return when a call of `name` failed. */
static bool is_right_of_all(const char *name, lms_status status)
{
    if (is_release(name) || is_after_enqueues(name) || strcmp(name, "clWaitForEvents") == 0) {
        return status == LMS_OK;
    }
    if (is_allocation(name)) return status == LMS_E_MEMORY && says("out of memory");
    /* A platform or device that does not answer is not there; others may be. */
    if (strcmp(name, "clGetDeviceIDs") == 0)
        return status == LMS_E_NO_DEVICE || status == LMS_OK;
    if (strcmp(name, "clGetDeviceInfo") == 0 || strcmp(name, "clGetPlatformInfo") == 0) {
        return status == LMS_E_NO_DEVICE || status == LMS_OK ||
               (status == INJECTED && says(name));
    }
    return status == INJECTED && says(name);
}

static void test_every_call_of_create_fails_once(void **state)
{
    unsigned calls[64] = {0};
    unsigned failures = 0;
    (void)state;
    RIG_OK(make_all());
    const long live = hook_live();
    hook_reset();
    RIG_OK(make_all());
    assert_int_equal(hook_live(), live);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) calls[f] = hook_count(hook_name(f));
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        const char *const name = hook_name(f);
        for (unsigned nth = 1; nth <= calls[f]; ++nth, ++failures) {
            hook_reset();
            hook_fail(name, nth, INJECTED);
            const lms_status status = make_all();
            if (!hook_failed() || !is_right_of_all(name, status) || hook_live() != live) {
                fail_msg("%s, call %u: status %d (%s), %ld more alive than before", name, nth,
                         (int)status, lms_error_message(), hook_live() - live);
            }
        }
    }
    print_message("%u failures of create\n", failures);
    hook_reset();
}

/* Uploads, a wait list, all outputs and an event: a run that makes every call it can. */
static lms_status run_all(rig *r, cl_command_queue queue, cl_event before)
{
    cl_event event = NULL;
    lms_sampler_run_args batch = rig_batch(r);
    batch.params_device.buffer = NULL;
    batch.params = r->records;
    batch.index_device.buffer = NULL;
    batch.index = r->order;
    const lms_status status = lms_sampler_run(r->sampler, queue, &batch, 1, &before, &event);
    assert_true((status == LMS_OK) == (event != NULL));
    if (event != NULL) clReleaseEvent(event);
    return status;
}

/* What a call that failed may have written: the token and the status, if only the report was
 * not enqueued any more. */
static void assert_unreported(const rig *r)
{
    rig_results found, poison;
    rig_read(r, &found);
    memset(&poison, 0xa5, sizeof poison);
    assert_memory_equal(found.logprob_raw, poison.logprob_raw, sizeof found.logprob_raw);
    assert_memory_equal(found.logprob, poison.logprob, sizeof found.logprob);
    assert_memory_equal(found.kept, poison.kept, sizeof found.kept);
    assert_memory_equal(found.probs, poison.probs, sizeof found.probs);
}

/* A call that fails has changed nothing; one that has enqueued all does not fail. */
static void fail_run(rig *r, cl_command_queue queue, cl_event before, const char *name,
                     unsigned nth)
{
    const bool passes = is_release(name) || is_after_enqueues(name);
    const bool is_report = nth == 3 && strcmp(name, "clEnqueueNDRangeKernel") == 0;
    const long live = hook_live();
    rig_results found;
    rig_poison(r);
    hook_reset();
    hook_fail(name, nth, INJECTED);
    const lms_status status = run_all(r, queue, before);
    if (!hook_failed() || status != (passes ? LMS_OK : INJECTED)) {
        fail_msg("%s, call %u: status %d", name, nth, (int)status);
    }
    if (status != LMS_OK && !says(name)) fail_msg("\"%s\": not %s", lms_error_message(), name);
    hook_reset();
    assert_int_equal(clFinish(queue), CL_SUCCESS);
    if (status != LMS_OK && is_report) assert_unreported(r);
    if (status != LMS_OK && !is_report) rig_assert_poisoned(r);
    for (int again = status == LMS_OK ? -1 : 0; again < 2; ++again) {
        if (again >= 0) {
            rig_poison(r);
            RIG_OK(run_all(r, queue, before));
            assert_int_equal(clFinish(queue), CL_SUCCESS);
        }
        rig_read(r, &found);
        rig_assert_same(&found, &r->expected);
    }
    if (hook_live() != live) {
        fail_msg("%s, call %u: %ld references more than before", name, nth, hook_live() - live);
    }
}

static void fail_each_of_run(rig *r, cl_command_queue queue)
{
    unsigned calls[64] = {0};
    cl_int code = CL_SUCCESS;
    const cl_event before = clCreateUserEvent(r->context, &code);
    assert_int_equal(code, CL_SUCCESS);
    clSetUserEventStatus(before, CL_COMPLETE);
    for (int i = 0; i < 3; ++i) { /* until every stage has an event */
        hook_reset();
        RIG_OK(run_all(r, queue, before));
        for (unsigned f = 0; hook_name(f) != NULL; ++f) calls[f] = hook_count(hook_name(f));
        clFinish(queue);
    }
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        for (unsigned nth = 1; nth <= calls[f]; ++nth) {
            fail_run(r, queue, before, hook_name(f), nth);
        }
    }
    clReleaseEvent(before);
}

/* Teams have a kernel more. */
static void test_every_call_of_run_fails_once(void **state)
{
    rig *const r = *state;
    lms_sampler *const alone = r->sampler;
    lms_sampler_desc desc = rig_desc();
    desc.work_items = 4;
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    fail_each_of_run(r, r->queue);
    fail_each_of_run(r, loose);
    RIG_OK(lms_sampler_create(r->ctx, &desc, &r->sampler));
    fail_each_of_run(r, r->queue);
    fail_each_of_run(r, loose);
    lms_sampler_destroy(r->sampler);
    r->sampler = alone;
    clReleaseCommandQueue(loose);
}

/* The first enqueue that fails has changed nothing: kernels were to write later. */
static void test_failed_first_enqueue_writes_nothing(void **state)
{
    static const char *const first[] = {"clSetKernelArg", "clEnqueueWriteBuffer",
                                        "clGetMemObjectInfo", "clGetCommandQueueInfo"};
    rig *const r = *state;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; ++i) {
        lms_sampler_run_args batch = rig_small_batch(r);
        rig_poison(r);
        hook_reset();
        hook_fail(first[i], 1, INJECTED);
        RIG_FAILS(INJECTED, lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL),
                  first[i], "out of host memory");
        clFinish(r->queue);
        rig_assert_poisoned(r);
    }
    hook_reset();
    rig_assert_good(r);
}

static void test_destroy_after_a_failed_run(void **state)
{
    static const char *const parts[] = {"clEnqueueNDRangeKernel", "clEnqueueWriteBuffer",
                                        "clFlush"};
    rig *const r = *state;
    const lms_sampler_desc desc = rig_desc();
    const lms_sampler_run_args batch = rig_small_batch(r);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; ++i) {
        const long live = hook_live();
        lms_sampler *sampler = NULL;
        RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
        for (unsigned nth = 1; nth < 3; ++nth) {
            hook_reset();
            hook_fail(parts[i], nth, INJECTED);
            (void)lms_sampler_run(sampler, r->queue, &batch, 0, NULL, NULL);
        }
        hook_reset();
        lms_sampler_destroy(sampler);
        assert_int_equal(hook_live(), live);
    }
}

/* A queue that a user event holds back, and one call on it that fails where `name` does. */
static cl_event hold_and_fail(rig *r, cl_command_queue queue, const char *name, unsigned nth)
{
    cl_int code = CL_SUCCESS;
    const cl_event hold = clCreateUserEvent(r->context, &code);
    assert_int_equal(code, CL_SUCCESS);
    hook_reset();
    hook_fail(name, nth, INJECTED);
    assert_int_equal(run_all(r, queue, hold), INJECTED);
    hook_reset();
    return hold;
}

/* The records of a failed call are still to be read by its first upload. */
static void test_a_failed_call_keeps_its_stage(void **state)
{
    rig *const r = *state;
    const lms_sampler_run_args batch = rig_small_batch(r);
    const cl_event hold = hold_and_fail(r, r->queue, "clEnqueueWriteBuffer", 2);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
    RIG_FAILS(LMS_E_BUSY, lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL),
              "max_in_flight: 2");
    clSetUserEventStatus(hold, CL_COMPLETE);
    clFinish(r->queue);
    clReleaseEvent(hold);
    rig_assert_good(r);
}

/* The upload and the kernels of a failed call still use the workspace. */
static void wait_for_a_failed_one(rig *r, unsigned kernel)
{
    cl_int code = CL_SUCCESS;
    cl_event event = NULL;
    const lms_sampler_run_args batch = rig_batch(r);
    const cl_command_queue queue =
        clCreateCommandQueue(r->context, lms_context_device(r->ctx), 0, &code);
    assert_int_equal(code, CL_SUCCESS);
    const cl_event hold = hold_and_fail(r, queue, "clEnqueueNDRangeKernel", kernel);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, &event));
    rig_assert_pending(event);
    clSetUserEventStatus(hold, CL_COMPLETE);
    assert_int_equal(clWaitForEvents(1, &event), CL_SUCCESS);
    clReleaseEvent(event);
    clReleaseEvent(hold);
    clReleaseCommandQueue(queue);
    rig_assert_good(r);
}

static void test_calls_wait_for_a_failed_one(void **state)
{
    wait_for_a_failed_one(*state, 1);
    wait_for_a_failed_one(*state, 2);
}

/* A call that was terminated, by a wait list that failed, does not take later ones with it.
 * (Not with a wait list that fails in earnest: pocl ends the process then.) */
static void test_a_terminated_call_is_left_behind(void **state)
{
    rig *const r = *state;
    cl_event event = NULL;
    const lms_sampler_run_args batch = rig_batch(r);
    const cl_event hold = clCreateUserEvent(r->context, NULL);
    const cl_command_queue queue =
        clCreateCommandQueue(r->context, lms_context_device(r->ctx), 0, NULL);
    RIG_OK(lms_sampler_run(r->sampler, queue, &batch, 1, &hold, NULL));
    hook_reset();
    hook_terminate_event();
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, &event));
    assert_int_equal(clWaitForEvents(1, &event), CL_SUCCESS); /* though the first is held */
    clSetUserEventStatus(hold, CL_COMPLETE);
    clFinish(queue);
    clReleaseEvent(event);
    clReleaseEvent(hold);
    clReleaseCommandQueue(queue);
    rig_assert_good(r);
}

/* Calls that were terminated may not have waited for one before them, which is running still:
 * the next call does. */
static void test_calls_wait_for_what_a_terminated_one_did_not(void **state)
{
    rig *const r = *state;
    const lms_sampler_run_args batch = rig_batch(r);
    for (unsigned terminated = 1; terminated <= 3; ++terminated) {
        const cl_command_queue queue =
            rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
        const cl_event first = rig_user_event(r->context);
        cl_event own[3], event = NULL;
        RIG_OK(lms_sampler_run(r->sampler, queue, &batch, 1, &first, NULL));
        for (unsigned i = 0; i < terminated; ++i) {
            own[i] = rig_user_event(r->context);
            RIG_OK(lms_sampler_run(r->sampler, queue, &batch, 1, &own[i], NULL));
        }
        hook_reset();
        hook_terminate_events(terminated);
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, &event));
        rig_assert_pending(event);
        rig_complete(first);
        rig_wait(event); /* though the others are held */
        for (unsigned i = 0; i < terminated; ++i) rig_complete(own[i]);
        clFinish(queue);
        clReleaseCommandQueue(queue);
        rig_assert_good(r);
    }
}

/* Also for one that was complete when the terminated one came: to have asked is not to have
 * waited. (Here it is not complete in earnest, or nothing could be seen.) */
static void test_calls_wait_for_what_was_complete(void **state)
{
    rig *const r = *state;
    const lms_sampler_run_args batch = rig_batch(r);
    const cl_command_queue queue = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    const cl_event first = rig_user_event(r->context), own = rig_user_event(r->context);
    cl_event event = NULL;
    RIG_OK(lms_sampler_run(r->sampler, queue, &batch, 1, &first, NULL));
    hook_reset();
    hook_event_state(CL_COMPLETE);
    RIG_OK(lms_sampler_run(r->sampler, queue, &batch, 1, &own, NULL));
    hook_terminate_event();
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, &event));
    rig_assert_pending(event);
    rig_complete(first);
    rig_wait(event);
    rig_complete(own);
    clFinish(queue);
    clReleaseCommandQueue(queue);
    rig_assert_good(r);
}

/* More calls in flight than are kept, each with a wait list. */
static void test_many_calls_with_wait_lists(void **state)
{
    rig *const r = *state;
    const lms_sampler_run_args batch = rig_batch(r);
    const cl_event hold = rig_user_event(r->context);
    const long live = hook_live();
    cl_event event = NULL;
    for (int i = 0; i < 200; ++i) {
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 1, &hold, NULL));
    }
    assert_in_range(hook_live() - live, 0, 64);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, &event));
    rig_assert_pending(event);
    rig_complete(hold);
    rig_wait(event);
    rig_assert_good(r);
    assert_true(hook_live() <= live); /* what is over is let go */
}

static void test_wrong_answers_are_unsupported(void **state)
{
    rig *const r = *state;
    const lms_sampler_desc desc = rig_desc();
    const long live = hook_live();
    lms_sampler *sampler = (lms_sampler *)r;
    hook_reset();
    hook_corrupt_read(1);
    RIG_FAILS(LMS_E_UNSUPPORTED, lms_sampler_create(r->ctx, &desc, &sampler), "share gives 0x",
              "not 0x24facacd", "tokens would differ");
    assert_null(sampler);
    assert_int_equal(hook_live(), live);
}

/* A team that the kernels do not take is refused if it was asked for, and halved if not. */
static void test_kernels_with_small_groups(void **state)
{
    rig *const r = *state;
    lms_sampler_desc desc = rig_desc();
    lms_context *gpu = NULL;
    lms_sampler *sampler = NULL;
    int32_t expected[RIG_ROWS], found[RIG_ROWS];
    lms_sample_host_args batch = {.rows = RIG_ROWS, .logits = r->values, .params = r->records};
    const long live = hook_live();
    hook_reset();
    hook_small_gpu(16);
    RIG_OK(lms_context_open(NULL, &gpu));
    desc.work_items = 64;
    RIG_FAILS(LMS_E_UNSUPPORTED, lms_sampler_create(gpu, &desc, &sampler),
              "work_items: 64 is above the 16 that the kernels can have");
    assert_null(sampler);
    desc.work_items = 0;
    RIG_OK(lms_sampler_create(gpu, &desc, &sampler));
    assert_int_equal(hook_count("clBuildProgram"), 5); /* 64; 256, 128, 32, 16 */
    batch.tokens = found;
    RIG_OK(lms_sample_host(sampler, &batch));
    lms_sampler_destroy(sampler);
    hook_reset();
    lms_context_destroy(gpu);
    assert_int_equal(hook_live(), live);
    batch.tokens = expected;
    RIG_OK(lms_sample_host(r->sampler, &batch));
    assert_memory_equal(found, expected, sizeof found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_create_fails_once),
        cmocka_unit_test(test_every_call_of_run_fails_once),
        cmocka_unit_test(test_failed_first_enqueue_writes_nothing),
        cmocka_unit_test(test_destroy_after_a_failed_run),
        cmocka_unit_test(test_a_failed_call_keeps_its_stage),
        cmocka_unit_test(test_calls_wait_for_a_failed_one),
        cmocka_unit_test(test_a_terminated_call_is_left_behind),
        cmocka_unit_test(test_calls_wait_for_what_a_terminated_one_did_not),
        cmocka_unit_test(test_calls_wait_for_what_was_complete),
        cmocka_unit_test(test_many_calls_with_wait_lists),
        cmocka_unit_test(test_wrong_answers_are_unsupported),
        cmocka_unit_test(test_kernels_with_small_groups),
    };
    return cmocka_run_group_tests_name("faults", tests, rig_setup, rig_teardown);
}
