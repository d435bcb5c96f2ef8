/* Every OpenCL call and every allocation of a beam search fails once. Nothing is lost by it:
 * the call that failed is made again, and all goes on as if it had not. */
#include "beam/beam.h"
#include "beam_rig.h"
#include "faults.h"
#include "hooks.h"

/* --- Creating ---------------------------------------------------------------------------- */

/* A beam search of the context, or, if that is NULL, of one that has built nothing yet; the nth
 * call of `name` (or NULL) fails. */
static lms_status make_one(lms_context *ctx, const char *name, unsigned nth)
{
    const lms_beam_desc desc = beam_desc();
    lms_context *fresh = NULL;
    if (ctx == NULL) RIG_OK(lms_context_open(NULL, &fresh));
    lms_beam *beam = (lms_beam *)(void *)&fresh;
    hook_reset();
    if (name != NULL) hook_fail(name, nth, INJECTED);
    const lms_status status = lms_beam_create(ctx == NULL ? fresh : ctx, &desc, &beam);
    assert_true((status == LMS_OK) == (beam != NULL));
    lms_beam_destroy(beam);
    lms_context_destroy(fresh);
    return status;
}

/* Returns whether something was wrong. */
static int fail_create(lms_context *ctx, const char *name, unsigned nth)
{
    const long live = hook_live();
    const lms_status status = make_one(ctx, name, nth);
    if (hook_failed() && is_right(name, status) && hook_live() == live) return 0;
    print_error("%s, call %u: status %d (%s), %ld more alive than before\n", name, nth,
                (int)status, lms_error_message(), hook_live() - live);
    return 1;
}

/* All calls of one whose program is there, and those before: a program takes its time. */
static void test_every_call_of_create_fails_once(void **state)
{
    const beam_rig *const r = *state;
    unsigned calls[64] = {0}, building[64] = {0}, failures = 0;
    int problems = 0;
    RIG_OK(make_one(NULL, NULL, 0));
    count_calls(building);
    RIG_OK(make_one(r->ctx, NULL, 0));
    count_calls(calls);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        const char *const name = hook_name(f);
        for (unsigned nth = 1; nth <= calls[f]; ++nth, ++failures) {
            problems += fail_create(r->ctx, name, nth);
        }
        for (unsigned nth = 1; nth + calls[f] <= building[f]; ++nth, ++failures) {
            if (!is_release(name)) problems += fail_create(NULL, name, nth);
        }
    }
    hook_reset();
    print_message("%u failures of create\n", failures);
    assert_int_equal(problems, 0);
    beam_assert_good(r, r->beam);
}

static void test_broken_source_is_a_build_failure(void **state)
{
    const lms_beam_desc desc = beam_desc();
    lms_context *ctx = NULL;
    lms_beam *beam = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    hook_reset();
    hook_break_source();
    RIG_FAILS(LMS_E_BUILD, lms_beam_create(ctx, &desc, &beam), "clBuildProgram (-11)",
              "unheard_of");
    assert_null(beam);
    assert_non_null(strstr(lms_context_log(ctx), "unheard_of"));
    RIG_OK(lms_beam_create(ctx, &desc, &beam)); /* a failed build is not kept */
    lms_beam_destroy(beam);
    lms_context_destroy(ctx);
}

/* A device that computes otherwise, be it what all programs need or what only these do. */
static void test_wrong_answers_are_unsupported(void **state)
{
    static const char *const texts[] = {"not 0x24facacd", "not 0x0000000162e42eef"};
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    const long live = hook_live();
    for (unsigned nth = 1; nth <= 2; ++nth) {
        lms_beam *beam = r->beam;
        hook_reset();
        hook_corrupt_read(nth);
        RIG_FAILS(LMS_E_UNSUPPORTED, lms_beam_create(r->ctx, &desc, &beam), texts[nth - 1],
                  "would differ");
        assert_null(beam);
        assert_int_equal(hook_live(), live);
    }
}

/* A team that the kernels do not take is refused if it was asked for, and halved if not. */
static void test_kernels_with_small_groups(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_desc desc = beam_desc();
    lms_context *gpu = NULL;
    lms_beam *beam = NULL;
    const long live = hook_live();
    hook_reset();
    hook_small_gpu(128);
    RIG_OK(lms_context_create(r->context, lms_context_device(r->ctx), &gpu));
    desc.work_items = 256;
    RIG_FAILS(LMS_E_UNSUPPORTED, lms_beam_create(gpu, &desc, &beam),
              "work_items: 256 is above the 128 that the kernels can have");
    assert_null(beam);
    desc.work_items = 0;
    RIG_OK(lms_beam_create(gpu, &desc, &beam));
    assert_int_equal(hook_count("clBuildProgram"), 2); /* 256, 128 */
    hook_reset();
    beam_assert_good(r, beam);
    lms_beam_destroy(beam);
    lms_context_destroy(gpu);
    assert_int_equal(hook_live(), live);
}

/* --- Calls ------------------------------------------------------------------------------- */

/* References, without those to calls that the search keeps until a later one is over. */
static long live_of(const beam_rig *r) { return hook_live() - (long)r->beam->op.latest.count; }

/* A call of a search, with all that it can have: a wait list and an event. */
static lms_status full_call(const beam_rig *r, cl_command_queue queue, unsigned call,
                            cl_event before)
{
    cl_event event = NULL;
    const lms_status status = beam_call(r, r->beam, queue, call, 1, &before, &event);
    assert_true((status == LMS_OK) == (event != NULL));
    if (event != NULL) clReleaseEvent(event);
    return status;
}

static void calls_from(const beam_rig *r, cl_command_queue queue, unsigned first, unsigned last,
                       cl_event before)
{
    for (unsigned call = first; call < last; ++call) RIG_OK(full_call(r, queue, call, before));
}

static void end_search(const beam_rig *r, cl_command_queue queue)
{
    assert_int_equal(clFinish(queue), CL_SUCCESS);
    RIG_OK(beam_close_all(r, r->beam));
}

/* Until every stage has an event. */
static void fill_stages(const beam_rig *r, cl_event before)
{
    for (int i = 0; i < 3; ++i) {
        calls_from(r, r->queue, 0, BEAM_CALLS, before);
        end_search(r, r->queue);
    }
}

/* A search in which one call fails once, and is made again. What is wrong with it, or NULL. */
static const char *fail_call(const beam_rig *r, cl_command_queue queue, cl_event before,
                             unsigned call, const char *name, unsigned nth)
{
    beam_trace found;
    const char *problem = NULL;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    calls_from(r, queue, 0, call, before);
    hook_reset();
    hook_fail(name, nth, INJECTED);
    const lms_status status = full_call(r, queue, call, before);
    /* How many events are let go depends on which earlier calls are over. */
    if (!hook_failed() && !is_release(name)) problem = "the call that should fail did not come";
    hook_reset();
    const bool passes = is_release(name) || is_after_enqueues(name);
    if (status != (passes ? LMS_OK : INJECTED)) problem = "another status";
    if (status != LMS_OK) {
        if (!says(name)) problem = "not in the message";
        RIG_OK(full_call(r, queue, call, before));
    }
    calls_from(r, queue, call + 1, BEAM_CALLS, before);
    end_search(r, queue);
    assert_int_equal(beam_read(r, &found), CL_SUCCESS);
    if (beam_difference(&found, &r->expected) != NULL) problem = "another search afterwards";
    return problem;
}

static void fail_each(const beam_rig *r, cl_command_queue queue, cl_event before, unsigned call)
{
    unsigned calls[64] = {0};
    int problems = 0;
    fill_stages(r, before);
    const long live = live_of(r);
    calls_from(r, queue, 0, call, before);
    hook_reset();
    RIG_OK(full_call(r, queue, call, before));
    count_calls(calls);
    calls_from(r, queue, call + 1, BEAM_CALLS, before);
    end_search(r, queue);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        for (unsigned nth = 1; nth <= calls[f]; ++nth) {
            const char *problem = fail_call(r, queue, before, call, hook_name(f), nth);
            if (live_of(r) > live) problem = "references are lost";
            if (problem == NULL) continue;
            print_error("call %u of the search: %s, number %u: %s\n", call, hook_name(f), nth,
                        problem);
            ++problems;
        }
    }
    assert_int_equal(problems, 0);
    fill_stages(r, before);
    assert_int_equal(live_of(r), live);
}

/* In order and out of order. */
static void fail_everywhere(const beam_rig *r, unsigned call)
{
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    const cl_event before = rig_user_event(r->context);
    assert_int_equal(clSetUserEventStatus(before, CL_COMPLETE), CL_SUCCESS);
    fail_each(r, r->queue, before, call);
    fail_each(r, loose, before, call);
    clReleaseEvent(before);
    clReleaseCommandQueue(loose);
}

static void test_every_call_of_open_fails_once(void **state) { fail_everywhere(*state, 0); }

static void test_every_call_of_a_first_step_fails_once(void **state)
{
    fail_everywhere(*state, BEAM_FIRST_STEP);
}

static void test_every_call_of_a_later_step_fails_once(void **state)
{
    fail_everywhere(*state, BEAM_FIRST_STEP + 3);
}

/* The step at which a request has no more room: one more would be one too many. */
static void test_every_call_of_a_last_step_fails_once(void **state)
{
    fail_everywhere(*state, BEAM_RESULTS - 1);
}

static void test_every_call_of_results_fails_once(void **state)
{
    fail_everywhere(*state, BEAM_RESULTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_create_fails_once),
        cmocka_unit_test(test_broken_source_is_a_build_failure),
        cmocka_unit_test(test_wrong_answers_are_unsupported),
        cmocka_unit_test(test_kernels_with_small_groups),
        cmocka_unit_test(test_every_call_of_open_fails_once),
        cmocka_unit_test(test_every_call_of_a_first_step_fails_once),
        cmocka_unit_test(test_every_call_of_a_later_step_fails_once),
        cmocka_unit_test(test_every_call_of_a_last_step_fails_once),
        cmocka_unit_test(test_every_call_of_results_fails_once),
    };
    return cmocka_run_group_tests_name("beam_faults", tests, beam_setup, beam_teardown);
}
