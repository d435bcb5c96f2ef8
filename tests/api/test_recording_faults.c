/* What a recording refuses; and every call of OpenCL in making and running it fails once. */
#include "faults.h"
#include "hooks.h"
#include "recording_rig.h"

enum {
    LONG_LIST = 9 /* more events than a call hands on as they are */
};

static void test_refusals(void **state)
{
    const sampler_rig *const r = *state;
    const lms_sampler_run_args good = sampler_run_args(r, SAMPLER_PLAIN);
    lms_sampler_run_args b = good;
    lms_sampler *const s = r->base.object;
    lms_recording *made = NULL;
    lms_context *other = NULL;
    cl_event none = NULL;
#define REFUSED(status, sampler, queue, ...)                                                   \
    do {                                                                                       \
        made = (lms_recording *)s;                                                             \
        OBJECT_REFUSED(&r->base, s, status, lms_sampler_record(sampler, queue, &b, &made),     \
                       __VA_ARGS__);                                                           \
        assert_null(made);                                                                     \
        b = good;                                                                              \
    } while (0)
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_record(s, r->base.queue, &b, NULL), "out: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_record(s, r->base.queue, NULL, &made),
              "batch: is NULL");
    REFUSED(LMS_E_ARGUMENT, NULL, r->base.queue, "sampler: is NULL");
    REFUSED(LMS_E_ARGUMENT, s, NULL, "queue: is NULL");
    RIG_OK(lms_context_open(NULL, &other));
    REFUSED(LMS_E_ARGUMENT, s, lms_context_queue(other), "queue: ", "another cl_context");
    lms_context_destroy(other);
    b.rows = 0;
    REFUSED(LMS_E_ARGUMENT, s, r->base.queue, "rows: 0");
    b.rows = SAMPLER_ROWS + 1;
    REFUSED(LMS_E_ARGUMENT, s, r->base.queue, "rows: 7", "max_rows (6)");
    b = sampler_run_args(r, SAMPLER_SMALL);
    REFUSED(LMS_E_ARGUMENT, s, r->base.queue, "params: ", "params_device");
    b.index = r->order;
    REFUSED(LMS_E_ARGUMENT, s, r->base.queue, "index: ", "index_device");
    b.tokens.offset = SIZE_MAX / 16;
    REFUSED(LMS_E_BUFFER_SIZE, s, r->base.queue, "tokens: ");
    RIG_FAILS(LMS_E_ARGUMENT, lms_recording_run(NULL, 0, NULL, NULL), "recording: is NULL");
    assert_int_equal(lms_recording_commands(NULL), 0);
    lms_recording_destroy(NULL);
    made = recording_of(r, s, r->base.queue, SAMPLER_PLAIN);
    OBJECT_REFUSED(&r->base, s, LMS_E_ARGUMENT, lms_recording_run(made, 1, &none, NULL),
                   "wait_list[0]: is NULL");
    lms_recording_destroy(made);
#undef REFUSED
}

/* Each call of OpenCL and each allocation in recording fails once: it is refused, or has no
 * list, and works. */
static void test_recording_fails(void **state)
{
    const sampler_rig *const r = *state;
    const lms_sampler_run_args b = sampler_run_args(r, SAMPLER_PLAIN);
    lms_sampler *const s = recording_sampler(r, &recording_ways[RECORDING_WAYS - 1]);
    unsigned calls[64] = {0}, failures = 0, others = 0;
    hook_reset();
    lms_recording_destroy(recording_of(r, s, r->base.queue, SAMPLER_PLAIN));
    count_calls(calls);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        const char *const name = hook_name(f);
        for (unsigned nth = 1; nth <= calls[f] && !is_release(name); ++nth) {
            const long live = hook_live();
            lms_recording *made = NULL;
            hook_reset();
            hook_fail(name, nth, INJECTED);
            const lms_status status = lms_sampler_record(s, r->base.queue, &b, &made);
            const bool came = hook_failed();
            hook_reset();
            assert_true(came || strcmp(name, "clWaitForEvents") == 0);
            assert_true((status == LMS_OK) == (made != NULL));
            if (status != LMS_OK) {
                assert_true(is_right(name, status));
                ++failures;
            } else if (came) {
                assert_int_equal(lms_recording_commands(made), 3);
                RIG_OK(lms_recording_run(made, 0, NULL, NULL));
                ++others;
            }
            lms_recording_destroy(made);
            clFinish(r->base.queue);
            assert_true(hook_live() <= live + 1); /* the latest call has an event */
        }
    }
    print_message("%u failures, %u recordings without a list\n", failures, others);
    assert_true(failures > 20);
    assert_true(others > 8 || !recording_has_lists(&r->base));
    lms_sampler_destroy(s);
}

/* ... and in a run, whose list may be given up. The same run is made again. */
static void test_runs_fail(void **state)
{
    const sampler_rig *const r = *state;
    lms_sampler *const s = recording_sampler(r, &recording_ways[RECORDING_WAYS - 1]);
    lms_recording *const recording = recording_of(r, s, r->base.queue, SAMPLER_PLAIN);
    const cl_event before = rig_user_event(r->base.context);
    const cl_event list[LONG_LIST] = {before, before, before, before, before,
                                      before, before, before, before};
    unsigned calls[64] = {0};
    assert_int_equal(clSetUserEventStatus(before, CL_COMPLETE), CL_SUCCESS);
    for (int lists = 1; lists >= 0; --lists) {
        hook_reset();
        RIG_OK(lms_recording_run(recording, LONG_LIST, list, NULL));
        count_calls(calls);
        for (unsigned f = 0; hook_name(f) != NULL; ++f) {
            const char *const name = hook_name(f);
            const bool is_list = strcmp(name, "clEnqueueCommandBufferKHR") == 0;
            for (unsigned nth = 1; nth <= calls[f] && !is_list; ++nth) {
                cl_event event = NULL;
                hook_reset();
                hook_fail(name, nth, INJECTED);
                const lms_status status = lms_recording_run(recording, LONG_LIST, list, &event);
                const bool passes =
                    !hook_failed() || is_release(name) || is_after_enqueues(name);
                hook_reset();
                assert_int_equal(status, passes ? LMS_OK : INJECTED);
                assert_true((event != NULL) == passes);
                if (event != NULL) clReleaseEvent(event);
                RIG_OK(lms_recording_run(recording, LONG_LIST, list, NULL));
                clFinish(r->base.queue);
            }
        }
        hook_fail("clEnqueueCommandBufferKHR", 1, INJECTED);
        RIG_OK(lms_recording_run(recording, LONG_LIST, list, NULL));
        hook_reset();
    }
    lms_recording_destroy(recording);
    lms_sampler_destroy(s);
    clReleaseEvent(before);
    object_assert_good(&r->base, r->base.object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_recording_fails),
        cmocka_unit_test(test_runs_fail),
    };
    return cmocka_run_group_tests_name("recording_faults", tests, sampler_setup,
                                       object_teardown);
}
