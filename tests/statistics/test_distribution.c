/* Do the device's draws have the distribution that they should? Chi-square tests at alpha 1e-6
 * against probabilities in 80-bit arithmetic, which share nothing with the library; and the
 * tail of a head-plus-long-tail row, with more draws where LMS_SLOW_TESTS are asked for.
 *
 * The draws are those of fixed seeds, so a result repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/device.h"
#include "../support/exact.h"
#include "../support/gen.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define ALPHA 1e-6

static lms_context *ctx;
static bool slow;

/* --- p-values --- */

/* P(chi-square with n degrees of freedom > x): the upper incomplete gamma function. */
static double chi_square_tail(double x, double n)
{
    const double a = n / 2.0, y = x / 2.0;
    const double front = exp(a * log(y) - y - lgamma(a));
    if (x <= 0.0) return 1.0;
    if (y < a + 1.0) { /* 1 - the series of the lower one */
        double term = 1.0 / a, sum = term;
        for (int i = 1; term > sum * 1e-16; ++i) sum += term *= y / (a + i);
        return 1.0 - front * sum;
    }
    double b = y + 1.0 - a, c = 1e300, d = 1.0 / b, fraction = d; /* Lentz */
    for (int i = 1; i < 10000; ++i) {
        const double numerator = -i * (i - a);
        b += 2.0;
        d = 1.0 / (numerator * d + b);
        c = b + numerator / c;
        fraction *= c * d;
        if (fabs(c * d - 1.0) < 1e-15) break;
    }
    return front * fraction;
}

/* P(at most k of n) or, `upper`, P(at least k of n), at probability p each. */
static double binomial_tail(int64_t k, int64_t n, double p, bool upper)
{
    const int64_t step = upper ? 1 : -1;
    double sum = 0.0;
    for (int64_t i = k; i >= 0 && i <= n; i += step) {
        const double a = (double)i, b = (double)(n - i);
        const double ways = lgamma(a + b + 1.0) - lgamma(a + 1.0) - lgamma(b + 1.0);
        const double term = exp(ways + a * log(p) + b * log1p(-p));
        sum += term;
        if (term < sum * 1e-17 && (a > (a + b) * p) == upper) break;
    }
    return sum;
}

static void test_p_values(void **unused)
{
    (void)unused;
    /* from tables */
    assert_true(fabs(chi_square_tail(3.841459, 1.0) - 0.05) < 1e-6);
    assert_true(fabs(chi_square_tail(18.307038, 10.0) - 0.05) < 1e-6);
    assert_true(fabs(chi_square_tail(149.449253, 100.0) - 0.001) < 1e-6);
    assert_true(fabs(chi_square_tail(2.558212, 10.0) - 0.99) < 1e-6);
    assert_true(fabs(binomial_tail(2, 10, 0.5, false) - 56.0 / 1024.0) < 1e-12);
    assert_true(fabs(binomial_tail(8, 10, 0.5, true) - 56.0 / 1024.0) < 1e-12);
    assert_true(fabs(binomial_tail(30, 100000, 3e-4, false) - 0.548351) < 1e-4);
}

/* Cells of which fewer than 5 are expected are taken together. */
static void check_cells(const char *what, const double *probability, const uint64_t *count,
                        uint32_t cells, uint64_t draws)
{
    double statistic = 0.0, rest = 0.0;
    uint64_t rest_count = 0, all = 0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < cells; ++i) {
        const double expected = probability[i] * (double)draws;
        all += count[i];
        if (expected < 5.0) {
            rest += expected;
            rest_count += count[i];
            if (probability[i] == 0.0) assert_int_equal(count[i], 0);
            continue;
        }
        statistic += ((double)count[i] - expected) * ((double)count[i] - expected) / expected;
        ++used;
    }
    if (rest >= 5.0) {
        statistic += ((double)rest_count - rest) * ((double)rest_count - rest) / rest;
        ++used;
    }
    assert_int_equal(all, draws);
    const double p = used > 1 ? chi_square_tail(statistic, used - 1.0) : 1.0;
    print_message("%-28s %9llu draws, %4u cells, chi-square %8.1f, p %.3g\n", what,
                  (unsigned long long)draws, used, statistic, p);
    assert_true(p >= ALPHA);
}

/* --- draws --- */

/* Counts the tokens of `draws` draws from one row: of one seed, or of one step. */
static void draw(const float *x, uint32_t vocab, lms_row_params p, bool by_seed, uint64_t draws,
                 uint32_t work_items, uint64_t *count)
{
    enum {
        MOST = 65536
    };
    const uint32_t rows = vocab > 10000 ? 8192 : MOST;
    const lms_sampler_desc desc = {
        .vocab = vocab, .max_rows = rows, .logits = LMS_FLOAT32, .work_items = work_items};
    lms_sampler *sampler = NULL;
    cl_int code = CL_SUCCESS;
    static lms_row_params params[MOST];
    static int32_t index[MOST], tokens[MOST]; /* every row reads logits row 0 */
    device_require(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
    lms_sampler_run_args call = {.params = params, .index = index, .logits_rows = 1};
    call.logits.buffer =
        clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                       vocab * sizeof *x, (void *)(uintptr_t)x, &code);
    device_require(code, "clCreateBuffer");
    call.tokens.buffer = clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_WRITE,
                                        sizeof tokens, NULL, &code);
    device_require(code, "clCreateBuffer");
    memset(count, 0, vocab * sizeof *count);
    while (draws > 0) {
        call.rows = draws < rows ? (uint32_t)draws : rows;
        for (uint32_t r = 0; r < call.rows; ++r) {
            params[r] = p;
            p.seed += by_seed;
            p.step += !by_seed;
        }
        device_require(lms_sampler_run(sampler, lms_context_queue(ctx), &call, 0, NULL, NULL),
                       "lms_sampler_run");
        device_require(clEnqueueReadBuffer(lms_context_queue(ctx), call.tokens.buffer, CL_TRUE,
                                           0, call.rows * sizeof *tokens, tokens, 0, NULL,
                                           NULL),
                       "clEnqueueReadBuffer");
        for (uint32_t r = 0; r < call.rows; ++r) {
            assert_in_range(tokens[r], 0, vocab - 1);
            ++count[tokens[r]];
        }
        draws -= call.rows;
    }
    clReleaseMemObject(call.logits.buffer);
    clReleaseMemObject(call.tokens.buffer);
    lms_sampler_destroy(sampler);
}

/* --- small vocabularies --- */

typedef struct scenario {
    const char *name;
    gen_kind kind;
    uint32_t vocab;
    float temperature, top_p, min_p;
    int32_t top_k;
    uint32_t work_items;
    uint32_t flags;
} scenario;

enum {
    HOT = LMS_TEMPERATURE_LAST,
    TIES = LMS_TOP_K_TIES
};

static const scenario scenarios[] = {
    {"two tokens", GEN_NORMAL_ONE, 2, 1.0f, 1.0f, 0.0f, 0, 1, 0},
    {"five tokens, cold", GEN_NORMAL_ONE, 5, 0.5f, 1.0f, 0.0f, 0, 1, 0},
    {"33 tokens", GEN_NORMAL_ONE, 33, 1.0f, 1.0f, 0.0f, 0, 1, 0},
    {"33 tokens, team", GEN_NORMAL_ONE, 33, 1.0f, 1.0f, 0.0f, 0, 16, 0},
    {"equal", GEN_EQUAL, 300, 1.0f, 1.0f, 0.0f, 0, 1, 0},
    {"wide", GEN_NORMAL_FIVE, 500, 3.0f, 1.0f, 0.0f, 0, 1, 0},
    {"falling tiles", GEN_FALLING_TILES, 2000, 1.0f, 1.0f, 0.0f, 0, 1, 0},
    {"falling tiles, hot, team", GEN_FALLING_TILES, 2000, 5.0f, 1.0f, 0.0f, 0, 16, 0},
    {"heavy tail", GEN_HEAVY_TAIL, 1000, 1.3f, 1.0f, 0.0f, 0, 1, 0},
    {"NaN-laced", GEN_NAN_LACED, 257, 1.5f, 1.0f, 0.0f, 0, 1, 0},
    {"top-k 20", GEN_NORMAL_FIVE, 300, 4.0f, 1.0f, 0.0f, 20, 1, 0},
    {"top-k 20 of equals", GEN_EQUAL, 300, 1.0f, 1.0f, 0.0f, 20, 16, 0},
    {"top-p 0.8", GEN_NORMAL_ONE, 400, 0.9f, 0.8f, 0.0f, 0, 1, 0},
    {"min-p 0.1", GEN_NORMAL_ONE, 400, 1.1f, 1.0f, 0.1f, 0, 1, 0},
    {"top-k 50, top-p 0.9", GEN_NORMAL_ONE, 400, 1.0f, 0.9f, 0.0f, 50, 1, 0},
    /* Little of what is in reach is kept, so that reach shrinks, round by round. */
    {"flat, top-p 0.02", GEN_NORMAL_TINY, 2000, 1.0f, 0.02f, 0.0f, 0, 1, 0},
    {"flat, top-p 0.02, team", GEN_NORMAL_TINY, 1000, 1.0f, 0.02f, 0.0f, 0, 16, 0},
    {"top-p 0.03", GEN_NORMAL_ONE, 2000, 1.0f, 0.03f, 0.0f, 0, 1, 0},
    {"equal, top-p 0.004", GEN_EQUAL, 2000, 1.0f, 0.004f, 0.0f, 0, 1, 0},
    {"top-p 0.9, then hot", GEN_NORMAL_FIVE, 2000, 50.0f, 0.9f, 0.0f, 0, 1, HOT},
    {"top-p 0.9, then hot, team", GEN_NORMAL_FIVE, 1000, 50.0f, 0.9f, 0.0f, 0, 16, HOT},
    {"k, p, min-p, then hot", GEN_NORMAL_ONE, 2000, 100.0f, 0.5f, 0.05f, 200, 1, HOT},
    {"top-k 3 with ties", GEN_THREE_VALUES, 2000, 1.0f, 1.0f, 0.0f, 3, 1, TIES},
    {"ties, top-p 0.01", GEN_THREE_VALUES, 2000, 1.0f, 0.01f, 0.0f, 3, 1, TIES},
    {"bfloat16, ties, top-p 0.3", GEN_COARSE, 2000, 2.0f, 0.3f, 0.0f, 50, 1, TIES},
};

/* Probabilities of the tokens after the filters; top-p's base is what top-k and min-p keep. */
static void expect(const scenario *s, const float *x, double *probability)
{
    const float filter_t = s->flags & LMS_TEMPERATURE_LAST ? 1.0f : s->temperature;
    exact_row *const cut = exact_prepare(x, s->vocab, filter_t);
    exact_row *const row = exact_prepare(x, s->vocab, s->temperature);
    assert_true(cut && row);
    uint32_t kept = cut->live;
    if (s->top_k > 0) kept = exact_top_k(cut, x, (uint32_t)s->top_k, s->flags & LMS_TOP_K_TIES);
    if (s->min_p > 0.0f) {
        const uint32_t by_min_p = exact_min_p(cut, logl((long double)s->min_p));
        if (by_min_p < kept) kept = by_min_p;
    }
    if (s->top_p < 1.0f) kept = exact_top_p(cut, kept, (long double)s->top_p);
    for (uint32_t i = 0; i < s->vocab; ++i) probability[i] = 0.0;
    for (uint32_t rank = 0; rank < kept; ++rank) {
        probability[row->order[rank]] = (double)expl(exact_logprob(row, rank, kept));
    }
    exact_row_free(cut);
    exact_row_free(row);
}

static void test_small_vocabularies(void **unused)
{
    static float x[2000];
    static double probability[2000];
    static uint64_t count[2000];
    (void)unused;
    for (size_t i = 0; i < 2 * LENGTH(scenarios); ++i) {
        const scenario *const s = &scenarios[i / 2];
        uint64_t state = 40 + i / 2;
        lms_row_params p = LMS_ROW_PARAMS_INIT;
        gen_row(s->kind, x, s->vocab, &state);
        p.seed = rows_random(&state);
        p.step = rows_random(&state) >> 20;
        p.filters.temperature = s->temperature;
        p.filters.top_p = s->top_p;
        p.filters.min_p = s->min_p;
        p.filters.top_k = s->top_k;
        p.filters.flags = s->flags;
        const uint64_t draws = slow ? 4000000 : 150000;
        expect(s, x, probability);
        draw(x, s->vocab, p, i % 2, draws, s->work_items, count);
        check_cells(s->name, probability, count, s->vocab, draws);
    }
}

/* --- the long tail --- */

/* One token 18 nats above 199,999 others: a tail of 0.3% together, 1.5e-8 each. */
static void test_long_tail(void **unused)
{
    enum {
        VOCAB = 200000,
        BINS = 50,
        HEAD = 123456
    };
    const uint64_t draws = slow ? 10000000 : 1000000;
    float *const x = calloc(VOCAB, sizeof *x);
    uint64_t *const count = calloc(VOCAB, sizeof *count), bins[BINS] = {0};
    double tail = 0.0, share[BINS] = {0.0};
    uint64_t in_tail = 0, state = 18;
    lms_row_params p = LMS_ROW_PARAMS_INIT;
    (void)unused;
    assert_non_null(x);
    assert_non_null(count);
    for (uint32_t i = 0; i < VOCAB; ++i) x[i] = (float)(0.5 * rows_normal(&state));
    x[HEAD] = 18.0f;
    p.seed = 20;
    draw(x, VOCAB, p, false, draws, 0, count);
    for (uint32_t i = 0; i < VOCAB; ++i) {
        const uint32_t bin = (uint32_t)((uint64_t)i * BINS / VOCAB);
        if (i == HEAD) continue;
        share[bin] += exp((double)x[i] - 18.0);
        tail += exp((double)x[i] - 18.0);
        bins[bin] += count[i];
        in_tail += count[i];
    }
    for (uint32_t i = 0; i < BINS; ++i) share[i] /= tail;
    const double mass = tail / (1.0 + tail);
    const int64_t k = (int64_t)in_tail, n = (int64_t)draws;
    const double below = binomial_tail(k, n, mass, false),
                 above = binomial_tail(k, n, mass, true);
    print_message("tail: %llu draws of %llu, %.1f expected; P(<=) %.3g, P(>=) %.3g\n",
                  (unsigned long long)in_tail, (unsigned long long)draws, (double)n * mass,
                  below, above);
    assert_true(below >= ALPHA / 2.0 && above >= ALPHA / 2.0);
    check_cells("the tail's spread", share, bins, BINS, in_tail);
    free(x);
    free(count);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p_values),
        cmocka_unit_test(test_small_vocabularies),
        cmocka_unit_test(test_long_tail),
    };
    slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("distribution", tests, NULL, NULL);
    lms_context_destroy(ctx);
    return failed;
}
