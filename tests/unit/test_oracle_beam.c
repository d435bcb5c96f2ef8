/*
 * The single steps of the oracle of beam search against 80-bit arithmetic:
 * log-probabilities, powers, logarithms (test_oracle_beam_rate.c has ratings).
 * test_oracle_beam_search.c has whole searches, test_oracle_beam_draw.c the random modes,
 * test_oracle_beam_edges.c and _hostile.c rules with known answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/exact.h"
#include "../support/gen.h"
#include "../support/oracle_beam.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define UNIT 0x1p-32L

static const lms_beam_params plain = {.filters.temperature = 1.0f,
                                      .filters.top_p = 1.0f,
                                      .width = 1,
                                      .groups = 1,
                                      .max_length = 1,
                                      .results = 1};

static long double larger(long double a, long double b) { return a > b ? a : b; }

/* --- section 12 --- */

/* The worst error of a row's log-probabilities in units of what is allowed. */
static long double worst_logprob(const float *x, uint32_t vocab, float temperature)
{
    lms_beam_params p = plain;
    p.filters.temperature = temperature;
    oracle_offers offers;
    assert_true(oracle_offers_make(&offers, &p, NULL, 0, x, vocab));
    exact_row *const exact = exact_prepare(x, vocab, temperature);
    assert_non_null(exact);
    long double worst = 0.0L;
    for (uint32_t i = 0; i < exact->live; i++) {
        /* no gap is larger than 2^61 units */
        const long double gap = larger(exact->log_ratio[i], -0x1p29L);
        const long double expected = gap - logl(exact->prefix[exact->live]);
        const int64_t logprob = oracle_offers_logprob(&offers, exact->order[i]);
        const long double allowed = larger(1e-5L, 0x1p-23L * fabsl(expected));
        worst = larger(worst, fabsl((long double)logprob * UNIT - expected) / allowed);
    }
    exact_row_free(exact);
    oracle_offers_free(&offers);
    return worst;
}

/* The same among the kept tokens of a row whose first token and best one are suppressed. */
static long double worst_renormalized(const float *x, uint32_t vocab, float temperature)
{
    float rest[1500];
    lms_beam_params p = plain;
    oracle_offers offers;
    exact_row *exact = exact_prepare(x, vocab, temperature);
    assert_non_null(exact);
    const int32_t ends[2] = {0, exact->live ? (int32_t)exact->order[0] : 0};
    exact_row_free(exact);
    p.filters.temperature = temperature;
    p.filters.top_k = (int32_t)vocab / 2;
    p.flags = LMS_BEAM_RENORMALIZE;
    p.end_tokens = 2;
    p.min_length = 1;
    memcpy(rest, x, vocab * sizeof *rest);
    rest[ends[0]] = rest[ends[1]] = -INFINITY;
    exact = exact_prepare(rest, vocab, temperature);
    assert_non_null(exact);
    assert_true(oracle_offers_make(&offers, &p, ends, 0, x, vocab));
    const uint32_t kept = exact_top_k(exact, rest, vocab / 2, false);
    assert_int_equal(offers.count, kept);
    long double worst = 0.0L;
    for (uint32_t i = 0; i < kept; i++) {
        const long double gap = larger(exact->log_ratio[i], -0x1p29L);
        const long double expected = gap - logl(exact->prefix[kept]);
        const int64_t logprob = oracle_offers_logprob(&offers, exact->order[i]);
        const long double allowed = larger(1e-5L, 0x1p-23L * fabsl(expected));
        worst = larger(worst, fabsl((long double)logprob * UNIT - expected) / allowed);
    }
    exact_row_free(exact);
    oracle_offers_free(&offers);
    return worst;
}

static bool is_finite_kind(gen_kind kind)
{
    return kind != GEN_DEAD && kind != GEN_ALL_NAN && kind != GEN_NAN_LACED &&
           kind != GEN_PLUS_INF && kind != GEN_ANY_BITS;
}

static void test_logprobs(void **state)
{
    (void)state;
    static const float temperatures[] = {0.1f,  0.3f,   0.7f,  1.0f, 1.3f,     2.0f,
                                         10.0f, 100.0f, 1e-6f, 1e6f, 0x1p-64f, 0x1p64f};
    static const uint32_t vocabs[] = {1, 2, 33, 300, 1500};
    float x[1500];
    uint64_t random = 7;
    long double worst = 0.0L;
    for (uint32_t kind = 0; kind < GEN_KINDS; kind++) {
        for (size_t v = 0; v < LENGTH(vocabs) && is_finite_kind((gen_kind)kind); v++) {
            gen_row((gen_kind)kind, x, vocabs[v], &random);
            for (size_t t = 0; t < LENGTH(temperatures); t++) {
                long double error = worst_logprob(x, vocabs[v], temperatures[t]);
                if (vocabs[v] > 2) {
                    error = larger(error, worst_renormalized(x, vocabs[v], temperatures[t]));
                }
                if (error > 1.0L) {
                    print_error("%s, vocab %u, temperature %a\n", gen_name((gen_kind)kind),
                                vocabs[v], (double)temperatures[t]);
                }
                worst = larger(worst, error);
            }
        }
    }
    print_message("worst log-probability: %.3Lf of what is allowed\n", worst);
    assert_true(worst <= 1.0L);
}

static void test_gap_edges(void **state)
{
    (void)state;
    const int64_t most = INT64_C(1) << 61;
    /* 1 nat, of a temperature and of another */
    assert_int_equal(oracle_beam_gap(1.0f, 0.0f, 1.0f), INT64_C(1) << 32);
    assert_int_equal(oracle_beam_gap(1.0f, 0.0f, 4.0f), INT64_C(1) << 30);
    assert_int_equal(oracle_beam_gap(3.0f, 3.0f, 1.0f), 0);
    assert_int_equal(oracle_beam_gap(0.0f, -0.0f, 1.0f), 0);
    assert_int_equal(oracle_beam_gap(INFINITY, INFINITY, 1.0f), 0);
    assert_int_equal(oracle_beam_gap(INFINITY, 0.0f, 1.0f), most);
    assert_int_equal(oracle_beam_gap(3e38f, -3e38f, 0x1p64f), most);
    /* the difference is subnormal, then the least normal one */
    assert_int_equal(oracle_beam_gap(0x1p-127f, 0.0f, 0x1p-64f), 0);
    assert_int_equal(oracle_beam_gap(0x1p-126f, 0.0f, 0x1p-64f), 0);
    /* 2^29 nats is the cap; just below it */
    assert_int_equal(oracle_beam_gap(0x1p29f, 0.0f, 1.0f), most);
    assert_int_equal(oracle_beam_gap(0x1.fffffep28f, 0.0f, 1.0f), most - (INT64_C(1) << 37));
    assert_int_equal(oracle_beam_gap(0x1p-32f, 0.0f, 1.0f), 1);
    assert_int_equal(oracle_beam_gap(0x1.fffffep-33f, 0.0f, 1.0f), 0);
    /* 1 / 3 in 2^-32, by q rounded down */
    assert_int_equal(oracle_beam_gap(1.0f, 0.0f, 3.0f), INT64_C(0x55555555));
}

static void test_gap_monotone(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 100000; i++) {
        const float top = rows_any_float(&random);
        const float low = rows_any_float(&random);
        const float t = (float)exp2(rows_between(&random, -64.0, 64.0));
        if (low < top) {
            const int64_t gap = oracle_beam_gap(top, low, t);
            const int64_t next = oracle_beam_gap(top, rows_neighbour(low, 1), t);
            assert_true(next <= gap && next >= 0 && gap <= INT64_C(1) << 61);
        }
    }
}

/* --- sections 15 and 16 --- */

static void test_power(void **state)
{
    (void)state;
    uint64_t random = 4;
    long double worst = 0.0L;
    for (int i = 0; i < 200000; i++) {
        const uint32_t f = i < 32 ? UINT32_C(1) << i : (uint32_t)rows_random(&random);
        const long double e = (long double)oracle_beam_power(f);
        const long double expected = exp2l((long double)f * UNIT) * 0x1p63L;
        assert_true(e >= 0x1p63L);
        worst = larger(worst, fabsl(e / expected - 1.0L));
    }
    print_message("worst relative error of E: 2^%.2Lf\n", log2l(worst));
    assert_true(worst <= 0x1p-57L);
    assert_true(oracle_beam_power(0) == UINT64_C(1) << 63);
    assert_true(oracle_beam_power(UINT32_C(1) << 31) == UINT64_C(0xB504F333F9DE6484));
}

static void test_exp2(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int i = 0; i < 200000; i++) {
        const int64_t z =
            (int64_t)(rows_random(&random) % (UINT64_C(96) << 32)) - (INT64_C(48) << 32);
        const long double expected = exp2l((long double)z * UNIT);
        const long double error = (long double)oracle_beam_exp2(z) / expected - 1.0L;
        assert_true(error <= 0.0L && error >= -0x1p-23L);
    }
    assert_true(oracle_beam_exp2(0) == 1.0f);
    assert_true(oracle_beam_exp2(-(INT64_C(3) << 32)) == 0.125f);
    assert_true(oracle_beam_exp2(-1) == 0x1.fffffep-1f);
}

static void test_ln(void **state)
{
    (void)state;
    uint64_t random = 6;
    for (int i = 0; i < 100000; i++) {
        const float tau = (float)exp2(rows_between(&random, -60.0, 60.0));
        const long double error =
            (long double)oracle_beam_ln(tau) * UNIT - logl((long double)tau);
        assert_true(fabsl(error) <= 4.0L * UNIT);
    }
    assert_int_equal(oracle_beam_ln(1.0f), 0);
    /* towards zero on both sides: ln 2 * 2^32 is 2977044471.8 */
    assert_int_equal(oracle_beam_ln(2.0f), 2977044471);
    assert_int_equal(oracle_beam_ln(0.5f), -2977044471);
}

static void test_exponential(void **state)
{
    (void)state;
    uint64_t random = 8;
    for (int i = 0; i < 100000; i++) {
        const uint64_t w = rows_random(&random) >> gen_below(64, &random);
        const long double exact = -logl((long double)(w ? w : 1) * 0x1p-64L);
        const long double error = (long double)oracle_beam_exponential(w) * UNIT - exact;
        assert_true(fabsl(error) <= 4.0L * UNIT);
    }
    assert_int_equal(oracle_beam_exponential(UINT64_MAX), 1);
    /* 64 ln 2 = 44.36 nats */
    assert_int_equal(oracle_beam_exponential(0), INT64_C(190530846196));
    assert_int_equal(oracle_beam_exponential(1), INT64_C(190530846196));
    assert_int_equal(oracle_beam_exponential(UINT64_C(1) << 63), 2977044471);
}

static void test_float(void **state)
{
    (void)state;
    assert_true(oracle_beam_float(-(INT64_C(3) << 31)) == -1.5f);
    assert_true(oracle_beam_float(-1) == -0x1p-32f);
    assert_true(oracle_beam_float(ORACLE_BEAM_FLOOR) == -0x1p30f);
    assert_true(oracle_beam_float(ORACLE_BEAM_NONE) == -INFINITY);
    /* to nearest, ties to even */
    assert_true(oracle_beam_float(-16777217) == -0x1p-8f);
    assert_true(oracle_beam_float(-16777219) == -0x1.000004p-8f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logprobs),     cmocka_unit_test(test_gap_edges),
        cmocka_unit_test(test_gap_monotone), cmocka_unit_test(test_power),
        cmocka_unit_test(test_exp2),         cmocka_unit_test(test_ln),
        cmocka_unit_test(test_exponential),

        cmocka_unit_test(test_float),
    };
    return cmocka_run_group_tests_name("oracle_beam", tests, NULL, NULL);
}
