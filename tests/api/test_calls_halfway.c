/* Calls that fail when a part of them is enqueued already, and held. */
#include "calls/kinds.h"
#include "faults.h"
#include "hooks.h"

/* What the host says of the object is as before. */
static void fail_once(const object_rig *r, void *object, cl_command_queue queue,
                      const call_part *p, const cl_event *hold)
{
    cl_event event = (cl_event)queue;
    const object_view before = object_look(r, object);
    hook_reset();
    hook_fail(p->name, p->nth, INJECTED);
    RIG_FAILS(INJECTED,
              object_call(r, object, queue, p->call, hold != NULL ? 1 : 0, hold, &event),
              p->name, "out of host memory");
    assert_true(hook_failed());
    assert_null(event);
    hook_reset();
    object_assert_looks(r, object, &before);
}

/* Runs a check for each part, with an object of its own in which the calls before it were
 * made. */
static void for_each_part(const object_rig *r,
                          void (*check)(const object_rig *, void *, const call_part *))
{
    for (size_t i = 0; i < r->kind->part_count; ++i) {
        const call_part *const p = &r->kind->parts[i];
        const long live = hook_live();
        void *const object = object_new(r, &r->desc);
        assert_int_equal(object_poison(r), CL_SUCCESS);
        RIG_OK(object_begin(r, object, p->call));
        check(r, object, p);
        r->kind->destroy(object);
        assert_int_equal(hook_live(), live);
    }
}

/* A scenario on two queues, of which one is held when a call on it fails. The call is made
 * again on the other, and all later ones, before anything of it has run. */
static void repeat_while_held(const object_rig *r, void *object, const call_part *p)
{
    const cl_command_queue other = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    fail_once(r, object, other, p, &hold);
    RIG_OK(object_calls(r, object, p->call, r->kind->calls));
    rig_complete(hold);
    object_assert_expected(r);
    clFinish(other);
    clReleaseCommandQueue(other);
}

/* Where a call fails over and over: it takes stages with it, but only for as long as its writes
 * need them. */
static void fail_again_and_again(const object_rig *r, void *object, const call_part *p)
{
    for (unsigned k = 0; k < r->kind->calls + 7; ++k) {
        fail_once(r, object, r->queue, p, NULL);
        clFinish(r->queue);
    }
    RIG_OK(object_calls(r, object, p->call, r->kind->calls));
    object_assert_expected(r);
}

/* Slots are closed, and what was theirs goes to others, while parts of a failed call are held.
 * */
static void close_after_a_failure(const object_rig *r, void *object, const call_part *p)
{
    const cl_command_queue other = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    clFinish(r->queue);
    fail_once(r, object, other, p, &hold);
    RIG_OK(object_end(r, object));
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, object, r->kind->calls));
    rig_complete(hold);
    object_assert_expected(r);
    clFinish(other);
    clReleaseCommandQueue(other);
}

/* The object is destroyed right after it, with parts of the call in flight. */
static void just_fail(const object_rig *r, void *object, const call_part *p)
{
    fail_once(r, object, r->queue, p, NULL);
}

/* The parts of a failed call still use the object's memory. */
static void wait_for_a_failed_one(const object_rig *r, void *object, const call_part *p)
{
    const cl_command_queue other = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    cl_event event = NULL;
    clFinish(r->queue);
    fail_once(r, object, other, p, &hold);
    RIG_OK(object_call(r, object, r->queue, p->call, 0, NULL, &event));
    /* Nothing was enqueued by a call whose first write, or only kernel, failed. */
    if (p->has_begun) rig_assert_pending(event);
    rig_complete(hold);
    rig_wait(event);
    clFinish(other);
    clReleaseCommandQueue(other);
}

static void test_repeated_while_held(void **state) { for_each_part(*state, repeat_while_held); }
static void test_repeated_failures(void **state)
{
    for_each_part(*state, fail_again_and_again);
}
static void test_closed_after_a_failure(void **state)
{
    for_each_part(*state, close_after_a_failure);
}
static void test_destroyed_after_a_failure(void **state) { for_each_part(*state, just_fail); }
static void test_calls_wait_for_a_failed_one(void **state)
{
    for_each_part(*state, wait_for_a_failed_one);
    const object_rig *const r = *state;
    object_assert_good(r, r->object);
}

/* --- What a failed call leaves ----------------------------------------------------------- */

/* What fails before the last kernel with outputs has written nothing for the caller. */
static void write_nothing(const object_rig *r, unsigned call)
{
    unsigned calls[64] = {0};
    call_args args;
    const call_type *const type = r->kind->arguments(r, call, &args);
    void *object = object_new(r, &r->desc);
    RIG_OK(object_begin(r, object, call));
    hook_reset();
    RIG_OK(object_calls(r, object, call, call + 1));
    count_calls(calls);
    r->kind->destroy(object);
    object = object_new(r, &r->desc);
    RIG_OK(object_begin(r, object, call));
    clFinish(r->queue);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        const char *const name = hook_name(f);
        const bool is_kernel = strcmp(name, "clEnqueueNDRangeKernel") == 0;
        if (is_release(name) || is_after_enqueues(name)) continue;
        for (unsigned nth = 1; nth <= calls[f]; ++nth) {
            const call_part p = {call, name, nth, false};
            if (is_kernel && nth > type->silent_kernels) break;
            /* Behind all kernels that write there is nothing to be silent about. */
            if (!is_kernel && nth > 1) break;
            fail_once(r, object, r->queue, &p, NULL);
            clFinish(r->queue);
        }
    }
    object_assert_poisoned(r);
    r->kind->destroy(object);
}

static void test_failed_calls_write_nothing(void **state)
{
    const object_rig *const r = *state;
    for (size_t i = 0; i < r->kind->sample_count; ++i) write_nothing(r, r->kind->samples[i]);
}

/* What a failed call was to write is still to be read by its first write. */
static void test_a_failed_call_keeps_its_stage(void **state)
{
    enum {
        STAGES = 4
    };
    const object_rig *const r = *state;
    for (size_t i = 0; i < r->kind->part_count; ++i) {
        const call_part *const p = &r->kind->parts[i];
        object_desc desc = r->desc;
        const bool has_written = p->has_begun && r->kind->is_staged(p->call);
        const unsigned next = p->call + 1 < r->kind->calls ? p->call + 1 : r->kind->repeated;
        if (!has_written || !r->kind->is_staged(next)) continue;
        r->kind->set_in_flight(&desc, STAGES);
        void *const object = object_new(r, &desc);
        const cl_event hold = rig_user_event(r->context);
        RIG_OK(object_begin(r, object, 0));
        for (unsigned k = 0; k < p->call; ++k) {
            RIG_OK(object_calls(r, object, k, k + 1));
            clFinish(r->queue);
        }
        for (int k = 1; k < STAGES; ++k) fail_once(r, object, r->queue, p, &hold);
        RIG_OK(object_calls(r, object, p->call, p->call + 1));
        RIG_FAILS(LMS_E_BUSY, object_calls(r, object, next, next + 1), "max_in_flight: 4");
        rig_complete(hold);
        clFinish(r->queue);
        r->kind->destroy(object);
    }
}

/* --- Terminated calls -------------------------------------------------------------------- */

/* A call that was terminated, by a wait list that failed, does not take later ones with it.
 * (Not with a wait list that fails in earnest: pocl ends the process then.) */
static void test_a_terminated_call_is_left_behind(void **state)
{
    const object_rig *const r = *state;
    const unsigned call = r->kind->repeated;
    const cl_command_queue queue = rig_queue(r->ctx, 0);
    const cl_event hold = rig_user_event(r->context);
    /* A new one has stages without an event: the first that is asked for is the last call's. */
    void *const object = object_new(r, &r->desc);
    cl_event event = NULL;
    RIG_OK(object_begin(r, object, call));
    RIG_OK(object_call(r, object, queue, call, 1, &hold, NULL));
    hook_reset();
    hook_terminate_event();
    RIG_OK(object_call(r, object, r->queue, call, 0, NULL, &event));
    rig_wait(event); /* though the first is held */
    rig_complete(hold);
    clFinish(queue);
    clReleaseCommandQueue(queue);
    hook_reset();
    r->kind->destroy(object);
    object_assert_good(r, r->object);
}

/* Calls without requests have a marker and its event to lose; behind it they do not fail. */
static void test_empty_calls_fail(void **state)
{
    static const char marker[] = "clEnqueueMarkerWithWaitList";
    const object_rig *const r = *state;
    const long live = hook_live();
    for (size_t i = 0; i < r->kind->type_count; ++i) {
        const call_type *const type = r->kind->types[i];
        const object_view before = object_look(r, r->object);
        call_args empty;
        cl_event event = (cl_event)r->queue;
        if (!type->can_be_empty) continue;
        memset(&empty, 0, sizeof empty);
        hook_reset();
        hook_fail(marker, 1, INJECTED);
        RIG_FAILS(INJECTED, type->run(r->object, r->queue, &empty, 0, NULL, &event), marker);
        assert_null(event);
        hook_reset();
        object_assert_looks(r, r->object, &before);
        hook_fail("clFlush", 1, INJECTED);
        RIG_OK(type->run(r->object, r->queue, &empty, 0, NULL, &event));
        assert_true(hook_failed());
        hook_reset();
        rig_wait(event);
        assert_int_equal(hook_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeated_while_held),
        cmocka_unit_test(test_repeated_failures),
        cmocka_unit_test(test_closed_after_a_failure),
        cmocka_unit_test(test_destroyed_after_a_failure),
        cmocka_unit_test(test_calls_wait_for_a_failed_one),
        cmocka_unit_test(test_failed_calls_write_nothing),
        cmocka_unit_test(test_a_failed_call_keeps_its_stage),
        cmocka_unit_test(test_a_terminated_call_is_left_behind),
        cmocka_unit_test(test_empty_calls_fail),
    };
    return RUN_FOR_EACH_KIND("halfway", tests);
}
