/* More calls than can be in flight: refused, without harm, until earlier ones are over. */
#include "calls/kinds.h"
#include "hooks.h"

#include <stdio.h>

/* A scenario whose calls are held until one of them is refused. That one is made again when the
 * others are over. Calls that keep nothing on the host are never too much. */
static void busy_scenario(const object_rig *r, uint32_t max_in_flight)
{
    object_desc desc = r->desc;
    unsigned call = 0;
    r->kind->set_in_flight(&desc, max_in_flight);
    void *const object = object_new(r, &desc);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, object, 0));
    while (call < r->kind->calls) {
        const cl_event hold = rig_user_event(r->context);
        uint32_t staged = 0;
        for (bool is_first = true; call < r->kind->calls; ++call, is_first = false) {
            if (r->kind->is_staged(call) && ++staged > max_in_flight) break;
            RIG_OK(object_call(r, object, r->queue, call, is_first, is_first ? &hold : NULL,
                               NULL));
        }
        for (int again = 0; again < 3 && call < r->kind->calls; ++again) {
            const object_view before = object_look(r, object);
            cl_event event = (cl_event)hold;
            char rule[40];
            snprintf(rule, sizeof rule, "max_in_flight: %u ", (unsigned)max_in_flight);
            RIG_FAILS(LMS_E_BUSY, object_call(r, object, r->queue, call, 0, NULL, &event), rule,
                      "unfinished");
            assert_null(event);
            object_assert_looks(r, object, &before);
        }
        rig_complete(hold);
        clFinish(r->queue);
    }
    object_assert_expected(r);
    r->kind->destroy(object);
}

/* So that calls of all types are refused, early ones and late ones. */
static void test_busy_and_retry(void **state)
{
    for (uint32_t max_in_flight = 1; max_in_flight <= 11; ++max_in_flight) {
        busy_scenario(*state, max_in_flight);
    }
}

/* By default 8, at most 64. The scenario's calls up to one that can be repeated fill them up,
 * and then that one over and over: a wait list holds the first. */
static void limit(const object_rig *r, uint32_t asked, uint32_t most)
{
    const unsigned again = r->kind->repeated;
    const cl_event hold = rig_user_event(r->context);
    object_desc desc = r->desc;
    call_args empty;
    memset(&empty, 0, sizeof empty);
    r->kind->set_in_flight(&desc, asked);
    void *const object = object_new(r, &desc);
    RIG_OK(object_begin(r, object, 0));
    for (uint32_t staged = 0; staged < most; ++staged) {
        const unsigned call = staged < again ? staged : again;
        RIG_OK(object_call(r, object, r->queue, call, staged == 0, staged == 0 ? &hold : NULL,
                           NULL));
    }
    for (unsigned call = again; call < r->kind->calls; ++call) {
        const object_view before = object_look(r, object);
        if (!r->kind->is_staged(call)) break;
        RIG_FAILS(LMS_E_BUSY, object_calls(r, object, call, call + 1), "max_in_flight: ");
        object_assert_looks(r, object, &before);
    }
    /* A call that has nothing to do, or enqueues nothing, is never too much. */
    for (size_t i = 0; i < r->kind->type_count; ++i) {
        if (!r->kind->types[i]->can_be_empty) continue;
        RIG_OK(object_call_with(r, object, r->kind->types[i], &empty));
    }
    RIG_OK(object_end(r, object));
    RIG_OK(object_begin(r, object, 0));
    RIG_FAILS(LMS_E_BUSY, object_calls(r, object, 0, 1), "max_in_flight: ");
    rig_complete(hold);
    clFinish(r->queue);
    RIG_OK(object_calls(r, object, 0, 1));
    r->kind->destroy(object);
}

static void test_limits_of_flight(void **state)
{
    static const uint32_t limits[][2] = {{0, 8}, {8, 8}, {64, 64}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; ++i) {
        limit(*state, limits[i][0], limits[i][1]);
    }
}

/* Host memory is taken until its write is over, whatever state that is in before; also one that
 * came to nothing is over. */
static void test_a_stage_is_free_when_its_write_is_over(void **state)
{
    static const cl_int states[] = {CL_RUNNING, CL_SUBMITTED, CL_QUEUED};
    const object_rig *const r = *state;
    object_desc desc = r->desc;
    unsigned staged = 0;
    r->kind->set_in_flight(&desc, 1);
    void *const object = object_new(r, &desc);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        const bool can_be_busy = r->kind->is_staged(call) && staged > 0;
        for (int i = 0; i < 3 && can_be_busy; ++i) {
            hook_reset();
            hook_event_state(states[i]);
            RIG_FAILS(LMS_E_BUSY, object_calls(r, object, call, call + 1), "max_in_flight: 1");
            assert_int_equal(hook_count("clEnqueueWriteBuffer"), 0);
            assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 0);
        }
        hook_reset();
        if (can_be_busy) {
            hook_event_state(call % 2 ? CL_OUT_OF_RESOURCES
                                      : CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
        }
        RIG_OK(object_calls(r, object, call, call + 1));
        clFinish(r->queue);
        staged += r->kind->is_staged(call);
    }
    hook_reset();
    object_assert_expected(r);
    r->kind->destroy(object);
}

/* Objects that may have one or two calls in flight can be made, every time. */
static void test_few_in_flight(void **state)
{
    const object_rig *const r = *state;
    for (uint32_t i = 0; i < 60; ++i) {
        object_desc desc = r->desc;
        r->kind->set_in_flight(&desc, 1 + i % 2);
        void *const object = object_new(r, &desc);
        if (i < 4) {
            assert_int_equal(object_poison(r), CL_SUCCESS);
            RIG_OK(object_begin(r, object, 0));
            for (unsigned call = 0; call < r->kind->calls; ++call) {
                RIG_OK(object_calls(r, object, call, call + 1));
                clFinish(r->queue);
            }
            object_assert_expected(r);
        }
        r->kind->destroy(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_and_retry),
        cmocka_unit_test(test_limits_of_flight),
        cmocka_unit_test(test_a_stage_is_free_when_its_write_is_over),
        cmocka_unit_test(test_few_in_flight),
    };
    return RUN_FOR_EACH_KIND("calls in flight", tests);
}
