/* Hostile rows, filters and groups of beam search, on rows so small that what must come out is
 * seen by eye. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../support/small_beam.h"

/* --- hostile rows --- */

static void test_dead_rows(void **state)
{
    (void)state;
    lms_beam_params p = small_params(2, 5);
    small_rig r;
    small_begin(&r, &p, NULL, 3);
    small_weights(&r, 0, (double[]){0.2, 0.5, 0.3});
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 0, 1);
    small_expect_move(&r, 1, 0, 2);
    /* one row dead: the other offers enough */
    small_weights(&r, 0, (double[]){0.0, 0.0, 0.0});
    small_weights(&r, 1, (double[]){0.2, 0.5, 0.3});
    r.rows[0][1] = NAN;
    assert_int_equal(small_step(&r), LMS_ROW_NAN_SEEN);
    small_expect_move(&r, 0, 1, 1);
    small_expect_move(&r, 1, 1, 2);
    /* all dead: the beams stay as they were */
    small_weights(&r, 0, (double[]){0.0, 0.0, 0.0});
    small_weights(&r, 1, (double[]){0.0, 0.0, 0.0});
    const int64_t before = oracle_beam_score(r.beam, 1);
    assert_int_equal(small_step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
    small_expect_move(&r, 0, 0, LMS_NO_TOKEN);
    small_expect_move(&r, 1, 1, LMS_NO_TOKEN);
    assert_int_equal(r.moves[1].score, before);
    assert_int_equal(small_results(&r), 2);
    small_expect_result(&r, 0, 2, (int32_t[]){2, 1});
    small_expect_result(&r, 1, 2, (int32_t[]){2, 2});
    small_end(&r);
}

static void test_dead_at_once(void **state)
{
    (void)state;
    lms_beam_params p = small_params(3, 5);
    small_rig r;
    small_begin(&r, &p, NULL, 2);
    small_weights(&r, 0, (double[]){0.0, 0.0});
    assert_int_equal(small_step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
    assert_int_equal(r.moves[0].score, 0);
    assert_true(r.moves[1].score == ORACLE_BEAM_NONE);
    assert_int_equal(small_results(&r), 1);
    assert_int_equal(r.results[0].length, 0);
    small_end(&r);
}

/* Infinite logits share the probability; all others are 2^29 nats below, down to the floor. */
static void test_infinite_rows(void **state)
{
    (void)state;
    lms_beam_params p = small_params(3, 5);
    small_rig r;
    small_begin(&r, &p, NULL, 3);
    for (uint32_t n = 0; n < 3; n++) {
        r.rows[n][0] = r.rows[n][2] = INFINITY;
    }
    assert_int_equal(small_step(&r), LMS_ROW_INF_SEEN);
    small_expect_move(&r, 0, 0, 0);
    small_expect_move(&r, 1, 0, 2);
    small_expect_move(&r, 2, 0, 1);
    small_expect_near(r.moves[0].score, log(0.5));
    assert_true(r.moves[2].score == r.moves[0].score - (INT64_C(1) << 61));
    small_end(&r);
}

static void test_floor(void **state)
{
    (void)state;
    lms_beam_params p = small_params(2, 9);
    small_rig r;
    small_begin(&r, &p, NULL, 4);
    for (uint32_t t = 0; t < 4; t++) {
        /* three of the four tokens cannot be: the beams are that far apart */
        for (uint32_t n = 0; n < 2; n++) {
            const float row[] = {-3e38f, -1e38f, 3e38f, -2e38f};
            memcpy(r.rows[n], row, sizeof row);
        }
        assert_int_equal(small_step(&r), 0);
        small_expect_move(&r, 0, 0, 2);
        /* equally bad ones by parent, then token */
        small_expect_move(&r, 1, 0, 0);
        assert_int_equal(r.moves[0].score, 0);
        assert_true(r.moves[1].score == -(INT64_C(1) << 61));
    }
    /* from -2^61 it is 2^61 to the floor, where all are equal */
    const float row[] = {-INFINITY, -INFINITY, -3e38f, 3e38f};
    memcpy(r.rows[1], row, sizeof row);
    memcpy(r.rows[0], (float[]){-INFINITY, -INFINITY, -INFINITY, -INFINITY}, sizeof row);
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 1, 3);
    small_expect_move(&r, 1, 1, 2);
    assert_true(r.moves[1].score == ORACLE_BEAM_FLOOR);
    memcpy(r.rows[0], (float[]){-INFINITY, -INFINITY, -INFINITY, -INFINITY}, sizeof row);
    memcpy(r.rows[1], (float[]){-3e38f, -2e38f, -3e38f, -3e38f}, sizeof row);
    r.rows[1][1] = 3e38f;
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 1, 0);
    small_expect_move(&r, 1, 1, 1);
    assert_true(r.moves[0].score == ORACLE_BEAM_FLOOR);
    small_end(&r);
}

static void test_more_beams_than_tokens(void **state)
{
    (void)state;
    lms_beam_params p = small_params(4, 5);
    small_rig r;
    small_begin(&r, &p, NULL, 2);
    small_weights(&r, 0, (double[]){0.1, 0.9});
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 0, 1);
    small_expect_move(&r, 1, 0, 0);
    small_expect_move(&r, 2, 2, LMS_NO_TOKEN);
    small_expect_move(&r, 3, 3, LMS_NO_TOKEN);
    assert_true(r.moves[2].score == ORACLE_BEAM_NONE);
    assert_true(oracle_beam_reads(r.beam, 1) && !oracle_beam_reads(r.beam, 2));
    small_weights(&r, 0, (double[]){0.5, 0.5});
    small_weights(&r, 1, (double[]){0.4, 0.6});
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 0, 0);
    small_expect_move(&r, 1, 0, 1);
    small_expect_move(&r, 2, 1, 1);
    small_expect_move(&r, 3, 1, 0);
    small_end(&r);
}

/* --- filters and groups --- */

static void test_filters(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags <= LMS_BEAM_RENORMALIZE; flags += LMS_BEAM_RENORMALIZE) {
        lms_beam_params p = small_params(3, 5);
        p.filters.top_k = 2;
        p.flags = flags;
        small_rig r;
        small_begin(&r, &p, NULL, 3);
        small_weights(&r, 0, (double[]){0.5, 0.2, 0.3});
        assert_int_equal(small_step(&r), 0);
        small_expect_move(&r, 0, 0, 0);
        small_expect_move(&r, 1, 0, 2);
        small_expect_move(&r, 2, 2, LMS_NO_TOKEN);
        small_expect_near(r.moves[0].score, flags ? log(0.5 / 0.8) : log(0.5));
        small_expect_near(r.moves[1].score, flags ? log(0.3 / 0.8) : log(0.3));
        small_end(&r);
    }
}

static void test_diversity(void **state)
{
    (void)state;
    lms_beam_params p = small_params(3, 5);
    p.groups = 3;
    p.diversity_penalty = 1.0f;
    small_rig r;
    small_begin(&r, &p, NULL, 3);
    small_weights(&r, 0, (double[]){0.6, 0.3, 0.1});
    assert_int_equal(small_step(&r), 0);
    /* 0.6 is worth 0.22, then 0.3 is worth 0.11 and 0.6 is at 0.22 */
    small_expect_move(&r, 0, 0, 0);
    small_expect_move(&r, 1, 0, 1);
    small_expect_move(&r, 2, 0, 0);
    small_expect_near(r.moves[1].score, log(0.3));
    small_expect_near(r.moves[2].score, log(0.6) - 1.0);
    assert_int_equal(small_results(&r), 3);
    small_expect_near(r.results[2].score, log(0.6) - 1.0);
    small_expect_near(r.results[2].logprobs[0], log(0.6));
    assert_int_equal(r.results[2].beams[0], 0);
    small_end(&r);
}

/* The penalty counts in the step that reaches max_length too, as in Hugging Face's group beam
 * search, which knows nothing of that length when it picks tokens. */
static void test_diversity_of_a_last_step(void **state)
{
    (void)state;
    for (uint32_t keep = 0; keep < 2; keep++) {
        lms_beam_params p = small_params(2, 1);
        p.groups = 2;
        p.diversity_penalty = 100.0f;
        p.flags = keep ? LMS_BEAM_KEEP_LIVE : 0;
        small_rig r;
        small_begin(&r, &p, NULL, 4);
        small_weights(&r, 0, (double[]){0.4, 0.3, 0.2, 0.1});
        assert_true(small_step(&r) & LMS_BEAM_DONE);
        assert_int_equal(small_results(&r), 2);
        small_expect_result(&r, 0, 1, (int32_t[]){0});
        small_expect_result(&r, 1, 1, (int32_t[]){1});
        small_end(&r);
    }
}

/* An end token takes no beam, in the last step either: the next one's token does. */
static void test_diversity_of_a_last_step_with_an_end(void **state)
{
    (void)state;
    const int32_t ends[] = {0};
    lms_beam_params p = small_params(2, 1);
    p.groups = 2;
    p.end_tokens = 1;
    p.diversity_penalty = 1.0f;
    small_rig r;
    small_begin(&r, &p, ends, 4);
    small_weights(&r, 0, (double[]){0.3, 0.29, 0.25, 0.16});
    assert_int_equal(small_step(&r), LMS_BEAM_DONE);
    assert_int_equal(small_results(&r), 2);
    /* had the first group's result counted, the second one's would be 1 */
    small_expect_result(&r, 0, 1, (int32_t[]){0});
    small_expect_result(&r, 1, 1, (int32_t[]){0});
    small_end(&r);
}

static void test_endless_diversity(void **state)
{
    (void)state;
    lms_beam_params p = small_params(8, 5);
    p.groups = 8;
    p.diversity_penalty = 3e38f;
    small_rig r;
    small_begin(&r, &p, NULL, 1);
    assert_int_equal(small_step(&r), 0);
    assert_int_equal(r.moves[0].score, 0);
    assert_true(r.moves[1].score == -(INT64_C(1) << 61));
    for (uint32_t n = 2; n < 8; n++) {
        assert_true(r.moves[n].score == ORACLE_BEAM_FLOOR);
    }
    small_end(&r);
}

/* A group that is done has no part any more, its row is not read; the others go on. */
static void test_done_group(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    lms_beam_params p = small_params(2, 5);
    p.groups = 2;
    p.end_tokens = 1;
    p.diversity_penalty = 0.5f;
    small_rig r;
    small_begin(&r, &p, ends, 3);
    small_weights(&r, 0, (double[]){0.5, 0.1, 0.4});
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 0, 0);
    small_expect_move(&r, 1, 0, 2);
    small_weights(&r, 0, (double[]){0.2, 0.7, 0.1});
    small_weights(&r, 1, (double[]){0.6, 0.1, 0.3});
    assert_int_equal(small_step(&r), 0);
    /* the first group ends, and its live beam still makes 0 dearer: 0.36 is more than 0.3 */
    small_expect_move(&r, 0, 0, 0);
    small_expect_move(&r, 1, 1, 0);
    small_expect_near(r.moves[1].score, log(0.4 * 0.6) - 0.5);
    assert_true(!oracle_beam_reads(r.beam, 0) && oracle_beam_reads(r.beam, 1));
    r.rows[0][0] = NAN;
    small_weights(&r, 1, (double[]){0.6, 0.3, 0.1});
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 0, LMS_NO_TOKEN);
    small_expect_move(&r, 1, 1, 0);
    small_expect_near(r.moves[0].score, log(0.5 * 0.2));
    small_expect_near(r.moves[1].score, log(0.4 * 0.6 * 0.6) - 0.5);
    small_weights(&r, 1, (double[]){0.0, 0.0, 0.0});
    assert_int_equal(small_step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
    assert_int_equal(small_results(&r), 2);
    small_expect_result(&r, 0, 2, (int32_t[]){0, 1});
    /* the second group's live beam is not early, but without KEEP_LIVE it is of class two */
    small_expect_result(&r, 1, 3, (int32_t[]){2, 0, 0});
    small_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dead_rows),
        cmocka_unit_test(test_dead_at_once),
        cmocka_unit_test(test_infinite_rows),
        cmocka_unit_test(test_floor),
        cmocka_unit_test(test_more_beams_than_tokens),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_diversity),
        cmocka_unit_test(test_diversity_of_a_last_step),
        cmocka_unit_test(test_diversity_of_a_last_step_with_an_end),
        cmocka_unit_test(test_endless_diversity),
        cmocka_unit_test(test_done_group),
    };
    return cmocka_run_group_tests_name("oracle_beam_hostile", tests, NULL, NULL);
}
