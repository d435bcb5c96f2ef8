/* The calls of a running contrastive search allocate, build, block and copy nothing, and
 * enqueue few commands. */
#include "contrastive_api_rig.h"
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
static void assert_quiet(const char *call, unsigned least, unsigned most, unsigned writes)
{
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; ++i) {
        if (hook_count(forbidden[i]) == 0) continue;
        fail_msg("%s called %s %u times", call, forbidden[i], hook_count(forbidden[i]));
    }
    assert_int_equal(hook_blocking(), 0);
    assert_in_range(hook_count("clEnqueueNDRangeKernel"), least, most);
    assert_in_range(hook_count("clEnqueueWriteBuffer"), 0, writes);
}

static void assert_silent(void)
{
    for (unsigned i = 0; hook_name(i) != NULL; ++i) {
        assert_int_equal(hook_count(hook_name(i)), 0);
    }
}

/* Ends a call: its event is there if it was asked for. */
static void end_call(const contrastive_api_rig *r, bool wanted, cl_event event)
{
    assert_true((event != NULL) == wanted);
    clFinish(r->queue);
    if (event != NULL) clReleaseEvent(event);
}

/* --- Calls of a search in one buffer ----------------------------------------------------- */

static void quiet_append(const contrastive_api_rig *r, lms_contrastive *search, unsigned bits)
{
    static const uint32_t rows[CONTRASTIVE_PARENTS];
    cl_event event = NULL;
    lms_contrastive_append_args s = contrastive_states(r);
    if (bits & 1) s.counts = NULL;
    if (bits & 2) s.first_rows = rows;
    if (bits & 4) s.row_stride = CONTRASTIVE_WIDTH;
    if (bits & 8) s.hidden_rows = CONTRASTIVE_PROMPT;
    hook_reset();
    RIG_OK(lms_contrastive_append(search, r->queue, &s, 0, NULL, bits & 16 ? &event : NULL));
    assert_quiet("append", 1, 1, 1);
    end_call(r, (bits & 16) != 0, event);
}

static void quiet_propose(const contrastive_api_rig *r, lms_contrastive *search, unsigned bits,
                          unsigned kernels)
{
    cl_event event = NULL;
    lms_contrastive_propose_args p = contrastive_proposal(r, bits % 3);
    if (bits & 1) p.status.buffer = NULL;
    if (bits & 2) p.candidate_rows = 0;
    if (bits & 4) p.row_stride = CONTRASTIVE_VOCAB;
    if (bits & 8) p.requests = 1;
    hook_reset();
    RIG_OK(lms_contrastive_propose(search, r->queue, &p, 0, NULL, bits & 16 ? &event : NULL));
    assert_quiet("propose", kernels, kernels, 1);
    end_call(r, (bits & 16) != 0, event);
}

static void quiet_select(const contrastive_api_rig *r, lms_contrastive *search, unsigned bits)
{
    cl_event event = NULL;
    lms_contrastive_select_args b = contrastive_batch(r, 0);
    if (bits & 1) b.scores.buffer = NULL;
    if (bits & 2) b.row_penalties.buffer = NULL;
    if (bits & 4) b.status.buffer = NULL;
    if (bits & 8) b.requests = 1;
    hook_reset();
    RIG_OK(lms_contrastive_select(search, r->queue, &b, 0, NULL, bits & 16 ? &event : NULL));
    assert_quiet("select", 4, 4, 3);
    end_call(r, (bits & 16) != 0, event);
}

static void quiet_fork(const contrastive_api_rig *r, lms_contrastive *search, unsigned bits)
{
    cl_event event = NULL;
    uint32_t length = 0;
    RIG_OK(lms_contrastive_length(search, 1, &length));
    hook_reset();
    RIG_OK(lms_contrastive_fork(search, r->queue, 1, 3, bits & 1 ? &r->params[3] : NULL, 0,
                                NULL, bits & 16 ? &event : NULL));
    const unsigned kernels = length % LMS_CONTEXT_PAGE != 0;
    assert_quiet("fork", kernels, kernels, 0);
    assert_int_equal(hook_count("clEnqueueMarkerWithWaitList"), 1 - kernels);
    end_call(r, (bits & 16) != 0, event);
}

/* Those that enqueue nothing ask OpenCL nothing either. */
static void silent_calls(const contrastive_api_rig *r, lms_contrastive *search)
{
    uint32_t length = 0;
    hook_reset();
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS; ++slot) {
        RIG_OK(lms_contrastive_update(search, slot, &r->params[3]));
        RIG_OK(lms_contrastive_length(search, slot, &length));
        assert_true(lms_contrastive_room(search) > 0);
        RIG_OK(lms_contrastive_close(search, slot));
    }
    RIG_OK(contrastive_open_all(r, search));
    assert_silent();
    RIG_OK(contrastive_close_all(r, search));
}

/* Every combination of inputs, outputs and events. */
static void all_calls(const contrastive_api_rig *r, lms_contrastive *search, unsigned kernels)
{
    for (unsigned bits = 0; bits < 1u << 5; ++bits) {
        RIG_OK(contrastive_open_all(r, search));
        for (unsigned step = 0; step < 3; ++step) {
            if (step == 0) quiet_append(r, search, bits);
            quiet_propose(r, search, (bits + step * 11) % 32, kernels);
            quiet_select(r, search, (bits + step * 11) % 32);
            if (step == 1) quiet_fork(r, search, bits);
        }
        silent_calls(r, search);
    }
}

static void in_one_buffer(const contrastive_api_rig *r, const char *shape, uint32_t team,
                          unsigned kernels)
{
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    desc.max_buffer_bytes = 0;
    desc.work_items = team;
    setenv("LMS_SHAPE", shape, 1);
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    all_calls(r, search, kernels);
    lms_contrastive_destroy(search);
}

static void test_calls_are_quiet(void **state)
{
    in_one_buffer(*state, "fuse_from=1000000", 0, 2);
    in_one_buffer(*state, "fuse_from=1000000", 32, 2);
}

static void test_calls_with_fewer_kernels_are_quiet(void **state)
{
    in_one_buffer(*state, "fuse_from=1", 1, 1);
}

/* --- Whole searches ---------------------------------------------------------------------- */

/* In several buffers: at most 2 kernels and 2 for each of them. */
static void test_whole_searches_are_quiet(void **state)
{
    enum {
        BUFFERS = 3
    };
    const contrastive_api_rig *const r = *state;
    for (int i = 0; i < 3; ++i) {
        RIG_OK(contrastive_open_all(r, r->search));
        for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
            hook_reset();
            RIG_OK(contrastive_calls(r, r->search, call, call + 1));
            if (call == 0) {
                assert_quiet("append", 1, BUFFERS, 1);
            } else if (call == CONTRASTIVE_FORK) {
                assert_quiet("fork", 1, 1, 0);
            } else if ((call < CONTRASTIVE_FORK) == (call % 2 == 1)) {
                assert_quiet("propose", 2, 2, 1);
            } else {
                assert_quiet("select", 4, 2 + 2 * BUFFERS, 3);
            }
        }
        clFinish(r->queue);
        RIG_OK(contrastive_close_all(r, r->search));
    }
}

/* As many requests as there can be, and contexts of many pages, make no more of them. */
static void test_many_requests_are_quiet(void **state)
{
    enum {
        MANY = 40,
        LENGTH = 100
    };
    const contrastive_api_rig *const r = *state;
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 1);
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    uint32_t slots[MANY], rows[MANY], zeros[MANY] = {0}, counts[MANY];
    desc.max_positions = 0;
    desc.max_buffer_bytes = 0;
    desc.max_requests = MANY;
    desc.max_length = LENGTH;
    desc.max_rows = 0;
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
    for (uint32_t q = 0; q < MANY; ++q) {
        slots[q] = MANY - 1 - q;
        rows[q] = q;
        counts[q] = LENGTH - 1 - q % 3;
        RIG_OK(lms_contrastive_open(search, q, &params));
    }
    const cl_mem ints = rig_buffer(r->context, CL_MEM_READ_WRITE, MANY * sizeof(cl_int));
    const cl_mem probs = rig_buffer(r->context, CL_MEM_READ_WRITE, MANY * sizeof(cl_float));
    const lms_contrastive_append_args s = {MANY, slots, counts, zeros, {r->states, 0}, 0, 0};
    const lms_contrastive_propose_args p = {.requests = MANY,
                                            .slots = slots,
                                            .first_rows = rows,
                                            .logits = {r->logits, 0},
                                            .logits_rows = 1,
                                            .index = (const int32_t *)zeros,
                                            .tokens = {ints, 0},
                                            .probs = {probs, 0}};
    const lms_contrastive_select_args b = {.requests = MANY,
                                           .slots = slots,
                                           .first_rows = rows,
                                           .hidden = {r->hidden, 0},
                                           .tokens = {ints, 0},
                                           .probs = {probs, 0},
                                           .next = {ints, 0},
                                           .rows = {ints, 0}};
    hook_reset();
    RIG_OK(lms_contrastive_append(search, r->queue, &s, 0, NULL, NULL));
    assert_quiet("append", 1, 1, 1);
    hook_reset();
    RIG_OK(lms_contrastive_propose(search, r->queue, &p, 0, NULL, NULL));
    assert_quiet("propose", 2, 2, 1);
    hook_reset();
    RIG_OK(lms_contrastive_select(search, r->queue, &b, 0, NULL, NULL));
    assert_quiet("select", 4, 4, 3);
    clFinish(r->queue);
    clReleaseMemObject(ints);
    clReleaseMemObject(probs);
    lms_contrastive_destroy(search);
}

/* Host memory is taken until its write is over, whatever state that is in before. */
static void test_a_stage_is_free_when_its_write_is_over(void **state)
{
    static const cl_int states[] = {CL_RUNNING, CL_SUBMITTED, CL_QUEUED};
    const contrastive_api_rig *const r = *state;
    lms_contrastive_desc desc = contrastive_desc();
    lms_contrastive *search = NULL;
    desc.max_in_flight = 1;
    RIG_OK(lms_contrastive_create(r->ctx, &desc, &search));
    RIG_OK(contrastive_open_all(r, search));
    for (unsigned call = 0; call < contrastive_propose_of(1); ++call) {
        for (int i = 0; i < 3 && call > 0; ++i) {
            hook_reset();
            hook_event_state(states[i]);
            RIG_FAILS(LMS_E_BUSY, contrastive_calls(r, search, call, call + 1),
                      "max_in_flight: 1");
            assert_int_equal(hook_count("clEnqueueWriteBuffer"), 0);
            assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 0);
        }
        hook_reset();
        if (call > 0)
            hook_event_state(CL_OUT_OF_RESOURCES); /* of a write that came to nothing */
        RIG_OK(contrastive_calls(r, search, call, call + 1));
        clFinish(r->queue);
    }
    lms_contrastive_destroy(search);
    hook_reset();
}

/* Nothing piles up from search to search. */
static void test_nothing_piles_up(void **state)
{
    const contrastive_api_rig *const r = *state;
    long live = 0;
    for (int i = 0; i < 12; ++i) {
        RIG_OK(contrastive_begin(r, r->search, CONTRASTIVE_CALLS));
        clFinish(r->queue);
        RIG_OK(contrastive_close_all(r, r->search));
        if (i == 3) live = hook_live(); /* every stage has an event now */
    }
    assert_int_equal(hook_live(), live);
}

/* No requests: a marker. */
static void test_empty_calls_are_quiet(void **state)
{
    const contrastive_api_rig *const r = *state;
    lms_contrastive_append_args s;
    lms_contrastive_propose_args p;
    lms_contrastive_select_args b;
    const long live = hook_live();
    memset(&s, 0, sizeof s);
    memset(&p, 0, sizeof p);
    memset(&b, 0, sizeof b);
    for (int i = 0; i < 6; ++i) {
        cl_event event = NULL;
        cl_event *const wanted = i < 3 ? &event : NULL;
        hook_reset();
        if (i % 3 == 0)
            RIG_OK(lms_contrastive_append(r->search, r->queue, &s, 0, NULL, wanted));
        if (i % 3 == 1)
            RIG_OK(lms_contrastive_propose(r->search, r->queue, &p, 0, NULL, wanted));
        if (i % 3 == 2)
            RIG_OK(lms_contrastive_select(r->search, r->queue, &b, 0, NULL, wanted));
        assert_quiet("an empty call", 0, 0, 0);
        assert_int_equal(hook_count("clEnqueueMarkerWithWaitList"), 1);
        end_call(r, i < 3, event);
        assert_int_equal(hook_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_are_quiet),
        cmocka_unit_test(test_calls_with_fewer_kernels_are_quiet),
        cmocka_unit_test(test_whole_searches_are_quiet),
        cmocka_unit_test(test_many_requests_are_quiet),
        cmocka_unit_test(test_a_stage_is_free_when_its_write_is_over),
        cmocka_unit_test(test_nothing_piles_up),
        cmocka_unit_test(test_empty_calls_are_quiet),
    };
    return cmocka_run_group_tests_name("contrastive_quiet", tests, contrastive_setup,
                                       contrastive_teardown);
}
