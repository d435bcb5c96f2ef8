/* lms_sampler_run allocates, builds, blocks and copies nothing, and enqueues at most 4
 * kernels. */
#include "hooks.h"
#include "rig.h"

static const char *const forbidden[] = {
    "malloc",
    "calloc",
    "clCreateBuffer",
    "clCreateKernel",
    "clCreateCommandQueue",
    "clCreateProgramWithSource",
    "clCreateProgramWithBinary",
    "clBuildProgram",
    "clFinish",
    "clWaitForEvents",
    "clEnqueueReadBuffer",
    "clEnqueueCopyBuffer",
};

static void assert_quiet(void)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; ++i) {
        if (hook_count(forbidden[i]) == 0) continue;
        fail_msg("run called %s %u times", forbidden[i], hook_count(forbidden[i]));
    }
    assert_int_equal(hook_blocking(), 0);
    assert_in_range(hook_count("clEnqueueNDRangeKernel"), 1, 4);
    assert_in_range(hook_count("clEnqueueWriteBuffer"), 0, 2);
}

/* Every combination of doors, outputs, rows and events. */
static void test_run_is_quiet(void **state)
{
    rig *const r = *state;
    for (unsigned bits = 0; bits < 1u << 8; ++bits) {
        cl_event event = NULL;
        lms_sampler_run_args b = rig_batch(r);
        b.rows = bits & 1u ? RIG_ROWS : 1;
        b.logits_rows = RIG_ROWS;
        if (bits & 2u) b.params = r->records, b.params_device.buffer = NULL;
        if (bits & 4u) b.index = r->order, b.index_device.buffer = NULL;
        if (bits & 8u) b.logprob_raw.buffer = NULL, b.logprob.buffer = NULL;
        if (bits & 16u) b.probs.buffer = NULL;
        if (bits & 32u) b.kept.buffer = NULL;
        if (bits & 64u) b.uniforms.buffer = r->uniforms, b.uniforms_per_row = RIG_ATTEMPTS;
        hook_reset();
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, bits & 128u ? &event : NULL));
        assert_quiet();
        assert_true((event != NULL) == ((bits & 128u) != 0));
        clFinish(r->queue);
        if (event != NULL) clReleaseEvent(event);
    }
}

/* What a call that fails its checks asks of OpenCL: nothing but questions. */
static void test_failed_checks_enqueue_nothing(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_batch(r);
    b.probs.offset = 1;
    hook_reset();
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
              "probs");
    assert_null(hook_deed());
}

/* Host memory is taken until its write is over, whatever state that is in before. */
static void test_a_stage_is_free_when_its_write_is_over(void **state)
{
    static const cl_int states[] = {CL_RUNNING, CL_SUBMITTED, CL_QUEUED};
    rig *const r = *state;
    const lms_sampler_run_args batch = rig_small_batch(r);
    for (int i = 0; i < 2; ++i) { /* until every stage has an event */
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
        clFinish(r->queue);
    }
    for (int i = 0; i < 3; ++i) {
        hook_reset();
        hook_event_state(states[i]);
        RIG_FAILS(LMS_E_BUSY, lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL),
                  "max_in_flight: 2");
        assert_int_equal(hook_count("clEnqueueWriteBuffer"), 0);
        assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 0);
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
        clFinish(r->queue);
    }
    hook_terminate_event();
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &batch, 0, NULL, NULL));
    hook_reset();
    rig_assert_good(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_is_quiet),
        cmocka_unit_test(test_failed_checks_enqueue_nothing),
        cmocka_unit_test(test_a_stage_is_free_when_its_write_is_over),
    };
    return cmocka_run_group_tests_name("quiet", tests, rig_setup, rig_teardown);
}
