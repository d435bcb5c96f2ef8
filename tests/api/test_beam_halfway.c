/* Calls of a beam search that fail when a part of them is enqueued already, and held. */
#include "beam_rig.h"
#include "faults.h"
#include "hooks.h"

/* The parts that a call may end before, and where in a search. */
typedef struct part {
    unsigned call;
    const char *name;
    unsigned nth;
} part;
static const part parts[] = {
    {0, "clEnqueueWriteBuffer", 1},
    {0, "clEnqueueWriteBuffer", 2}, /* of the end tokens */
    {BEAM_FIRST_STEP, "clEnqueueWriteBuffer", 1},
    {BEAM_FIRST_STEP, "clEnqueueNDRangeKernel", 1},
    {BEAM_FIRST_STEP, "clEnqueueNDRangeKernel", 2},
    {BEAM_FIRST_STEP, "clEnqueueNDRangeKernel", 3},
    {BEAM_FIRST_STEP + 3, "clEnqueueNDRangeKernel", 1},
    {BEAM_FIRST_STEP + 3, "clEnqueueNDRangeKernel", 2},
    {BEAM_FIRST_STEP + 3, "clEnqueueNDRangeKernel", 3},
    {BEAM_RESULTS - 1, "clEnqueueNDRangeKernel", 3},
    {BEAM_RESULTS, "clEnqueueWriteBuffer", 1},
    {BEAM_RESULTS, "clEnqueueNDRangeKernel", 1},
};
enum {
    PARTS = sizeof parts / sizeof parts[0]
};

static void fail_once(const beam_rig *r, lms_beam *beam, cl_command_queue queue, const part *p,
                      const cl_event *hold)
{
    cl_event event = (cl_event)queue;
    hook_reset();
    hook_fail(p->name, p->nth, INJECTED);
    RIG_FAILS(INJECTED, beam_call(r, beam, queue, p->call, hold != NULL ? 1 : 0, hold, &event),
              p->name, "out of host memory");
    assert_true(hook_failed());
    assert_null(event);
    hook_reset();
}

/* A search on two queues, of which one is held when a call on it fails. The call is made again
 * on the other, and all later ones, before anything of it has run. */
static void test_repeated_while_held(void **state)
{
    const beam_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        const cl_command_queue other = rig_queue(r->ctx, 0);
        const cl_event hold = rig_user_event(r->context);
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        RIG_OK(beam_calls(r, r->beam, 0, parts[i].call));
        fail_once(r, r->beam, other, &parts[i], &hold);
        RIG_OK(beam_calls(r, r->beam, parts[i].call, BEAM_CALLS));
        rig_complete(hold);
        beam_assert_expected(r);
        clFinish(other);
        RIG_OK(beam_close_all(r, r->beam));
        clReleaseCommandQueue(other);
    }
}

/* Where a call fails over and over: it takes stages with it, but only for as long as its writes
 * need them. */
static void test_repeated_failures(void **state)
{
    const beam_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        RIG_OK(beam_calls(r, r->beam, 0, parts[i].call));
        for (unsigned k = 0; k < r->desc.max_in_flight + 3; ++k) {
            fail_once(r, r->beam, r->queue, &parts[i], NULL);
            clFinish(r->queue);
        }
        RIG_OK(beam_calls(r, r->beam, parts[i].call, BEAM_CALLS));
        beam_assert_expected(r);
        RIG_OK(beam_close_all(r, r->beam));
    }
}

/* What fails before the last kernel has written nothing for the caller. */
static void test_failed_calls_write_nothing(void **state)
{
    static const char *const others[] = {"clSetKernelArg", "clGetMemObjectInfo",
                                         "clGetCommandQueueInfo", "clGetEventInfo"};
    const beam_rig *const r = *state;
    for (unsigned call = BEAM_FIRST_STEP; call <= BEAM_RESULTS; call += BEAM_STEPS) {
        const unsigned kernels = call == BEAM_RESULTS ? 1 : 3;
        RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
        clFinish(r->queue);
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        for (unsigned nth = 1; nth <= kernels; ++nth) {
            const part kernel = {call, "clEnqueueNDRangeKernel", nth};
            fail_once(r, r->beam, r->queue, &kernel, NULL);
        }
        for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
            const part other = {call, others[i], 1};
            fail_once(r, r->beam, r->queue, &other, NULL);
        }
        clFinish(r->queue);
        beam_assert_poisoned(r);
        RIG_OK(beam_close_all(r, r->beam));
    }
}

/* A failed open leaves its slot closed, a failed step the lengths as they were. */
static void test_failed_calls_do_not_count(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_results_args o = beam_output(r);
    for (size_t i = 0; i < PARTS; ++i) {
        lms_beam_results_args tight = o;
        if (parts[i].call >= BEAM_RESULTS) continue;
        RIG_OK(beam_calls(r, r->beam, 0, parts[i].call));
        fail_once(r, r->beam, r->queue, &parts[i], NULL);
        if (parts[i].call == 0) {
            RIG_FAILS(LMS_E_SLOT, lms_beam_close(r->beam, r->slots[0]), "not open");
            continue;
        }
        tight.token_stride = parts[i].call - BEAM_FIRST_STEP;
        RIG_OK(lms_beam_results(r->beam, r->queue, &tight, 0, NULL, NULL));
        clFinish(r->queue);
        RIG_OK(beam_close_all(r, r->beam));
    }
}

/* Destroying right after a failure, with parts of the call in flight. */
static void test_destroy_after_a_failure(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    for (size_t i = 0; i < PARTS; ++i) {
        const long live = hook_live();
        lms_beam *beam = NULL;
        RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
        RIG_OK(beam_calls(r, beam, 0, parts[i].call));
        fail_once(r, beam, r->queue, &parts[i], NULL);
        lms_beam_destroy(beam);
        assert_int_equal(hook_live(), live);
    }
}

/* What a failed call was to write is still to be read by its first write. */
static void test_a_failed_call_keeps_its_stage(void **state)
{
    static const part all[] = {{0, "clEnqueueWriteBuffer", 2},
                               {BEAM_FIRST_STEP, "clEnqueueNDRangeKernel", 1},
                               {BEAM_RESULTS, "clEnqueueNDRangeKernel", 1}};
    const beam_rig *const r = *state;
    lms_beam_desc desc = beam_desc();
    lms_beam *beam = NULL;
    desc.max_in_flight = 4;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        const cl_event hold = rig_user_event(r->context);
        const unsigned call = all[i].call;
        RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
        for (unsigned k = 0; k < call; ++k) {
            RIG_OK(beam_calls(r, beam, k, k + 1));
            clFinish(r->queue);
        }
        for (int k = 0; k < 3; ++k) fail_once(r, beam, r->queue, &all[i], &hold);
        RIG_OK(beam_calls(r, beam, call, call + 1));
        RIG_FAILS(LMS_E_BUSY,
                  beam_calls(r, beam, call == 0 ? 1 : BEAM_RESULTS, call == 0 ? 2 : BEAM_CALLS),
                  "max_in_flight: 4");
        rig_complete(hold);
        clFinish(r->queue);
        lms_beam_destroy(beam);
    }
}

/* The parts of a failed call still use the object's memory. */
static void test_calls_wait_for_a_failed_one(void **state)
{
    const beam_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        const cl_command_queue other = rig_queue(r->ctx, 0);
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        RIG_OK(beam_calls(r, r->beam, 0, parts[i].call));
        clFinish(r->queue);
        fail_once(r, r->beam, other, &parts[i], &hold);
        RIG_OK(beam_call(r, r->beam, r->queue, parts[i].call, 0, NULL, &event));
        /* Nothing was enqueued by a call whose first write failed. */
        if (parts[i].nth > 1 || strcmp(parts[i].name, "clEnqueueWriteBuffer") != 0) {
            rig_assert_pending(event);
        }
        rig_complete(hold);
        rig_wait(event);
        clFinish(other);
        clReleaseCommandQueue(other);
        for (unsigned k = 0; k < BEAM_REQUESTS; ++k) {
            if (k < parts[i].call || k == 0) RIG_OK(lms_beam_close(r->beam, r->slots[k]));
        }
    }
    beam_assert_good(r, r->beam);
}

/* A call that was terminated, by a wait list that failed, does not take later ones with it.
 * (Not with a wait list that fails in earnest: pocl ends the process then.) */
static void test_a_terminated_call_is_left_behind(void **state)
{
    const beam_rig *const r = *state;
    const cl_command_queue queue = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    const lms_beam_desc desc = beam_desc();
    const lms_beam_results_args o = beam_output(r);
    lms_beam *beam = NULL;
    cl_event event = NULL;
    /* A new one has stages without an event: the first that is asked for is the last call's. */
    RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
    RIG_OK(beam_calls(r, beam, 0, BEAM_FIRST_STEP));
    RIG_OK(lms_beam_results(beam, queue, &o, 1, &hold, NULL));
    hook_reset();
    hook_terminate_event();
    RIG_OK(lms_beam_results(beam, r->queue, &o, 0, NULL, &event));
    rig_wait(event); /* though the first is held */
    rig_complete(hold);
    clFinish(queue);
    clReleaseCommandQueue(queue);
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, beam, BEAM_FIRST_STEP, BEAM_CALLS));
    beam_assert_expected(r);
    lms_beam_destroy(beam);
}

/* Calls without requests have a marker and its event to lose; behind it they do not fail. */
static void test_empty_calls_fail(void **state)
{
    static const char name[] = "clEnqueueMarkerWithWaitList";
    const beam_rig *const r = *state;
    const long live = hook_live();
    lms_beam_step_args b;
    lms_beam_results_args o;
    memset(&b, 0, sizeof b);
    memset(&o, 0, sizeof o);
    cl_event event = (cl_event)r->queue;
    hook_reset();
    hook_fail(name, 1, INJECTED);
    RIG_FAILS(INJECTED, lms_beam_step(r->beam, r->queue, &b, 0, NULL, &event), name);
    assert_null(event);
    event = (cl_event)r->queue;
    hook_fail(name, 1, INJECTED);
    RIG_FAILS(INJECTED, lms_beam_results(r->beam, r->queue, &o, 0, NULL, &event), name);
    assert_null(event);
    for (int i = 0; i < 2; ++i) {
        hook_reset();
        hook_fail("clFlush", 1, INJECTED);
        RIG_OK(i == 0 ? lms_beam_step(r->beam, r->queue, &b, 0, NULL, &event)
                      : lms_beam_results(r->beam, r->queue, &o, 0, NULL, &event));
        assert_true(hook_failed());
        rig_wait(event);
    }
    hook_reset();
    assert_int_equal(hook_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeated_while_held),
        cmocka_unit_test(test_repeated_failures),
        cmocka_unit_test(test_failed_calls_write_nothing),
        cmocka_unit_test(test_failed_calls_do_not_count),
        cmocka_unit_test(test_destroy_after_a_failure),
        cmocka_unit_test(test_a_failed_call_keeps_its_stage),
        cmocka_unit_test(test_calls_wait_for_a_failed_one),
        cmocka_unit_test(test_a_terminated_call_is_left_behind),
        cmocka_unit_test(test_empty_calls_fail),
    };
    return cmocka_run_group_tests_name("beam_halfway", tests, beam_setup, beam_teardown);
}
