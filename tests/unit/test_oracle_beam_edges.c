/* How sequences of a beam search end, on rows so small that what must come out is
 * seen by eye. test_oracle_beam_hostile.c has hostile rows, filters and groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../support/small_beam.h"

/* --- ends --- */

static void test_end_at_first_step(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    lms_beam_params p = small_params(1, 5);
    p.end_tokens = 1;
    small_rig r;
    small_begin(&r, &p, ends, 3);
    small_weights(&r, 0, (double[]){0.3, 0.6, 0.1});
    assert_int_equal(small_step(&r), LMS_BEAM_DONE | LMS_BEAM_EARLY);
    small_expect_move(&r, 0, 0, 0);
    assert_int_equal(small_results(&r), 1);
    small_expect_result(&r, 0, 1, (int32_t[]){1});
    small_expect_rating(r.results[0].rating, log(0.6));
    small_expect_near(r.results[0].logprobs[0], log(0.6));
    assert_int_equal(r.results[0].beams[0], 0);
    /* once more: nothing changes, and nothing is read */
    r.rows[0][0] = NAN;
    assert_int_equal(small_step(&r), LMS_BEAM_DONE | LMS_BEAM_EARLY);
    small_expect_move(&r, 0, 0, LMS_NO_TOKEN);
    small_expect_near(r.moves[0].score, log(0.3));
    assert_int_equal(small_results(&r), 1);
    small_expect_result(&r, 0, 1, (int32_t[]){1});
    small_end(&r);
}

/* An end token counts below rank N alone, or at any rank among its beam's first C. */
static void test_end_rank(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    for (uint32_t any = 0; any < 2; any++) {
        lms_beam_params p = small_params(1, 5);
        p.end_tokens = 1;
        p.flags = any ? LMS_BEAM_END_ANY_RANK : 0;
        small_rig r;
        small_begin(&r, &p, ends, 4);
        small_weights(&r, 0, (double[]){0.5, 0.3, 0.1, 0.1});
        assert_int_equal(small_step(&r), 0);
        assert_int_equal(small_results(&r), 1);
        small_expect_result(&r, 0, 1, any ? (int32_t[]){1} : (int32_t[]){0});
        /* third of its beam with C = 2 */
        small_weights(&r, 0, (double[]){0.5, 0.09, 0.4, 0.01});
        assert_int_equal(small_step(&r), 0);
        assert_int_equal(small_results(&r), 1);
        small_expect_result(&r, 0, any ? 1 : 2, any ? (int32_t[]){1} : (int32_t[]){0, 0});
        small_end(&r);
    }
}

static void test_all_end(void **state)
{
    (void)state;
    const int32_t ends[] = {0, 1};
    for (uint32_t early = LMS_BEAM_EARLY_YES; early <= LMS_BEAM_EARLY_OFF; early += 2) {
        lms_beam_params p = small_params(1, 5);
        p.end_tokens = 2;
        p.early_stopping = early;
        small_rig r;
        small_begin(&r, &p, ends, 2);
        small_weights(&r, 0, (double[]){0.4, 0.6});
        assert_int_equal(small_step(&r), early == LMS_BEAM_EARLY_YES
                                             ? LMS_BEAM_DONE | LMS_BEAM_EARLY
                                             : LMS_BEAM_DONE);
        small_expect_move(&r, 0, 0, LMS_NO_TOKEN);
        assert_true(r.moves[0].score == ORACLE_BEAM_NONE);
        assert_int_equal(small_results(&r), 1);
        small_expect_result(&r, 0, 1, (int32_t[]){1});
        small_end(&r);
    }
}

/* C is max(2, 1 + n) * N, and end tokens that are given twice count twice. */
static void test_candidates(void **state)
{
    (void)state;
    const int32_t ends[] = {0, 0, 2};
    for (uint32_t n = 1; n <= 3; n += 2) {
        lms_beam_params p = small_params(1, 5);
        p.end_tokens = n;
        p.early_stopping = LMS_BEAM_EARLY_OFF;
        small_rig r;
        small_begin(&r, &p, ends + (n == 1 ? 2 : 0), 4);
        /* the end tokens are first; of n = 3 they fill two of four places */
        small_weights(&r, 0, (double[]){0.4, 0.02, 0.5, 0.08});
        assert_int_equal(small_step(&r), 0);
        small_expect_move(&r, 0, 0, n == 1 ? 0 : 3);
        small_end(&r);
    }
}

static void test_min_length(void **state)
{
    (void)state;
    const int32_t ends[] = {2};
    lms_beam_params p = small_params(1, 5);
    p.end_tokens = 1;
    p.min_length = 1;
    p.filters.top_k = 1;
    p.early_stopping = LMS_BEAM_EARLY_OFF;
    small_rig r;
    small_begin(&r, &p, ends, 3);
    /* top-k keeps the best of those that are not suppressed */
    small_weights(&r, 0, (double[]){0.1, 0.2, 0.7});
    assert_int_equal(small_step(&r), 0);
    small_expect_move(&r, 0, 0, 1);
    small_expect_near(r.moves[0].score, log(0.2));
    assert_int_equal(small_step(&r), LMS_BEAM_DONE);
    assert_int_equal(small_results(&r), 1);
    small_expect_result(&r, 0, 2, (int32_t[]){1, 2});
    small_end(&r);
}

/* A suppressed end token may be as good as certain: the others are as if it were not there. */
static void test_min_length_and_certain_end(void **state)
{
    (void)state;
    const int32_t ends[] = {1};
    for (uint32_t mode = 0; mode < LMS_BEAM_MODES; mode++) {
        lms_beam_params p = small_params(2, 5);
        p.mode = mode;
        p.end_tokens = 1;
        p.min_length = 1;
        p.filters.min_p = 0.1f;
        p.flags = LMS_BEAM_RENORMALIZE;
        small_rig r;
        small_begin(&r, &p, ends, 4);
        const float row[] = {1.0f, 1e6f, 1.0f, -9.0f};
        memcpy(r.rows[0], row, sizeof row);
        assert_int_equal(small_step(&r), 0);
        assert_int_equal(r.moves[0].token + r.moves[1].token, 0 + 2);
        small_expect_near(r.moves[0].score, log(0.5));
        small_expect_near(r.moves[1].score, log(0.5));
        small_end(&r);
    }
}

/* Without RENORMALIZE its probability still counts; what is seen at it is told. */
static void test_min_length_counts_all(void **state)
{
    (void)state;
    const int32_t ends[] = {1, 3};
    lms_beam_params p = small_params(1, 5);
    p.end_tokens = 2;
    p.min_length = 1;
    small_rig r;
    small_begin(&r, &p, ends, 4);
    small_weights(&r, 0, (double[]){0.125, 0.75, 0.125, 0.0});
    r.rows[0][3] = NAN;
    assert_int_equal(small_step(&r), LMS_ROW_NAN_SEEN);
    small_expect_move(&r, 0, 0, 0);
    small_expect_near(r.moves[0].score, log(0.125));
    small_end(&r);
}

/* Nothing but end tokens, suppressed: no candidate, with and without a filter. */
static void test_min_length_and_nothing_else(void **state)
{
    (void)state;
    const int32_t ends[] = {0, 1};
    for (int32_t k = 0; k < 2; k++) {
        lms_beam_params p = small_params(2, 5);
        p.end_tokens = 2;
        p.min_length = 1;
        p.filters.top_k = k;
        small_rig r;
        small_begin(&r, &p, ends, 2);
        assert_int_equal(small_step(&r), LMS_BEAM_DONE | LMS_BEAM_EMPTY);
        small_expect_move(&r, 0, 0, LMS_NO_TOKEN);
        small_expect_move(&r, 1, 1, LMS_NO_TOKEN);
        assert_int_equal(r.moves[0].score, 0);
        assert_true(r.moves[1].score == ORACLE_BEAM_NONE);
        small_end(&r);
    }
}

/* --- certainty --- */

/* The only token left has log-probability 0 among the eligible ones, whatever its logit is, and
 * a sum of such is 0; among all tokens, none is above 0. */
static void test_only_one_left(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 1000; n++) {
        lms_beam_params p = small_params(1, 5);
        p.filters.top_k = 1;
        p.filters.temperature = 0.5f + 0.003f * (float)n;
        p.flags = n % 2 ? LMS_BEAM_RENORMALIZE : 0;
        small_rig r;
        small_begin(&r, &p, NULL, 4);
        small_weights(&r, 0, (double[]){0.5 + n * 0.013, 1e-7, 1e-9, 1e-12});
        small_step(&r);
        assert_true(r.moves[0].score <= 0);
        if (n % 2) {
            assert_int_equal(r.moves[0].score, 0);
        }
        small_end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_at_first_step),
        cmocka_unit_test(test_end_rank),
        cmocka_unit_test(test_all_end),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_min_length),
        cmocka_unit_test(test_min_length_and_certain_end),
        cmocka_unit_test(test_min_length_counts_all),
        cmocka_unit_test(test_min_length_and_nothing_else),

        cmocka_unit_test(test_only_one_left),
    };
    return cmocka_run_group_tests_name("oracle_beam_edges", tests, NULL, NULL);
}
