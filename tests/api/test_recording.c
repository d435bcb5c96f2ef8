/* Recorded calls of a sampler: the same bits as lms_sampler_run, for one command where the
 * runtime can, and as many as there are kernels where it cannot. */
#include "hooks.h"
#include "recording_rig.h"

#include <lms_tuning.h>

#include <pthread.h>
#include <stdlib.h>

enum {
    LONG_LIST = 9 /* more events than a call hands on as they are */
};

/* The scenario's calls by the recordings, where there is one. */
static void run_all(const sampler_rig *r, lms_sampler *s, lms_recording *const *recordings,
                    const cl_event *first)
{
    for (unsigned call = 0; call < SAMPLER_CALLS; ++call) {
        const cl_event *const list = call == 0 ? first : NULL;
        const cl_uint count = list != NULL;
        if (recordings[call] != NULL) {
            RIG_OK(lms_recording_run(recordings[call], count, list, NULL));
        } else {
            RIG_OK(object_call(&r->base, s, r->base.queue, call, count, list, NULL));
        }
    }
}

/* Recorded and other calls in turns, on queues of every order, also all of them held. */
static void same_as_calls(const sampler_rig *r, const recording_way *way, uint32_t commands)
{
    const cl_command_queue loose =
        rig_queue(r->base.ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    lms_sampler *const s = recording_sampler(r, way);
    lms_recording *recordings[SAMPLER_CALLS] = {NULL};
    recordings[SAMPLER_DEVICE] = recording_of(r, s, r->base.queue, SAMPLER_DEVICE);
    recordings[SAMPLER_PLAIN] = recording_of(r, s, loose, SAMPLER_PLAIN);
    assert_int_equal(lms_recording_commands(recordings[SAMPLER_DEVICE]), commands);
    assert_int_equal(lms_recording_commands(recordings[SAMPLER_PLAIN]), commands);
    for (int again = 0; again < 6; ++again) {
        const cl_event hold = rig_user_event(r->base.context);
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        run_all(r, s, recordings, again % 2 ? &hold : NULL);
        if (again > 3) run_all(r, s, recordings, NULL); /* while they are under way */
        rig_complete(hold);
        clFinish(loose);
        object_assert_expected(&r->base);
    }
    for (unsigned call = 0; call < SAMPLER_CALLS; ++call) {
        lms_recording_destroy(recordings[call]);
    }
    lms_sampler_destroy(s);
    clReleaseCommandQueue(loose);
}

static void test_same_bits(void **state)
{
    const sampler_rig *const r = *state;
    const bool can = recording_has_lists(&r->base);
    for (size_t i = 0; i < RECORDING_WAYS; ++i) {
        lms_sampler_destroy(
            recording_sampler(r, &recording_ways[i])); /* the context keeps its programs */
        const long live = hook_live();
        same_as_calls(r, &recording_ways[i], can ? 1 : recording_ways[i].kernels);
        assert_int_equal(hook_live(), live);
    }
}

/* Runtimes that have no such lists, or not for this use. */
static void test_one_by_one(void **state)
{
    static const char other[] = "cl_khr_command_buffer_mutable_dispatch cl_khr_fp64";
    static const cl_bitfield not_at_once = 8 | 1, required = CL_QUEUE_PROFILING_ENABLE;
    const sampler_rig *const r = *state;
    const recording_way *const way = &recording_ways[RECORDING_WAYS - 1];
    hook_reset();
    hook_answer(NULL, CL_DEVICE_EXTENSIONS, sizeof other, other);
    same_as_calls(r, way, way->kernels);
    hook_answer(NULL, 0x12a9, sizeof not_at_once, &not_at_once);
    same_as_calls(r, way, way->kernels);
    hook_answer(NULL, 0x12aa, sizeof required, &required);
    same_as_calls(r, way, way->kernels);
    hook_reset();
}

/* What is in the buffers counts, not what was in them when the call was recorded. */
static void test_records_change(void **state)
{
    const sampler_rig *const r = *state;
    lms_row_params changed[SAMPLER_CALLS][SAMPLER_ROWS];
    sampler_trace *const recorded = object_record(&r->base), *const called =
                                                                 object_record(&r->base);
    for (size_t i = 0; i < RECORDING_WAYS; ++i) {
        lms_sampler *const s = recording_sampler(r, &recording_ways[i]);
        lms_recording *const recording = recording_of(r, s, r->base.queue, SAMPLER_PLAIN);
        const lms_sampler_run_args b = sampler_run_args(r, SAMPLER_PLAIN);
        unsigned others = 0;
        memcpy(changed, r->records, sizeof changed);
        for (unsigned step = 0; step < 5; ++step) {
            for (unsigned row = 0; row < SAMPLER_ROWS; ++row) {
                changed[SAMPLER_PLAIN][row].step += 1;
                changed[SAMPLER_PLAIN][row].filters.temperature += 0.25f;
            }
            clEnqueueWriteBuffer(r->base.queue, r->params, CL_TRUE, 0, sizeof changed, changed,
                                 0, NULL, NULL);
            assert_int_equal(object_poison(&r->base), CL_SUCCESS);
            RIG_OK(lms_recording_run(recording, 0, NULL, NULL));
            assert_int_equal(object_read(&r->base, recorded), CL_SUCCESS);
            assert_int_equal(object_poison(&r->base), CL_SUCCESS);
            RIG_OK(lms_sampler_run(s, r->base.queue, &b, 0, NULL, NULL));
            assert_int_equal(object_read(&r->base, called), CL_SUCCESS);
            object_assert_same(&r->base, recorded, called);
            others += memcmp(recorded->tokens[SAMPLER_PLAIN], r->expected.tokens[SAMPLER_PLAIN],
                             sizeof recorded->tokens[0]) != 0;
        }
        assert_true(others > 0);
        clEnqueueWriteBuffer(r->base.queue, r->params, CL_TRUE, 0, sizeof r->records,
                             r->records, 0, NULL, NULL);
        lms_recording_destroy(recording);
        lms_sampler_destroy(s);
    }
    free(recorded);
    free(called);
}

/* One command, or one for each kernel; and nothing is set, allocated, built or waited for. */
static void assert_cheap(lms_recording *recording, cl_command_queue queue, uint32_t kernels,
                         uint32_t lists)
{
    static const char *const forbidden[] = {"malloc",
                                            "calloc",
                                            "realloc",
                                            "clSetKernelArg",
                                            "clFinish",
                                            "clWaitForEvents",
                                            "clCreateKernel",
                                            "clEnqueueMarkerWithWaitList",
                                            "clEnqueueWriteBuffer"};
    cl_event event = NULL;
    hook_reset();
    RIG_OK(lms_recording_run(recording, 0, NULL, &event));
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; ++i) {
        assert_int_equal(hook_count(forbidden[i]), 0);
    }
    assert_int_equal(hook_count("clEnqueueCommandBufferKHR"), lists);
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), kernels);
    clFinish(queue);
    rig_wait(event);
}

/* A list that the runtime refuses to enqueue is given up. */
static void test_cost(void **state)
{
    const sampler_rig *const r = *state;
    const bool can = recording_has_lists(&r->base);
    for (size_t i = 0; i < RECORDING_WAYS; ++i) {
        lms_sampler *const s = recording_sampler(r, &recording_ways[i]);
        const uint32_t kernels = recording_ways[i].kernels, lists = can && kernels > 1;
        lms_recording *const recording = recording_of(r, s, r->base.queue, SAMPLER_DEVICE);
        for (int again = 0; again < 3; ++again) {
            assert_cheap(recording, r->base.queue, lists ? 0 : kernels, lists);
        }
        hook_fail("clEnqueueCommandBufferKHR", 1, CL_OUT_OF_RESOURCES);
        RIG_OK(lms_recording_run(recording, 0, NULL, NULL));
        assert_int_equal(hook_failed(), lists);
        assert_int_equal(lms_recording_commands(recording), kernels);
        assert_cheap(recording, r->base.queue, kernels, 0);
        lms_recording_destroy(recording);
        lms_sampler_destroy(s);
    }
    hook_reset();
}

/* --- Events and lives -------------------------------------------------------------------- */

static void test_wait_lists(void **state)
{
    const sampler_rig *const r = *state;
    for (size_t i = 0; i < RECORDING_WAYS; ++i) {
        lms_sampler *const s = recording_sampler(r, &recording_ways[i]);
        lms_recording *const recording = recording_of(r, s, r->base.queue, SAMPLER_DEVICE);
        for (cl_uint events = 1; events <= LONG_LIST; events += 4) {
            cl_event hold[LONG_LIST], event = NULL, next = NULL;
            const cl_command_queue other = rig_queue(r->base.ctx, 0);
            for (cl_uint k = 0; k < events; ++k) hold[k] = rig_user_event(r->base.context);
            RIG_OK(lms_recording_run(recording, events, hold, &event));
            RIG_OK(object_call(&r->base, s, other, SAMPLER_SMALL, 0, NULL, &next));
            for (cl_uint k = 0; k < events; ++k) {
                rig_assert_pending(event);
                rig_assert_pending(next); /* they share a workspace */
                rig_complete(hold[k]);
            }
            rig_wait(event);
            rig_wait(next);
            clReleaseCommandQueue(other);
        }
        lms_recording_destroy(recording);
        lms_sampler_destroy(s);
    }
}

/* What a recording needs is there as long as itself, and goes with it. */
static void test_it_keeps_what_it_needs(void **state)
{
    const sampler_rig *const r = *state;
    const long live = hook_live();
    float row[SAMPLER_VOCAB] = {0};
    row[123] = 1000.0f;
    lms_sampler *const s = recording_sampler(r, &recording_ways[1]);
    for (int i = 0; i < 5; ++i) {
        const cl_command_queue queue = rig_queue(r->base.ctx, 0);
        lms_sampler_run_args b = sampler_run_args(r, SAMPLER_PLAIN);
        lms_recording *recording = NULL;
        int32_t token = -1;
        b.rows = 1;
        b.logits_rows = 1;
        b.logits = (lms_view){
            clCreateBuffer(r->base.context, CL_MEM_COPY_HOST_PTR, sizeof row, row, NULL), 0,
            NULL};
        RIG_OK(lms_sampler_record(s, queue, &b, &recording));
        clReleaseMemObject(b.logits.buffer);
        clReleaseCommandQueue(queue);
        cl_event event = NULL;
        RIG_OK(lms_recording_run(recording, 0, NULL, &event));
        assert_int_equal(clEnqueueReadBuffer(r->base.queue, b.tokens.buffer, CL_TRUE,
                                             b.tokens.offset * sizeof token, sizeof token,
                                             &token, 1, &event, NULL),
                         CL_SUCCESS);
        clReleaseEvent(event);
        assert_int_equal(token, 123);
        lms_row_effort effort;
        RIG_OK(lms_sampler_effort(s, r->base.queue, 1, &effort));
        RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_effort(s, r->base.queue, 2, &effort),
                  "last call (1)");
        lms_recording_destroy(recording);
    }
    lms_sampler_destroy(s);
    assert_int_equal(hook_live(), live);
}

static void test_destroy_waits(void **state)
{
    const sampler_rig *const r = *state;
    lms_sampler *const s = recording_sampler(r, &recording_ways[1]);
    for (int i = 0; i < 5; ++i) {
        lms_recording *const recording = recording_of(r, s, r->base.queue, SAMPLER_PLAIN);
        cl_event hold = rig_user_event(r->base.context), last = NULL;
        cl_int status = CL_QUEUED;
        pthread_t id;
        RIG_OK(lms_recording_run(recording, 1, &hold, NULL));
        RIG_OK(lms_recording_run(recording, 0, NULL, &last));
        assert_int_equal(pthread_create(&id, NULL, rig_complete_later, &hold), 0);
        lms_recording_destroy(recording);
        clGetEventInfo(last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL);
        assert_int_equal(status, CL_COMPLETE);
        pthread_join(id, NULL);
        clReleaseEvent(last);
        clReleaseEvent(hold);
    }
    lms_sampler_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),      cmocka_unit_test(test_one_by_one),
        cmocka_unit_test(test_records_change), cmocka_unit_test(test_cost),
        cmocka_unit_test(test_wait_lists),     cmocka_unit_test(test_it_keeps_what_it_needs),
        cmocka_unit_test(test_destroy_waits),
    };
    return cmocka_run_group_tests_name("recording", tests, sampler_setup, object_teardown);
}
