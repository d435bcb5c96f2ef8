/* The calls of an object allocate, build, block and copy nothing, and enqueue few commands. */
#include "calls/kinds.h"
#include "hooks.h"

#include <stdlib.h>

static const char *const forbidden[] = {
    "malloc",
    "calloc",
    "realloc",
    "clCreateContext",
    "clCreateBuffer",
    "clCreateKernel",
    "clCreateCommandQueue",
    "clCreateProgramWithSource",
    "clCreateProgramWithBinary",
    "clBuildProgram",
    "clFinish",
    "clWaitForEvents",
    "clEnqueueReadBuffer",
    "clEnqueueReadBufferRect",
    "clEnqueueCopyBuffer",
    "clEnqueueFillBuffer",
    "clReleaseMemObject",
};

/* Since the last reset: nothing forbidden, and so many kernels and writes. */
static void assert_quiet(const char *call, call_cost cost)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; ++i) {
        if (hook_count(forbidden[i]) == 0) continue;
        fail_msg("%s called %s %u times", call, forbidden[i], hook_count(forbidden[i]));
    }
    assert_int_equal(hook_blocking(), 0);
    assert_in_range(hook_count("clEnqueueNDRangeKernel"), cost.kernels_least,
                    cost.kernels_most);
    assert_in_range(hook_count("clEnqueueWriteBuffer"), cost.writes_least, cost.writes_most);
}

/* Ends a call: its event is there if it was asked for. */
static void end_call(const object_rig *r, bool wanted, cl_event event)
{
    assert_true((event != NULL) == wanted);
    clFinish(r->queue);
    if (event != NULL) clReleaseEvent(event);
}

static size_t index_of(const object_kind *kind, const call_type *type)
{
    size_t t = 0;
    while (kind->types[t] != type) ++t;
    return t;
}

/* A call of the scenario in every variant, with and without an event, and the scenario so
 * far, which is as quiet. */
static void quiet_variants(const object_rig *r, void *object, const object_shape *shape,
                           const call_type *type)
{
    const unsigned at = object_first_of(r, type);
    for (unsigned bits = 0; bits < 2u << type->variant_count; ++bits) {
        cl_event event = NULL;
        cl_event *const wanted = bits >> type->variant_count ? &event : NULL;
        call_args args;
        RIG_OK(object_begin(r, object, at));
        clFinish(r->queue);
        (void)r->kind->arguments(r, at, &args);
        for (size_t i = 0; i < type->variant_count; ++i) {
            if (bits >> i & 1) change_record(&args, type->variants[i], CHANGES);
        }
        hook_reset();
        RIG_OK(type->run(object, r->queue, &args, 0, NULL, wanted));
        assert_quiet(type->name, shape->costs[index_of(r->kind, type)]);
        end_call(r, wanted != NULL, event);
        RIG_OK(object_end(r, object));
    }
}

/* Every combination of what is asked for, in every shape. */
static void test_variants_are_quiet(void **state)
{
    const object_rig *const r = *state;
    for (size_t i = 0; i < r->kind->shape_count; ++i) {
        const object_shape *const shape = &r->kind->shapes[i];
        object_desc desc = r->desc;
        change_record(&desc, shape->changes, CHANGES);
        setenv("LMS_SHAPE", shape->shape, 1);
        void *const object = object_new(r, &desc);
        setenv("LMS_SHAPE", "fuse_from=1000000", 1);
        for (size_t t = 0; t < r->kind->type_count; ++t) {
            quiet_variants(r, object, shape, r->kind->types[t]);
        }
        r->kind->destroy(object);
    }
}

/* Early calls and late ones, of all requests. */
static void test_whole_scenarios_are_quiet(void **state)
{
    const object_rig *const r = *state;
    for (int again = 0; again < 3; ++again) {
        RIG_OK(object_begin(r, r->object, 0));
        for (unsigned call = 0; call < r->kind->calls; ++call) {
            call_args args;
            const call_type *const type = r->kind->arguments(r, call, &args);
            hook_reset();
            RIG_OK(object_calls(r, r->object, call, call + 1));
            assert_quiet(type->name, r->kind->cost(r, call));
        }
        clFinish(r->queue);
        RIG_OK(object_end(r, r->object));
    }
}

/* What comes before the first call and behind the last one asks OpenCL nothing at all. */
static void test_opening_and_closing_is_silent(void **state)
{
    const object_rig *const r = *state;
    hook_reset();
    RIG_OK(object_begin(r, r->object, 0));
    RIG_OK(object_end(r, r->object));
    for (unsigned i = 0; hook_name(i) != NULL; ++i) {
        assert_int_equal(hook_count(hook_name(i)), 0);
    }
    RIG_OK(object_begin(r, r->object, r->kind->calls));
    clFinish(r->queue);
    hook_reset();
    RIG_OK(object_end(r, r->object));
    for (unsigned i = 0; hook_name(i) != NULL; ++i) {
        assert_int_equal(hook_count(hook_name(i)), 0);
    }
}

/* Nothing piles up from scenario to scenario. */
static void test_nothing_piles_up(void **state)
{
    const object_rig *const r = *state;
    long live = 0;
    for (int i = 0; i < 12; ++i) {
        RIG_OK(object_begin(r, r->object, r->kind->calls));
        clFinish(r->queue);
        RIG_OK(object_end(r, r->object));
        if (i == 3) live = hook_live(); /* every stage has an event now */
    }
    assert_int_equal(hook_live(), live);
}

/* Calls that can be made however many are in flight: one of the scenario that keeps nothing on
 * the host, or those without requests. */
static void call_freely(const object_rig *r, cl_event hold)
{
    call_args args;
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        const call_type *const type = r->kind->arguments(r, call, &args);
        if (!type->can_be_empty) continue;
        if (r->kind->is_staged(call)) memset(&args, 0, sizeof args);
        RIG_OK(type->run(r->object, r->queue, &args, 1, &hold, NULL));
    }
}

/* More calls in flight than are kept, each with a wait list. */
static void test_many_calls_with_wait_lists(void **state)
{
    const object_rig *const r = *state;
    const cl_event hold = rig_user_event(r->context);
    const long live = hook_live();
    cl_event event = NULL;
    for (int i = 0; i < 200; ++i) call_freely(r, hold);
    assert_in_range(hook_live() - live, 0, 64);
    RIG_OK(object_begin(r, r->object, 0));
    RIG_OK(object_call(r, r->object, r->queue, 0, 0, NULL, &event));
    rig_assert_pending(event);
    rig_complete(hold);
    rig_wait(event);
    RIG_OK(object_end(r, r->object));
    object_assert_good(r, r->object);
    assert_true(hook_live() <= live); /* what is over is let go */
}

/* No requests: a marker. */
static void test_empty_calls_are_quiet(void **state)
{
    static const call_cost nothing = {0, 0, 0, 0};
    const object_rig *const r = *state;
    const long live = hook_live();
    call_args empty;
    memset(&empty, 0, sizeof empty);
    for (size_t i = 0; i < 2 * r->kind->type_count; ++i) {
        const call_type *const type = r->kind->types[i / 2];
        cl_event event = NULL;
        cl_event *const wanted = i % 2 ? &event : NULL;
        if (!type->can_be_empty) continue;
        hook_reset();
        RIG_OK(type->run(r->object, r->queue, &empty, 0, NULL, wanted));
        assert_quiet("an empty call", nothing);
        assert_int_equal(hook_count("clEnqueueMarkerWithWaitList"), 1);
        end_call(r, wanted != NULL, event);
        assert_int_equal(hook_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variants_are_quiet),
        cmocka_unit_test(test_whole_scenarios_are_quiet),
        cmocka_unit_test(test_opening_and_closing_is_silent),
        cmocka_unit_test(test_nothing_piles_up),
        cmocka_unit_test(test_many_calls_with_wait_lists),
        cmocka_unit_test(test_empty_calls_are_quiet),
    };
    return RUN_FOR_EACH_KIND("quietness", tests);
}
