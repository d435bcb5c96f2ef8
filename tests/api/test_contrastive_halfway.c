/* Calls of a contrastive search that fail when a part of them is enqueued already, and held. */
#include "contrastive_api_rig.h"
#include "faults.h"
#include "hooks.h"

enum {
    PROPOSE = CONTRASTIVE_FIRST_STEP,
    SELECT = PROPOSE + 1,
    NEW_PAGES = SELECT + 2 * 2, /* the select that takes some, in another buffer */
    LAST = CONTRASTIVE_CALLS - 1,
    CHOOSE = 3 /* which kernel of the first select has outputs */
};

/* The parts that a call may end before, and where in a search that is new: which kernels there
 * are depends on the pages that its contexts get. */
typedef struct part {
    unsigned call;
    const char *name;
    unsigned nth;
} part;
static const part parts[] = {
    {0, "clEnqueueWriteBuffer", 1},
    {0, "clEnqueueNDRangeKernel", 1},
    {0, "clEnqueueNDRangeKernel", 2}, /* of the second buffer */
    {PROPOSE, "clEnqueueWriteBuffer", 1},
    {PROPOSE, "clEnqueueNDRangeKernel", 1},
    {PROPOSE, "clEnqueueNDRangeKernel", 2},
    {SELECT, "clEnqueueWriteBuffer", 1},
    {SELECT, "clEnqueueWriteBuffer", 2},
    {SELECT, "clEnqueueWriteBuffer", 3},
    {SELECT, "clEnqueueNDRangeKernel", 1},
    {SELECT, "clEnqueueNDRangeKernel", 2},
    {SELECT, "clEnqueueNDRangeKernel", CHOOSE},
    {SELECT, "clEnqueueNDRangeKernel", CHOOSE + 1},
    {SELECT, "clEnqueueNDRangeKernel", CHOOSE + 2},
    {NEW_PAGES, "clEnqueueNDRangeKernel", 5},
    {NEW_PAGES, "clEnqueueNDRangeKernel", 6},
    {CONTRASTIVE_FORK, "clEnqueueNDRangeKernel", 1},
    {LAST, "clEnqueueNDRangeKernel", 7},
    {LAST, "clEnqueueNDRangeKernel", 8},
};
enum {
    PARTS = sizeof parts / sizeof parts[0]
};

/* Has the call enqueued anything that uses the search's memory, before it fails? */
static bool has_begun(const part *p)
{
    if (p->nth > 1) return true;
    return p->call != CONTRASTIVE_FORK && strcmp(p->name, "clEnqueueWriteBuffer") != 0;
}

/* Lengths and room are as before. */
static void fail_once(const contrastive_api_rig *r, lms_contrastive *search,
                      cl_command_queue queue, const part *p, const cl_event *hold)
{
    cl_event event = (cl_event)queue;
    const contrastive_view before = contrastive_look(search);
    hook_reset();
    hook_fail(p->name, p->nth, INJECTED);
    RIG_FAILS(INJECTED,
              contrastive_call(r, search, queue, p->call, hold != NULL ? 1 : 0, hold, &event),
              p->name, "out of host memory");
    assert_true(hook_failed());
    assert_null(event);
    hook_reset();
    contrastive_assert_looks(search, &before);
}

static lms_contrastive *new_search(const contrastive_api_rig *r)
{
    const lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
    return search;
}

/* A search on two queues, of which one is held when a call on it fails. The call is made again
 * on the other, and all later ones, before anything of it has run. */
static void test_repeated_while_held(void **state)
{
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        lms_contrastive *const search = new_search(r);
        const cl_command_queue other = rig_queue(r->ctx, 0);
        const cl_event hold = rig_user_event(r->context);
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        RIG_OK(contrastive_begin(r, search, parts[i].call));
        fail_once(r, search, other, &parts[i], &hold);
        RIG_OK(contrastive_calls(r, search, parts[i].call, CONTRASTIVE_CALLS));
        rig_complete(hold);
        contrastive_assert_expected(r);
        clFinish(other);
        lms_contrastive_destroy(search);
        clReleaseCommandQueue(other);
    }
}

/* Where a call fails over and over: it takes stages with it, but only for as long as its writes
 * need them. */
static void test_repeated_failures(void **state)
{
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        lms_contrastive *const search = new_search(r);
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        RIG_OK(contrastive_begin(r, search, parts[i].call));
        for (unsigned k = 0; k < r->desc.max_in_flight + 3; ++k) {
            fail_once(r, search, r->queue, &parts[i], NULL);
            clFinish(r->queue);
        }
        RIG_OK(contrastive_calls(r, search, parts[i].call, CONTRASTIVE_CALLS));
        contrastive_assert_expected(r);
        lms_contrastive_destroy(search);
    }
}

/* What fails before the last kernel with outputs has written nothing for the caller. */
static void test_failed_calls_write_nothing(void **state)
{
    static const char *const others[] = {"clSetKernelArg", "clGetMemObjectInfo",
                                         "clGetCommandQueueInfo", "clGetEventInfo"};
    const contrastive_api_rig *const r = *state;
    for (unsigned call = PROPOSE; call <= SELECT; ++call) {
        lms_contrastive *const search = new_search(r);
        const unsigned kernels = call == SELECT ? CHOOSE : 2;
        RIG_OK(contrastive_begin(r, search, call));
        clFinish(r->queue);
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        for (unsigned nth = 1; nth <= kernels; ++nth) {
            const part kernel = {call, "clEnqueueNDRangeKernel", nth};
            fail_once(r, search, r->queue, &kernel, NULL);
        }
        for (size_t i = 0; i < sizeof others / sizeof others[0]; ++i) {
            const part other = {call, others[i], 1};
            fail_once(r, search, r->queue, &other, NULL);
        }
        clFinish(r->queue);
        contrastive_assert_poisoned(r);
        lms_contrastive_destroy(search);
    }
}

/* Slots are closed, and their pages go to others, while parts of a failed call are held. */
static void test_closed_after_a_failure(void **state)
{
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        lms_contrastive *const search = new_search(r);
        const cl_command_queue other = rig_queue(r->ctx, 0);
        const cl_event hold = rig_user_event(r->context);
        RIG_OK(contrastive_begin(r, search, parts[i].call));
        clFinish(r->queue);
        fail_once(r, search, other, &parts[i], &hold);
        RIG_OK(contrastive_close_all(r, search));
        assert_int_equal(contrastive_poison(r), CL_SUCCESS);
        RIG_OK(contrastive_begin(r, search, CONTRASTIVE_CALLS));
        rig_complete(hold);
        contrastive_assert_expected(r);
        lms_contrastive_destroy(search);
        clFinish(other);
        clReleaseCommandQueue(other);
    }
}

/* Destroying right after a failure, with parts of the call in flight. */
static void test_destroy_after_a_failure(void **state)
{
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        const long live = hook_live();
        lms_contrastive *const search = new_search(r);
        RIG_OK(contrastive_begin(r, search, parts[i].call));
        fail_once(r, search, r->queue, &parts[i], NULL);
        lms_contrastive_destroy(search);
        assert_int_equal(hook_live(), live);
    }
}

/* What a failed call was to write is still to be read by its first write. */
static void test_a_failed_call_keeps_its_stage(void **state)
{
    static const part all[] = {{0, "clEnqueueNDRangeKernel", 1},
                               {PROPOSE, "clEnqueueNDRangeKernel", 1},
                               {SELECT, "clEnqueueWriteBuffer", 2},
                               {SELECT, "clEnqueueNDRangeKernel", 5}};
    const contrastive_api_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    desc.max_in_flight = 4;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        const cl_event hold = rig_user_event(r->context);
        const unsigned call = all[i].call;
        RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
        RIG_OK(contrastive_open_all(r, search));
        for (unsigned k = 0; k < call; ++k) {
            RIG_OK(contrastive_calls(r, search, k, k + 1));
            clFinish(r->queue);
        }
        for (int k = 0; k < 3; ++k) fail_once(r, search, r->queue, &all[i], &hold);
        RIG_OK(contrastive_calls(r, search, call, call + 1));
        RIG_FAILS(LMS_E_BUSY, contrastive_calls(r, search, PROPOSE, SELECT),
                  "max_in_flight: 4");
        rig_complete(hold);
        clFinish(r->queue);
        lms_contrastive_destroy(search);
    }
}

/* The parts of a failed call still use the search's memory. */
static void test_calls_wait_for_a_failed_one(void **state)
{
    const contrastive_api_rig *const r = *state;
    for (size_t i = 0; i < PARTS; ++i) {
        lms_contrastive *const search = new_search(r);
        const cl_command_queue other = rig_queue(r->ctx, 0);
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        RIG_OK(contrastive_begin(r, search, parts[i].call));
        clFinish(r->queue);
        fail_once(r, search, other, &parts[i], &hold);
        RIG_OK(contrastive_call(r, search, r->queue, parts[i].call, 0, NULL, &event));
        if (has_begun(&parts[i])) rig_assert_pending(event);
        rig_complete(hold);
        rig_wait(event);
        clFinish(other);
        clReleaseCommandQueue(other);
        lms_contrastive_destroy(search);
    }
    contrastive_assert_good(r, r->search);
}

/* A call that was terminated, by a wait list that failed, does not take later ones with it.
 * (Not with a wait list that fails in earnest: pocl ends the process then.) */
static void test_a_terminated_call_is_left_behind(void **state)
{
    const contrastive_api_rig *const r = *state;
    const cl_command_queue queue = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    /* It has stages without an event: the first that is asked for is the last call's. */
    lms_contrastive *const search = new_search(r);
    cl_event event = NULL;
    RIG_OK(contrastive_begin(r, search, CONTRASTIVE_FIRST_STEP));
    RIG_OK(contrastive_call(r, search, queue, PROPOSE, 1, &hold, NULL));
    hook_reset();
    hook_terminate_event();
    RIG_OK(contrastive_call(r, search, r->queue, PROPOSE, 0, NULL, &event));
    rig_wait(event); /* though the first is held */
    rig_complete(hold);
    clFinish(queue);
    clReleaseCommandQueue(queue);
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    RIG_OK(contrastive_calls(r, search, CONTRASTIVE_FIRST_STEP, CONTRASTIVE_CALLS));
    contrastive_assert_expected(r);
    lms_contrastive_destroy(search);
}

/* Calls without requests, and a fork that copies nothing. */
static lms_status empty_call(const contrastive_api_rig *r, int which, cl_event *event)
{
    static const lms_contrastive_append_args states;
    static const lms_contrastive_propose_args proposal;
    static const lms_contrastive_select_args batch;
    lms_contrastive *const c = r->search;
    switch (which) {
    case 0: return lms_contrastive_append(c, r->queue, &states, 0, NULL, event);
    case 1: return lms_contrastive_propose(c, r->queue, &proposal, 0, NULL, event);
    case 2: return lms_contrastive_select(c, r->queue, &batch, 0, NULL, event);
    default: return lms_contrastive_fork(c, r->queue, 0, 3, NULL, 0, NULL, event);
    }
}

/* They have a marker and its event to lose; behind it they do not fail. */
static void test_empty_calls_fail(void **state)
{
    static const char marker[] = "clEnqueueMarkerWithWaitList";
    const contrastive_api_rig *const r = *state;
    RIG_OK(contrastive_open_all(r, r->search));
    const long live = hook_live();
    for (int i = 0; i < 4; ++i) {
        const contrastive_view before = contrastive_look(r->search);
        cl_event event = (cl_event)r->queue;
        hook_reset();
        hook_fail(marker, 1, INJECTED);
        RIG_FAILS(INJECTED, empty_call(r, i, &event), marker);
        assert_null(event);
        hook_reset();
        contrastive_assert_looks(r->search, &before);
        hook_fail("clFlush", 1, INJECTED);
        RIG_OK(empty_call(r, i, &event));
        assert_true(hook_failed());
        hook_reset();
        rig_wait(event);
        assert_int_equal(hook_live(), live);
    }
    RIG_OK(lms_contrastive_close(r->search, 3));
    RIG_OK(contrastive_close_all(r, r->search));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeated_while_held),
        cmocka_unit_test(test_repeated_failures),
        cmocka_unit_test(test_failed_calls_write_nothing),
        cmocka_unit_test(test_closed_after_a_failure),
        cmocka_unit_test(test_destroy_after_a_failure),
        cmocka_unit_test(test_a_failed_call_keeps_its_stage),
        cmocka_unit_test(test_calls_wait_for_a_failed_one),
        cmocka_unit_test(test_a_terminated_call_is_left_behind),
        cmocka_unit_test(test_empty_calls_fail),
    };
    return cmocka_run_group_tests_name("contrastive_halfway", tests, contrastive_setup,
                                       contrastive_teardown);
}
