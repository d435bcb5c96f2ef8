/* Every OpenCL call and every allocation of a contrastive search fails once. Nothing is lost by
 * it: the call that failed is made again, and all goes on as if it had not. */
#include "contrastive/contrastive.h"
#include "contrastive_api_rig.h"
#include "faults.h"
#include "hooks.h"

/* --- Creating ---------------------------------------------------------------------------- */

/* A search of the context, or, if that is NULL, of one that has built nothing yet; the nth call
 * of `name` (or NULL) fails. */
static lms_status make_one(lms_context *ctx, const char *name, unsigned nth)
{
    const lms_contrastive_desc desc = contrastive_desc();
    lms_context *fresh = NULL;
    if (ctx == NULL) RIG_OK(lms_context_open(NULL, &fresh));
    lms_contrastive *search = (lms_contrastive *)(void *)&fresh;
    hook_reset();
    if (name != NULL) hook_fail(name, nth, INJECTED);
    const lms_status status = lms_contrastive_create(ctx == NULL ? fresh : ctx, &desc, &search);
    assert_true((status == LMS_OK) == (search != NULL));
    lms_contrastive_destroy(search);
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

/* All calls of one whose programs are there, and those before: a program takes its time. */
static void test_every_call_of_create_fails_once(void **state)
{
    const contrastive_api_rig *const r = *state;
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
    contrastive_assert_good(r, r->search);
}

/* Each of the two programs. */
static void test_broken_source_is_a_build_failure(void **state)
{
    lms_contrastive_desc desc = contrastive_desc();
    lms_context *ctx = NULL;
    lms_contrastive *search = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    for (int again = 0; again < 2; ++again) {
        /* The first builds one program at least, the second the other one at most. */
        if (again == 1) desc.hidden = LMS_FLOAT16;
        hook_reset();
        hook_break_source();
        RIG_FAILS(LMS_E_BUILD, lms_contrastive_create(ctx, &desc, &search),
                  "clBuildProgram (-11)", "unheard_of");
        assert_null(search);
        assert_non_null(strstr(lms_context_log(ctx), "unheard_of"));
        RIG_OK(lms_contrastive_create(ctx, &desc, &search)); /* a failed build is not kept */
        lms_contrastive_destroy(search);
        search = NULL;
    }
    lms_context_destroy(ctx);
}

/* A device that computes otherwise, be it what all programs need or what only these do. */
static void test_wrong_answers_are_unsupported(void **state)
{
    const contrastive_api_rig *const r = *state;
    const lms_contrastive_desc desc = contrastive_desc();
    const long live = hook_live();
    RIG_OK(make_one(r->ctx, NULL, 0));
    const unsigned reads = hook_count("clEnqueueReadBuffer");
    assert_true(reads >= 2);
    for (unsigned nth = 1; nth <= reads; ++nth) {
        lms_contrastive *search = r->search;
        hook_reset();
        hook_corrupt_read(nth);
        RIG_FAILS(LMS_E_UNSUPPORTED, lms_contrastive_create(r->ctx, &desc, &search),
                  "would differ");
        assert_null(search);
        assert_int_equal(hook_live(), live);
    }
}

/* A team that the kernels do not take is refused if it was asked for, and halved if not. */
static void test_kernels_with_small_groups(void **state)
{
    const contrastive_api_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    lms_context *gpu = NULL;
    lms_contrastive *search = NULL;
    const long live = hook_live();
    hook_reset();
    hook_small_gpu(128);
    RIG_OK(lms_context_create(r->context, lms_context_device(r->ctx), &gpu));
    desc.work_items = 256;
    RIG_FAILS(LMS_E_UNSUPPORTED, lms_contrastive_create(gpu, &desc, &search),
              "work_items: 256 is above the 128 that the kernels can have");
    assert_null(search);
    desc.work_items = 0;
    RIG_OK(lms_contrastive_create(gpu, &desc, &search));
    hook_reset();
    contrastive_assert_good(r, search);
    lms_contrastive_destroy(search);
    lms_context_destroy(gpu);
    assert_int_equal(hook_live(), live);
}

/* --- Calls ------------------------------------------------------------------------------- */

/* References, without those to calls that the search keeps until a later one is over. */
static long live_of(const contrastive_api_rig *r)
{
    return hook_live() - (long)r->search->op.latest.count;
}

/* A call of a search, with all that it can have: a wait list and an event. */
static lms_status full_call(const contrastive_api_rig *r, cl_command_queue queue, unsigned call,
                            cl_event before)
{
    cl_event event = NULL;
    const lms_status status = contrastive_call(r, r->search, queue, call, 1, &before, &event);
    assert_true((status == LMS_OK) == (event != NULL));
    if (event != NULL) clReleaseEvent(event);
    return status;
}

static void calls_from(const contrastive_api_rig *r, cl_command_queue queue, unsigned first,
                       unsigned last, cl_event before)
{
    if (first == 0) RIG_OK(contrastive_open_all(r, r->search));
    for (unsigned call = first; call < last; ++call) RIG_OK(full_call(r, queue, call, before));
}

static void end_search(const contrastive_api_rig *r, cl_command_queue queue)
{
    assert_int_equal(clFinish(queue), CL_SUCCESS);
    RIG_OK(contrastive_close_all(r, r->search));
    assert_int_equal(lms_contrastive_room(r->search), CONTRASTIVE_PAGES * LMS_CONTEXT_PAGE);
}

/* Until every stage has an event. */
static void fill_stages(const contrastive_api_rig *r, cl_event before)
{
    for (int i = 0; i < 3; ++i) {
        calls_from(r, r->queue, 0, CONTRASTIVE_CALLS, before);
        end_search(r, r->queue);
    }
}

/* A search in which one call fails once, if it comes, and is made again. Returns what is wrong
 * with it, or NULL. */
static const char *fail_call(const contrastive_api_rig *r, cl_command_queue queue,
                             cl_event before, unsigned call, const char *name, unsigned nth,
                             bool *came)
{
    contrastive_trace found;
    const char *problem = NULL;
    assert_int_equal(contrastive_poison(r), CL_SUCCESS);
    calls_from(r, queue, 0, call, before);
    const contrastive_view looks = contrastive_look(r->search);
    hook_reset();
    hook_fail(name, nth, INJECTED);
    const lms_status status = full_call(r, queue, call, before);
    *came = hook_failed();
    hook_reset();
    const bool passes = !*came || is_release(name) || is_after_enqueues(name);
    if (status != (passes ? LMS_OK : INJECTED)) problem = "another status";
    if (status != LMS_OK) {
        if (!says(name)) problem = "not in the message";
        contrastive_assert_looks(r->search, &looks);
        RIG_OK(full_call(r, queue, call, before));
    }
    calls_from(r, queue, call + 1, CONTRASTIVE_CALLS, before);
    end_search(r, queue);
    assert_int_equal(contrastive_read(r, &found), CL_SUCCESS);
    if (contrastive_difference(&found, &r->expected) != NULL) {
        problem = "another search afterwards";
    }
    return problem;
}

/* Every function, until a search in which it is not called so often: that depends on the pages
 * that contexts get. */
static void fail_each(const contrastive_api_rig *r, cl_command_queue queue, cl_event before,
                      unsigned call)
{
    unsigned failures = 0;
    int problems = 0;
    fill_stages(r, before);
    const long live = live_of(r);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        bool came = true;
        for (unsigned nth = 1; came; ++nth) {
            const char *problem = fail_call(r, queue, before, call, hook_name(f), nth, &came);
            failures += came;
            if (live_of(r) > live) problem = "references are lost";
            if (problem == NULL) continue;
            print_error("call %u of the search: %s, number %u: %s\n", call, hook_name(f), nth,
                        problem);
            ++problems;
        }
    }
    print_message("%u failures of call %u\n", failures, call);
    assert_true(failures > 5);
    assert_int_equal(problems, 0);
    fill_stages(r, before);
    assert_int_equal(live_of(r), live);
}

/* In order and out of order. */
static void fail_everywhere(const contrastive_api_rig *r, unsigned call)
{
    const cl_command_queue loose = rig_queue(r->ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    const cl_event before = rig_user_event(r->context);
    assert_int_equal(clSetUserEventStatus(before, CL_COMPLETE), CL_SUCCESS);
    fail_each(r, r->queue, before, call);
    fail_each(r, loose, before, call);
    clReleaseEvent(before);
    clReleaseCommandQueue(loose);
}

static void test_every_call_of_append_fails_once(void **state) { fail_everywhere(*state, 0); }

static void test_every_call_of_propose_fails_once(void **state)
{
    fail_everywhere(*state, contrastive_propose_of(0));
    fail_everywhere(*state, contrastive_propose_of(2)); /* an index on the device */
}

static void test_every_call_of_select_fails_once(void **state)
{
    fail_everywhere(*state, contrastive_select_of(0));
    fail_everywhere(*state, contrastive_select_of(2)); /* into new pages */
}

static void test_every_call_of_a_last_select_fails_once(void **state)
{
    fail_everywhere(*state, CONTRASTIVE_CALLS - 1);
}

static void test_every_call_of_fork_fails_once(void **state)
{
    fail_everywhere(*state, CONTRASTIVE_FORK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_create_fails_once),
        cmocka_unit_test(test_broken_source_is_a_build_failure),
        cmocka_unit_test(test_wrong_answers_are_unsupported),
        cmocka_unit_test(test_kernels_with_small_groups),
        cmocka_unit_test(test_every_call_of_append_fails_once),
        cmocka_unit_test(test_every_call_of_propose_fails_once),
        cmocka_unit_test(test_every_call_of_select_fails_once),
        cmocka_unit_test(test_every_call_of_a_last_select_fails_once),
        cmocka_unit_test(test_every_call_of_fork_fails_once),
    };
    return cmocka_run_group_tests_name("contrastive_faults", tests, contrastive_setup,
                                       contrastive_teardown);
}
