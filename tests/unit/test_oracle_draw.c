/*
 * The oracle's draw: its distribution by chi-square against exact probabilities at alpha 1e-6,
 * attempts, caller-supplied uniforms and what depends on seed and step. The seeds are fixed, so
 * the outcome is the same in every run.
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

#define VOCAB_MAX 4096u
#define DRAWS 100000u

static float logits[VOCAB_MAX];

/* The chi-square statistic that is exceeded with probability 1e-6, by Wilson and Hilferty. */
static double critical_value(double freedom)
{
    const double normal_quantile = 4.753424;
    const double part = 2.0 / (9.0 * freedom);
    return freedom * pow(1.0 - part + normal_quantile * sqrt(part), 3.0);
}

/*
 * Cells that expect fewer than ten draws are pooled in rank order; counts[] is per rank.
 */
static void check_counts(const char *name, const exact_row *exact, uint32_t kept,
                         const uint32_t *counts, double draws)
{
    double statistic = 0.0;
    double cells = 0.0;
    double expected = 0.0;
    double seen = 0.0;
    for (uint32_t i = 0; i < kept; i++) {
        expected += draws * (double)expl(exact_logprob(exact, i, kept));
        seen += counts[i];
        if (expected >= 10.0) {
            statistic += (seen - expected) * (seen - expected) / expected;
            cells += 1.0;
            expected = seen = 0.0;
        }
    }
    if (expected > 0.0) {
        /* a remainder below ten is one more cell, which only makes the test stricter */
        statistic += (seen - expected) * (seen - expected) / fmax(expected, 1.0);
        cells += 1.0;
    }
    if (cells < 2.0) {
        return;
    }
    const double limit = critical_value(cells - 1.0);
    print_message("%-30s kept %5u, cells %5.0f, chi-square %8.1f of %8.1f\n", name, kept, cells,
                  statistic, limit);
    assert_true(statistic <= limit);
}

/* Draws with one seed and running steps, or one step and running seeds. */
static void check_draws(const char *name, uint32_t vocab, const oracle_params *p,
                        bool running_seed)
{
    static uint32_t counts[VOCAB_MAX];
    static uint32_t ranks[VOCAB_MAX];
    oracle_row *const row = oracle_prepare(logits, vocab, p);
    exact_row *const exact = exact_prepare(logits, vocab, p->temperature);
    assert_true(row && exact);
    const uint32_t kept = oracle_row_kept(row);
    memset(counts, 0, sizeof counts);
    memset(ranks, 0xff, sizeof ranks);
    for (uint32_t i = 0; i < exact->live; i++) {
        ranks[exact->order[i]] = i;
    }
    attempts expected;
    assert_true(attempts_expect(row, p, &expected));
    double sum = 0.0;
    double squares = 0.0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        const uint64_t moving = UINT64_C(0xfffffff0) + i; /* passes 2^32 */
        oracle_result result;
        oracle_draw(row, running_seed ? moving : p->seed, running_seed ? p->step : moving, NULL,
                    0, &result);
        assert_int_equal(result.status & 0xff, ORACLE_OK);
        assert_true(result.token >= 0 && result.token < (int64_t)vocab);
        assert_true(ranks[result.token] < kept);
        assert_int_equal(result.kept, kept);
        counts[ranks[result.token]]++;
        sum += result.attempts;
        squares += (double)result.attempts * result.attempts;
    }
    check_counts(name, exact, kept, counts, DRAWS);
    /* The mean of attempts: five sigmas. Where hardly an attempt fails, none may have. */
    const double mean = sum / DRAWS;
    const double rate = expected.first;
    const double variance = fmax(squares / DRAWS - mean * mean, (1.0 - rate) / (rate * rate));
    print_message("%-30s attempts %.3f, %.3f expected\n", name, mean, expected.expected);
    assert_true(fabs(mean - expected.expected) <= 5.0 * sqrt(variance / DRAWS));
    assert_true(expected.expected <= expected.bound);
    oracle_row_free(row);
    exact_row_free(exact);
}

static void test_unfiltered_draws(void **state)
{
    (void)state;
    uint64_t random = 31;
    oracle_params p = {.seed = 77, .step = 3, .temperature = 1.0f, .top_p = 1.0f};
    const uint32_t sizes[] = {2, 31, 33, 256, 257, 1000, 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rows_fill_normal(logits, sizes[i], 1.5, &random);
        p.temperature = i % 2 ? 1.0f : 0.7f;
        check_draws("normal", sizes[i], &p, i % 2);
    }
    rows_fill_equal(logits, 4096, -3.0f);
    check_draws("equal", 4096, &p, false);
    check_draws("equal, running seed", 4096, &p, true);
    rows_fill_tiles(logits, 4096, 0.0, 5.3, 0.3);
    check_draws("tiles", 4096, &p, false);
    for (uint32_t i = 0; i < 4096; i++) {
        logits[i] = i % 5 == 0 ? (i % 2 ? NAN : -INFINITY) : logits[i];
    }
    check_draws("tiles with dead tokens", 4096, &p, true);
    rows_fill_equal(logits, 700, 1.0f);
    logits[3] = logits[300] = logits[301] = logits[699] = INFINITY;
    check_draws("infinities", 700, &p, false);
}

static void test_filtered_draws(void **state)
{
    (void)state;
    uint64_t random = 32;
    rows_fill_normal(logits, 2000, 2.0, &random);
    oracle_params p = {.seed = 1, .step = 2, .temperature = 0.8f, .top_p = 1.0f};
    p.top_k = 40;
    check_draws("top-k", 2000, &p, false);
    p.top_p = 0.9f;
    check_draws("top-k, top-p", 2000, &p, true);
    p.top_k = 0;
    check_draws("top-p", 2000, &p, false);
    p.top_p = 1.0f;
    p.min_p = 0.02f;
    check_draws("min-p", 2000, &p, true);
    p.temperature = 2.5f;
    p.flags = ORACLE_TEMPERATURE_LAST | ORACLE_MIN_P_LAST;
    p.top_p = 0.8f;
    check_draws("llama.cpp", 2000, &p, false);
    p.flags = ORACLE_TOP_P_WHOLE_ROW | ORACLE_MIN_P_LAST;
    p.top_k = 100;
    check_draws("joint", 2000, &p, false);
    /* ties across the cut, in groups before, at and after it */
    for (uint32_t i = 0; i < 2000; i++) {
        logits[i] = (float)(i % 3);
    }
    p = (oracle_params){.seed = 9, .temperature = 1.0f, .top_p = 1.0f, .top_k = 700};
    check_draws("top-k in a tie", 2000, &p, false);
    p.top_p = 0.31f;
    check_draws("top-p in a tie", 2000, &p, true);
    p.flags = ORACLE_TOP_K_TIES;
    check_draws("top-k with its ties", 2000, &p, true);
}

/* Rows of which a round of attempts mostly accepts nothing, so that reach shrinks. */
static void test_draws_of_many_rounds(void **state)
{
    (void)state;
    uint64_t random = 34;
    oracle_params p = {.seed = 3, .step = 4, .temperature = 1.0f, .top_p = 0.01f};
    rows_fill_normal(logits, 4096, 0.5, &random);
    check_draws("flat, top-p 0.01", 4096, &p, false);
    p.top_p = 2e-3f;
    check_draws("flat, top-p 0.002", 4096, &p, true);
    rows_fill_equal(logits, 4096, 0.0f);
    check_draws("equal, top-p 0.001", 4096, &p, false);
    rows_fill_normal(logits, 4096, 3.0, &random);
    for (uint32_t i = 0; i < 4096; i++) {
        logits[i] = rows_to_bfloat16_value(logits[i]);
    }
    p.top_p = 0.5f;
    p.temperature = 100.0f;
    p.flags = ORACLE_TEMPERATURE_LAST;
    check_draws("top-p before T = 100", 4096, &p, true);
    p.top_k = 1000;
    check_draws("top-k, top-p before T = 100", 4096, &p, false);
    for (uint32_t i = 0; i < 4096; i++) {
        logits[i] = i % 32 ? -0.25f : i < 64 ? 0.5f : 0.25f;
    }
    p = (oracle_params){.temperature = 1.0f, .top_p = 0.02f, .top_k = 3};
    p.flags = ORACLE_TOP_K_TIES;
    check_draws("ties of all groups, top-p", 4096, &p, true);
    p.flags |= ORACLE_TOP_P_WHOLE_ROW;
    check_draws("ties of all groups", 4096, &p, false);
}

/* Successive steps, and neighbouring seeds, must not know of each other. */
static void test_pairs(void **state)
{
    (void)state;
    for (int by_seed = 0; by_seed < 2; by_seed++) {
        rows_fill_equal(logits, 16, 0.0f);
        const oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
        oracle_row *const row = oracle_prepare(logits, 16, &p);
        assert_non_null(row);
        double pairs[256] = {0};
        int64_t last = 0;
        for (uint32_t i = 0; i <= DRAWS; i++) {
            oracle_result result;
            oracle_draw(row, by_seed ? i : 42, by_seed ? 42 : i, NULL, 0, &result);
            if (i > 0) {
                pairs[last * 16 + result.token] += 1.0;
            }
            last = result.token;
        }
        double statistic = 0.0;
        for (int i = 0; i < 256; i++) {
            const double off = pairs[i] - DRAWS / 256.0;
            statistic += off * off / (DRAWS / 256.0);
        }
        print_message("pairs by %s: chi-square %.1f of %.1f\n", by_seed ? "seed" : "step",
                      statistic, critical_value(255.0));
        assert_true(statistic <= critical_value(255.0));
        oracle_row_free(row);
    }
}

static void test_supplied_uniforms(void **state)
{
    (void)state;
    uint64_t random = 33;
    rows_fill_normal(logits, 1000, 6.0, &random);
    logits[999] = NAN;
    const oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
    oracle_row *const row = oracle_prepare(logits, 1000, &p);
    assert_non_null(row);
    for (uint32_t step = 0; step < 300; step++) {
        /* Philox's own words, handed over, give the same draw */
        uint32_t words[4 * 512];
        for (uint32_t a = 0; a < 512; a++) {
            const uint32_t counter[4] = {a, 0, step, 7};
            const uint32_t key[2] = {0x89abcdefu, 0x01234567u};
            oracle_philox(counter, key, &words[4 * a]);
        }
        oracle_result drawn;
        oracle_result supplied;
        oracle_draw(row, UINT64_C(0x0123456789abcdef), (UINT64_C(7) << 32) + step, NULL, 0,
                    &drawn);
        assert_true(drawn.attempts <= 512);
        oracle_draw(row, 0, 0, words, drawn.attempts, &supplied);
        assert_int_equal(supplied.token, drawn.token);
        assert_int_equal(supplied.attempts, drawn.attempts);
        assert_int_equal(supplied.status, ORACLE_OK | ORACLE_SAW_NAN);
        oracle_draw(row, 0, 0, words, drawn.attempts - 1, &supplied);
        assert_int_equal(supplied.token, -1);
        assert_int_equal(supplied.status, ORACLE_UNIFORMS_SPENT | ORACLE_SAW_NAN);
        assert_int_equal(supplied.kept, 0);
        assert_true(isnan(supplied.logprob) && isnan(supplied.logprob_raw));
    }
    oracle_row_free(row);
}

/* Words at the ends of the range pick the first and the last slot. */
static void test_extreme_uniforms(void **state)
{
    (void)state;
    const uint32_t low[4] = {0, 0, 0, 0};
    const uint32_t high[4] = {0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu};
    const oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
    rows_fill_equal(logits, 300, 0.0f);
    oracle_row *const row = oracle_prepare(logits, 300, &p);
    assert_non_null(row);
    oracle_result result;
    oracle_draw(row, 0, 0, low, 1, &result);
    assert_int_equal(result.token, 0);
    /* the last slot ends in b - w units that no token has */
    oracle_draw(row, 0, 0, high, 1, &result);
    assert_int_equal(result.status, ORACLE_UNIFORMS_SPENT);
    assert_int_equal(result.attempts, 1);
    const uint32_t last[4] = {0xffffffffu, 0xffffffffu, 0, 0xfff00000u};
    oracle_draw(row, 0, 0, last, 1, &result);
    assert_int_equal(result.token, 299);
    oracle_row_free(row);
}

/* Both sides of the limit between two tiles, two groups, and a weight and its bound. */
static void test_limits_of_slots(void **state)
{
    (void)state;
    const oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
    rows_fill_equal(logits, 512, 0.0f);
    oracle_row *const row = oracle_prepare(logits, 512, &p);
    assert_non_null(row);
    const uint32_t below_tile[4] = {0xffffffffu, 0x7fffffffu, 0, 0};
    const uint32_t at_tile[4] = {0, 0x80000000u, 0, 0};
    const uint32_t at_group[4] = {0, 0, 0, 0x60000000u};
    const uint32_t at_slot[4] = {0, 0, 0, 0x6b000000u};
    oracle_result result;
    oracle_draw(row, 0, 0, below_tile, 1, &result);
    assert_int_equal(result.token, 0);
    oracle_draw(row, 0, 0, at_tile, 1, &result);
    assert_int_equal(result.token, 256);
    oracle_draw(row, 0, 0, at_group, 1, &result);
    assert_int_equal(result.token, 96);
    oracle_draw(row, 0, 0, at_slot, 1, &result);
    assert_int_equal(result.token, 107);
    oracle_row_free(row);
    /* one token: Q is 2^29 - 1 just below this B, which is 2^29 * 2^64 / b rounded up */
    oracle_row *const one = oracle_prepare(logits, 1, &p);
    assert_non_null(one);
    const long double bound = 536870912.0L + 514.0L;
    const uint64_t b = (uint64_t)ceill(ldexpl(536870912.0L / bound, 64));
    for (uint64_t back = 0; back < 2; back++) {
        const uint64_t word = b + (back ? (uint64_t)-16 : 16);
        const uint32_t words[4] = {0, 0, (uint32_t)word, (uint32_t)(word >> 32)};
        oracle_draw(one, 0, 0, words, 1, &result);
        assert_int_equal(result.token, back ? 0 : -1);
    }
    oracle_row_free(one);
}

/* 4096 rejections end with the first token of the order, supplied or not. */
static void test_attempts_run_out(void **state)
{
    (void)state;
    static uint32_t words[4 * ORACLE_ATTEMPTS + 4];
    rows_fill_equal(logits, 40, 0.0f);
    logits[21] = 1.0f;
    const oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
    oracle_row *const row = oracle_prepare(logits, 40, &p);
    assert_non_null(row);
    memset(words, 0xff, sizeof words);
    oracle_result result;
    oracle_draw(row, 0, 0, words, ORACLE_ATTEMPTS - 1, &result);
    assert_int_equal(result.status, ORACLE_UNIFORMS_SPENT);
    oracle_draw(row, 0, 0, words, ORACLE_ATTEMPTS, &result);
    assert_int_equal(result.status, ORACLE_OK);
    assert_int_equal(result.token, 21);
    memset(words + 4 * ORACLE_ATTEMPTS, 0, 4 * sizeof words[0]);
    oracle_draw(row, 0, 0, words, ORACLE_ATTEMPTS + 1, &result);
    assert_int_equal(result.token, 21);
    assert_int_equal(result.attempts, ORACLE_ATTEMPTS);
    oracle_draw(row, 0, 0, words, 0, &result);
    assert_int_equal(result.status, ORACLE_UNIFORMS_SPENT);
    oracle_row_free(row);
}

/* A greedy row needs no words. */
static void test_greedy_without_uniforms(void **state)
{
    (void)state;
    const uint32_t words[4] = {1, 2, 3, 4};
    const oracle_params p = {.temperature = 0.0f, .top_p = 1.0f, .top_k = 3};
    oracle_result result;
    logits[0] = -0.0f;
    logits[1] = 0.0f;
    assert_true(oracle_sample(logits, 2, &p, words, 0, &result));
    assert_int_equal(result.token, 0);
    assert_int_equal(result.kept, 1);
    assert_int_equal(result.status, ORACLE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unfiltered_draws),        cmocka_unit_test(test_filtered_draws),
        cmocka_unit_test(test_draws_of_many_rounds),    cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_supplied_uniforms),       cmocka_unit_test(test_extreme_uniforms),
        cmocka_unit_test(test_attempts_run_out),        cmocka_unit_test(test_limits_of_slots),
        cmocka_unit_test(test_greedy_without_uniforms),
    };
    return cmocka_run_group_tests_name("oracle draw", tests, NULL, NULL);
}
