/*
 * The oracle of contrastive search (sections 19 to 23 of docs/reference/specification.md)
 * against the formula in long double: penalties, scores and choices of random requests, with
 * the claims of section 24; inverse norms; probabilities. test_oracle_contrastive_edges.c has
 * what is exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/exact.h"
#include "../support/gen.h"
#include "../support/memory.h"
#include "../support/oracle.h"
#include "../support/oracle_rows.h"
#include "../support/small_contrastive.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static uint32_t cases = 6000;
static bool every_mantissa;

static lms_dtype some_type(uint64_t *state) { return (lms_dtype)(1 + gen_below(3, state)); }

/* --- random requests --- */

static uint32_t some_width(uint64_t *state)
{
    static const uint32_t edges[] = {1,  2,   15,  16,  17,   31,   32,   33,   48,
                                     63, 64,  65,  128, 255,  768,  1000, 4096, 4097,
                                     80, 100, 129, 511, 1024, 8192, 16384};
    if (gen_below(16, state) == 0) {
        return edges[gen_below(LENGTH(edges), state)];
    }
    return 1 + gen_below(gen_below(2, state) ? 40 : 300, state);
}

/* Falling probabilities that need not sum to 1, some of them equal, or close. */
static void some_probs(small_search *s, uint64_t *state)
{
    float p = gen_below(8, state) ? (float)rows_uniform(state) : 1.0f;
    for (uint32_t i = 0; i < s->params.k; i++) {
        s->probs[i] = p;
        switch (gen_below(4, state)) {
        case 0: p *= (float)rows_uniform(state); break;
        case 1: p = rows_neighbour(p, p > 0.0f ? -1 : 0); break;
        case 2: p *= gen_below(10, state) ? 1.0f : 0x1p-50f; break;
        default: break;
        }
    }
}

/* Few kinds a request, so that their maxima are made of each of them. */
static void some_states(small_search *s, uint64_t *state)
{
    state_kind kinds[3];
    const uint64_t direction = rows_random(state);
    for (uint32_t i = 0; i < LENGTH(kinds); i++) {
        kinds[i] = (state_kind)gen_below(STATE_KIND_COUNT, state);
    }
    for (uint32_t j = 0; j < s->length; j++) {
        state_fill(kinds[gen_below(3, state)], direction, small_search_position(s, j), s->width,
                   s->dtype, state);
        s->empty[j] = gen_below(8, state) == 0;
    }
    for (uint32_t i = 0; i < s->params.k; i++) {
        float *const v = small_search_candidate(s, i);
        state_fill(kinds[gen_below(3, state)], direction, v, s->width, s->dtype, state);
        if (s->length && gen_below(6, state) == 0) {
            const float *const h = small_search_position(s, gen_below(s->length, state));
            memcpy(v, h, s->width * sizeof *v);
        }
    }
    small_search_store(s);
}

static void test_random(void **unused)
{
    (void)unused;
    long double worst[2] = {0.0L, 0.0L};
    for (uint64_t seed = 0; seed < cases; seed++) {
        uint64_t state = seed;
        small_search s;
        const uint32_t width = some_width(&state);
        const uint32_t most = 1 + 300000 / width;
        const uint32_t k = 1 + gen_below(most < 64 ? most : 64, &state);
        const uint32_t longest = most / k < 60 ? most / k : 60;
        const contrastive_limits limits = {100, k, longest + 1};
        small_search_new(&s, width, gen_below(longest + 1, &state), k, some_type(&state));
        contrastive_gen(&s.params, &limits, &state);
        some_probs(&s, &state);
        some_states(&s, &state);
        if (!small_search_check(&s, worst)) {
            fail_msg("seed %llu", (unsigned long long)seed);
        }
        small_search_free(&s);
    }
    print_message("%u requests: %.3Lf of a penalty's claim, %.3Lf of a score's\n", cases,
                  worst[0], worst[1]);
}

/* Products of a hair more, or less, than half a unit of the sum: all roundings go one way. */
static void test_strained(void **unused)
{
    (void)unused;
    static const uint32_t widths[] = {17, 32, 160, 1024, 4096, 16384};
    static const float products[] = {0x1.fep-26f, 0x1.02p-25f, 0x1.fep-25f, 0x1.02p-24f};
    long double worst[2] = {0.0L, 0.0L};
    for (uint32_t c = 0; c < LENGTH(widths) * LENGTH(products) * 2; c++) {
        small_search s;
        const uint32_t width = widths[c / 2 % LENGTH(widths)];
        const float small = sqrtf(products[c / 2 / LENGTH(widths)]);
        small_search_new(&s, width, 1, 2, LMS_FLOAT32);
        for (uint32_t e = 0; e < width; e++) {
            s.context[e] = e < 16 ? 1.0f : small;
            s.v[e] = s.context[e];
            s.v[width + e] = e < 16 || c % 2 ? s.context[e] : -small;
        }
        assert_true(small_search_check(&s, worst));
        small_search_free(&s);
    }
    print_message("%.3Lf of a penalty's claim, %.3Lf of a score's\n", worst[0], worst[1]);
    assert_true(worst[0] > 0.2L);
}

/* --- inverse norms --- */

static long double inverse_error(float n)
{
    const long double exact = 1.0L / sqrtl((long double)n);
    return fabsl((long double)oracle_inverse(n) - exact) / exact;
}

/* Two binades: the others differ by a power of four, and the inverse by one of two. */
static void test_inverse(void **unused)
{
    (void)unused;
    long double worst = 0.0L;
    const uint32_t step = every_mantissa ? 1 : 37;
    for (uint32_t bits = 0x3f800000u; bits <= 0x40800000u; bits += step) {
        worst = fmaxl(worst, inverse_error(oracle_float(bits)));
    }
    print_message("inverse norms are off by %.3Lf units at most\n", worst * 0x1p24L);
    assert_true(worst <= 2.0L * 0x1p-24L);
}

static void test_inverse_of_any_size(void **unused)
{
    (void)unused;
    uint64_t state = 3;
    for (uint32_t i = 0; i < 100000; i++) {
        const float n = (float)exp2(rows_between(&state, 0.0, 2.0));
        /* from the least square of a float16 to the largest sum */
        const int e = (int)gen_below(48, &state) - 24;
        assert_true(oracle_inverse(ldexpf(n, 2 * e)) == ldexpf(oracle_inverse(n), -e));
    }
    assert_true(oracle_inverse(0.0f) == 0.0f);
    assert_true(oracle_inverse(1.0f) == 1.0f && oracle_inverse(4.0f) == 0.5f);
}

/* --- probabilities --- */

/* The tokens that the textbook keeps, and their probabilities among these. */
static void check_probs(const float *x, uint32_t vocab, const lms_contrastive_params *p,
                        long double *worst)
{
    oracle_candidates c;
    exact_row *const exact = exact_prepare(x, vocab, p->filters.temperature);
    const bool cut = p->filters.top_k > 0 && (uint32_t)p->filters.top_k < vocab;
    const uint32_t kept = cut ? exact_top_k(exact, x, (uint32_t)p->filters.top_k,
                                            (p->filters.flags & LMS_TOP_K_TIES) != 0)
                              : exact->live;
    assert_true(oracle_candidates_of(x, vocab, p, &c));
    assert_int_equal(c.status, LMS_ROW_OK);
    assert_int_equal(c.count, kept < p->k ? kept : p->k);
    for (uint32_t i = 0; i < LMS_MAX_CONTRASTIVE_K; i++) {
        if (i >= c.count) {
            assert_true(c.tokens[i] == LMS_NO_TOKEN && c.probs[i] == 0.0f);
            continue;
        }
        const long double q = expl(exact_logprob(exact, i, kept));
        assert_int_equal(c.tokens[i], exact->order[i]);
        assert_true(i == 0 || c.probs[i] <= c.probs[i - 1]);
        *worst = fmaxl(*worst, fabsl((long double)c.probs[i] - q));
    }
    exact_row_free(exact);
}

static void test_probabilities(void **unused)
{
    (void)unused;
    static const uint32_t vocabs[] = {1, 2, 7, 64, 300, 1000, 5000};
    long double worst = 0.0L;
    for (uint64_t seed = 0; seed < 700; seed++) {
        uint64_t state = seed;
        const uint32_t vocab = vocabs[seed % LENGTH(vocabs)];
        const double sigma = rows_between(&state, 0.1, 6.0);
        float *const x = memory_zeroed(vocab, sizeof *x);
        lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 1 + gen_below(64, &state));
        rows_fill_normal(x, vocab, sigma, &state);
        if (gen_below(3, &state) == 0) {
            rows_fill_neighbours(x, vocab, 1.0f, 1 + gen_below(vocab, &state));
        }
        p.filters.temperature = (float)rows_between(&state, 0.3, 2.0);
        p.filters.top_k = gen_below(2, &state) ? (int32_t)gen_below(vocab + 1, &state) : 0;
        p.filters.flags = gen_below(2, &state) ? LMS_TOP_K_TIES : 0;
        check_probs(x, vocab, &p, &worst);
        free(x);
    }
    print_message("probabilities are off by 2^%.1f at most\n", (double)log2l(worst));
    assert_true(worst <= 0x1p-20L);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),        cmocka_unit_test(test_strained),
        cmocka_unit_test(test_inverse),       cmocka_unit_test(test_inverse_of_any_size),
        cmocka_unit_test(test_probabilities),
    };
    if (argc > 1 && strcmp(argv[1], "slow") == 0) { /* LMS_SLOW_TESTS */
        cases = 100000;
        every_mantissa = true;
    }
    return cmocka_run_group_tests_name("oracle_contrastive", tests, NULL, NULL);
}
