/* The oracle at the edges: dead tokens, infinities, ties, limits, bad parameters, statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "../support/exact.h"
#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static const oracle_params plain = {.seed = 5, .step = 6, .temperature = 1.0f, .top_p = 1.0f};

static oracle_row *prepare(const float *x, uint32_t vocab, const oracle_params *p)
{
    oracle_row *const row = oracle_prepare(x, vocab, p);
    assert_non_null(row);
    return row;
}

static oracle_result sample(const float *x, uint32_t vocab, const oracle_params *p)
{
    oracle_result result;
    assert_true(oracle_sample(x, vocab, p, NULL, 0, &result));
    return result;
}

static uint32_t kept_of(const float *x, uint32_t vocab, const oracle_params *p)
{
    oracle_row *const row = prepare(x, vocab, p);
    const uint32_t kept = oracle_row_kept(row);
    oracle_row_free(row);
    return kept;
}

static void assert_no_token(const oracle_result *result, uint32_t status)
{
    assert_int_equal(result->token, -1);
    assert_int_equal(result->status, status);
    assert_int_equal(result->kept, 0);
    assert_true(isnan(result->logprob_raw) && isnan(result->logprob));
}

static void test_dead_tokens(void **state)
{
    (void)state;
    const float all_dead[] = {-INFINITY, NAN, -NAN, -INFINITY};
    const oracle_result none = sample(all_dead, 4, &plain);
    assert_no_token(&none, ORACLE_EMPTY | ORACLE_SAW_NAN);
    const oracle_result minus = sample(all_dead, 1, &plain);
    assert_no_token(&minus, ORACLE_EMPTY);
    oracle_params greedy = plain;
    greedy.temperature = 0.0f;
    const oracle_result still_none = sample(all_dead, 4, &greedy);
    assert_no_token(&still_none, ORACLE_EMPTY | ORACLE_SAW_NAN);
    oracle_row *const row = prepare(all_dead, 4, &plain);
    float probs[4] = {1, 1, 1, 1};
    oracle_probs(row, probs);
    assert_true(probs[0] + probs[1] + probs[2] + probs[3] == 0.0f);
    oracle_row_free(row);

    const float one_live[] = {NAN, -INFINITY, -FLT_MAX, NAN};
    const oracle_result one = sample(one_live, 4, &plain);
    assert_int_equal(one.token, 2);
    assert_int_equal(one.status, ORACLE_OK | ORACLE_SAW_NAN);
    assert_int_equal(one.kept, 1);
    assert_true(one.logprob == 0.0f && one.logprob_raw == 0.0f);
}

static void test_dead_tokens_hold_slots(void **state)
{
    (void)state;
    float x[40];
    rows_fill_equal(x, 40, -INFINITY);
    x[3] = 0.0f;
    x[39] = 0.0f;
    oracle_row *const row = prepare(x, 40, &plain);
    const uint64_t bound = (UINT64_C(1) << 29) + (1u << 9) + 2;
    assert_true(oracle_row_group_bound(row, 0) == bound);
    assert_true(oracle_row_group_bound(row, 1) == bound);
    assert_true(oracle_row_envelope(row) == 40 * bound << 13);
    assert_true(oracle_row_measure(row, false)->total == UINT64_C(1) << 43);
    oracle_row_free(row);
}

static void test_infinities(void **state)
{
    (void)state;
    float x[600];
    rows_fill_equal(x, 600, FLT_MAX);
    x[7] = x[300] = x[599] = INFINITY;
    x[8] = NAN;
    oracle_row *const row = prepare(x, 600, &plain);
    const long double each = oracle_row_draw_mass(row, 7);
    assert_true(each > 0.0L);
    for (uint32_t i = 0; i < 600; i++) {
        const long double mass = oracle_row_draw_mass(row, i);
        if (isinf(x[i])) {
            assert_true(fabsl(mass / each - 1.0L) < 0x1p-41L);
            assert_true(fabsf(oracle_row_logprob(row, i) + logf(3.0f)) < 1e-5f);
            assert_true(fabsf(oracle_row_logprob_raw(row, i) + logf(3.0f)) < 1e-5f);
        } else {
            assert_true(mass == 0.0L);
        }
    }
    assert_int_equal(oracle_row_kept(row), 599);
    oracle_row_free(row);
    for (uint64_t step = 0; step < 50; step++) {
        oracle_params p = plain;
        p.step = step;
        p.top_p = 0.5f;
        const oracle_result result = sample(x, 600, &p);
        /* of three equal tokens the first two reach 0.5 */
        assert_true(result.token == 7 || result.token == 300);
        assert_int_equal(result.kept, 2);
        assert_int_equal(result.status, ORACLE_OK | ORACLE_SAW_NAN | ORACLE_SAW_INF);
        assert_true(fabsf(result.logprob + logf(2.0f)) < 1e-5f);
        p.temperature = 0.0f;
        assert_int_equal(sample(x, 600, &p).token, 7);
    }
    oracle_params p = plain;
    p.min_p = 1e-30f;
    assert_int_equal(kept_of(x, 600, &p), 3);
}

static void test_huge_is_no_infinity(void **state)
{
    (void)state;
    const float x[] = {FLT_MAX, -FLT_MAX, FLT_MAX, 0.0f};
    const oracle_result result = sample(x, 4, &plain);
    assert_true(result.token == 0 || result.token == 2);
    assert_int_equal(result.status, ORACLE_OK);
    assert_true(fabsf(result.logprob + logf(2.0f)) < 1e-5f);
    oracle_params p = plain;
    p.top_k = 1;
    p.temperature = 0x1p64f;
    assert_int_equal(sample(x, 4, &p).token, 0);
    p.temperature = 0x1p-64f;
    const float small[] = {0.0f, 0x1p-140f, 0x1p-60f, -0x1p-149f};
    p.top_k = 0;
    oracle_row *const row = prepare(small, 4, &p);
    const long double top = oracle_row_draw_mass(row, 2);
    assert_true(oracle_row_draw_mass(row, 0) == oracle_row_draw_mass(row, 1));
    assert_true(oracle_row_draw_mass(row, 0) == oracle_row_draw_mass(row, 3));
    assert_true(fabsl(logl(top / oracle_row_draw_mass(row, 0)) - 16.0L) < 1e-2L);
    oracle_row_free(row);
}

static void test_one_token(void **state)
{
    (void)state;
    const float values[] = {0.0f,     -0.0f,     1.0f,    -1e30f,     FLT_MAX,
                            -FLT_MAX, 0x1p-149f, 0.7213f, -0x1p-126f, INFINITY};
    const float temperatures[] = {0.0f, 0x1p-64f, 1e-6f, 0.7f, 1.0f, 1e6f, 0x1p64f};
    for (size_t v = 0; v < LENGTH(values); v++) {
        for (size_t t = 0; t < LENGTH(temperatures); t++) {
            oracle_params p = plain;
            p.temperature = temperatures[t];
            const oracle_result result = sample(&values[v], 1, &p);
            assert_int_equal(result.token, 0);
            assert_int_equal(result.kept, 1);
            assert_true(oracle_bits(result.logprob) == 0);
            assert_true(oracle_bits(result.logprob_raw) == 0);
        }
    }
}

static void test_zeros_tie(void **state)
{
    (void)state;
    const float x[] = {-1.0f, -0.0f, 0.0f, -0.0f, -0x1p-149f};
    oracle_params p = plain;
    p.top_k = 2;
    oracle_row *const row = prepare(x, 5, &p);
    const uint32_t expected[] = {1, 2, 3, 4, 0};
    assert_memory_equal(oracle_row_order(row), expected, sizeof expected);
    assert_int_equal(oracle_row_kept(row), 2);
    assert_true(oracle_row_is_kept(row, 1) && oracle_row_is_kept(row, 2));
    oracle_row_free(row);
    p.flags = ORACLE_TOP_K_TIES;
    assert_int_equal(kept_of(x, 5, &p), 3);
    p = plain;
    p.min_p = 1.0f;
    assert_int_equal(kept_of(x, 5, &p), 3);
    p.min_p = 0x1.fffffep-1f; /* below 1 the subnormal is close enough */
    assert_int_equal(kept_of(x, 5, &p), 4);
    p.temperature = 0.0f;
    assert_int_equal(sample(x, 5, &p).token, 1);
}

static void test_limits_of_filters(void **state)
{
    (void)state;
    float x[300];
    uint64_t random = 9;
    rows_fill_normal(x, 300, 3.0, &random);
    x[17] = -INFINITY;
    const int32_t off[] = {0, -1, INT32_MIN, 300, 301, INT32_MAX};
    for (size_t i = 0; i < LENGTH(off); i++) {
        oracle_params p = plain;
        p.top_k = off[i];
        p.top_p = i % 2 ? INFINITY : 1.0f;
        p.min_p = i % 2 ? -INFINITY : -0.0f;
        oracle_row *const row = prepare(x, 300, &p);
        assert_false(oracle_row_filtered(row));
        assert_int_equal(oracle_row_kept(row), 299);
        assert_true(oracle_row_kept_mass(row) == oracle_row_measure(row, false)->total);
        oracle_row_free(row);
    }
    oracle_params p = plain;
    p.top_k = 299;
    oracle_row *const row = prepare(x, 300, &p);
    assert_true(oracle_row_filtered(row));
    assert_int_equal(oracle_row_kept(row), 299);
    oracle_row_free(row);
    p.top_k = 1;
    assert_int_equal(kept_of(x, 300, &p), 1);
    p = plain;
    p.top_p = 0x1p-149f;
    assert_int_equal(kept_of(x, 300, &p), 1);
    p.top_p = 0x1.fffffep-1f;
    assert_true(kept_of(x, 300, &p) > 200);
    const float greedy[] = {0.0f, -0.0f, -1.0f, -INFINITY};
    for (size_t i = 0; i < LENGTH(greedy); i++) {
        p.top_p = greedy[i];
        const oracle_result result = sample(x, 300, &p);
        assert_int_equal(result.kept, 1);
        assert_int_equal(result.attempts, 0);
        assert_true(result.logprob == 0.0f && result.logprob_raw < 0.0f);
    }
}

static void test_tie_at_the_cut(void **state)
{
    (void)state;
    float x[100];
    rows_fill_equal(x, 100, -2.0f);
    x[50] = 1.0f;
    for (uint32_t i = 60; i < 70; i++) {
        x[i] = 0.5f;
    }
    oracle_params p = plain;
    p.top_k = 4;
    oracle_row *const row = prepare(x, 100, &p);
    assert_int_equal(oracle_row_kept(row), 4);
    assert_true(oracle_row_is_kept(row, 62) && !oracle_row_is_kept(row, 63));
    /* the four groups are in reach, though no token of groups 0, 2 and 3 is kept */
    for (uint32_t g = 0; g < 4; g++) {
        assert_true(oracle_row_group_bound(row, g) > 0);
    }
    oracle_row_free(row);
    p.flags = ORACLE_TOP_K_TIES;
    assert_int_equal(kept_of(x, 100, &p), 11);
    p.top_k = 11;
    assert_int_equal(kept_of(x, 100, &p), 11);
    p.top_k = 12;
    assert_int_equal(kept_of(x, 100, &p), 100);
    /* equal tokens, N = 100 * 2^42: 0.25 is met by the 25th, a bit more needs the 26th */
    rows_fill_equal(x, 100, 0.0f);
    p = plain;
    p.top_p = 0.25f;
    assert_int_equal(kept_of(x, 100, &p), 25);
    p.top_p = rows_neighbour(0.25f, 1);
    assert_int_equal(kept_of(x, 100, &p), 26);
}

/* p: 0.4 0.2 0.2 0.1 0.05 0.05, far from every threshold below */
static void test_order_of_filters(void **state)
{
    (void)state;
    const float masses[] = {0.05f, 0.2f, 0.4f, 0.1f, 0.2f, 0.05f};
    float x[6];
    for (int i = 0; i < 6; i++) {
        x[i] = logf(masses[i]);
    }
    oracle_params p = plain;
    p.top_p = 0.7f;
    p.top_k = 3; /* base 0.8 with ties and without: 0.56 needs two; the whole row needs three */
    for (uint32_t flags = 0; flags < 16; flags++) {
        p.flags = flags;
        assert_int_equal(kept_of(x, 6, &p), flags & ORACLE_TOP_P_WHOLE_ROW ? 3 : 2);
    }
    p.top_k = 2; /* ties: 0.8 kept, 0.56 needs two; none: 0.6 kept, 0.42 needs two */
    p.top_p = 0.9f;
    for (uint32_t flags = 0; flags < 16; flags++) {
        p.flags = flags;
        assert_int_equal(kept_of(x, 6, &p), flags & ORACLE_TOP_K_TIES ? 3 : 2);
    }
    p.top_k = 0; /* min-p keeps 0.8: 0.56 needs two; of the whole row 0.7 needs three */
    p.top_p = 0.7f;
    p.min_p = 0.4f;
    for (uint32_t flags = 0; flags < 16; flags++) {
        p.flags = flags;
        const bool whole = flags & (ORACLE_TOP_P_WHOLE_ROW | ORACLE_MIN_P_LAST);
        assert_int_equal(kept_of(x, 6, &p), whole ? 3 : 2);
    }
    p.top_p = 1.0f; /* at T = 2 the ratio to the top is a square root: 0.5 is 0.71 there */
    p.min_p = 0.6f;
    p.temperature = 2.0f;
    for (uint32_t flags = 0; flags < 16; flags++) {
        p.flags = flags;
        assert_int_equal(kept_of(x, 6, &p), flags & ORACLE_TEMPERATURE_LAST ? 1 : 3);
    }
    p.min_p = 0.0f; /* nor does T matter to top-p: masses ~ .63 .45 .45 .32 .22 .22 */
    p.top_p = 0.35f;
    for (uint32_t flags = 0; flags < 16; flags++) {
        p.flags = flags;
        assert_int_equal(kept_of(x, 6, &p), flags & ORACLE_TEMPERATURE_LAST ? 1 : 2);
    }
}

/* Thresholds that are met exactly, and one that falls between two integers. */
static void test_exact_thresholds(void **state)
{
    (void)state;
    oracle_params p = plain;
    /* at a scale of 1 the logit -1 is one octave down, and min_p = 1/2 is just met */
    p.temperature = 1.4426950f;
    while (oracle_scale(p.temperature) < 1.0f) {
        p.temperature = rows_neighbour(p.temperature, -1);
    }
    while (oracle_scale(p.temperature) > 1.0f) {
        p.temperature = rows_neighbour(p.temperature, 1);
    }
    assert_true(oracle_scale(p.temperature) == 1.0f);
    p.min_p = 0.5f;
    const float octave[] = {0.0f, -1.0f, -0x1.000002p0f};
    assert_int_equal(kept_of(octave, 3, &p), 2);
    /* weights 2^29 and 129023: 16773185 * N * 2^-24 is 2^42 and a fraction */
    p = plain;
    p.top_p = 16773185.0f * 0x1p-24f;
    float pair[2] = {0.0f, -8.3f};
    const oracle_split split = oracle_split_at(0.0f, oracle_scale(1.0f));
    while (oracle_weight(pair[1], oracle_scale(1.0f), &split) > 129023) {
        pair[1] = rows_neighbour(pair[1], -1);
    }
    assert_int_equal(oracle_weight(pair[1], oracle_scale(1.0f), &split), 129023);
    assert_int_equal(kept_of(pair, 2, &p), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dead_tokens),       cmocka_unit_test(test_dead_tokens_hold_slots),
        cmocka_unit_test(test_infinities),        cmocka_unit_test(test_huge_is_no_infinity),
        cmocka_unit_test(test_one_token),         cmocka_unit_test(test_zeros_tie),
        cmocka_unit_test(test_limits_of_filters), cmocka_unit_test(test_tie_at_the_cut),
        cmocka_unit_test(test_order_of_filters),  cmocka_unit_test(test_exact_thresholds),

    };
    return cmocka_run_group_tests_name("oracle edges", tests, NULL, NULL);
}
