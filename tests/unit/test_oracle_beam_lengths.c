/* Lengths and early stopping of beam search, on rows so small that what must come out is
 * seen by eye. test_oracle_beam_edges.c has how sequences end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../support/small_beam.h"

static uint32_t first_status(uint32_t early, float penalty, uint32_t counts)
{
    const int32_t ends[] = {0};
    lms_beam_params p = small_params(1, 10);
    p.end_tokens = 1;
    p.early_stopping = early;
    p.length_penalty = penalty;
    p.length_counts = counts;
    p.prompt_length = 1000;
    small_rig r;
    small_begin(&r, &p, ends, 2);
    small_weights(&r, 0, (double[]){0.6, 0.4});
    const uint32_t status = small_step(&r);
    small_end(&r);
    return status;
}

/* The result has -0.51, the live beam -0.92, which is -0.09 if nothing is added until 10. */
static void test_early_stopping(void **state)
{
    (void)state;
    const uint32_t early = LMS_BEAM_DONE | LMS_BEAM_EARLY;
    assert_int_equal(first_status(LMS_BEAM_EARLY_YES, 1.0f, LMS_BEAM_LENGTH_GENERATED), early);
    assert_int_equal(first_status(LMS_BEAM_EARLY_HEURISTIC, 1.0f, LMS_BEAM_LENGTH_GENERATED),
                     early);
    assert_int_equal(first_status(LMS_BEAM_EARLY_NEVER, 1.0f, LMS_BEAM_LENGTH_GENERATED), 0);
    assert_int_equal(first_status(LMS_BEAM_EARLY_OFF, 1.0f, LMS_BEAM_LENGTH_GENERATED), 0);
    assert_int_equal(first_status(LMS_BEAM_EARLY_NEVER, 0.0f, LMS_BEAM_LENGTH_GENERATED),
                     early);
    assert_int_equal(first_status(LMS_BEAM_EARLY_NEVER, -1.0f, LMS_BEAM_LENGTH_GENERATED),
                     early);
    assert_int_equal(first_status(LMS_BEAM_EARLY_NEVER, 0.25f, LMS_BEAM_LENGTH_GENERATED),
                     early);
    assert_int_equal(first_status(LMS_BEAM_EARLY_NEVER, 0.26f, LMS_BEAM_LENGTH_GENERATED), 0);
    /* beside a long prompt, ten tokens are nothing */
    assert_int_equal(first_status(LMS_BEAM_EARLY_NEVER, 1.0f, LMS_BEAM_LENGTH_WITH_PROMPT),
                     early);
    assert_int_equal(first_status(LMS_BEAM_EARLY_NEVER, 1.0f, LMS_BEAM_LENGTH_NONE), early);
}

/* An equal rating is enough to stop. */
static void test_early_tie(void **state)
{
    (void)state;
    const int32_t ends[] = {0};
    lms_beam_params p = small_params(1, 10);
    p.end_tokens = 1;
    small_rig r;
    small_begin(&r, &p, ends, 2);
    assert_int_equal(small_step(&r), LMS_BEAM_DONE | LMS_BEAM_EARLY);
    small_end(&r);
}

/* TensorRT-LLM compares the pool with the best candidate: [1,0] at -0.7985 / 2^3 keeps the
 * search going, where the best live beam, [1,1] at -2.996 / 2^3, would end it. */
static void test_stop_by_candidate(void **state)
{
    (void)state;
    const int32_t ends[] = {0};
    for (uint32_t by_candidate = 0; by_candidate < 2; by_candidate++) {
        lms_beam_params p = small_params(2, 3);
        p.end_tokens = 1;
        p.length_penalty = 3.0f;
        p.flags = by_candidate ? LMS_BEAM_PRESET_TENSORRT_LLM : LMS_BEAM_KEEP_LIVE;
        small_rig r;
        small_begin(&r, &p, ends, 4);
        small_weights(&r, 0, (double[]){0.3, 0.5, 0.2, 0.0});
        assert_int_equal(small_step(&r), 0);
        for (uint32_t n = 0; n < 2; n++) {
            small_weights(&r, n, (double[]){0.9, 0.1, 0.0, 0.0});
        }
        assert_int_equal(small_step(&r), by_candidate ? 0 : LMS_BEAM_DONE | LMS_BEAM_EARLY);
        if (by_candidate) {
            assert_true(small_step(&r) & LMS_BEAM_DONE);
        }
        assert_int_equal(small_results(&r), 2);
        small_expect_result(&r, 0, 2, (int32_t[]){1, 0});
        small_expect_result(&r, 1, by_candidate ? 3 : 2,
                            by_candidate ? (int32_t[]){1, 1, 0} : (int32_t[]){2, 0});
        small_end(&r);
    }
}

static oracle_rating rating_of_two(float penalty, uint32_t counts, uint32_t flags)
{
    const int32_t ends[] = {1};
    lms_beam_params p = small_params(1, 4);
    p.end_tokens = 1;
    p.length_penalty = penalty;
    p.length_counts = counts;
    p.flags = flags;
    p.prompt_length = 2;
    small_rig r;
    small_begin(&r, &p, ends, 2);
    small_weights(&r, 0, (double[]){0.5, 0.5});
    small_step(&r);
    small_weights(&r, 0, (double[]){0.25, 0.75});
    small_step(&r);
    small_results(&r);
    small_expect_result(&r, 0, 2, (int32_t[]){0, 1});
    small_expect_near(r.results[0].score, log(0.375));
    const oracle_rating rating = r.results[0].rating;
    small_end(&r);
    return rating;
}

static void test_ratings(void **state)
{
    (void)state;
    const double s = log(0.375);
    small_expect_rating(rating_of_two(0.0f, LMS_BEAM_LENGTH_GENERATED, 0), s);
    small_expect_rating(rating_of_two(1.0f, LMS_BEAM_LENGTH_NONE, 0), s);
    small_expect_rating(rating_of_two(1.0f, LMS_BEAM_LENGTH_GENERATED, 0), s / 2.0);
    small_expect_rating(rating_of_two(0.5f, LMS_BEAM_LENGTH_GENERATED, 0), s / sqrt(2.0));
    small_expect_rating(rating_of_two(-1.0f, LMS_BEAM_LENGTH_GENERATED, 0), s * 2.0);
    small_expect_rating(rating_of_two(20.0f, LMS_BEAM_LENGTH_GENERATED, 0), s / 1048576.0);
    small_expect_rating(rating_of_two(1.0f, LMS_BEAM_LENGTH_WITH_PROMPT, 0), s / 4.0);
    small_expect_rating(
        rating_of_two(1.0f, LMS_BEAM_LENGTH_GENERATED, LMS_BEAM_LENGTH_WITHOUT_END), s);
    small_expect_rating(
        rating_of_two(1.0f, LMS_BEAM_LENGTH_WITH_PROMPT, LMS_BEAM_LENGTH_WITHOUT_END), s / 3.0);
}

static void test_max_length(void **state)
{
    (void)state;
    for (uint32_t keep = 0; keep < 2; keep++) {
        lms_beam_params p = small_params(2, 1);
        p.flags = keep ? LMS_BEAM_KEEP_LIVE : 0;
        p.early_stopping = LMS_BEAM_EARLY_OFF;
        small_rig r;
        small_begin(&r, &p, NULL, 3);
        small_weights(&r, 0, (double[]){0.2, 0.5, 0.3});
        assert_int_equal(small_step(&r), LMS_BEAM_DONE);
        small_expect_move(&r, 0, 0, keep ? 1 : LMS_NO_TOKEN);
        small_expect_move(&r, 1, keep ? 0 : 1, keep ? 2 : LMS_NO_TOKEN);
        assert_int_equal(small_results(&r), 2);
        small_expect_result(&r, 0, 1, (int32_t[]){1});
        small_expect_result(&r, 1, 1, (int32_t[]){2});
        small_end(&r);
    }
}

/* Live beams come behind all results, or among them with KEEP_LIVE. */
static void test_classes(void **state)
{
    (void)state;
    const int32_t ends[] = {0};
    for (uint32_t keep = 0; keep < 2; keep++) {
        lms_beam_params p = small_params(2, 5);
        p.end_tokens = 1;
        p.flags = keep ? LMS_BEAM_KEEP_LIVE : 0;
        p.early_stopping = LMS_BEAM_EARLY_OFF;
        small_rig r;
        small_begin(&r, &p, ends, 3);
        small_weights(&r, 0, (double[]){0.3, 0.6, 0.1});
        assert_int_equal(small_step(&r), 0);
        assert_int_equal(small_results(&r), 2);
        small_expect_result(&r, 0, 1, keep ? (int32_t[]){1} : (int32_t[]){0});
        small_expect_result(&r, 1, 1, keep ? (int32_t[]){0} : (int32_t[]){1});
        small_end(&r);
    }
}

static void test_results_at_once(void **state)
{
    (void)state;
    lms_beam_params p = small_params(4, 5);
    p.groups = 2;
    p.diversity_penalty = 1.0f;
    small_rig r;
    small_begin(&r, &p, NULL, 3);
    assert_int_equal(small_results(&r), 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(r.results[i].length, 0);
        assert_int_equal(r.results[i].rating.sign, 0);
    }
    small_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_early_stopping),    cmocka_unit_test(test_early_tie),
        cmocka_unit_test(test_stop_by_candidate), cmocka_unit_test(test_ratings),
        cmocka_unit_test(test_max_length),        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_results_at_once),
    };
    return cmocka_run_group_tests_name("oracle_beam_lengths", tests, NULL, NULL);
}
