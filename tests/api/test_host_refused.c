/* What lms_sample_host refuses, and that it waits for calls in flight. */
#include "host_rig.h"

#include <stdio.h>
#include <stdlib.h>

/* One field of a good batch is changed; the call names it and has written nothing. */
#define REFUSES(code, change, ...)                                                             \
    do {                                                                                       \
        lms_sample_host_args b = good;                                                         \
        b.change;                                                                              \
        RIG_FAILS((code), lms_sample_host(r->sampler, &b), __VA_ARGS__);                       \
    } while (0)

static void test_arguments(void **state)
{
    rig *const r = *state;
    const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB + 5);
    const lms_sample_host_args good = host_batch(r, &o);
    const uint32_t words[4 * RIG_ROWS] = {0};
    const int32_t far[RIG_ROWS] = {0, 1, 2, 6, 4, 5}, low[RIG_ROWS] = {0, -2, 2, 3, 4, 5};
    lms_row_params bad[RIG_ROWS];
    memcpy(bad, r->records, sizeof bad);
    bad[5].filters.temperature = -2.0f;
    RIG_FAILS(LMS_E_ARGUMENT, lms_sample_host(NULL, &good), "sampler: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_sample_host(r->sampler, NULL), "batch: is NULL");
    REFUSES(LMS_E_ARGUMENT, logits = NULL, "logits: is NULL");
    REFUSES(LMS_E_ARGUMENT, params = NULL, "params: is NULL");
    REFUSES(LMS_E_ARGUMENT, tokens = NULL, "tokens: is NULL");
    REFUSES(LMS_E_ARGUMENT, row_stride = 299, "row_stride: 299 is less than vocab (300)");
    REFUSES(LMS_E_ARGUMENT, probs_stride = 299, "probs_stride: 299 is less than vocab (300)");
    REFUSES(LMS_E_ARGUMENT, rows = UINT32_MAX, "logits_rows: 4294967295 is above 2^31");
    REFUSES(LMS_E_ARGUMENT, logits_rows = 5, "logits_rows: 5 is less than rows (6)");
    REFUSES(LMS_E_ARGUMENT, uniforms = words, "uniforms_per_row: 0 is not 0 exactly when");
    REFUSES(LMS_E_ARGUMENT, uniforms_per_row = 1, "uniforms_per_row: 1 is not 0 exactly when");
    REFUSES(LMS_E_ROW_INDEX, index = far, "index[3]: 6 is not LMS_SKIP_ROW or in 0..5");
    REFUSES(LMS_E_ROW_INDEX, index = low, "index[1]: -2 is not LMS_SKIP_ROW or in 0..5");
    REFUSES(LMS_E_ROW_PARAMS, params = bad, "params[5].filters.temperature: -2");
    assert_all_poison(&o);
    outputs_free(&o);
}

static void test_overflow(void **state)
{
    rig *const r = *state;
    const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB);
    const lms_sample_host_args good = host_batch(r, &o);
    const uint32_t words[4] = {0};
    REFUSES(LMS_E_ARGUMENT, row_stride = SIZE_MAX, "row_stride: 6 rows of 18446744073709551615",
            "overflow");
    REFUSES(LMS_E_ARGUMENT, row_stride = SIZE_MAX / 4, "row_stride: ", "overflow");
    REFUSES(LMS_E_ARGUMENT, row_stride = SIZE_MAX / 24, "row_stride: ", "overflow");
    REFUSES(LMS_E_ARGUMENT, probs_stride = SIZE_MAX, "probs_stride: 6 rows", "overflow");
    REFUSES(LMS_E_ARGUMENT, probs_stride = SIZE_MAX / 24, "probs_stride: ", "overflow");
    REFUSES(LMS_E_ARGUMENT, logits_rows = (size_t)INT32_MAX + 2, "logits_rows: 2147483649",
            "above 2^31");
    REFUSES(LMS_E_ARGUMENT, logits_rows = SIZE_MAX, "logits_rows: ", "above 2^31");
    /* No array has more bytes than half of the addresses. */
    REFUSES(LMS_E_ARGUMENT, row_stride = SIZE_MAX / 48, "row_stride: ", "overflow");
    REFUSES(LMS_E_ARGUMENT, probs_stride = SIZE_MAX / 48, "probs_stride: ", "overflow");
    /* Without probs its stride means nothing. */
    lms_sample_host_args b = good;
    b.probs = NULL;
    b.probs_stride = 1;
    RIG_OK(lms_sample_host(r->sampler, &b));
    memset(o.tokens, POISON, RIG_ROWS * 4);
    b = good;
    b.uniforms = words;
    b.uniforms_per_row = 1u << 31;
    RIG_FAILS(LMS_E_ARGUMENT, lms_sample_host(r->sampler, &b),
              "uniforms_per_row: 2147483648 is above 2^31-1");
    assert_true(is_poison(o.tokens, RIG_ROWS * 4));
    outputs_free(&o);
}

static void test_outputs_the_sampler_lacks(void **state)
{
    rig *const r = *state;
    const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB);
    const char *const names[] = {"logprob_raw", "logprob", "kept", "probs"};
    for (unsigned bit = 0; bit < 4; ++bit) {
        lms_sampler_desc desc = rig_desc();
        lms_sampler *sampler = NULL;
        const lms_sample_host_args all = host_batch(r, &o);
        char message[100];
        desc.outputs = RIG_ALL_OUTPUTS & ~(1u << bit);
        RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
        snprintf(message, sizeof message, "%s: the sampler was made without this output",
                 names[bit]);
        RIG_FAILS(LMS_E_ARGUMENT, lms_sample_host(sampler, &all), message);
        lms_sampler_destroy(sampler);
    }
    assert_all_poison(&o);
    outputs_free(&o);
}

/* After asynchronous calls on the same and on another queue. */
static void test_after_calls_in_flight(void **state)
{
    rig *const r = *state;
    const cl_command_queue queue =
        clCreateCommandQueue(r->context, lms_context_device(r->ctx), 0, NULL);
    for (int i = 0; i < 20; ++i) {
        const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB);
        const lms_sampler_run_args b = rig_batch(r);
        lms_sample_host_args host = host_batch(r, &o);
        host.index = r->order;
        RIG_OK(lms_sampler_run(r->sampler, i % 2 ? queue : r->queue, &b, 0, NULL, NULL));
        RIG_OK(lms_sample_host(r->sampler, &host));
        for (size_t row = 0; row < RIG_ROWS; ++row) assert_row(&o, row, &r->expected, row);
        outputs_free(&o);
    }
    clReleaseCommandQueue(queue);
}

/* With every stage in flight the call does not wait, but says so. */
static void test_busy(void **state)
{
    rig *const r = *state;
    const outputs o = outputs_new(RIG_ROWS, 4, RIG_VOCAB);
    lms_sample_host_args host = host_batch(r, &o);
    const lms_sampler_run_args b = rig_small_batch(r);
    const cl_event hold = clCreateUserEvent(r->context, NULL);
    host.index = r->order;
    clFinish(r->queue);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 1, &hold, NULL));
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    RIG_FAILS(LMS_E_BUSY, lms_sample_host(r->sampler, &host), "max_in_flight: 2");
    assert_all_poison(&o);
    clSetUserEventStatus(hold, CL_COMPLETE);
    clFinish(r->queue);
    clReleaseEvent(hold);
    RIG_OK(lms_sample_host(r->sampler, &host));
    for (size_t row = 0; row < RIG_ROWS; ++row) assert_row(&o, row, &r->expected, row);
    outputs_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_outputs_the_sampler_lacks),
        cmocka_unit_test(test_after_calls_in_flight),
        cmocka_unit_test(test_busy),
    };
    return cmocka_run_group_tests_name("host calls refused", tests, rig_setup, rig_teardown);
}
