/* lms_row_params_check, the presets and the seeds of rows; and that the device's door makes the
 * same check. */
#include "rig.h"

#include <math.h>

static const struct {
    lms_row_params p;
    uint32_t field;
} cases[] = {
    {LMS_ROW_PARAMS_INIT, 0},
    {{.seed = 0}, 0}, /* all zero: greedy */
    {{.filters.temperature = 0x1p-64f}, 0},
    {{.filters.temperature = 0x1p+64f}, 0},
    {{.filters.temperature = -0.0f}, 0},
    {{.filters.temperature = 0x1.fffffep-65f}, LMS_FIELD_TEMPERATURE},
    {{.filters.temperature = 0x1.000002p+64f}, LMS_FIELD_TEMPERATURE},
    {{.filters.temperature = 0x1p-149f}, LMS_FIELD_TEMPERATURE},
    {{.filters.temperature = -1.0f}, LMS_FIELD_TEMPERATURE},
    {{.filters.temperature = INFINITY}, LMS_FIELD_TEMPERATURE},
    {{.filters.temperature = NAN}, LMS_FIELD_TEMPERATURE},
    {{.filters.top_p = -INFINITY}, 0},
    {{.filters.top_p = INFINITY}, 0},
    {{.filters.top_p = NAN}, LMS_FIELD_TOP_P},
    {{.filters.min_p = -INFINITY}, 0},
    {{.filters.min_p = 1.0f}, 0},
    {{.filters.min_p = 0x1.000002p0f}, LMS_FIELD_MIN_P},
    {{.filters.min_p = INFINITY}, LMS_FIELD_MIN_P},
    {{.filters.min_p = NAN}, LMS_FIELD_MIN_P},
    {{.filters.top_k = INT32_MIN}, 0},
    {{.filters.top_k = INT32_MAX}, 0},
    {{.filters.flags = LMS_FILTER_FLAGS}, 0},
    {{.filters.flags = 16}, LMS_FIELD_FLAGS},
    {{.filters.flags = 0x80000000u}, LMS_FIELD_FLAGS},
    {{.reserved = {1, 0}}, LMS_FIELD_RESERVED},
    {{.reserved = {0, 1}}, LMS_FIELD_RESERVED},
    {{.reserved = {0, 0x80000000u}}, LMS_FIELD_RESERVED},
    {{.filters.rules = 1}, LMS_FIELD_RULES},
    {{.filters.rules = 0x80000000u}, LMS_FIELD_RULES},
    {{.request.reserved = 1}, LMS_FIELD_RESERVED},
    {{.step = LMS_STEP_OF_SLOT}, LMS_FIELD_STEP},
    {{.step = LMS_STEP_OF_SLOT, .reserved = {1, 1}}, LMS_FIELD_STEP},
    /* the first bad field is named */
    {{.filters.temperature = NAN, .filters.top_p = NAN, .reserved = {1, 1}},
     LMS_FIELD_TEMPERATURE},
    {{.filters.top_p = NAN, .filters.min_p = 2.0f, .filters.flags = 99}, LMS_FIELD_TOP_P},
    {{.filters.min_p = 2.0f, .filters.flags = 99}, LMS_FIELD_MIN_P},
    {{.filters.flags = 99, .filters.rules = 1, .reserved = {1, 1}}, LMS_FIELD_FLAGS},
    {{.filters.rules = 1, .step = LMS_STEP_OF_SLOT, .reserved = {1, 1}}, LMS_FIELD_RULES},
};
enum {
    CASES = sizeof cases / sizeof cases[0]
};

static void test_check(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASES; ++i) {
        assert_int_equal(lms_row_params_check(&cases[i].p), cases[i].field);
    }
}

/* A bad record on the device spoils its own row only. */
static void test_both_doors_agree(void **state)
{
    rig *const r = *state;
    for (size_t i = 0; i < CASES; ++i) {
        rig_results found;
        lms_row_params records[RIG_ROWS];
        lms_sampler_run_args b = rig_small_batch(r);
        const uint32_t bad = (uint32_t)i % RIG_ROWS, field = cases[i].field;
        memcpy(records, r->records, sizeof records);
        records[bad] = cases[i].p;
        b.params = records;
        const lms_status status = lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL);
        assert_int_equal(status, field ? LMS_E_ROW_PARAMS : LMS_OK);
        b = rig_batch(r);
        b.params = NULL;
        clEnqueueWriteBuffer(r->queue, r->params, CL_TRUE, 0, sizeof records, records, 0, NULL,
                             NULL);
        RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
        rig_read(r, &found);
        for (uint32_t row = 0; row < RIG_ROWS; ++row) {
            if (row != bad) {
                assert_int_equal(found.tokens[row], r->expected.tokens[row]);
                assert_int_equal(found.status[row], r->expected.status[row]);
            } else if (field) {
                assert_int_equal(LMS_ROW_CODE(found.status[row]), LMS_ROW_BAD_PARAMS);
                assert_int_equal(LMS_ROW_FIELD(found.status[row]), field);
                assert_int_equal(found.tokens[row], LMS_NO_TOKEN);
            } else {
                assert_int_equal(found.status[row], LMS_ROW_OK);
            }
        }
    }
    clEnqueueWriteBuffer(r->queue, r->params, CL_TRUE, 0, sizeof r->records, r->records, 0,
                         NULL, NULL);
    rig_assert_good(r);
}

static void test_presets(void **state)
{
    static const uint32_t presets[] = {LMS_PRESET_VLLM, LMS_PRESET_HUGGING_FACE,
                                       LMS_PRESET_LLAMA_CPP, LMS_PRESET_JOINT};
    (void)state;
    assert_int_equal(sizeof(lms_row_params), 80);
    for (size_t i = 0; i < 4; ++i) {
        lms_row_params p = LMS_ROW_PARAMS_INIT;
        assert_int_equal(p.filters.flags, LMS_PRESET_VLLM);
        p.filters.flags = presets[i];
        assert_int_equal(lms_row_params_check(&p), 0);
        for (size_t k = 0; k < i; ++k) assert_int_not_equal(presets[i], presets[k]);
    }
}

/* The numbers are SplitMix64's as others publish them: from state 0 (which is mix(0)), and from
 * state 1234567, of which 0x4373fdbf155465a3 is the seed. */
static void test_row_seeds(void **state)
{
    static const uint64_t of_zero[] = {0, 0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u,
                                       0x06c45d188009454fu};
    static const uint64_t of_other[] = {0x4373fdbf155465a3u,  6457827717110365317u,
                                        3203168211198807973u, 9817491932198370423u,
                                        4593380528125082431u, 16408922859458223821u};
    lms_row_params params[8], kept = LMS_ROW_PARAMS_INIT;
    (void)state;
    for (uint64_t r = 0; r < 4; ++r) assert_true(lms_row_seed(0, r) == of_zero[r]);
    for (uint64_t r = 0; r < 6; ++r) assert_true(lms_row_seed(of_other[0], r) == of_other[r]);
    assert_true(lms_row_seed(UINT64_MAX, 0) == UINT64_MAX);
    assert_true(lms_row_seed(1, 2) != lms_row_seed(2, 1));
    for (int i = 0; i < 8; ++i) params[i] = kept;
    lms_seed_rows(params + 1, 4, of_other[0], 2);
    for (int i = 0; i < 8; ++i) {
        kept.seed = i >= 1 && i < 5 ? of_other[i + 1] : 0;
        assert_memory_equal(&params[i], &kept, sizeof kept);
    }
    lms_seed_rows(NULL, 0, 1, 0);
}

/* Indices on the device: skipped and bad ones are their own rows' matter. */
static void test_indices_on_the_device(void **state)
{
    static const int32_t index[RIG_ROWS] = {0,  LMS_SKIP_ROW, RIG_ROWS,
                                            -2, INT32_MIN,    INT32_MAX};
    rig *const r = *state;
    rig_results found;
    const lms_sampler_run_args b = rig_batch(r);
    clEnqueueWriteBuffer(r->queue, r->index, CL_TRUE, 0, sizeof index, index, 0, NULL, NULL);
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    rig_read(r, &found);
    assert_int_equal(found.status[0], LMS_ROW_OK);
    assert_int_equal(found.status[1], LMS_ROW_SKIPPED);
    for (int row = 1; row < RIG_ROWS; ++row) {
        assert_int_equal(found.tokens[row], LMS_NO_TOKEN);
        if (row > 1) assert_int_equal(found.status[row], LMS_ROW_BAD_INDEX);
    }
    clEnqueueWriteBuffer(r->queue, r->index, CL_TRUE, 0, sizeof r->order, r->order, 0, NULL,
                         NULL);
    rig_assert_good(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_both_doors_agree),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_row_seeds),
        cmocka_unit_test(test_indices_on_the_device),
    };
    return cmocka_run_group_tests_name("row parameters", tests, rig_setup, rig_teardown);
}
