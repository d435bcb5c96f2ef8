/*
 * The oracle's single steps against known answers and 80-bit arithmetic. Needs no device.
 * test_oracle_edges.c has the edge rules of docs/reference/specification.md,
 * test_oracle_claims.c and test_oracle_cuts.c measure the claims of its section 11,
 * test_oracle_draw.c the draw.
 *
 * With ORACLE_EXHAUSTIVE=1 in the environment the weight's bound is tried on every float.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* --- single steps --- */

static void check_conversion(float actual, double expected, bool is_nan, bool negative)
{
    if (is_nan) {
        assert_true(isnan(actual));
        return;
    }
    assert_true((double)actual == expected);
    assert_int_equal(signbit(actual) != 0, negative);
}

static void test_half(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        const int exponent = (int)(i >> 10 & 31);
        const double mantissa = i & 1023;
        const bool negative = i >> 15;
        double value =
            exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024.0 + mantissa, exponent - 25);
        bool is_nan = false;
        if (exponent == 31) {
            is_nan = mantissa != 0.0;
            value = (double)INFINITY;
        }
        check_conversion(oracle_from_half((uint16_t)i), negative ? -value : value, is_nan,
                         negative);
    }
}

static void test_bfloat16(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        const int exponent = (int)(i >> 7 & 255);
        const double mantissa = i & 127;
        const bool negative = i >> 15;
        double value =
            exponent == 0 ? ldexp(mantissa, -133) : ldexp(128.0 + mantissa, exponent - 134);
        bool is_nan = false;
        if (exponent == 255) {
            is_nan = mantissa != 0.0;
            value = (double)INFINITY;
        }
        check_conversion(oracle_from_bfloat16((uint16_t)i), negative ? -value : value, is_nan,
                         negative);
    }
}

static void test_philox(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < LENGTH(known); i++) {
        uint32_t out[4];
        oracle_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void test_scale_and_reciprocal(void **state)
{
    (void)state;
    uint64_t random = 1;
    const long double log2e = 1.442695040888963407359924681L;
    long double worst_scale = 0.0L;
    long double worst_reciprocal = 0.0L;
    for (int i = 0; i < 300000; i++) {
        const double reach = i % 2 ? 1.0 : 64.0;
        const double power = rows_between(&random, -reach, reach);
        const float t = (float)exp2(power);
        const long double wide = (long double)t;
        const long double scale = (long double)oracle_scale(t) * wide / log2e;
        const long double product = (long double)oracle_reciprocal(t) * wide;
        worst_scale = fmaxl(worst_scale, fabsl(scale - 1.0L));
        worst_reciprocal = fmaxl(worst_reciprocal, fabsl(product - 1.0L));
    }
    /* half a unit of 24 bits, and what the floor of q leaves out */
    assert_true(worst_scale <= 0x1.0001p-24L && worst_reciprocal <= 0x1.0001p-24L);
    print_message("worst relative error: scale 2^%.4Lf, reciprocal 2^%.4Lf\n",
                  log2l(worst_scale), log2l(worst_reciprocal));
    assert_true(oracle_scale(1.0f) == 0x1.715476p+0f);
    assert_true(oracle_scale(0x1p-64f) == 0x1.715476p+64f);
    assert_true(oracle_scale(0x1p64f) == 0x1.715476p-64f);
    for (int e = -126; e <= 127; e++) {
        assert_true(oracle_reciprocal(ldexpf(1.0f, e)) == ldexpf(1.0f, -e));
    }
}

static void check_lg(uint64_t n, long double *worst)
{
    const long double exact = log2l((long double)n) * 0x1p32L;
    const long double error = exact - (long double)oracle_lg(n);
    *worst = fmaxl(*worst, fabsl(error));
}

static void test_lg(void **state)
{
    (void)state;
    uint64_t random = 2;
    long double worst = 0.0L;
    for (unsigned e = 0; e < 64; e++) {
        const uint64_t power = UINT64_C(1) << e;
        assert_true(oracle_lg(power) == (uint64_t)e << 32);
        check_lg(power | 1, &worst);
        check_lg(power | (power - 1), &worst);
    }
    for (int i = 0; i < 200000; i++) {
        check_lg(rows_random(&random) >> (i % 64) | 1, &worst);
    }
    print_message("lg: worst error %.3Lf units of 2^-32\n", worst);
    assert_true(worst < 2.0L);
    assert_true(oracle_lg(3) >> 16 == (uint64_t)(log2l(3.0L) * 0x1p16L));
}

static void test_decompose(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 100000; i++) {
        const float x = fabsf(rows_any_float(&random));
        if (x > 0.0f) {
            uint32_t a;
            int b;
            oracle_decompose(x, &a, &b);
            assert_true(a >= 1 && a < 1u << 24 && a % 2 == 1);
            assert_true(ldexp((double)a, b) == (double)x);
        }
    }
}

static void test_split(void **state)
{
    (void)state;
    uint64_t random = 4;
    long double worst = 0.0L;
    for (int i = 0; i < 300000; i++) {
        const float s = oracle_scale((float)exp2(rows_between(&random, -2, 2)));
        const float x = (float)(rows_between(&random, -1, 1) *
                                exp2(rows_between(&random, -10, i % 2 ? 10 : 38)));
        const oracle_split split = oracle_split_at(x, s);
        assert_false(split.huge && fabs((double)x * (double)s) < 0x1p39);
        if (!split.huge) {
            const long double y = (long double)x * (long double)s - (long double)split.m;
            worst = fmaxl(worst, fabsl(y));
        }
    }
    print_message("M: worst distance from x*s 0.5 + %.3Lg\n", worst - 0.5L);
    assert_true(worst <= 0.5L + 0x1p-24L);
    assert_true(oracle_split_at(INFINITY, 1.0f).huge);
    assert_true(oracle_split_at(-0x1p40f, 1.0f).huge);
    assert_false(oracle_split_at(0x1.fffffep39f, 1.0f).huge);
}

/* --- the weight --- */

/* The floats of [-32, 0.5] in ascending order are 0 .. WEIGHT_FLOATS - 1. */
#define NEGATIVE_FLOATS 0x42000000u
#define WEIGHT_FLOATS (NEGATIVE_FLOATS + 0x3f000001u)

static float weight_float(uint32_t i)
{
    return i < NEGATIVE_FLOATS ? oracle_float(0x80000000u | (NEGATIVE_FLOATS - i))
                               : oracle_float(i - NEGATIVE_FLOATS);
}

/* b of a group's top must cover every smaller z: compare with the running maximum. */
static void scan_weights(uint32_t stride)
{
    uint32_t best = 0;
    double worst = 1.0;
    uint64_t tightest = UINT64_MAX;
    for (uint64_t i = 1; i < WEIGHT_FLOATS; i += stride) {
        const uint32_t weight = oracle_weight_of_z(weight_float((uint32_t)i), 0.0f);
        best = weight > best ? weight : best;
        const uint64_t bound = oracle_bound(weight);
        if (bound < best || weight >= 1u << 30) {
            fail_msg("bound broken at z = %a", (double)weight_float((uint32_t)i));
        }
        if (weight > 1u << 24) {
            worst = fmax(worst, (double)best / (double)weight);
        }
        tightest = bound - best < tightest ? bound - best : tightest;
    }
    print_message("stride %u: largest weight below over own weight 1 + 2^%.3f, least slack "
                  "of b %llu\n",
                  stride, log2(worst - 1.0), (unsigned long long)tightest);
    assert_true(worst <= 1.0 + 0x1p-21);
}

static void test_weight_bound(void **state)
{
    (void)state;
    scan_weights(251);
    if (getenv("ORACLE_EXHAUSTIVE")) {
        scan_weights(1);
    } else {
        print_message("set ORACLE_EXHAUSTIVE=1 to try every float\n");
    }
}

static void test_weight_bound_near_steps(void **state)
{
    (void)state;
    /* where r changes, and for tiles with C off 0: every float within 2000 of the step */
    for (int c = -3; c <= 3; c++) {
        for (int step = 0; step < 32; step++) {
            const float middle = (float)(c - step) + 0.5f;
            uint32_t best = 0;
            for (int32_t i = -2000; i <= (step == 0 ? 0 : 2000); i++) {
                const float z = rows_neighbour(middle, i);
                const uint32_t weight = oracle_weight_of_z(z, (float)c);
                best = weight > best ? weight : best;
                assert_true(oracle_bound(weight) >= best);
            }
        }
    }
}

static void test_weight_accuracy(void **state)
{
    (void)state;
    long double worst = 0.0L;
    /* at r = C the weight is P itself, without a rounding to integers */
    for (uint32_t bits = 0x30000000u; bits <= 0x3f000000u; bits += 151) {
        for (uint32_t sign = 0; sign < 2; sign++) {
            const float z = oracle_float(bits | sign << 31);
            const long double exact = exp2l((long double)z + 29.0L);
            const long double weight = (long double)oracle_weight_of_z(z, 0.0f);
            worst = fmaxl(worst, fabsl(weight / exact - 1.0L));
        }
    }
    print_message("P: worst relative error 2^%.3Lf\n", log2l(worst));
    assert_true(worst <= exp2l(-23.5L));
    assert_int_equal(oracle_weight_of_z(0.0f, 0.0f), 1 << 29);
    assert_int_equal(oracle_weight_of_z(-29.0f, 0.0f), 1);
    assert_int_equal(oracle_weight_of_z(-30.0f, 0.0f), 1); /* 1/2 is rounded up */
    assert_int_equal(oracle_weight_of_z(-31.0f, 0.0f), 0);
    assert_int_equal(oracle_weight_of_z(-INFINITY, 0.0f), 0);
    assert_int_equal(oracle_weight_of_z(NAN, 5.0f), 0);
    assert_int_equal(oracle_weight_of_z(7.0f, 7.0f), 1 << 29);
}

/* From section 3 in exact rational arithmetic; a last bit of c1 .. c5 changes one of them. */
static void test_known_weights(void **state)
{
    (void)state;
    static const struct {
        float z;
        uint32_t weight;
    } known[] = {
        {0x1.e0c122p-2f, 743360448},  {-0x1.67702ap-2f, 420924480},
        {-0x1.c340aep-2f, 395560608}, {-0x1.84133ap-2f, 412843712},
        {0x1.a13c1cp-2f, 712075968},  {-0x1.c3f58cp-2f, 395371520},
        {-0x1.d9999ap+1f, 41310348},  {-0x1.08p+3f, 1763488},
        {-0x1.933334p+3f, 86475},     {-0x1.41999ap+4f, 478},
        {-0x1.be6666p+4f, 2},         {-0x1.e33334p+4f, 0},
    };
    for (size_t i = 0; i < LENGTH(known); i++) {
        assert_int_equal(oracle_weight_of_z(known[i].z, 0.0f), known[i].weight);
    }
}

static void test_mass(void **state)
{
    (void)state;
    assert_true(oracle_mass(5, 0) == 5u << 13);
    assert_true(oracle_mass(5, 13) == 5);
    assert_true(oracle_mass(5, 14) == 3);
    assert_true(oracle_mass(5, 15) == 1);
    assert_true(oracle_mass(0x3fffffff, 43) == 1);
    assert_true(oracle_mass(0x3fffffff, 44) == 0);
    assert_true(oracle_mass(0x3fffffff, 60) == 0);
    assert_true(oracle_mass(0x3fffffff, 1000000) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_bfloat16),
        cmocka_unit_test(test_philox),
        cmocka_unit_test(test_scale_and_reciprocal),
        cmocka_unit_test(test_lg),
        cmocka_unit_test(test_decompose),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_weight_bound),
        cmocka_unit_test(test_weight_bound_near_steps),
        cmocka_unit_test(test_weight_accuracy),
        cmocka_unit_test(test_known_weights),
        cmocka_unit_test(test_mass),
    };
    return cmocka_run_group_tests_name("oracle", tests, NULL, NULL);
}
