/* What must not be read: tokens that are suppressed, their maxima, and links that an earlier
 * request has left in its slot. The results are derived by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "one_beam.h"

enum {
    GROUP = 32,
    VOCAB = 2048
};

/* Every group of 32 tokens has one that counts; in twelve groups that is an end token. */
static void suppressed_maxima(uint32_t work_items)
{
    enum {
        ENDS = 12,
        WIDTH = ONE_BEAM_WIDTH
    };
    static float x[WIDTH * VOCAB];
    int32_t ends[ENDS];
    const lms_beam_desc desc = {.vocab = VOCAB,
                                .max_width = WIDTH,
                                .max_length = 2,
                                .max_end_tokens = ENDS,
                                .work_items = work_items};
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(WIDTH);
    one_beam s;
    for (uint32_t i = 0; i < VOCAB; ++i) x[i] = -50.0f;
    for (uint32_t g = 0; g < VOCAB / GROUP; ++g) x[g * GROUP] = 0.125f * (float)g;
    for (uint32_t i = 0; i < ENDS; ++i) {
        ends[i] = (int32_t)(i * GROUP);
        x[ends[i]] = 20.0f;
    }
    params.max_length = 2;
    params.min_length = 1;
    params.end_tokens = ENDS;
    one_beam_start(&s, &desc);
    one_beam_open(&s, &params, ends);
    assert_int_equal(one_beam_step(&s, x), 0);
    for (int32_t i = 0; i < WIDTH; ++i) {
        assert_int_equal(s.token[i], (VOCAB / GROUP - 1 - i) * GROUP);
    }
    one_beam_end(&s);
}

static void test_suppressed_maxima(void **state)
{
    (void)state;
    suppressed_maxima(1);
    suppressed_maxima(8);
}

/* The results of one step on a flat row of many tiles, in which some tokens are suppressed,
 * whatever their logits are. Half of the mass is kept, which scores are relative to. */
static void flat(one_beam *s, uint32_t work_items, float suppressed)
{
    enum {
        ENDS = 40,
        FLAT_VOCAB = 64 * 256
    };
    static float x[FLAT_VOCAB * ONE_BEAM_WIDTH];
    int32_t ends[ENDS];
    const lms_beam_desc desc = {.vocab = FLAT_VOCAB,
                                .max_width = ONE_BEAM_WIDTH,
                                .max_length = 1,
                                .max_end_tokens = ENDS,
                                .work_items = work_items};
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(ONE_BEAM_WIDTH);
    for (uint32_t i = 0; i < FLAT_VOCAB; ++i) {
        x[i] = (float)(i * 2654435761u >> 16) * 0x1p-15f;
    }
    for (uint32_t i = 0; i < ENDS; ++i) {
        ends[i] = (int32_t)(i * 400 + 7);
        x[ends[i]] = suppressed;
    }
    params.max_length = 1;
    params.min_length = 1;
    params.end_tokens = ENDS;
    params.results = ONE_BEAM_WIDTH;
    params.flags = LMS_BEAM_RENORMALIZE;
    params.filters.top_p = 0.5f;
    one_beam_start(s, &desc);
    one_beam_open(s, &params, ends);
    assert_int_equal(one_beam_step(s, x), 1);
    one_beam_results(s);
    one_beam_end(s);
}

/* Suppressed tokens have no part in a search over the whole row: the results are those of a row
 * that has -inf in their places. */
static void test_suppressed_in_a_flat_row(void **state)
{
    static const uint32_t teams[] = {1, 2, 64};
    (void)state;
    for (size_t i = 0; i < sizeof teams / sizeof teams[0]; ++i) {
        one_beam read, without;
        flat(&read, teams[i], 3.0f);
        flat(&without, teams[i], -INFINITY);
        assert_int_equal(read.count, ONE_BEAM_WIDTH);
        assert_memory_equal(read.token, without.token, sizeof read.token);
        assert_memory_equal(read.score, without.score, sizeof read.score);
    }
}

/* Two diversity groups of one beam, the first of which is done after two steps. In the third
 * step the other's best token is the one that the request before took in its third step. */
static void test_earlier_links(void **state)
{
    static const float always_2[8] = {0, 0, 9, 0, 0, 0, 9, 0};
    static const float steps[3][8] = {
        {5.0f, 4.9f, 0, 0, 0, 0, 0, 0},    /* group 0 takes 0, group 1 then 1   */
        {1.0f, 0, 0, 9.0f, 0, 0, 9.0f, 0}, /* group 0 ends with 3, group 1 has 2 */
        {0, 0, 0, 0, 5.0f, 0, 5.5f, 0},    /* group 1: 2 a little before 0      */
    };
    const int32_t end_token = 3;
    const lms_beam_desc desc = {
        .vocab = 4, .max_width = 2, .max_length = 4, .max_end_tokens = 1};
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(2);
    one_beam s;
    (void)state;
    params.max_length = 4;
    params.groups = 2;
    params.diversity_penalty = 3.0f;
    one_beam_start(&s, &desc);
    one_beam_open(&s, &params, NULL);
    for (int i = 0; i < 4; ++i) one_beam_step(&s, always_2);
    one_beam_close(&s);
    params.early_stopping = LMS_BEAM_EARLY_YES;
    params.end_tokens = 1;
    one_beam_open(&s, &params, &end_token);
    assert_int_equal(one_beam_step(&s, steps[0]), 0);
    assert_int_equal(s.token[0], 0);
    assert_int_equal(s.token[1], 1);
    assert_int_equal(one_beam_step(&s, steps[1]), 0);
    assert_int_equal(s.token[1], 2);
    assert_int_equal(one_beam_step(&s, steps[2]), 0);
    assert_int_equal(s.token[0], LMS_NO_TOKEN);
    assert_int_equal(s.token[1], 2);
    one_beam_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suppressed_maxima),
        cmocka_unit_test(test_suppressed_in_a_flat_row),
        cmocka_unit_test(test_earlier_links),
    };
    return cmocka_run_group_tests_name("beam_stale", tests, NULL, NULL);
}
