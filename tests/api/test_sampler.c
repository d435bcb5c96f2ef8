/* The smallest and the largest samplers, their memory, and their outputs: which there are, and
 * where in their buffers they land. */
#include "rig.h"

#include <stdlib.h>

enum {
    STRIDE = RIG_VOCAB + 7
};
#define CREATE(desc) lms_sampler_create(r->ctx, &(desc), &sampler)

static void test_workspace_grows_with_the_shape(void **state)
{
    rig *const r = *state;
    size_t sizes[3];
    for (uint32_t i = 0; i < 3; ++i) {
        lms_sampler_desc desc = rig_desc();
        lms_sampler *sampler = NULL;
        desc.max_rows = i == 1 ? 2 * RIG_ROWS : RIG_ROWS;
        desc.vocab = i == 2 ? 100 * RIG_VOCAB : RIG_VOCAB;
        RIG_OK(CREATE(desc));
        sizes[i] = lms_sampler_workspace(sampler);
        lms_sampler_destroy(sampler);
    }
    assert_true(sizes[0] > 0);
    assert_int_equal(sizes[1], 2 * sizes[0]);
    assert_true(sizes[2] > sizes[0]);
}

/* Limits of the shape, with everything that has a default left to it. */
static void test_smallest_and_largest(void **state)
{
    rig *const r = *state;
    static const uint32_t vocabs[] = {1, 2, 255, 256, 257, LMS_MAX_VOCAB};
    for (size_t i = 0; i < sizeof vocabs / sizeof vocabs[0]; ++i) {
        const lms_sampler_desc desc = {
            .vocab = vocabs[i], .max_rows = 1, .logits = LMS_BFLOAT16};
        const lms_row_params p = LMS_ROW_PARAMS_INIT;
        lms_sampler *sampler = NULL;
        int32_t token = -7;
        static const uint16_t zeros[LMS_MAX_VOCAB];
        const lms_sample_host_args batch = {
            .rows = 1, .logits = zeros, .params = &p, .tokens = &token};
        RIG_OK(CREATE(desc));
        RIG_OK(lms_sample_host(sampler, &batch));
        assert_in_range(token, 0, vocabs[i] - 1);
        lms_sampler_destroy(sampler);
    }
}

/* Samplers with different outputs share what can be shared, and agree on the tokens. */
static void test_any_outputs(void **state)
{
    rig *const r = *state;
    for (uint32_t outputs = 0; outputs < 16; ++outputs) {
        lms_sampler_desc desc = rig_desc();
        lms_sampler *sampler = NULL;
        rig_results found;
        lms_sampler_run_args b = rig_batch(r);
        desc.outputs = outputs;
        if (!(outputs & LMS_OUT_LOGPROB_RAW)) b.logprob_raw.buffer = NULL;
        if (!(outputs & LMS_OUT_LOGPROB)) b.logprob.buffer = NULL;
        if (!(outputs & LMS_OUT_KEPT)) b.kept.buffer = NULL;
        if (!(outputs & LMS_OUT_PROBS)) b.probs.buffer = NULL;
        RIG_OK(CREATE(desc));
        rig_poison(r);
        RIG_OK(lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL));
        rig_read(r, &found);
        assert_memory_equal(found.tokens, r->expected.tokens, sizeof found.tokens);
        assert_memory_equal(found.status, r->expected.status, sizeof found.status);
        if (outputs & LMS_OUT_PROBS) {
            assert_memory_equal(found.probs, r->expected.probs, sizeof found.probs);
        }
        if (outputs & LMS_OUT_KEPT) {
            assert_memory_equal(found.kept, r->expected.kept, sizeof found.kept);
        }
        lms_sampler_destroy(sampler);
    }
}

static void test_outputs_the_sampler_lacks(void **state)
{
    static const char *const names[] = {"logprob_raw: ", "logprob: ", "kept: ", "probs: "};
    rig *const r = *state;
    for (unsigned i = 0; i < 4; ++i) {
        lms_sampler_desc desc = rig_desc();
        lms_sampler *without = NULL;
        const lms_sampler_run_args b = rig_batch(r);
        desc.outputs = RIG_ALL_OUTPUTS & ~(1u << i);
        RIG_OK(lms_sampler_create(r->ctx, &desc, &without));
        RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(without, r->queue, &b, 0, NULL, NULL),
                  names[i], "made without this output");
        lms_sampler_destroy(without);
    }
}

/* The last stride need not be there whole; a row more than there is needs it. */
static void test_logits_rows_decide(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_batch(r);
    b.logits_rows = RIG_ROWS;
    b.rows = 1;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    b.logits_rows = RIG_ROWS + 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
              "logits: ", "(7 rows - 1)", "need 8400 bytes", "has 7200");
    b.logits_rows = 1;
    b.logits.offset = (RIG_ROWS - 1) * RIG_VOCAB;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    clFinish(r->queue);
}

/* Offsets and strides move data, and nothing beside it is written. */
static void test_outputs_land_where_they_should(void **state)
{
    enum {
        AT = 11,
        AROUND = 9,
        PROBS = (RIG_ROWS - 1) * STRIDE + RIG_VOCAB
    };
    rig *const r = *state;
    const size_t bytes = (AT + PROBS + AROUND) * sizeof(float);
    unsigned char *const found = malloc(bytes);
    float *const probs = (float *)(void *)found;
    lms_sampler_run_args b = rig_batch(r);
    assert_non_null(found);
    memset(found, 0x5a, bytes);
    const cl_mem buffer = clCreateBuffer(r->context, CL_MEM_COPY_HOST_PTR, bytes, found, NULL);
    assert_non_null(buffer);
    b.probs = (lms_view){buffer, AT, NULL};
    b.probs_stride = STRIDE;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    clEnqueueReadBuffer(r->queue, buffer, CL_TRUE, 0, bytes, found, 0, NULL, NULL);
    for (size_t row = 0; row < RIG_ROWS; ++row) {
        assert_memory_equal(probs + AT + row * STRIDE, r->expected.probs + row * RIG_VOCAB,
                            RIG_VOCAB * sizeof(float));
        memset(probs + AT + row * STRIDE, 0x5a, RIG_VOCAB * sizeof(float));
    }
    for (size_t i = 0; i < bytes; ++i) assert_int_equal(found[i], 0x5a);
    clReleaseMemObject(buffer);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workspace_grows_with_the_shape),
        cmocka_unit_test(test_smallest_and_largest),
        cmocka_unit_test(test_any_outputs),
        cmocka_unit_test(test_outputs_the_sampler_lacks),
        cmocka_unit_test(test_logits_rows_decide),
        cmocka_unit_test(test_outputs_land_where_they_should),
    };
    return cmocka_run_group_tests_name("sampler", tests, rig_setup, rig_teardown);
}
