/*
 * The kept sets of section 6 of docs/reference/specification.md against the exact ones: top-k
 * exactly, top-p and min-p as the nucleus of a nearby threshold, as section 11 claims, and the
 * draw from what is kept. Also the log-probabilities of tokens far down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../support/attempts.h"
#include "../support/exact.h"
#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define BIG ORACLE_VOCAB_MAX
#define VOCAB_OF_ATTEMPTS 10000u /* expected attempts take the square of it */

static float logits[BIG];
static long double masses[BIG];

typedef struct margins {
    long double top_p;    /* largest |p' - p| */
    long double min_p;    /* largest |ln min_p' - ln min_p| over its bound */
    long double tv;       /* of the draw from the kept set */
    long double logprob;  /* error over bound */
    long double attempts; /* expected, over the bound of section 7 */
    unsigned rows;
} margins;

/* Section 11 on min-p. */
static long double min_p_bound(long double ln_min_p)
{
    return 0x1p-22L * (1.0L + 1.25L * fabsl(ln_min_p));
}

static void raise_to(long double *worst, long double value) { *worst = fmaxl(*worst, value); }

/* How far ln_min_p is from those that give exactly `count` tokens. */
static long double min_p_distance(const exact_row *exact, uint32_t count, long double ln_min_p)
{
    assert_true(count >= 1);
    if (exact->log_ratio[count - 1] < ln_min_p) {
        return ln_min_p - exact->log_ratio[count - 1];
    }
    if (count < exact->live && exact->log_ratio[count] >= ln_min_p) {
        return exact->log_ratio[count] - ln_min_p;
    }
    return 0.0L;
}

/* How far p is from those whose nucleus has exactly `count` tokens. */
static long double top_p_distance(const exact_row *exact, uint32_t base, uint32_t count,
                                  long double p)
{
    assert_true(count >= 1);
    const long double low = exact->prefix[count - 1] / exact->prefix[base];
    const long double high = exact->prefix[count] / exact->prefix[base];
    if (p <= low) {
        return low - p;
    }
    return p > high && count < exact->live ? p - high : 0.0L;
}

static void check_top_p(const oracle_row *row, const exact_row *exact, const oracle_params *p,
                        bool use_k, bool use_min, margins *worst)
{
    const bool min_counts = use_min && !(p->flags & ORACLE_MIN_P_LAST);
    uint32_t base = exact->live;
    if (!(p->flags & ORACLE_TOP_P_WHOLE_ROW)) {
        if (use_k) {
            base = oracle_row_top_k(row);
        }
        if (min_counts && oracle_row_min_p(row) < base) {
            base = oracle_row_min_p(row);
        }
    }
    const uint32_t count = oracle_row_top_p(row);
    const long double wide = (long double)p->top_p;
    const long double distance = top_p_distance(exact, base, count, wide);
    raise_to(&worst->top_p, distance);
    assert_true(distance <= 0x1p-20L);
    assert_true(exact_top_p(exact, base, wide - 0x1p-20L) <= count);
    assert_true(exact_top_p(exact, base, wide + 0x1p-20L) >= count);
}

static void check_kept(const oracle_row *row, const exact_row *exact, margins *worst)
{
    for (uint32_t i = 0; i < exact->vocab; i++) {
        masses[i] = oracle_row_draw_mass(row, i);
    }
    const uint32_t kept = oracle_row_kept(row);
    raise_to(&worst->tv, exact_total_variation(exact, kept, masses));
    assert_true(worst->tv <= 0x1p-20L);
    for (uint32_t i = 0; i < kept; i += 1 + kept / 500) {
        if (masses[exact->order[i]] > 0.0L) {
            const long double truth = exact_logprob(exact, i, kept);
            const long double error =
                fabsl((long double)oracle_row_logprob(row, exact->order[i]) - truth);
            raise_to(&worst->logprob, error / fmaxl(1e-5L, 0x1p-22L * fabsl(truth)));
        }
    }
    assert_true(worst->logprob <= 1.0L);
}

static void check_attempts(const oracle_row *row, const oracle_params *p, margins *worst)
{
    attempts found;
    assert_true(attempts_expect(row, p, &found));
    raise_to(&worst->attempts, (long double)(found.expected / found.bound));
    assert_true(worst->attempts <= 1.0L);
}

static void check_cuts(uint32_t vocab, const oracle_params *p, margins *worst)
{
    oracle_row *const row = oracle_prepare(logits, vocab, p);
    const float filter_t = p->flags & ORACLE_TEMPERATURE_LAST ? 1.0f : p->temperature;
    exact_row *const exact = exact_prepare(logits, vocab, filter_t);
    exact_row *const drawn = exact_prepare(logits, vocab, p->temperature);
    assert_true(row && exact && drawn);
    assert_memory_equal(oracle_row_order(row), exact->order,
                        exact->live * sizeof exact->order[0]);
    const bool use_k = p->top_k > 0 && p->top_k < (int32_t)vocab;
    const bool use_min = p->min_p > 0.0f;
    uint32_t kept = exact->live;
    if (use_k) {
        kept = exact_top_k(exact, logits, (uint32_t)p->top_k, p->flags & ORACLE_TOP_K_TIES);
        assert_int_equal(oracle_row_top_k(row), kept);
    }
    if (use_min) {
        const long double ln = logl((long double)p->min_p);
        const uint32_t count = oracle_row_min_p(row);
        const long double share = min_p_distance(exact, count, ln) / min_p_bound(ln);
        raise_to(&worst->min_p, share);
        assert_true(share <= 1.0L);
        kept = count < kept ? count : kept;
    }
    if (p->top_p < 1.0f) {
        check_top_p(row, exact, p, use_k, use_min, worst);
        kept = oracle_row_top_p(row) < kept ? oracle_row_top_p(row) : kept;
    }
    assert_int_equal(oracle_row_kept(row), kept);
    check_kept(row, drawn, worst);
    if (vocab <= VOCAB_OF_ATTEMPTS) {
        check_attempts(row, p, worst);
    }
    worst->rows++;
    oracle_row_free(row);
    exact_row_free(exact);
    exact_row_free(drawn);
}

static void print_margins(const char *name, const margins *worst)
{
    print_message("%-24s %5u rows: |p'-p| 2^%-7.2f min-p %.2f of its bound, TV 2^%.2f, "
                  "logprob %.2f of its bound, attempts %.2f of theirs\n",
                  name, worst->rows, (double)log2l(worst->top_p), (double)worst->min_p,
                  (double)log2l(worst->tv), (double)worst->logprob, (double)worst->attempts);
}

/* Random filters, each on in about two of three, with flags counting through all 16. */
static void try_filters(const char *name, uint32_t vocab, unsigned rounds, uint64_t *random)
{
    margins worst = {0};
    for (unsigned i = 0; i < rounds; i++) {
        oracle_params p = {.temperature = 1.0f, .top_p = 1.0f, .flags = i % 16};
        p.temperature = (float)exp2(rows_between(random, -2.0, 2.0));
        if (rows_random(random) % 3) {
            p.top_k = (int32_t)exp2(rows_between(random, 0.0, log2((double)vocab)));
        }
        if (rows_random(random) % 3) {
            const double tail = exp2(rows_between(random, -24.0, -0.1));
            p.top_p = (float)(rows_random(random) % 4 ? 1.0 - tail : tail);
        }
        if (rows_random(random) % 3) {
            p.min_p = (float)exp2(rows_between(random, -30.0, 0.0));
        }
        check_cuts(vocab, &p, &worst);
    }
    print_margins(name, &worst);
}

static void test_random_filters(void **state)
{
    (void)state;
    uint64_t random = 21;
    const double sigmas[] = {0.1, 1.0, 5.0, 50.0};
    for (size_t s = 0; s < LENGTH(sigmas); s++) {
        rows_fill_normal(logits, 4000, sigmas[s], &random);
        for (uint32_t i = 0; i < 4000; i += 37) {
            logits[i] = i % 2 ? NAN : -INFINITY;
        }
        try_filters("normal", 4000, 192, &random);
        for (uint32_t i = 0; i < 4000; i++) {
            logits[i] = rows_to_bfloat16_value(logits[i]);
        }
        try_filters("normal, bfloat16", 4000, 192, &random);
    }
    rows_fill_ladder(logits, 4000, 3.0, 0.01);
    try_filters("ladder", 4000, 192, &random);
    rows_fill_tiles(logits, 4000, 1.3, 6.1, 0.7);
    try_filters("tiles", 4000, 192, &random);
    rows_fill_any(logits, 4000, &random);
    try_filters("any bit pattern", 4000, 96, &random);
    rows_fill_head(logits, 4000, 9.0f, 0.0f);
    try_filters("head", 4000, 96, &random);
    rows_fill_neighbours(logits, 4000, 0x1.000004p24f, 20);
    try_filters("neighbours at 2^24", 4000, 96, &random);
}

static void try_top_p(const char *name, uint32_t vocab, float temperature)
{
    margins worst = {0};
    const float values[] = {0.1f, 0.5f, 0.9f, 0.999f, 0.999999f, 0x1.fffffep-1f};
    for (size_t i = 0; i < LENGTH(values); i++) {
        const oracle_params p = {.temperature = temperature, .top_p = values[i]};
        check_cuts(vocab, &p, &worst);
    }
    print_margins(name, &worst);
}

static void test_large_top_p(void **state)
{
    (void)state;
    uint64_t random = 22;
    rows_fill_normal(logits, 200000, 3.0, &random);
    try_top_p("normal", 200000, 0.9f);
    rows_fill_head(logits, 200001, 18.0f, 0.0f);
    try_top_p("head 18 nats up", 200001, 1.0f);
    /* halved weights: the head 42.5 octaves up leaves each token of the tail half a unit */
    rows_fill_head(logits, BIG, (float)(42.5 * log(2.0)), 0.0f);
    logits[0] = rows_neighbour(logits[0], 2);
    try_top_p("tail of half units", BIG, 1.0f);
    for (uint32_t i = 0; i < 400000; i++) {
        logits[i] = i % 256 == 9 ? 0.5f : -7.67f - 1e-6f * (float)(i % 7);
    }
    try_top_p("255 of 256 in depth", 400000, 1.0f);
}

/* Without another filter the base is `total`, here about half the sum of the tail's masses. */
static void test_base_is_total(void **state)
{
    (void)state;
    rows_fill_head(logits, BIG, (float)(42.501 * log(2.0)), 0.0f);
    const oracle_params p = {.temperature = 1.0f, .top_p = 0x1.fffffep-1f};
    oracle_row *const row = oracle_prepare(logits, BIG, &p);
    assert_non_null(row);
    const oracle_measure *const measure = oracle_row_measure(row, false);
    const uint64_t head = oracle_measure_mass(measure, 0);
    assert_int_equal(oracle_measure_mass(measure, BIG - 1), 1);
    /* p is 1 - 2^-24; after the head come 255 tokens of no mass in its tile, then units */
    const uint64_t threshold = measure->total - (measure->total >> 24);
    assert_true(threshold > head);
    assert_int_equal(oracle_row_kept(row), threshold - head + 256);
    oracle_row_free(row);
}

/* Floats next to the threshold, where every rounding of the min-p test shows. */
static void test_min_p_threshold(void **state)
{
    (void)state;
    uint64_t random = 23;
    const double ranges[][2] = {{-0.01, 0}, {-1, 0},    {-10, -1},
                                {-34, -31}, {-66, -63}, {-149, -120}};
    for (size_t r = 0; r < LENGTH(ranges); r++) {
        margins worst = {0};
        for (int i = 0; i < 6000; i++) {
            oracle_params p = {.top_p = 1.0f};
            const double reach = i % 4 ? 2.0 : 40.0;
            p.temperature = (float)exp2(rows_between(&random, -reach, reach));
            p.min_p = (float)exp2(rows_between(&random, ranges[r][0], ranges[r][1]));
            const double t = (double)p.temperature;
            const double size = exp2(rows_between(&random, -10, i % 2 ? 2 : 25));
            logits[0] = i % 7 ? (float)(t * size * rows_between(&random, -1, 1)) : 0.0f;
            const double cut = (double)logits[0] + t * log((double)p.min_p);
            for (int j = 1; j < 41; j++) {
                logits[j] = fminf(logits[0], rows_neighbour((float)cut, j - 20));
            }
            check_cuts(41, &p, &worst);
        }
        print_message("min_p in 2^(%g, %g): ", ranges[r][0], ranges[r][1]);
        print_margins("", &worst);
    }
}

/* Tokens that can still be drawn 30 to 59 nats down: where relative errors are largest. */
static void test_deep_logprobs(void **state)
{
    (void)state;
    uint64_t random = 24;
    margins worst = {0};
    for (int i = 0; i < 2000; i++) {
        oracle_params p = {.top_p = 1.0f};
        p.temperature = (float)exp2(rows_between(&random, -3, 3));
        const double t = (double)p.temperature;
        const double top = rows_between(&random, -20, 60);
        for (uint32_t j = 0; j < 768; j++) {
            const double down = j < 512 ? 0.0 : 59.0 - 29.0 * rows_uniform(&random);
            logits[j] = (float)(t * (top - down));
        }
        check_cuts(768, &p, &worst);
    }
    print_margins("deep tokens", &worst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_filters), cmocka_unit_test(test_large_top_p),
        cmocka_unit_test(test_base_is_total),  cmocka_unit_test(test_min_p_threshold),
        cmocka_unit_test(test_deep_logprobs),
    };
    return cmocka_run_group_tests_name("oracle cuts", tests, NULL, NULL);
}
