/* Calls of samplers whose rows have requests: the same bits by every door, from recordings
 * and in parts. */
#include "hooks.h"
#include "request_rig.h"

/* --- The same bits ----------------------------------------------------------------------- */

/* Every row has a token, and another one than without its request. */
static void test_requests_matter(void **state)
{
    request_rig *const w = *state;
    static uint32_t words[WORDS];
    lms_row_params plain[ROWS];
    lms_sampler_run_args a = request_run(w, NULL);
    memcpy(plain, w->params, sizeof plain);
    for (uint32_t r = 0; r < ROWS; ++r) {
        const lms_request none = LMS_REQUEST_INIT;
        plain[r].request = none;
        plain[r].wants = 0;
        assert_int_equal(w->expected[ROWS + r] & 0xff, LMS_ROW_OK);
    }
    a.params = plain;
    RIG_OK(lms_sampler_run(w->sampler, w->queue, &a, 0, NULL, NULL));
    request_read(w, words);
    /* Of probs, only the plain row's are as they were. */
    const uint32_t *const ours = w->expected + ROWS * 5, *const theirs = words + ROWS * 5;
    for (size_t r = 0; r < ROWS; ++r) {
        const bool is_same = !memcmp(ours + r * VOCAB, theirs + r * VOCAB, VOCAB * 4);
        assert_int_equal(is_same, r == 2);
    }
}

/* Arrays of lists that are none are not looked at, whatever is said of their length. */
static void test_no_lists(void **state)
{
    const request_rig *const w = *state;
    static const int32_t id = 0;
    static const float value = 0.0f;
    const lms_tables none = {.list_ids = &id, .list_values = &value, .list_entries = 1u << 28};
    lms_row_params plain[ROWS];
    lms_sampler_run_args a = request_run(w, &none);
    for (uint32_t r = 0; r < ROWS; ++r) plain[r] = (lms_row_params)LMS_ROW_PARAMS_INIT;
    a.params = plain;
    RIG_OK(lms_sampler_run(w->sampler, w->queue, &a, 0, NULL, NULL));
    clFinish(w->queue);
}

static void test_tables_on_the_device(void **state)
{
    const request_rig *const w = *state;
    const lms_sampler_run_args a = request_run_device(w);
    request_poison(w);
    RIG_OK(lms_sampler_run(w->sampler, w->queue, &a, 0, NULL, NULL));
    request_assert_expected(w);
}

/* By teams of one and of more, whose calls have more kernels. */
static void test_recordings(void **state)
{
    static const uint32_t teams[] = {1, 4};
    const request_rig *const w = *state;
    const lms_sampler_run_args a = request_run_device(w);
    for (size_t i = 0; i < sizeof teams / sizeof teams[0]; ++i) {
        lms_sampler_desc desc = request_desc(w, ROWS);
        lms_sampler *sampler = NULL;
        lms_recording *recording = NULL;
        desc.work_items = teams[i];
        RIG_OK(lms_sampler_create(w->ctx, &desc, &sampler));
        RIG_OK(lms_sampler_record(sampler, w->queue, &a, &recording));
        for (int again = 0; again < 3; ++again) {
            request_poison(w);
            RIG_OK(lms_recording_run(recording, 0, NULL, NULL));
            request_assert_expected(w);
        }
        lms_recording_destroy(recording);
        lms_sampler_destroy(sampler);
    }
}

/* --- Batches on the host ----------------------------------------------------------------- */

static lms_sample_host_args host_arguments(const request_rig *w, uint32_t *words)
{
    lms_sample_host_args a = {.rows = ROWS,
                              .logits = w->values,
                              .params = w->params,
                              .tables = &w->tables,
                              .top_stride = TOP,
                              .named_stride = NAMED};
    for (size_t i = 0; i < REQUEST_OUTPUTS; words += ROWS * request_outputs[i].columns, ++i) {
        void *const there = words;
        memcpy((char *)&a + request_outputs[i].pointer, &there, sizeof there);
    }
    return a;
}

/* In one part or several, whose guidance names rows of another; and with less room for tables
 * than they take. */
static void test_parts(void **state)
{
    const request_rig *const w = *state;
    static uint32_t words[WORDS];
    const lms_sample_host_args a = host_arguments(w, words);
    for (uint32_t most = 1; most <= ROWS; ++most) {
        for (size_t room = 16; room <= 1024; room += 1008) {
            lms_sampler_desc desc = request_desc(w, most);
            lms_sampler *sampler = NULL;
            desc.table_bytes = room;
            RIG_OK(lms_sampler_create(w->ctx, &desc, &sampler));
            memset(words, 0xa5, sizeof words);
            hook_reset();
            RIG_OK(lms_sample_host(sampler, &a));
            assert_int_equal(hook_count("clFlush"), (ROWS + most - 1) / most);
            assert_memory_equal(words, w->expected, sizeof words);
            lms_sampler_destroy(sampler);
        }
    }
}

static void assert_lengths(const request_rig *w, uint32_t more)
{
    for (unsigned i = 0; i < 2; ++i) {
        uint32_t length = 0;
        RIG_OK(lms_slots_length(w->slots, w->params[i].request.slot, &length));
        assert_int_equal(length, request_lengths[i] + more);
    }
}

/* Parts append, too: what is wrong with one of them is said before the first. */
static void test_parts_that_append(void **state)
{
    request_rig *const w = *state;
    static uint32_t words[WORDS];
    const lms_sampler_desc desc = request_desc(w, 1);
    lms_sampler *sampler = NULL;
    lms_row_params params[ROWS];
    lms_sample_host_args a = host_arguments(w, words);
    RIG_OK(lms_sampler_create(w->ctx, &desc, &sampler));
    a.append = 1;
    a.params = params;
    memcpy(params, w->params, sizeof params);
    params[3].request.slot = params[0].request.slot;
    hook_reset();
    RIG_FAILS(LMS_E_SLOT, lms_sample_host(sampler, &a),
              "params[3].request.slot:", "is there twice");
    assert_null(hook_deed());
    assert_lengths(w, 0);
    params[3].request.slot = 0;
    a.append = 2;
    RIG_FAILS(LMS_E_ARGUMENT, lms_sample_host(sampler, &a), "append: 2");
    a.append = 1;
    RIG_OK(lms_sample_host(sampler, &a));
    assert_memory_equal(words, w->expected, sizeof words);
    assert_lengths(w, 1);
    for (unsigned i = 0; i < 2; ++i) {
        int32_t tokens[512];
        uint32_t length = 0;
        RIG_OK(lms_slots_export(w->slots, params[i].request.slot, tokens, 512, &length, NULL));
        assert_int_equal(tokens[length - 1], (int32_t)words[i]);
        /* As it was, for the other tests. */
        const uint32_t before = length - 1;
        RIG_OK(lms_slots_roll_back(w->slots, w->queue, 1, &params[i].request.slot, &before, 0,
                                   NULL, NULL));
    }
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    assert_lengths(w, 0);
    lms_sampler_destroy(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_matter),
        cmocka_unit_test(test_no_lists),
        cmocka_unit_test(test_tables_on_the_device),
        cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_parts_that_append),
    };
    return cmocka_run_group_tests_name("request_calls", tests, request_setup, request_teardown);
}
