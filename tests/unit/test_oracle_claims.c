/*
 * The claims of section 11 of docs/reference/specification.md, measured on the oracle against
 * 80-bit arithmetic, on the rows that strain them most. The tolerances are those of that
 * section.
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
#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define BIG ORACLE_VOCAB_MAX

static float logits[BIG];
static long double masses[BIG];

typedef struct worst_values {
    long double tv;         /* of the draw */
    long double mass_tv;    /* of the tokens' masses: what top-p and logprob go by */
    long double logprob;    /* error over bound */
    long double plain_log;  /* error where the bound is 1e-5 */
    long double prefix;     /* of the masses over total: an upper bound of |p' - p| */
    long double acceptance; /* smallest probability of an attempt */
} worst_values;

static void raise_to(long double *worst, long double value) { *worst = fmaxl(*worst, value); }

static double octaves(long double value) { return (double)log2l(value); }

static long double draw_variation(const oracle_row *row, const exact_row *exact,
                                  worst_values *worst)
{
    long double accepted = 0.0L;
    for (uint32_t i = 0; i < exact->vocab; i++) {
        masses[i] = oracle_row_draw_mass(row, i);
        accepted += masses[i];
    }
    worst->acceptance =
        fminl(worst->acceptance, accepted / (long double)oracle_row_envelope(row));
    return exact_total_variation(exact, oracle_row_kept(row), masses);
}

/* Also how far the prefixes that top-p compares with `total` are from the exact ones. */
static long double mass_variation(const oracle_row *row, const exact_row *exact,
                                  worst_values *worst)
{
    const oracle_measure *const measure = oracle_row_measure(row, false);
    uint64_t sum = 0;
    memset(masses, 0, exact->vocab * sizeof masses[0]);
    for (uint32_t i = 0; i < oracle_row_kept(row); i++) {
        const uint32_t token = oracle_row_order(row)[i];
        const uint64_t mass = oracle_measure_mass(measure, token);
        sum += mass;
        masses[token] = (long double)mass;
        const long double computed = (long double)sum / (long double)measure->total;
        const long double truth = exact->prefix[i + 1] / exact->prefix[exact->live];
        raise_to(&worst->prefix, fabsl(computed - truth));
    }
    return exact_total_variation(exact, oracle_row_kept(row), masses);
}

static void check_logprob(float actual, long double exact, worst_values *worst)
{
    assert_true(actual <= 0.0f && oracle_bits(actual) != 0x80000000u);
    const long double error = fabsl((long double)actual - exact);
    const long double relative = fabsl(exact) * 0x1p-22L;
    raise_to(&worst->logprob, error / fmaxl(1e-5L, relative));
    if (relative < 1e-5L) {
        raise_to(&worst->plain_log, error);
    }
}

/* Every token that can be drawn, or about a thousand of them in a large row. */
static void check_logprobs(const oracle_row *row, const exact_row *exact,
                           const exact_row *exact_one, worst_values *worst)
{
    const uint32_t kept = oracle_row_kept(row);
    for (uint32_t i = 0; i < kept; i += 1 + kept / 1000) {
        const uint32_t token = exact->order[i];
        if (oracle_row_draw_mass(row, token) > 0.0L) {
            check_logprob(oracle_row_logprob(row, token), exact_logprob(exact, i, kept), worst);
            check_logprob(oracle_row_logprob_raw(row, token),
                          exact_logprob(exact_one, i, exact_one->live), worst);
        }
    }
}

static void check_probs(const oracle_row *row, uint32_t vocab)
{
    float *const probs = malloc(vocab * sizeof *probs);
    assert_non_null(probs);
    oracle_probs(row, probs);
    const long double total = (long double)oracle_row_kept_mass(row);
    for (uint32_t i = 0; i < vocab; i++) {
        const uint64_t mass = oracle_measure_mass(oracle_row_measure(row, false), i);
        const long double expected =
            oracle_row_is_kept(row, i) ? (long double)mass / total : 0.0L;
        assert_true(probs[i] >= 0.0f && probs[i] <= 1.0f);
        /* four roundings: mass, N, reciprocal, product */
        assert_true(fabsl((long double)probs[i] - expected) <= 0x1.0001p-22L * expected);
    }
    free(probs);
}

static void check_claims(const oracle_row *row, const exact_row *exact,
                         const exact_row *exact_one, worst_values *worst)
{
    const uint32_t live = exact->live;
    assert_int_equal(oracle_row_live(row), live);
    assert_memory_equal(oracle_row_order(row), exact->order, live * sizeof exact->order[0]);
    raise_to(&worst->tv, draw_variation(row, exact, worst));
    raise_to(&worst->mass_tv, mass_variation(row, exact, worst));
    check_logprobs(row, exact, exact_one, worst);
    check_probs(row, exact->vocab);
    assert_true(worst->tv <= 0x1p-20L);
    assert_true(worst->mass_tv <= 0x1p-20L);
    assert_true(worst->prefix <= 0x1p-20L);
    assert_true(worst->logprob <= 1.0L);
    assert_true(worst->acceptance >= 1.0L / 33.0L);
}

/* --- the distribution without filters --- */

static void measure_plain(const char *name, uint32_t vocab, float temperature,
                          worst_values *all)
{
    worst_values worst = {.acceptance = 1.0L};
    const oracle_params p = {.temperature = temperature, .top_p = 1.0f};
    oracle_row *const row = oracle_prepare(logits, vocab, &p);
    exact_row *const exact = exact_prepare(logits, vocab, temperature);
    exact_row *const one = exact_prepare(logits, vocab, 1.0f);
    assert_true(row && exact && one);
    check_claims(row, exact, one, &worst);
    print_message("%-23s V %7u T %-9.4g TV 2^%-6.2f masses 2^%-6.2f prefix 2^%-6.2f "
                  "logprob %.1e (%.2f) accept 1/%.1f\n",
                  name, vocab, (double)temperature, octaves(worst.tv), octaves(worst.mass_tv),
                  octaves(worst.prefix), (double)worst.plain_log, (double)worst.logprob,
                  (double)(1.0L / worst.acceptance));
    raise_to(&all->tv, worst.tv);
    raise_to(&all->mass_tv, worst.mass_tv);
    raise_to(&all->prefix, worst.prefix);
    raise_to(&all->logprob, worst.logprob);
    raise_to(&all->plain_log, worst.plain_log);
    all->acceptance = fminl(all->acceptance, worst.acceptance);
    oracle_row_free(row);
    exact_row_free(exact);
    exact_row_free(one);
}

static void print_worst(const worst_values *all)
{
    print_message("worst: TV 2^%.2f, masses 2^%.2f, prefix 2^%.2f, logprob %.2e, %.2f of its "
                  "bound, acceptance 1/%.1f\n",
                  octaves(all->tv), octaves(all->mass_tv), octaves(all->prefix),
                  (double)all->plain_log, (double)all->logprob,
                  (double)(1.0L / all->acceptance));
}

/* A temperature near `around` whose scale() is as far off as scale() gets. */
static float worst_temperature(double around, uint64_t *random)
{
    float found = 1.0f;
    long double worst = 0.0L;
    for (int i = 0; i < 200000; i++) {
        const float t = (float)(around * rows_between(random, 1.0, 2.0));
        const long double error =
            fabsl((long double)oracle_scale(t) * (long double)t / 1.4426950408889634074L - 1);
        if (error > worst) {
            worst = error;
            found = t;
        }
    }
    return found;
}

static void test_ordinary_rows(void **state)
{
    (void)state;
    worst_values all = {.acceptance = 1.0L};
    uint64_t random = 11;
    const double sigmas[] = {1.0, 5.0, 50.0};
    for (size_t i = 0; i < LENGTH(sigmas); i++) {
        rows_fill_normal(logits, 152064, sigmas[i], &random);
        measure_plain("normal", 152064, 1.0f, &all);
        measure_plain("normal", 32000, 0.7f, &all);
        for (uint32_t j = 0; j < 32000; j++) {
            logits[j] = rows_to_half_value(logits[j]);
        }
        measure_plain("normal, float16", 32000, 0.6f, &all);
        for (uint32_t j = 0; j < 32000; j++) {
            logits[j] = rows_to_bfloat16_value(logits[j]);
        }
        measure_plain("normal, bfloat16", 32000, 1.3f, &all);
    }
    rows_fill_normal(logits, BIG, 5.0, &random);
    measure_plain("normal", BIG, 1.0f, &all);
    print_worst(&all);
}

static void test_flat_rows(void **state)
{
    (void)state;
    worst_values all = {.acceptance = 1.0L};
    uint64_t random = 12;
    rows_fill_equal(logits, BIG, 0.0f);
    measure_plain("equal 0", BIG, 1.0f, &all);
    rows_fill_equal(logits, BIG, 1.3f);
    measure_plain("equal 1.3", BIG, 0.37f, &all);
    rows_fill_equal(logits, BIG, -FLT_MAX);
    measure_plain("equal -FLT_MAX", 100000, 1.0f, &all);
    rows_fill_head(logits, BIG, 18.0f, 0.0f);
    measure_plain("head 18 nats up", 200001, 1.0f, &all);
    /* head and tail hold half each, and the scale is at its worst: source (1) alone */
    const float t = worst_temperature(0.6, &random);
    rows_fill_head(logits, BIG, (float)(log(BIG - 1.0) * (double)t), 0.0f);
    measure_plain("half head, half tail", BIG, t, &all);
    rows_fill_head(logits, BIG, 20.0f, 0.0f);
    measure_plain("head 20 nats up", BIG, 1.0f, &all);
    /* a tail of half units of mass each, all rounded up: the prefixes' own source of error */
    rows_fill_head(logits, BIG, (float)(42.501 * log(2.0)), 0.0f);
    measure_plain("head 42.5 octaves up", BIG, 1.0f, &all);
    rows_fill_head(logits, BIG, (float)(42.499 * log(2.0)), 0.0f);
    measure_plain("head 42.5 octaves up", BIG, 1.0f, &all);
    print_worst(&all);
}

static void test_extreme_values(void **state)
{
    (void)state;
    worst_values all = {.acceptance = 1.0L};
    uint64_t random = 13;
    rows_fill_any(logits, 50000, &random);
    const float temperatures[] = {0x1p-64f, 1e-6f, 1.0f, 1e6f, 0x1p64f};
    for (size_t i = 0; i < LENGTH(temperatures); i++) {
        measure_plain("any bit pattern", 50000, temperatures[i], &all);
    }
    for (uint32_t i = 0; i < 50000; i++) {
        logits[i] = oracle_float((uint32_t)rows_random(&random) & 0x807fffffu);
    }
    measure_plain("subnormals", 50000, 0x1p-64f, &all);
    measure_plain("subnormals", 50000, 1.0f, &all);
    for (size_t i = 0; i < LENGTH(temperatures); i++) {
        const double t = (double)temperatures[i];
        for (uint32_t j = 0; j < 20000; j++) {
            logits[j] = (float)(t * 4.0 * rows_normal(&random));
        }
        measure_plain("normal times T", 20000, temperatures[i], &all);
        measure_plain("the same, near 1", 20000, 1.0f, &all);
    }
    rows_fill_neighbours(logits, 3000, FLT_MAX, 3);
    measure_plain("at FLT_MAX", 3000, 0x1p64f, &all);
    print_worst(&all);
}

static void test_tiles(void **state)
{
    (void)state;
    worst_values all = {.acceptance = 1.0L};
    uint64_t random = 14;
    const double octave = log(2.0);
    const float t = worst_temperature(0.6, &random);
    for (int depth = 5; depth <= 12; depth++) {
        rows_fill_tiles(logits, 65536, 0.49 * octave, depth * octave, 0.0);
        measure_plain("256 tiles, 255 in depth", 65536, 1.0f, &all);
        rows_fill_tiles(logits, 65536, 300.5 * (double)t * octave,
                        (depth + 0.123) * (double)t * octave, 1e-3);
        measure_plain("the same, falling", 65536, t, &all);
    }
    rows_fill_tiles(logits, BIG, -0.5 * octave, 11.78 * octave, 0.0);
    logits[5] = (float)(log(BIG / 256.0) - 0.5 * octave);
    measure_plain("4096 tiles and a head", BIG, 1.0f, &all);
    for (int i = 0; i <= 4; i++) {
        rows_fill_ladder(logits, BIG, 10.0, ldexp(1.0, -6 * i));
        measure_plain("ladder", i < 2 ? 30000 : BIG, 0.9f, &all);
    }
    for (uint32_t i = 0; i < BIG; i++) {
        logits[i] = (float)(-0.17 * (i / 256u) - 9.0 * rows_uniform(&random));
    }
    measure_plain("ladder of tiles", BIG, 1.0f, &all);
    print_worst(&all);
}

static void test_large_magnitudes(void **state)
{
    (void)state;
    worst_values all = {.acceptance = 1.0L};
    /* where lo of section 3 is far from 0 and a row's values are a few floats apart */
    for (int e = 18; e <= 32; e++) {
        worst_values worst = {.acceptance = 1.0L};
        const float bases[] = {0x1p0f,        0x1.000004p0f, 0x1.715478p0f, 0x1.62e432p0f,
                               0x1.fffffep0f, -0x1p0f,       -0x1.b504f4p0f};
        for (size_t i = 0; i < LENGTH(bases); i++) {
            rows_fill_neighbours(logits, 1024, ldexpf(bases[i], e), 100);
            const oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
            oracle_row *const row = oracle_prepare(logits, 1024, &p);
            exact_row *const exact = exact_prepare(logits, 1024, 1.0f);
            assert_true(row && exact);
            check_claims(row, exact, exact, &worst);
            oracle_row_free(row);
            exact_row_free(exact);
        }
        print_message("neighbours at 2^%d: TV 2^%.2f, logprob %.2f of its bound\n", e,
                      octaves(worst.tv), (double)worst.logprob);
        raise_to(&all.tv, worst.tv);
    }
}

/* --- a search for the worst tile --- */

typedef struct tile_case {
    long double tv;
    float temperature;
    float head;
    float tail;
} tile_case;

/* one head and 255 equal tokens further down: the case that section 11 calls the worst */
static tile_case try_tile(uint64_t *random, bool large)
{
    tile_case tile = {.temperature = (float)exp2(rows_between(random, -1, 1))};
    const double t = (double)tile.temperature;
    const double size = large ? exp2(rows_between(random, -2, 29)) : 0.0;
    tile.head = (float)(t * (size * rows_between(random, -1, 1) + rows_between(random, -1, 1)));
    tile.tail = (float)((double)tile.head - t * rows_between(random, 3, 10));
    if (!(tile.tail < tile.head)) {
        return tile;
    }
    const float s = oracle_scale(tile.temperature);
    const oracle_split split = oracle_split_at(tile.head, s);
    const long double exact = 255.0L * expl(((long double)tile.tail - (long double)tile.head) /
                                            (long double)tile.temperature);
    const long double computed = 255.0L * (long double)oracle_weight(tile.tail, s, &split) /
                                 (long double)oracle_weight(tile.head, s, &split);
    tile.tv = fabsl(exact / (1.0L + exact) - computed / (1.0L + computed));
    return tile;
}

static void test_worst_tile(void **state)
{
    (void)state;
    worst_values all = {.acceptance = 1.0L};
    for (int large = 0; large < 2; large++) {
        uint64_t random = 15;
        tile_case worst = {.tv = 0.0L};
        for (int i = 0; i < 3000000; i++) {
            const tile_case tile = try_tile(&random, large);
            if (tile.tv > worst.tv) {
                worst = tile;
            }
        }
        rows_fill_head(logits, 256, worst.head, worst.tail);
        measure_plain(large ? "worst tile, any size" : "worst tile near 0", 256,
                      worst.temperature, &all);
        assert_true(fabsl(all.tv / worst.tv - 1.0L) < 1e-3L || all.tv > worst.tv);
        for (uint32_t i = 0; i < BIG; i++) {
            logits[i] = i % 256 == 0 ? worst.head : worst.tail;
        }
        measure_plain("4096 of it", BIG, worst.temperature, &all);
    }
    print_worst(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ordinary_rows),    cmocka_unit_test(test_flat_rows),
        cmocka_unit_test(test_extreme_values),   cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_large_magnitudes), cmocka_unit_test(test_worst_tile),
    };
    return cmocka_run_group_tests_name("oracle claims", tests, NULL, NULL);
}
