/* What sequences of a beam search are ranked by: scores over powers of their length, against
 * long double (specification, section 16). */
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

static long double larger(long double a, long double b) { return a > b ? a : b; }

static const float penalties[] = {
    0.0f,   -0.0f, 1e-45f, 0x1p-126f, 0.1f,  0.5f,   0.6f,   1.0f,  1.5f,   2.0f,
    3.0f,   7.0f,  31.0f,  32.0f,     33.0f, 31.5f,  50.5f,  1e3f,  1e10f,  3e38f,
    -1e-9f, -0.5f, -1.0f,  -2.0f,     -7.3f, -31.0f, -64.0f, -1e5f, -3e38f, 0x1.fffffep-1f};

static uint64_t some_length(uint64_t *random)
{
    static const uint64_t edges[] = {1, 2, 3, 4, 255, 256, 65535, 65536, 1u << 20, 4295000000};
    if (gen_below(2, random)) {
        return edges[gen_below(LENGTH(edges), random)];
    }
    return (uint64_t)exp2(rows_between(random, 0.0, 20.0));
}

/* What is left of 64 digits: whole penalties lose some of the last in every product, and others
 * have a power of two whose exponent is in units of 2^-32. */
static long double allowed_error(float p)
{
    const long double whole = larger(fabsl((long double)p), 1.0L) * 0x1p-60L;
    return p == floorf(p) ? whole : whole + 0x1p-31L;
}

static void check_rate(int64_t score, uint64_t length, float p)
{
    const long double s = -(long double)score * UNIT;
    const long double penalty = fabsf(p) < FLT_MIN ? 0.0L : (long double)p;
    const oracle_rating rating = oracle_beam_rate(score, length, p);
    assert_true(rating.sign <= 0 && (rating.sign < 0) == (score < 0));
    if (fabsl(penalty) * log2l((long double)length) > 10000.0L) {
        return; /* more than even these floats have */
    }
    const long double expected = s / powl((long double)length, penalty);
    const long double rate = -oracle_rating_nats(rating);
    if (fabsl(rate - expected) > allowed_error(p) * expected) {
        print_error("rate(%lld, %llu, %a) is %.12Lg, not %.12Lg\n", (long long)score,
                    (unsigned long long)length, (double)p, rate, expected);
        fail();
    }
}

/* At equal lengths the order is that of the scores, to the last unit, whatever the penalty. */
static void test_rate(void **state)
{
    (void)state;
    uint64_t random = 9;
    for (int i = 0; i < 200000; i++) {
        const int64_t score = -(int64_t)(rows_random(&random) >> (2 + gen_below(62, &random)));
        const uint64_t length = some_length(&random);
        const float p = gen_below(2, &random) ? penalties[gen_below(LENGTH(penalties), &random)]
                                              : (float)rows_between(&random, -16.0, 16.0);
        check_rate(score, length, p);
        if (score < 0) {
            assert_true(oracle_rating_compare(oracle_beam_rate(score + 1, length, p),
                                              oracle_beam_rate(score, length, p)) > 0);
        }
    }
}

static int64_t units(double nats) { return (int64_t)(nats * 0x1p32); }

/* -(n / d), exactly */
static void expect_ratio(oracle_rating rating, uint64_t n, uint64_t d)
{
    const oracle_rating expected = oracle_beam_rate(-(int64_t)n, d, 1.0f);
    assert_int_equal(oracle_rating_compare(rating, expected), 0);
}

static void test_rate_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(penalties); i++) {
        expect_ratio(oracle_beam_rate(-12345, 1, penalties[i]), 12345, 1);
        assert_int_equal(oracle_beam_rate(0, 1000, penalties[i]).sign, 0);
    }
    expect_ratio(oracle_beam_rate(-1000, 7, 0.0f), 1000, 1);
    expect_ratio(oracle_beam_rate(-1000, 7, 1e-45f), 1000, 1);
    expect_ratio(oracle_beam_rate(-1000, 7, -1e-45f), 1000, 1);
    expect_ratio(oracle_beam_rate(-1000, 7, 2.0f), 1000, 49);
    expect_ratio(oracle_beam_rate(-1000, 7, -2.0f), 49000, 1);
    expect_ratio(oracle_beam_rate(-1000, 4, 0.5f), 1000, 2);
    expect_ratio(oracle_beam_rate(-1000, 4, -0.5f), 2000, 1);
    expect_ratio(oracle_beam_rate(-6, 4, 2.5f), 3, 16);
    /* a sum of 10 over 2 tokens is as good as one of 15 over 3, and 1/3 has no last digit */
    assert_int_equal(
        oracle_rating_compare(oracle_beam_rate(-10, 2, 1.0f), oracle_beam_rate(-15, 3, 1.0f)),
        0);
    assert_int_equal(
        oracle_rating_compare(oracle_beam_rate(-1, 3, 1.0f), oracle_beam_rate(-7, 21, 1.0f)),
        0);
    assert_int_equal(oracle_rating_compare(oracle_beam_rate(-1, 10, 19.0f),
                                           oracle_beam_rate(-10, 10, 20.0f)),
                     0);
    assert_true(oracle_beam_rate(-1, 3, 1.0f).mantissa == UINT64_C(0xaaaaaaaaaaaaaaaa));
}

/* What fixed point with units of 2^-32 had no digits or no range for. */
static void test_far_penalties(void **state)
{
    (void)state;
    static const struct {
        float p;
        uint64_t length;
        double better, worse;
    } all[] = {{6.0f, 40, -64.18, -64.29},         {3.0f, 1000, -100.0, -100.1},
               {-5.0f, 40, -64.18, -64.29},        {-3.0f, 500, -700.0, -700.25},
               {16.0f, 1048576, -1e6, -1e6 - 1.0}, {-16.0f, UINT32_MAX, -1e6, -1e6 - 1.0}};
    for (size_t i = 0; i < LENGTH(all); i++) {
        const oracle_rating better =
            oracle_beam_rate(units(all[i].better), all[i].length, all[i].p);
        const oracle_rating worse =
            oracle_beam_rate(units(all[i].worse), all[i].length, all[i].p);
        assert_true(oracle_rating_compare(better, worse) > 0);
    }
    /* -64.18 / 40^6 and -64.18 * 40^5 */
    assert_true(oracle_rating_float(oracle_beam_rate(units(-64.18), 40, 6.0f)) ==
                (float)(-64.18 / 4.096e9));
    assert_true(oracle_rating_float(oracle_beam_rate(units(-64.18), 40, -5.0f)) ==
                (float)(-64.18 * 1.024e8));
}

/* Scores that people see: what floats have no range for is 0, or the largest of them. */
static void test_rating_float(void **state)
{
    (void)state;
    assert_true(oracle_rating_float(oracle_beam_rate(units(-1.0), 2, 126.0f)) == -0x1p-126f);
    assert_true(oracle_rating_float(oracle_beam_rate(units(-1.0), 2, 127.0f)) == 0.0f);
    assert_true(oracle_rating_float(oracle_beam_rate(units(-1.0) + 1, 2, 126.0f)) == 0.0f);
    assert_true(oracle_rating_float(oracle_beam_rate(units(-1.0), 2, -127.0f)) == -0x1p127f);
    assert_true(oracle_rating_float(oracle_beam_rate(units(-1.0), 2, -128.0f)) == -FLT_MAX);
    assert_true(oracle_rating_float(oracle_beam_rate(units(-1.0), 1048576, 3e38f)) == 0.0f);
    assert_true(oracle_rating_float(oracle_beam_rate(units(-1.0), 3, -3e38f)) == -FLT_MAX);
    /* a unit less than 2 nats rounds to 2, at the top of the range too */
    assert_true(oracle_rating_float(oracle_rating_of(1 - (INT64_C(1) << 33))) == -2.0f);
    assert_true(oracle_rating_float(oracle_beam_rate(1 - (INT64_C(1) << 33), 2, -127.0f)) ==
                -FLT_MAX);
    assert_true(oracle_rating_float(oracle_rating_of(INT64_C(3) << 31)) == 1.5f);
    assert_true(oracle_rating_float(oracle_rating_of(0)) == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_rate_values),
        cmocka_unit_test(test_far_penalties),
        cmocka_unit_test(test_rating_float),
    };
    return cmocka_run_group_tests_name("oracle_beam_rate", tests, NULL, NULL);
}
