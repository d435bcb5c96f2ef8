/* The oracle's edits against the textbook in double precision, and what they are exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "../support/exact_edits.h"
#include "../support/gen.h"
#include "../support/gen_requests.h"
#include "../support/memory.h"
#include "../support/oracle_rows.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static bool is_near(float x, const exact_value *exact)
{
    if (exact->x != exact->x) return x != x;
    if (isinf(exact->x)) return (double)x == exact->x;
    return fabs((double)x - exact->x) <= exact->slack;
}

static void compare(const oracle_request *r, const float *logits, uint32_t vocab,
                    const char *what, uint64_t seed)
{
    float *const x = memory_zeroed(vocab, sizeof *x);
    exact_value *const exact = memory_zeroed(vocab, sizeof *exact);
    oracle_edit(r, logits, vocab, x);
    exact_edit(r, logits, vocab, exact);
    for (uint32_t t = 0; t < vocab; ++t) {
        if (is_near(x[t], &exact[t])) continue;
        print_error("%s, seed %llu, vocab %u, token %u: %a was %a, not %a within %a\n", what,
                    (unsigned long long)seed, vocab, t, (double)logits[t], (double)x[t],
                    exact[t].x, exact[t].slack);
        fail();
    }
    free(x);
    free(exact);
}

static void compare_random(uint32_t kinds, const char *what, uint64_t seed)
{
    uint64_t state = seed;
    const uint32_t vocab = 1 + gen_below(gen_below(4, &state) ? 300 : 2000, &state);
    const gen_of g = {vocab, gen_below(4, &state) ? 60 : 400, false, &state};
    requests *const r = requests_new();
    float *const logits = memory_zeroed(2 * (size_t)vocab, sizeof *logits);
    oracle_params p = {.temperature = 0.7f, .top_p = 0.9f};
    gen_row(GEN_NORMAL_FIVE, logits, vocab, &state);
    gen_row(GEN_NORMAL_FIVE, logits + vocab, vocab, &state);
    if (gen_below(4, &state) == 0) logits[gen_below(vocab, &state)] = -INFINITY;
    if (gen_below(4, &state) == 0) logits[vocab + gen_below(vocab, &state)] = -INFINITY;
    p.slot = gen_below(8, &state) ? gen_slot(r, &g) : 0;
    p.edits = gen_edits(r, &g, kinds, (uint32_t)p.slot);
    p.unconditional = gen_below(2, &state) ? 2 : 0;
    gen_masks(r, &g, 2);
    p.mask = gen_below(2, &state) ? 1 + gen_below(2, &state) : 0;
    const oracle_tables tables = requests_tables(r, 2);
    assert_int_equal(oracle_check_request(&p, vocab, &tables), 0);
    const oracle_request request = oracle_request_of(&p, vocab, logits, &tables);
    compare(&request, logits, vocab, what, seed);
    free(logits);
    requests_free(r);
}

static void test_each(void **unused)
{
    (void)unused;
    for (uint32_t kind = 0; kind < GEN_EDIT_KINDS; ++kind) {
        for (uint64_t i = 0; i < 400; ++i) {
            compare_random(1u << kind, gen_edit_name((gen_edit)kind), kind * 1000 + i);
        }
    }
}

static void test_mixes(void **unused)
{
    (void)unused;
    for (uint64_t i = 0; i < 3000; ++i) {
        uint64_t state = i;
        compare_random(gen_edit_kinds(&state), "mix", 100000 + i);
    }
}

/* --- exactly --- */

static void test_tidy(void **unused)
{
    (void)unused;
    assert_true(oracle_bits(oracle_tidy(-0.0f)) == 0);
    assert_true(oracle_bits(oracle_tidy(-0x1.fffffep-65f)) == 0);
    assert_true(oracle_tidy(-0x1p-64f) == -0x1p-64f);
    assert_true(isnan(oracle_tidy(NAN)) && oracle_tidy(-INFINITY) == -INFINITY);
}

static void test_power(void **unused)
{
    (void)unused;
    assert_true(oracle_power(3.0f, 0) == 1.0f && oracle_power(3.0f, 5) == 243.0f);
    assert_true(oracle_power(2.0f, 127) == 0x1p127f && oracle_power(2.0f, 128) == FLT_MAX);
    assert_true(oracle_power(2.0f, UINT32_MAX) == FLT_MAX);
    assert_true(oracle_power(1.0f, UINT32_MAX) == 1.0f);
    assert_true(oracle_power(0.5f, 64) == 0x1p-64f && oracle_power(0.5f, 65) == 0.0f);
    assert_true(oracle_power(1e-40f, 1) == 0.0f);
    uint64_t state = 1;
    for (int i = 0; i < 100000; ++i) {
        const float b = (float)rows_between(&state, 0.9, 1.2);
        const uint32_t e = gen_below(300, &state);
        const double exact = pow(b, e), x = oracle_power(b, e);
        assert_true(fabs(x - exact) <= exact * (e + 1) * 0x1p-24 + 0x1p-64);
    }
}

/* Section 26: x / r, rounded once. It is, but where a quotient that is almost too large gets
 * infinite on the way. */
static void test_repetition_divides(void **unused)
{
    uint64_t state = 2;
    (void)unused;
    for (int i = 0; i < 5000000; ++i) {
        const float r = oracle_float((uint32_t)(103 + gen_below(48, &state)) << 23 |
                                     ((uint32_t)rows_random(&state) & 0x7fffffu));
        const float x = oracle_float((uint32_t)(63 + gen_below(192, &state)) << 23 |
                                     ((uint32_t)rows_random(&state) & 0x7fffffu));
        const float right = x / r;
        if (right > 0x1.fffff0p127f && !isinf(right)) continue;
        if (oracle_repeated(x, r) == right) continue;
        print_error("%a / %a is %a, not %a\n", (double)x, (double)r, (double)right,
                    (double)oracle_repeated(x, r));
        fail();
    }
    assert_true(oracle_repeated(-3.0f, 2.0f) == -6.0f && oracle_repeated(0.0f, 2.0f) == 0.0f);
    assert_true(oracle_repeated(INFINITY, 2.0f) == INFINITY);
    assert_true(oracle_repeated(-INFINITY, 0.5f) == -INFINITY);
    assert_true(isnan(oracle_repeated(NAN, 2.0f)));
}

static oracle_request with(const requests *r, oracle_tables *t, const oracle_params *p,
                           uint32_t vocab, const float *logits)
{
    *t = requests_tables(r, 2);
    assert_int_equal(oracle_check_request(p, vocab, t), 0);
    return oracle_request_of(p, vocab, logits, t);
}

/* What a bias does to each of the special logits. */
static void test_special_logits(void **unused)
{
    static const float logits[] = {NAN, INFINITY,  -INFINITY, 1.0f,
                                   NAN, -INFINITY, 2.0f,      1e-30f};
    static const int32_t ids[] = {0, 1, 2, 3, 3, 4, 5, 6};
    static const float values[] = {1.0f,  -5.0f,    7.0f,     0.5f,
                                   0.25f, INFINITY, INFINITY, -INFINITY};
    lms_row_edits e = LMS_ROW_EDITS_INIT;
    oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
    requests *const r = requests_new();
    oracle_tables t;
    float x[LENGTH(logits)];
    (void)unused;
    e.bias = requests_add_list(r, ids, values, LENGTH(ids));
    p.edits = requests_add_edits(r, &e);
    const oracle_request request = with(r, &t, &p, LENGTH(logits), logits);
    oracle_edit(&request, logits, LENGTH(logits), x);
    assert_true(isnan(x[0]) && x[1] == INFINITY && x[2] == -INFINITY && x[3] == 1.75f);
    assert_true(isnan(x[4]) && x[5] == INFINITY && x[6] == -INFINITY);
    assert_true(x[7] == 1e-30f); /* untouched, not tidy */
    requests_free(r);
}

static void test_forced(void **unused)
{
    static const float logits[] = {NAN, INFINITY, -INFINITY, 1.0f};
    static const int32_t banned[] = {2};
    lms_row_edits e = LMS_ROW_EDITS_INIT;
    oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
    oracle_tables t;
    float x[4];
    (void)unused;
    requests *const r = requests_new();
    e.forced = 3;
    e.banned = requests_add_list(r, banned, NULL, 1);
    p.edits = requests_add_edits(r, &e);
    requests_set_masks(r, 1, LMS_MASK_BITS, 1, 1);
    p.mask = 1;
    const oracle_request request = with(r, &t, &p, 4, logits);
    oracle_edit(&request, logits, 4, x);
    assert_true(oracle_bits(x[2]) == 0);
    assert_true(x[0] == -INFINITY && x[1] == -INFINITY && x[3] == -INFINITY);
    requests_free(r);
}

/* Nothing happens to infinite end tokens, also where the factor is 1. */
static void test_decay_of_infinities(void **unused)
{
    static const float logits[] = {-INFINITY, INFINITY, -2.0f, 2.0f, -0.0f};
    static const int32_t tokens[] = {0, 0, 0}, ends[] = {0, 1, 2, 3, 3, 4};
    static const float factors[] = {1.0f, 2.0f};
    (void)unused;
    for (size_t i = 0; i < LENGTH(factors); ++i) {
        lms_row_edits e = LMS_ROW_EDITS_INIT;
        oracle_params p = {.temperature = 1.0f, .top_p = 1.0f};
        oracle_tables t;
        float x[5];
        requests *const r = requests_new();
        p.slot = requests_add_slot(r, tokens, 3, 1, 0);
        e.end_tokens = requests_add_list(r, ends, NULL, LENGTH(ends));
        e.decay_start = 1;
        e.decay_factor = factors[i];
        p.edits = requests_add_edits(r, &e);
        const oracle_request request = with(r, &t, &p, 5, logits);
        oracle_edit(&request, logits, 5, x);
        assert_true(x[0] == -INFINITY && x[1] == INFINITY && oracle_bits(x[4]) == 0);
        assert_true(x[2] == -2.0f + 2.0f * (factors[i] - 1.0f));
        assert_true(x[3] == 2.0f * factors[i]);
        requests_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tidy),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_repetition_divides),
        cmocka_unit_test(test_special_logits),
        cmocka_unit_test(test_forced),
        cmocka_unit_test(test_decay_of_infinities),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_mixes),
    };
    return cmocka_run_group_tests_name("oracle of edits", tests, NULL, NULL);
}
