/* Every OpenCL call and every allocation in opening a context fails once, and nothing is lost
 * by it; and calls of a sampler behind those that were terminated. */
#include "faults.h"
#include "hooks.h"
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>

static lms_status open_one(void)
{
    lms_context *ctx = NULL;
    const lms_status status = lms_context_open(NULL, &ctx);
    assert_true((status == LMS_OK) == (ctx != NULL));
    lms_context_destroy(ctx);
    return status;
}

/* What open_one() may return when a call of `name` failed. */
static bool is_right_of_open(const char *name, lms_status status)
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

static void test_every_call_of_open_fails_once(void **state)
{
    unsigned calls[64] = {0};
    unsigned failures = 0;
    (void)state;
    RIG_OK(open_one());
    const long live = hook_live();
    hook_reset();
    RIG_OK(open_one());
    assert_int_equal(hook_live(), live);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) calls[f] = hook_count(hook_name(f));
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        const char *const name = hook_name(f);
        for (unsigned nth = 1; nth <= calls[f]; ++nth, ++failures) {
            hook_reset();
            hook_fail(name, nth, INJECTED);
            const lms_status status = open_one();
            if (!hook_failed() || !is_right_of_open(name, status) || hook_live() != live) {
                fail_msg("%s, call %u: status %d (%s), %ld more alive than before", name, nth,
                         (int)status, lms_error_message(), hook_live() - live);
            }
        }
    }
    print_message("%u failures of opening a context\n", failures);
    hook_reset();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_open_fails_once),
        cmocka_unit_test(test_calls_wait_for_what_a_terminated_one_did_not),
        cmocka_unit_test(test_calls_wait_for_what_was_complete),
        cmocka_unit_test(test_wrong_answers_are_unsupported),
    };
    return cmocka_run_group_tests_name("faults", tests, rig_setup, rig_teardown);
}
