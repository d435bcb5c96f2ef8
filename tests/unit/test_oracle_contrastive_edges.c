/*
 * What the oracle of contrastive search must give exactly: kept states, the order of sums,
 * ties, alpha 0 and 1, norms of 0, what takes no part, ranges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/exact_contrastive.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle.h"
#include "../support/oracle_rows.h"
#include "../support/small_contrastive.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* --- sections 20 and 21 --- */

static void expect_kept(const float *x, const float *kept, uint32_t width, bool float16)
{
    oracle_state *const s = oracle_state_new(x, width, float16);
    assert_false(s->bad);
    for (uint32_t i = 0; i < width; i++) {
        assert_true(s->kept[i] == kept[i]);
    }
    free(s);
}

static void test_kept(void **unused)
{
    (void)unused;
    const float huge[] = {0x1.8p+127f, -0x1.fffffep+87f, 0x1.fffffep+86f, 0x1p-149f, -0.0f};
    const float kept[] = {0x1.8p+0f, -0x1.fffffep-40f, 0.0f, 0.0f, 0.0f};
    const float least[] = {0x1p-126f, 0x1.fffffcp-127f, -0x1p-149f, 0.0f, -0x1.8p-126f};
    const float kept_least[] = {1.0f, 0.0f, 0.0f, 0.0f, -1.5f};
    const float subnormal[] = {0x1.fffffcp-127f, 0x1p-149f};
    const float zeros[] = {0.0f, 0.0f};
    const float halves[] = {65504.0f, 0x1p-24f, -0x1p-14f};
    expect_kept(huge, kept, 5, false);
    expect_kept(least, kept_least, 5, false);
    expect_kept(subnormal, zeros, 2, false);
    expect_kept(halves, halves, 3, true);
}

static void test_bad_states(void **unused)
{
    (void)unused;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (uint32_t i = 0; i < LENGTH(bad); i++) {
        for (uint32_t at = 0; at < 40; at += 13) {
            float x[40] = {1.0f};
            x[at] = bad[i];
            for (uint32_t float16 = 0; float16 < 2; float16++) {
                oracle_state *const s = oracle_state_new(x, 40, float16);
                assert_true(s->bad && s->inverse == 0.0f);
                free(s);
            }
        }
    }
}

/* A power of two changes nothing of what is kept. */
static void test_scale(void **unused)
{
    (void)unused;
    uint64_t state = 1;
    for (uint32_t n = 0; n < 200; n++) {
        float x[50], y[50];
        const int e = (int)gen_below(160, &state) - 80;
        for (uint32_t i = 0; i < 50; i++) {
            x[i] = (float)rows_normal(&state);
            y[i] = ldexpf(x[i], e);
        }
        oracle_state *const a = oracle_state_new(x, 50, false);
        oracle_state *const b = oracle_state_new(y, 50, false);
        assert_memory_equal(a->kept, b->kept, sizeof x);
        assert_true(a->inverse == b->inverse);
        free(a);
        free(b);
    }
}

/* 1 and two elements of half a unit: what is summed first decides. */
static void expect_sum(uint32_t first, uint32_t second, float sum)
{
    float a[64] = {1.0f}, b[64] = {1.0f};
    a[first] = a[second] = 0x1p-24f;
    b[first] = b[second] = 1.0f;
    assert_true(oracle_dot(a, b, 64) == sum);
    assert_true(oracle_dot(b, a, 64) == sum);
}

static void test_sums(void **unused)
{
    (void)unused;
    const float more = 0x1.000002p+0f;
    expect_sum(16, 32, 1.0f); /* both in the lane of the 1 */
    expect_sum(1, 17, more);  /* in a lane of their own */
    expect_sum(4, 12, more);  /* lanes that are summed before the 1 comes */
    expect_sum(8, 4, 1.0f);   /* one after the other */
    expect_sum(2, 6, more);
    expect_sum(1, 3, more);
    expect_sum(1, 2, 1.0f);
    /* fma: a product that is not rounded by itself */
    const float a[17] = {[0] = -1.0f, [16] = 0x1.000002p+0f};
    const float b[17] = {[0] = 0x1.000004p+0f, [16] = 0x1.000002p+0f};
    assert_true(oracle_dot(a, b, 17) == 0x1p-46f);
}

/* --- penalties and choices by hand --- */

static void set2(float *x, float a, float b)
{
    x[0] = a;
    x[1] = b;
}

static void choose(const small_search *s, oracle_choice *c) { small_search_choose(s, c); }

static bool near(float a, double b) { return fabs((double)a - b) < 1e-6; }

static void test_by_hand(void **unused)
{
    (void)unused;
    small_search s;
    oracle_choice c;
    small_search_new(&s, 2, 2, 3, LMS_FLOAT32);
    set2(small_search_position(&s, 0), 2.0f, 0.0f);
    set2(small_search_position(&s, 1), 3.0f, -4.0f);
    set2(small_search_candidate(&s, 0), 7.0f, 0.0f);  /* cosines 1, 0.6 */
    set2(small_search_candidate(&s, 1), 0.0f, 5.0f);  /* 0, -0.8 */
    set2(small_search_candidate(&s, 2), -1.0f, 0.5f); /* -2, -2 over the root of 5 */
    const float probs[] = {0.5f, 0.25f, 0.125f};
    memcpy(s.probs, probs, sizeof probs);
    choose(&s, &c);
    assert_true(near(c.penalties[0], 1.0) && near(c.scores[0], 0.4 * 0.5 - 0.6));
    assert_true(near(c.penalties[1], 0.0) && near(c.scores[1], 0.4 * 0.25));
    assert_true(near(c.penalties[2], -0.894427191));
    assert_true(near(c.scores[2], 0.05 + 0.6 * 0.894427191));
    assert_true(c.candidate == 2 && c.status == 0);
    assert_true(c.score == c.scores[2] && c.penalty == c.penalties[2]);
    s.params.context_begin = 1;
    choose(&s, &c);
    assert_true(near(c.penalties[0], 0.6) && near(c.penalties[1], -0.8));
    small_search_free(&s);
}

/* alpha 0, and what counts as 0: the first of falling probabilities, whatever the states are;
 * alpha 1: the smallest penalty, whatever the probabilities are. */
static void test_extreme_alphas(void **unused)
{
    (void)unused;
    static const float none[] = {0.0f, -0.0f, 0x1p-149f, 0x1.fffffep-61f};
    for (uint64_t seed = 0; seed < 400; seed++) {
        uint64_t state = seed;
        small_search s;
        oracle_choice c;
        small_search_new(&s, 1 + gen_below(40, &state), 6, 8, LMS_FLOAT32);
        for (uint32_t j = 0; j < 6; j++) {
            state_fill(STATE_NORMAL, 0, small_search_position(&s, j), s.width, s.dtype, &state);
        }
        for (uint32_t i = 0; i < 8; i++) {
            float *const v = small_search_candidate(&s, i);
            state_fill((state_kind)gen_below(STATE_KIND_COUNT, &state), 0, v, s.width, s.dtype,
                       &state);
            s.probs[i] = 0.25f - 0.03125f * (float)(i / 2);
        }
        s.params.alpha = none[seed % LENGTH(none)];
        choose(&s, &c);
        assert_true(c.candidate == 0 && c.score == 0.25f);
        s.params.alpha = 1.0f;
        choose(&s, &c);
        uint32_t best = 0;
        for (uint32_t i = 0; i < 8; i++) {
            assert_true(c.scores[i] == -c.penalties[i]);
            best = c.penalties[i] < c.penalties[best] ? i : best;
        }
        assert_int_equal(c.candidate, best);
        small_search_free(&s);
    }
}

static void test_ties(void **unused)
{
    (void)unused;
    small_search s;
    oracle_choice c;
    small_search_new(&s, 3, 2, 5, LMS_FLOAT16);
    set2(small_search_position(&s, 0), 1.0f, 2.0f);
    set2(small_search_position(&s, 1), 1.0f, -2.0f);
    for (uint32_t i = 0; i < 5; i++) {
        set2(small_search_candidate(&s, i), 1.0f, i ? 0.0f : 1.0f);
    }
    choose(&s, &c);
    assert_true(c.candidate == 1 && c.scores[1] == c.scores[4]);
    s.tokens[1] = LMS_NO_TOKEN;
    choose(&s, &c);
    assert_int_equal(c.candidate, 2);
    small_search_free(&s);
}

/* --- what takes no part, and what counts as nothing --- */

static void test_no_norm(void **unused)
{
    (void)unused;
    small_search s;
    oracle_choice c;
    small_search_new(&s, 2, 2, 2, LMS_FLOAT32);
    set2(small_search_position(&s, 0), -1.0f, 0.0f);
    set2(small_search_candidate(&s, 0), 1.0f, 0.0f);
    choose(&s, &c);
    /* the larger of -1 and 0; the candidate of norm 0 has 0 */
    assert_true(c.penalties[0] == 0.0f && c.penalties[1] == 0.0f && c.status == 0);
    s.empty[1] = true;
    choose(&s, &c);
    assert_true(c.penalties[0] == -1.0f && c.penalties[1] == 0.0f);
    assert_true(!signbit(c.penalties[1]));
    assert_int_equal(c.status, LMS_CHOICE_EMPTY_STATE);
    small_search_free(&s);
}

static void test_no_context(void **unused)
{
    (void)unused;
    for (uint32_t length = 0; length < 3; length++) {
        small_search s;
        oracle_choice c;
        small_search_new(&s, 2, length, 2, LMS_FLOAT32);
        for (uint32_t i = 0; i < 2; i++) {
            set2(small_search_candidate(&s, i), 1.0f, (float)i);
        }
        for (uint32_t j = 0; j < length; j++) {
            s.empty[j] = true;
        }
        choose(&s, &c);
        assert_true(c.candidate == 0 && c.penalty == 0.0f && c.score == (1.0f - 0.6f) * 0.5f);
        assert_int_equal(c.status, length ? LMS_CHOICE_EMPTY_STATE : 0);
        small_search_free(&s);
    }
}

static void test_left_out(void **unused)
{
    (void)unused;
    static const float bad_probs[] = {NAN, -0x1p-149f, 0x1.000002p+0f, INFINITY, -INFINITY};
    small_search s;
    oracle_choice c;
    small_search_new(&s, 2, 3, 3, LMS_BFLOAT16);
    set2(small_search_position(&s, 0), NAN, 0.0f);
    set2(small_search_position(&s, 1), 0.0f, 1.0f);
    set2(small_search_position(&s, 2), 1.0f, 0.0f);
    set2(small_search_candidate(&s, 0), 1.0f, -INFINITY);
    set2(small_search_candidate(&s, 1), 1.0f, 0.0f);
    set2(small_search_candidate(&s, 2), 0.0f, 1.0f);
    s.empty[2] = true;
    choose(&s, &c);
    assert_true(isnan(c.scores[0]) && isnan(c.penalties[0]));
    assert_true(c.candidate == 1 && c.penalties[1] == 0.0f && c.penalties[2] == 1.0f);
    assert_int_equal(c.status,
                     LMS_CHOICE_BAD_CANDIDATE | LMS_CHOICE_BAD_STATE | LMS_CHOICE_EMPTY_STATE);
    /* not in the range, not reported; no candidate, not a bad one */
    s.params.context_begin = 1;
    s.tokens[0] = LMS_NO_TOKEN;
    choose(&s, &c);
    assert_int_equal(c.status, LMS_CHOICE_EMPTY_STATE);
    for (uint32_t i = 0; i < LENGTH(bad_probs); i++) {
        s.probs[1] = bad_probs[i];
        choose(&s, &c);
        assert_true(c.candidate == 2 && isnan(c.scores[1]) && isnan(c.penalties[1]));
        assert_int_equal(c.status, LMS_CHOICE_BAD_CANDIDATE | LMS_CHOICE_EMPTY_STATE);
    }
    s.tokens[2] = INT32_MIN;
    choose(&s, &c);
    assert_true(c.candidate == -1 && isnan(c.score) && isnan(c.penalty));
    assert_int_equal(c.status,
                     LMS_CHOICE_NONE | LMS_CHOICE_BAD_CANDIDATE | LMS_CHOICE_EMPTY_STATE);
    small_search_free(&s);
}

static void test_good_probabilities(void **unused)
{
    (void)unused;
    assert_true(oracle_score(0.5f, -0.0f, 0.0f) == 0.0f);
    assert_true(oracle_score(0.0f, 0x1p-64f, 1.0f) == 0x1p-64f);
    assert_true(oracle_score(0.0f, 0x1.fffffep-65f, 1.0f) == 0.0f);
    assert_true(oracle_score(0.0f, 1.0f, -1.0f) == 1.0f);
    assert_true(oracle_score(1.0f, 1.0f, -1.0f) == 1.0f);
    assert_true(oracle_score(0x1p-60f, 0.0f, 1.0f) == -0x1p-60f);
}

/* Which positions are in the range: begin, window, and both; none is added, none wraps. */
static void expect_range(uint32_t begin, uint32_t window, uint32_t first, uint32_t length)
{
    for (uint32_t j = 0; j < length; j++) {
        small_search s;
        oracle_choice c;
        small_search_new(&s, 1, length, 1, LMS_FLOAT32);
        s.params.context_begin = begin;
        s.params.context_window = window;
        small_search_position(&s, j)[0] = 1.0f;
        small_search_candidate(&s, 0)[0] = 1.0f;
        choose(&s, &c);
        assert_true(c.penalty == (j >= first ? 1.0f : 0.0f));
        small_search_free(&s);
    }
}

static void test_ranges(void **unused)
{
    (void)unused;
    expect_range(0, 0, 0, 7);
    expect_range(3, 0, 3, 7);
    expect_range(7, 0, 7, 7);
    expect_range(8, 0, 7, 7);
    expect_range(UINT32_MAX, 0, 7, 7);
    expect_range(0, 1, 6, 7);
    expect_range(0, 7, 0, 7);
    expect_range(0, 8, 0, 7);
    expect_range(0, UINT32_MAX, 0, 7);
    expect_range(2, 3, 4, 7);
    expect_range(5, 3, 5, 7);
    expect_range(UINT32_MAX, UINT32_MAX, 7, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_bad_states),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_extreme_alphas),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_no_norm),
        cmocka_unit_test(test_no_context),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_good_probabilities),
        cmocka_unit_test(test_ranges),

    };
    return cmocka_run_group_tests_name("oracle_contrastive_edges", tests, NULL, NULL);
}
