/* The oracle's outputs of a row with a request against the textbook: log-softmax, ranks by
 * counting, entropies by -sum p ln p in long double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "../support/exact.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle_outputs.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

typedef struct rows {
    float *raw, *edited;
    oracle_both both;
    oracle_params p;
} rows;

static rows make(const float *raw, const float *edited, uint32_t vocab, const oracle_params *p)
{
    static const oracle_params plain = {.temperature = 1.0f, .top_p = 1.0f};
    rows r = {memory_zeroed(vocab, 4), memory_zeroed(vocab, 4), {0}, *p};
    for (uint32_t t = 0; t < vocab; ++t) {
        r.raw[t] = raw[t];
        r.edited[t] = edited[t];
    }
    r.both = (oracle_both){r.raw, r.edited, oracle_prepare(r.raw, vocab, &plain),
                           oracle_prepare(r.edited, vocab, p)};
    assert_true(r.both.raw != NULL && r.both.edited != NULL);
    return r;
}

static void release(rows *r)
{
    oracle_row_free(r->both.raw);
    oracle_row_free(r->both.edited);
    free(r->raw);
    free(r->edited);
}

/* -sum p ln p of the first `kept` tokens of the order. */
static long double entropy(const float *x, uint32_t vocab, float temperature, uint32_t kept)
{
    exact_row *const exact = exact_prepare(x, vocab, temperature);
    long double h = 0.0L;
    for (uint32_t i = 0; i < kept; ++i) {
        const long double l = exact_logprob(exact, i, kept);
        h -= expl(l) * l;
    }
    exact_row_free(exact);
    return h;
}

/* Section 29, and what the masses themselves are off by: their entropy moves by the error of
 * the probabilities times the logarithms. */
static double slack_of(long double h) { return 0x1p-15 + 2e-6 * (1.0 + (double)h) * 3.0; }

static void test_entropy(void **unused)
{
    static const gen_kind kinds[] = {
        GEN_NORMAL_TINY, GEN_NORMAL_ONE,    GEN_NORMAL_FIVE, GEN_NORMAL_WIDE, GEN_ONE_HOT,
        GEN_EQUAL,       GEN_THREE_VALUES,  GEN_NAN_LACED,   GEN_MASKED,      GEN_HEAVY_TAIL,
        GEN_STEEP_TILES, GEN_FALLING_TILES, GEN_HEAD_TAIL,   GEN_COARSE,      GEN_LADDER};
    uint64_t state = 1;
    double worst = 0.0;
    (void)unused;
    for (uint32_t i = 0; i < 3000; ++i) {
        const uint32_t vocab = 1 + gen_below(i % 10 ? 700 : 9000, &state);
        float *const x = memory_zeroed(vocab, sizeof *x);
        gen_row(kinds[i % LENGTH(kinds)], x, vocab, &state);
        oracle_params p = {.temperature = 0.8f, .top_p = 1.0f};
        if (i % 2) p.temperature = (float)rows_between(&state, 0.3, 2.0);
        if (i % 3 == 0) p.top_p = (float)rows_between(&state, 0.1, 1.0);
        if (i % 5 == 0) p.top_k = 1 + (int32_t)gen_below(vocab, &state);
        rows r = make(x, x, vocab, &p);
        const uint32_t live = oracle_row_live(r.both.raw),
                       kept = oracle_row_kept(r.both.edited);
        if (live > 0) {
            const long double raw = entropy(x, vocab, 1.0f, live);
            const long double processed = entropy(x, vocab, p.temperature, kept);
            const double of_raw = fabs((double)(oracle_entropy(&r.both, ORACLE_RAW) - raw));
            const double of_processed =
                fabs((double)(oracle_entropy(&r.both, ORACLE_PROCESSED) - processed));
            if (of_raw > slack_of(raw) || of_processed > slack_of(processed)) {
                print_error("%s, %u: %g %Lg, %g %Lg\n", gen_name(kinds[i % LENGTH(kinds)]),
                            vocab, of_raw, raw, of_processed, processed);
                fail();
            }
            worst =
                fmax(worst, fmax(of_raw / slack_of(raw), of_processed / slack_of(processed)));
        }
        release(&r);
        free(x);
    }
    print_message("entropy: at most %.2f of what is allowed\n", worst);
}

/* Equal tokens have ln n, whatever their logits; one token has +0. */
static void test_entropy_of_equals(void **unused)
{
    static const float values[] = {0.0f, -3.5f, 1e30f, -1e30f, INFINITY, 0x1p-140f};
    (void)unused;
    for (size_t i = 0; i < LENGTH(values); ++i) {
        for (uint32_t n = 1; n <= 1000; n = n * 3 + 1) {
            float x[1000];
            const oracle_params p = {.temperature = 0.5f, .top_p = 1.0f};
            rows_fill_equal(x, 1000, -INFINITY);
            for (uint32_t t = 0; t < n; ++t) x[t * (1000 / n)] = values[i];
            rows r = make(x, x, 1000, &p);
            assert_true(fabsf(oracle_entropy(&r.both, ORACLE_RAW) - logf((float)n)) < 1e-5f);
            assert_true(fabsf(oracle_entropy(&r.both, ORACLE_PROCESSED) - logf((float)n)) <
                        1e-5f);
            if (n == 1) assert_int_equal(oracle_bits(oracle_entropy(&r.both, ORACLE_RAW)), 0);
            release(&r);
        }
    }
}

/* vLLM's rank counts log-probabilities that are at least the token's, TensorRT-LLM's those
 * above it; values are those of log-softmax. */
static void test_values_and_ranks(void **unused)
{
    uint64_t state = 2;
    (void)unused;
    for (uint32_t i = 0; i < 300; ++i) {
        const uint32_t vocab = 1 + gen_below(300, &state), token = gen_below(vocab, &state);
        float x[300], y[300];
        gen_row(i % 2 ? GEN_THREE_VALUES : GEN_COARSE, x, vocab, &state);
        gen_row(i % 3 ? GEN_NAN_LACED : GEN_NORMAL_FIVE, y, vocab, &state);
        const oracle_params p = {.temperature = 0.7f, .top_p = 0.9f, .top_k = 50};
        rows r = make(x, y, vocab, &p);
        uint32_t above = 0, at_least = 0;
        long double sum = 0.0L;
        for (uint32_t t = 0; t < vocab; ++t) {
            above += x[t] > x[token];
            at_least += x[t] >= x[token];
            sum += expl(x[t]);
        }
        assert_int_equal(oracle_rank(&r.both, ORACLE_RAW, token, true), above);
        assert_int_equal(oracle_rank(&r.both, ORACLE_RAW, token, false), at_least);
        const float value = oracle_value(&r.both, ORACLE_RAW, token, false);
        assert_true(fabsl((long double)value - ((long double)x[token] - logl(sum))) < 1e-5L);
        assert_true(oracle_value(&r.both, ORACLE_RAW, token, true) == x[token]);
        if (y[token] != y[token] && oracle_row_live(r.both.edited) > 0) {
            assert_true(isnan(oracle_value(&r.both, ORACLE_EDITED, token, false)));
            assert_true(oracle_value(&r.both, ORACLE_PROCESSED, token, false) == -INFINITY);
            const uint32_t live = oracle_row_live(r.both.edited);
            assert_int_equal(oracle_rank(&r.both, ORACLE_EDITED, token, true), live);
            assert_int_equal(oracle_rank(&r.both, ORACLE_EDITED, token, false), live + 1);
        }
        release(&r);
    }
}

/* The best tokens are in the order, each value is value(t), and the rest is none. */
static void test_top_and_named(void **unused)
{
    static const uint32_t of[] = {LMS_WANT_RAW, LMS_WANT_EDITED, LMS_WANT_PROCESSED};
    static const int32_t ids[] = {5, 2, 5, 0};
    static const oracle_list named = {ids, NULL, 4};
    static const float x[] = {1.0f, 3.0f, NAN, 3.0f, -INFINITY, 2.0f};
    static const float y[] = {1.0f, NAN, 4.0f, 3.0f, 0.0f, -INFINITY};
    const oracle_params p = {.temperature = 1.0f, .top_p = 1.0f, .top_k = 2};
    static const int32_t best[3][5] = {{1, 3, 5, 0, -1}, {2, 3, 0, 4, -1}, {2, 3, -1, -1, -1}};
    static const bool nans[3][4] = {{0, 1, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
    (void)unused;
    rows r = make(x, y, 6, &p);
    for (size_t i = 0; i < LENGTH(of); ++i) {
        const lms_row_wants wants = {.top_n = 5, .flags = of[i]};
        int32_t tokens[7];
        float values[7];
        oracle_top(&r.both, &wants, 7, tokens, values);
        for (uint32_t j = 0; j < 7; ++j) {
            assert_int_equal(tokens[j], j < 5 ? best[i][j] : -1);
            assert_int_equal(isnan(values[j]), tokens[j] < 0);
        }
        oracle_named(&r.both, &wants, &named, 6, values);
        for (uint32_t j = 0; j < 6; ++j) {
            assert_int_equal(isnan(values[j]), j >= 4 || nans[i][j]);
        }
        assert_true(i == 0 || values[0] == -INFINITY);
    }
    release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entropy),
        cmocka_unit_test(test_entropy_of_equals),
        cmocka_unit_test(test_values_and_ranks),
        cmocka_unit_test(test_top_and_named),
    };
    return cmocka_run_group_tests_name("oracle of outputs", tests, NULL, NULL);
}
