/* Samplers: what a description may say, and their life. */
#include "rig.h"

#define CREATE(desc) lms_sampler_create(r->ctx, &(desc), &sampler)

static void test_create_arguments(void **state)
{
    rig *const r = *state;
    const lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = r->sampler;
    lms_sampler_destroy(NULL);
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_create(r->ctx, &desc, NULL), "out: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_create(NULL, &desc, &sampler), "ctx: is NULL");
    assert_null(sampler);
    sampler = r->sampler;
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_create(r->ctx, NULL, &sampler), "desc: is NULL");
    assert_null(sampler);
}

static void test_descriptions(void **state)
{
    rig *const r = *state;
    lms_sampler *sampler = NULL;
    const struct {
        lms_sampler_desc desc;
        const char *text, *rule;
    } bad[] = {
        {{.vocab = 0, .max_rows = 1, .logits = LMS_FLOAT32}, "vocab: 0", "1..1048576"},
        {{.vocab = LMS_MAX_VOCAB + 1, .max_rows = 1, .logits = LMS_FLOAT32},
         "vocab: 1048577",
         "1..1048576"},
        {{.vocab = UINT32_MAX, .max_rows = 1, .logits = LMS_FLOAT32},
         "vocab: 4294967295",
         "1..1048576"},
        {{.vocab = 1, .max_rows = 0, .logits = LMS_FLOAT32}, "max_rows: 0", "1..2^31-1"},
        {{.vocab = 1, .max_rows = 1u << 31, .logits = LMS_FLOAT32},
         "max_rows: 2147483648",
         "1..2^31-1"},
        {{.vocab = 1, .max_rows = 1}, "logits: 0", "lms_dtype"},
        {{.vocab = 1, .max_rows = 1, .logits = (lms_dtype)4}, "logits: 4", "lms_dtype"},
        {{.vocab = 1, .max_rows = 1, .logits = LMS_FLOAT32, .tokens = (lms_token_type)3},
         "tokens: 3",
         "lms_token_type"},
        {{.vocab = 1, .max_rows = 1, .logits = LMS_FLOAT32, .outputs = 16},
         "outputs: 0x10",
         "0xf"},
        {{.vocab = 1, .max_rows = 1, .logits = LMS_FLOAT32, .max_in_flight = 65},
         "max_in_flight: 65",
         "0..64"},
        {{.vocab = 1, .max_rows = 1, .logits = LMS_FLOAT32, .work_items = 3},
         "work_items: 3",
         "power of two"},
        {{.vocab = 1, .max_rows = 1, .logits = LMS_FLOAT32, .work_items = 512},
         "work_items: 512",
         "up to 256"},
        {{.vocab = 1, .max_rows = 1, .logits = LMS_FLOAT32, .work_items = 1u << 31},
         "work_items: 2147483648",
         "up to 256"},
        {{.vocab = 1, .max_rows = 1, .logits = LMS_FLOAT32, .reserved = 1},
         "reserved: is not 0",
         ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        sampler = r->sampler;
        RIG_FAILS(LMS_E_ARGUMENT, CREATE(bad[i].desc), bad[i].text, bad[i].rule);
        assert_null(sampler);
    }
}

/* More than the device allocates at once is said before anything is allocated. */
static void test_too_much_memory(void **state)
{
    rig *const r = *state;
    lms_sampler *sampler = NULL;
    lms_sampler_desc desc = rig_desc();
    desc.vocab = LMS_MAX_VOCAB;
    desc.max_rows = INT32_MAX;
    RIG_FAILS(LMS_E_BUFFER_SIZE, CREATE(desc), "max_rows: 2147483647", "1048576 logits",
              "the device allocates at most");
    assert_null(sampler);
}

static void test_many_lives(void **state)
{
    rig *const r = *state;
    for (int i = 0; i < 50; ++i) {
        const lms_sampler_desc desc = rig_desc();
        lms_sampler *sampler = NULL;
        const lms_sampler_run_args b = rig_small_batch(r);
        RIG_OK(CREATE(desc));
        if (i % 2) RIG_OK(lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL));
        lms_sampler_destroy(sampler); /* with a call in flight */
    }
    rig_assert_good(r);
}

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

/* The number of work-items never changes a result. */
static void test_teams(void **state)
{
    rig *const r = *state;
    for (uint32_t team = 1; team <= 256; team *= 16) {
        lms_sampler_desc desc = rig_desc();
        lms_sampler *sampler = NULL;
        rig_results found;
        const lms_sampler_run_args b = rig_batch(r);
        desc.work_items = team;
        RIG_OK(CREATE(desc));
        rig_poison(r);
        RIG_OK(lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL));
        rig_read(r, &found);
        rig_assert_same(&found, &r->expected);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_arguments),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_too_much_memory),
        cmocka_unit_test(test_many_lives),
        cmocka_unit_test(test_workspace_grows_with_the_shape),
        cmocka_unit_test(test_smallest_and_largest),
        cmocka_unit_test(test_teams),
        cmocka_unit_test(test_any_outputs),
    };
    return cmocka_run_group_tests_name("sampler", tests, rig_setup, rig_teardown);
}
