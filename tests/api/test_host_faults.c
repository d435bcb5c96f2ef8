/* lms_sample_host where a call of OpenCL fails, and on devices that share no memory with the
 * host. */
#include "faults.h"
#include "hooks.h"
#include "host_rig.h"

#include <stdlib.h>

static const cl_bool no = CL_FALSE, yes = CL_TRUE;

/* Uniforms too, a gap behind every row of probs, and a skipped row in the middle: every kind of
 * call that there is. */
typedef struct scenario {
    outputs o;
    int32_t index[RIG_ROWS];
    uint32_t words[4 * RIG_ATTEMPTS * RIG_ROWS];
    lms_sample_host_args batch;
} scenario;

static void scenario_begin(scenario *s, const rig *r)
{
    s->o = outputs_new(RIG_ROWS, 4, RIG_VOCAB + 9);
    s->batch = host_batch(r, &s->o);
    for (uint32_t i = 0; i < sizeof s->words / sizeof *s->words; ++i) {
        s->words[i] = i * 2654435761u;
    }
    for (int i = 0; i < RIG_ROWS; ++i) s->index[i] = i == 2 ? LMS_SKIP_ROW : r->order[i];
    s->batch.index = s->index;
    s->batch.uniforms = s->words;
    s->batch.uniforms_per_row = RIG_ATTEMPTS;
}

static void scenario_expect(const rig *r, rig_results *expected)
{
    lms_sampler_run_args b = rig_batch(r);
    int32_t index[RIG_ROWS];
    for (int i = 0; i < RIG_ROWS; ++i) index[i] = i == 2 ? LMS_SKIP_ROW : r->order[i];
    b.index_device.buffer = NULL;
    b.index = index;
    b.uniforms.buffer = r->uniforms;
    b.uniforms_per_row = RIG_ATTEMPTS;
    rig_poison(r);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    rig_read(r, expected);
}

static void fail_one(rig *r, const char *name, unsigned nth, const rig_results *expected)
{
    scenario s;
    scenario_begin(&s, r);
    const long live = hook_live();
    const bool passes = is_release(name) || is_after_enqueues(name);
    hook_fail(name, nth, INJECTED);
    const lms_status status = lms_sample_host(r->sampler, &s.batch);
    if (!hook_failed() || status != (passes ? LMS_OK : INJECTED)) {
        fail_msg("%s, call %u: status %d", name, nth, (int)status);
    }
    if (status != LMS_OK && strstr(lms_error_message(), name) == NULL) {
        fail_msg("\"%s\": not %s", lms_error_message(), name);
    }
    for (int again = status == LMS_OK ? -1 : 0; again < 2; ++again) {
        if (again >= 0) {
            outputs_free(&s.o);
            scenario_begin(&s, r);
            RIG_OK(lms_sample_host(r->sampler, &s.batch));
        }
        for (size_t row = 0; row < RIG_ROWS; ++row) assert_row(&s.o, row, expected, row);
    }
    if (hook_live() != live) {
        fail_msg("%s, call %u: %ld references more than before", name, nth, hook_live() - live);
    }
    outputs_free(&s.o);
}

/* On the rig's device, and on one that takes copies. */
static void test_every_call_fails_once(void **state)
{
    rig *const rigs[2] = {*state, calloc(1, sizeof(rig))};
    unsigned failures = 0;
    assert_non_null(rigs[1]);
    hook_reset();
    hook_answer(NULL, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof no, &no);
    rig_open(rigs[1]);
    for (int kind = 0; kind < 2; ++kind) {
        rig *const r = rigs[kind];
        rig_results expected;
        unsigned calls[64] = {0};
        scenario_expect(r, &expected);
        for (int i = 0; i < 3; ++i) { /* until every stage has an event */
            scenario s;
            scenario_begin(&s, r);
            hook_reset();
            RIG_OK(lms_sample_host(r->sampler, &s.batch));
            for (unsigned f = 0; hook_name(f) != NULL; ++f) calls[f] = hook_count(hook_name(f));
            outputs_free(&s.o);
        }
        assert_int_equal(hook_count("clCreateBuffer"), 8);
        assert_int_equal(hook_count("clEnqueueReadBufferRect"), 2); /* before and after row 2 */
        for (unsigned f = 0; hook_name(f) != NULL; ++f) {
            for (unsigned nth = 1; nth <= calls[f]; ++nth, ++failures) {
                hook_reset();
                fail_one(r, hook_name(f), nth, &expected);
            }
        }
    }
    print_message("%u failures of the host call\n", failures);
    hook_reset();
    rig_close(rigs[1]);
    free(rigs[1]);
}

/* Nothing is done with a batch that a check refuses. */
static void test_refused_before_any_call(void **state)
{
    rig *const r = *state;
    scenario s;
    scenario_begin(&s, r);
    s.index[RIG_ROWS - 1] = RIG_ROWS;
    hook_reset();
    RIG_FAILS(LMS_E_ROW_INDEX, lms_sample_host(r->sampler, &s.batch), "index[5]: 6 is not");
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        assert_int_equal(hook_count(hook_name(f)), 0);
    }
    outputs_free(&s.o);
}

/* Where memory is shared, the logits' buffer is the caller's array; else it is a copy. The
 * results are the same. */
static void test_devices_with_memory_of_their_own(void **state)
{
    rig *const r = *state;
    for (int shares = 0; shares < 2; ++shares) {
        const lms_sampler_desc desc = rig_desc();
        lms_context *ctx = NULL;
        lms_sampler *sampler = NULL;
        rig_results expected;
        scenario s;
        scenario_expect(r, &expected);
        scenario_begin(&s, r);
        hook_reset();
        hook_answer(NULL, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof no, shares ? &yes : &no);
        const long live = hook_live();
        RIG_OK(lms_context_open(NULL, &ctx));
        RIG_OK(lms_sampler_create(ctx, &desc, &sampler));
        hook_reset();
        RIG_OK(lms_sample_host(sampler, &s.batch));
        const cl_mem_flags way = shares ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR;
        assert_int_equal(hook_buffer_of(r->values, way), sizeof r->values);
        assert_int_equal(hook_buffer_of(s.words, way), sizeof s.words);
        for (size_t row = 0; row < RIG_ROWS; ++row) assert_row(&s.o, row, &expected, row);
        /* A last row is not followed by the rest of its stride. */
        hook_reset();
        s.batch.row_stride = 2 * RIG_VOCAB;
        s.batch.logits_rows = RIG_ROWS / 2;
        memset(s.index, 0, sizeof s.index);
        RIG_OK(lms_sample_host(sampler, &s.batch));
        assert_int_equal(hook_buffer_of(r->values, way), 4 * (2 * 600 + 300));
        lms_sampler_destroy(sampler);
        lms_context_destroy(ctx);
        assert_int_equal(hook_live(), live);
        outputs_free(&s.o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_fails_once),
        cmocka_unit_test(test_refused_before_any_call),
        cmocka_unit_test(test_devices_with_memory_of_their_own),
    };
    return cmocka_run_group_tests_name("host faults", tests, rig_setup, rig_teardown);
}
