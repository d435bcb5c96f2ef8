/* Every OpenCL call and every allocation in making an object, and in each of its calls, fails
 * once. Nothing is lost by it: the call that failed is made again, and all goes on as if it had
 * not. */
#include "calls/kinds.h"
#include "faults.h"
#include "hooks.h"

#include <stdlib.h>

enum {
    HOOKS = 64
};

/* --- Creating ---------------------------------------------------------------------------- */

/* An object of the context, or, if that is NULL, of one that has built nothing yet; the nth
 * call of `name` (or NULL) fails. */
static lms_status make_one(const object_rig *r, lms_context *ctx, const char *name,
                           unsigned nth)
{
    const object_desc desc = r->kind->desc();
    lms_context *fresh = NULL;
    if (ctx == NULL) RIG_OK(lms_context_open(NULL, &fresh));
    void *object = r->object;
    hook_reset();
    if (name != NULL) hook_fail(name, nth, INJECTED);
    const lms_status status = r->kind->create(ctx == NULL ? fresh : ctx, &desc, &object);
    assert_true((status == LMS_OK) == (object != NULL));
    r->kind->destroy(object);
    lms_context_destroy(fresh);
    return status;
}

/* Returns whether something was wrong. */
static int fail_create(const object_rig *r, lms_context *ctx, const char *name, unsigned nth)
{
    const long live = hook_live();
    const lms_status status = make_one(r, ctx, name, nth);
    if (hook_failed() && is_right(name, status) && hook_live() == live) return 0;
    print_error("%s, call %u: status %d (%s), %ld more alive than before\n", name, nth,
                (int)status, lms_error_message(), hook_live() - live);
    return 1;
}

/* All calls of one whose programs are there, and of one whose programs are built, those before
 * and those that only this one has: a program takes its time. */
static void test_every_call_of_create_fails_once(void **state)
{
    const object_rig *const r = *state;
    unsigned calls[HOOKS] = {0}, building[HOOKS] = {0}, failures = 0;
    int problems = 0;
    RIG_OK(make_one(r, NULL, NULL, 0));
    count_calls(building);
    RIG_OK(make_one(r, r->ctx, NULL, 0));
    count_calls(calls);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        const char *const name = hook_name(f);
        for (unsigned nth = 1; nth <= calls[f] || nth <= building[f]; ++nth) {
            const bool is_there = nth <= calls[f], is_before = nth + calls[f] <= building[f];
            if (is_there) problems += fail_create(r, r->ctx, name, nth);
            failures += is_there;
            if (is_there && (!is_before || is_release(name))) continue;
            problems += fail_create(r, NULL, name, nth);
            ++failures;
        }
    }
    hook_reset();
    print_message("%u failures of create\n", failures);
    assert_int_equal(problems, 0);
    object_assert_good(r, r->object);
}

/* Every program that is built, one after the other. */
static void test_broken_source_is_a_build_failure(void **state)
{
    const object_rig *const r = *state;
    object_desc desc = r->kind->desc();
    lms_context *ctx = NULL;
    void *object = NULL;
    RIG_OK(lms_context_open(NULL, &ctx));
    for (int again = 0; again < 2; ++again) {
        /* Where there are two programs, the first object builds one at least, and the second
         * the other one at most. */
        object_types types = r->kind->types_of(&desc);
        if (again == 1) types.hidden = LMS_FLOAT16;
        if (again == 1) r->kind->set_types(&desc, types);
        if (again == 1 && r->kind->types_of(&desc).hidden != LMS_FLOAT16) break;
        hook_reset();
        hook_break_source();
        RIG_FAILS(LMS_E_BUILD, r->kind->create(ctx, &desc, &object), "clBuildProgram (-11)",
                  "unheard_of");
        assert_null(object);
        assert_non_null(strstr(lms_context_log(ctx), "unheard_of"));
        RIG_OK(r->kind->create(ctx, &desc, &object)); /* a failed build is not kept */
        r->kind->destroy(object);
    }
    lms_context_destroy(ctx);
}

/* A device that computes otherwise, be it what all programs need or what only these do. */
static void test_wrong_answers_are_unsupported(void **state)
{
    const object_rig *const r = *state;
    const long live = hook_live();
    RIG_OK(make_one(r, r->ctx, NULL, 0));
    const unsigned reads = hook_count("clEnqueueReadBuffer");
    assert_true(reads >= 1);
    for (unsigned nth = 1; nth <= reads; ++nth) {
        void *object = r->object;
        hook_reset();
        hook_corrupt_read(nth);
        RIG_FAILS(LMS_E_UNSUPPORTED, r->kind->create(r->ctx, &r->desc, &object), " not 0x",
                  "would differ");
        assert_null(object);
        assert_int_equal(hook_live(), live);
    }
    hook_reset();
}

/* A team that the kernels do not take is refused if it was asked for, and halved if not. */
static void test_kernels_with_small_groups(void **state)
{
    const object_rig *const r = *state;
    object_desc desc = r->kind->desc();
    lms_context *gpu = NULL;
    void *object = NULL;
    const long live = hook_live();
    hook_reset();
    hook_small_gpu(128);
    RIG_OK(lms_context_create(r->context, lms_context_device(r->ctx), &gpu));
    r->kind->set_team(&desc, 256);
    RIG_FAILS(LMS_E_UNSUPPORTED, r->kind->create(gpu, &desc, &object),
              "work_items: 256 is above the 128 that the kernels can have");
    assert_null(object);
    r->kind->set_team(&desc, 0);
    const unsigned builds = hook_count("clBuildProgram");
    RIG_OK(r->kind->create(gpu, &desc, &object));
    assert_true(hook_count("clBuildProgram") > builds);
    hook_reset();
    object_assert_good(r, object);
    r->kind->destroy(object);
    lms_context_destroy(gpu);
    assert_int_equal(hook_live(), live);
}

/* --- Calls ------------------------------------------------------------------------------- */

/* A call of the scenario, with all that it can have: a wait list, which is long on all queues
 * but the context's own, and an event. */
static lms_status full_call(const object_rig *r, cl_command_queue queue, unsigned call,
                            cl_event before)
{
    const cl_event list[] = {before, before, before, before, before,
                             before, before, before, before};
    const cl_uint count = queue == r->queue ? 1 : sizeof list / sizeof list[0];
    cl_event event = NULL;
    const lms_status status = object_call(r, r->object, queue, call, count, list, &event);
    assert_true((status == LMS_OK) == (event != NULL));
    if (event != NULL) clReleaseEvent(event);
    return status;
}

static void calls_from(const object_rig *r, cl_command_queue queue, unsigned first,
                       unsigned last, cl_event before)
{
    if (first == 0) RIG_OK(object_begin(r, r->object, 0)); /* also where it makes no call */
    for (unsigned call = first; call < last; ++call) RIG_OK(full_call(r, queue, call, before));
}

static void end(const object_rig *r, cl_command_queue queue)
{
    assert_int_equal(clFinish(queue), CL_SUCCESS);
    RIG_OK(object_end(r, r->object));
}

/* Until every stage has an event. */
static void fill_stages(const object_rig *r, cl_event before)
{
    for (int i = 0; i < 3; ++i) {
        calls_from(r, r->queue, 0, r->kind->calls, before);
        end(r, r->queue);
    }
}

/* A scenario in which one call fails once, if it comes, and is made again. Returns what is
 * wrong with it, or NULL. */
static const char *fail_call(const object_rig *r, cl_command_queue queue, cl_event before,
                             unsigned call, const char *name, unsigned nth, void *found,
                             bool *came)
{
    const char *problem = NULL;
    assert_int_equal(object_poison(r), CL_SUCCESS);
    calls_from(r, queue, 0, call, before);
    const object_view looks = object_look(r, r->object);
    hook_reset();
    hook_fail(name, nth, INJECTED);
    const lms_status status = full_call(r, queue, call, before);
    *came = hook_failed();
    hook_reset();
    const bool passes = !*came || is_release(name) || is_after_enqueues(name);
    if (status != (passes ? LMS_OK : INJECTED)) problem = "another status";
    if (status != LMS_OK) {
        if (!says(name)) problem = "not in the message";
        object_assert_looks(r, r->object, &looks);
        RIG_OK(full_call(r, queue, call, before));
    }
    for (unsigned next = call + 1; next < r->kind->calls; ++next) {
        RIG_OK(full_call(r, queue, next, before));
    }
    end(r, queue);
    assert_int_equal(object_read(r, found), CL_SUCCESS);
    if (object_difference(r, found, object_expected(r)) != NULL) {
        problem = "another scenario afterwards";
    }
    return problem;
}

/* Functions that are called at all, until a scenario in which they are not called so often:
 * that depends on the pages that contexts get, and on which earlier calls are over. */
static void fail_each(object_rig *r, cl_command_queue queue, cl_event before, unsigned call)
{
    unsigned calls[HOOKS] = {0}, failures = 0;
    int problems = 0;
    void *const found = object_record(r);
    fill_stages(r, before);
    calls_from(r, queue, 0, call, before);
    hook_reset();
    RIG_OK(full_call(r, queue, call, before));
    count_calls(calls);
    end(r, queue);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        bool came = calls[f] > 0 || is_release(hook_name(f));
        for (unsigned nth = 1; came; ++nth) {
            const char *problem =
                fail_call(r, queue, before, call, hook_name(f), nth, found, &came);
            failures += came;
            if (nth == 1 && calls[f] > 0 && !came && !is_release(hook_name(f))) {
                problem = "the call that should fail did not come";
            }
            if (problem == NULL) continue;
            print_error("call %u: %s, number %u: %s\n", call, hook_name(f), nth, problem);
            ++problems;
        }
    }
    free(found);
    print_message("%u failures of call %u\n", failures, call);
    assert_true(failures > 5);
    assert_int_equal(problems, 0);
}

/* In order and out of order, each in an object of its own, with which all references go. */
static void fail_everywhere(object_rig *r, const object_desc *desc)
{
    void *const usual = r->object;
    const cl_command_queue queues[] = {
        r->queue, rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE)};
    const cl_event before = rig_user_event(r->context);
    assert_int_equal(clSetUserEventStatus(before, CL_COMPLETE), CL_SUCCESS);
    r->kind->destroy(object_new(r, desc)); /* the context keeps its programs */
    for (size_t i = 0; i < 2 * r->kind->sample_count; ++i) {
        const long live = hook_live();
        r->object = object_new(r, desc);
        fail_each(r, queues[i % 2], before, r->kind->samples[i / 2]);
        r->kind->destroy(r->object);
        assert_int_equal(hook_live(), live);
    }
    r->object = usual;
    clReleaseEvent(before);
    clReleaseCommandQueue(queues[1]);
}

static void test_every_call_of_a_call_fails_once(void **state)
{
    object_rig *const r = *state;
    fail_everywhere(r, &r->desc);
}

/* Also in other shapes, that have more kernels. */
static void test_in_other_shapes(void **state)
{
    object_rig *const r = *state;
    for (size_t i = 0; i < r->kind->shape_count; ++i) {
        object_desc desc = r->desc;
        if (!r->kind->shapes[i].fails) continue;
        change_record(&desc, r->kind->shapes[i].changes, CHANGES);
        fail_everywhere(r, &desc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_create_fails_once),
        cmocka_unit_test(test_broken_source_is_a_build_failure),
        cmocka_unit_test(test_wrong_answers_are_unsupported),
        cmocka_unit_test(test_kernels_with_small_groups),
        cmocka_unit_test(test_every_call_of_a_call_fails_once),
        cmocka_unit_test(test_in_other_shapes),
    };
    return RUN_FOR_EACH_KIND("faults", tests);
}
