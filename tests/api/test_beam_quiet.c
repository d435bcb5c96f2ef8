/* The calls of a running beam search allocate, build, block and copy nothing, and enqueue few
 * commands. */
#include "beam_rig.h"
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
    "clReleaseMemObject",
};

/* Since the last reset: nothing forbidden, this many kernels, and so many writes. */
static void assert_quiet(const char *call, unsigned kernels, unsigned writes)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; ++i) {
        if (hook_count(forbidden[i]) == 0) continue;
        fail_msg("%s called %s %u times", call, forbidden[i], hook_count(forbidden[i]));
    }
    assert_int_equal(hook_blocking(), 0);
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), kernels);
    assert_int_equal(hook_count("clEnqueueWriteBuffer"), writes);
}

/* Ends a call: its event is there if it was asked for, and what is live is as before. */
static void end_call(const beam_rig *r, bool wanted, cl_event event)
{
    assert_true((event != NULL) == wanted);
    clFinish(r->queue);
    if (event != NULL) clReleaseEvent(event);
}

static void quiet_open(const beam_rig *r, lms_beam *beam, bool with_ends, bool with_event)
{
    cl_event event = NULL;
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(4);
    p.max_length = BEAM_STEPS;
    p.end_tokens = with_ends ? 2 : 0;
    hook_reset();
    RIG_OK(lms_beam_open(beam, r->queue, 0, &p, r->ends, 0, NULL, with_event ? &event : NULL));
    assert_quiet("open", 0, with_ends ? 2 : 1);
    end_call(r, with_event, event);
}

static void quiet_step(const beam_rig *r, lms_beam *beam, unsigned bits, unsigned kernels)
{
    cl_event event = NULL;
    lms_beam_step_args b = beam_batch(r, 0);
    const uint32_t slot = 0;
    b.slots = &slot;
    b.requests = 1;
    if (bits & 1) b.scores.buffer = NULL;
    if (bits & 2) b.scores_fixed.buffer = NULL;
    if (bits & 4) b.status.buffer = NULL;
    if (bits & 8) b.first_rows = NULL;
    if (bits & 16) b.row_stride = BEAM_VOCAB;
    hook_reset();
    RIG_OK(lms_beam_step(beam, r->queue, &b, 0, NULL, bits & 32 ? &event : NULL));
    assert_quiet("step", kernels, 1);
    end_call(r, (bits & 32) != 0, event);
}

static void quiet_results(const beam_rig *r, lms_beam *beam, unsigned bits)
{
    cl_event event = NULL;
    lms_beam_results_args o = beam_output(r);
    const uint32_t slot = 0;
    o.slots = &slot;
    o.requests = 1;
    if (bits & 1) o.scores.buffer = NULL;
    if (bits & 2) o.logprobs.buffer = NULL;
    if (bits & 4) o.token_logprobs.buffer = NULL;
    if (bits & 8) o.beams.buffer = NULL;
    if (bits & 16) o.token_stride = BEAM_STEPS;
    hook_reset();
    RIG_OK(lms_beam_results(beam, r->queue, &o, 0, NULL, bits & 32 ? &event : NULL));
    assert_quiet("results", 1, 1);
    end_call(r, (bits & 32) != 0, event);
}

static void quiet_close(lms_beam *beam)
{
    hook_reset();
    RIG_OK(lms_beam_close(beam, 0));
    for (unsigned i = 0; hook_name(i) != NULL; ++i) {
        assert_int_equal(hook_count(hook_name(i)), 0);
    }
}

/* Every combination of end tokens, outputs and events. */
static void all_calls(const beam_rig *r, lms_beam *beam, unsigned kernels)
{
    for (unsigned bits = 0; bits < 1u << 6; ++bits) {
        quiet_open(r, beam, (bits & 1) != 0, (bits & 2) != 0);
        for (unsigned step = 0; step < 3; ++step) {
            quiet_step(r, beam, (bits + step * 21) % 64, kernels);
        }
        quiet_results(r, beam, bits);
        quiet_close(beam);
    }
}

static void test_calls_are_quiet(void **state)
{
    const beam_rig *const r = *state;
    all_calls(r, r->beam, 3);
}

static void test_calls_with_fewer_kernels_are_quiet(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_desc desc = beam_desc();
    lms_beam *beam = NULL;
    desc.work_items = 1;
    setenv("LMS_SHAPE", "fuse_from=1", 1);
    RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    all_calls(r, beam, 2);
    lms_beam_destroy(beam);
}

/* All requests at once make no more kernels, and neither does a search that is done. */
static void test_whole_searches_are_quiet(void **state)
{
    const beam_rig *const r = *state;
    for (int i = 0; i < 3; ++i) {
        for (unsigned call = 0; call < BEAM_CALLS; ++call) {
            const bool is_step = call >= BEAM_FIRST_STEP && call < BEAM_RESULTS;
            hook_reset();
            RIG_OK(beam_calls(r, r->beam, call, call + 1));
            if (call < BEAM_FIRST_STEP) {
                assert_quiet("open", 0, r->params[call].end_tokens > 0 ? 2 : 1);
            } else {
                assert_quiet(is_step ? "step" : "results", is_step ? 3 : 1, 1);
            }
        }
        clFinish(r->queue);
        RIG_OK(beam_close_all(r, r->beam));
    }
}

/* Nothing piles up from search to search. */
static void test_nothing_piles_up(void **state)
{
    const beam_rig *const r = *state;
    long live = 0;
    for (int i = 0; i < 12; ++i) {
        RIG_OK(beam_calls(r, r->beam, 0, BEAM_CALLS));
        clFinish(r->queue);
        RIG_OK(beam_close_all(r, r->beam));
        if (i == 3) live = hook_live(); /* every stage has an event now */
    }
    assert_int_equal(hook_live(), live);
}

/* No requests: a marker. */
static void test_empty_calls_are_quiet(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_step_args b;
    lms_beam_results_args o;
    const long live = hook_live();
    memset(&b, 0, sizeof b);
    memset(&o, 0, sizeof o);
    for (int i = 0; i < 4; ++i) {
        cl_event event = NULL;
        cl_event *const wanted = i < 2 ? &event : NULL;
        hook_reset();
        if (i % 2) {
            RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, wanted));
        } else {
            RIG_OK(lms_beam_results(r->beam, r->queue, &o, 0, NULL, wanted));
        }
        assert_quiet("an empty call", 0, 0);
        assert_int_equal(hook_count("clEnqueueMarkerWithWaitList"), 1);
        end_call(r, i < 2, event);
        assert_int_equal(hook_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_quiet),
        cmocka_unit_test(test_calls_with_fewer_kernels_are_quiet),
        cmocka_unit_test(test_whole_searches_are_quiet),
        cmocka_unit_test(test_nothing_piles_up),
        cmocka_unit_test(test_empty_calls_are_quiet),
    };
    return cmocka_run_group_tests_name("beam_quiet", tests, beam_setup, beam_teardown);
}
