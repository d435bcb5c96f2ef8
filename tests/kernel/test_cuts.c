/* Where the filters cut: every k, the capacity of the device's list from both sides, ties by
 * the thousand across a cut, and thresholds that a prefix reaches exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/edge_batch.h"
#include "../support/oracle_rows.h"

#include <float.h>
#include <math.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define LIST 2048u /* tokens that the device lists of a row */

static lms_context *ctx;

static void check(const batch *b)
{
    static const uint32_t teams[] = {1, 4, 32, 256};
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < LENGTH(teams); ++i) {
        const batch_way way = {.work_items = teams[i]};
        if (teams[i] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
    }
    batch_out_free(expected);
}

static batch *with_kinds(uint32_t vocab, uint32_t rows, const gen_kind *kinds, uint32_t count,
                         uint64_t *state)
{
    batch *const b = batch_new(vocab, rows, count, LMS_FLOAT32);
    for (uint32_t i = 0; i < count; ++i) {
        gen_row(kinds[i], b->logits + (size_t)i * vocab, vocab, state);
        b->names[i] = gen_name(kinds[i]);
    }
    for (uint32_t r = 0; r < rows; ++r) b->params[r].seed = rows_random(state);
    return b;
}

static const gen_kind tied[] = {GEN_NORMAL_ONE,   GEN_COARSE,    GEN_EQUAL,
                                GEN_THREE_VALUES, GEN_NAN_LACED, GEN_MASKED};

static void test_every_k(void **unused)
{
    uint64_t state = 1;
    (void)unused;
    batch *const b = with_kinds(300, 2 * 302 * LENGTH(tied), tied, LENGTH(tied), &state);
    for (uint32_t r = 0; r < b->rows; ++r) {
        b->params[r].filters.top_k = (int32_t)(r / LENGTH(tied) / 2);
        b->params[r].filters.flags = r / LENGTH(tied) % 2 ? LMS_TOP_K_TIES : 0;
    }
    check(b);
    batch_free(b);
}

/* top-k around what decides how it is searched, alone and before the others. */
static void test_k_around_capacity(void **unused)
{
    static const int32_t ks[] = {1,   19,  39,   40,   41,   79,   80,   238,  239,  240,
                                 241, 312, 2046, 2047, 2048, 2049, 2050, 2200, 5000, 9999};
    uint64_t state = 2;
    (void)unused;
    batch *const b =
        with_kinds(10000, LENGTH(ks) * 4 * LENGTH(tied), tied, LENGTH(tied), &state);
    for (uint32_t r = 0; r < b->rows; ++r) {
        const uint32_t turn = r / LENGTH(tied);
        gen_params(&b->params[r], (turn % 4 < 2 ? 1 : 7) | turn / 4 << 3, b->vocab, &state);
        b->params[r].filters.top_k = ks[turn / 4];
        b->params[r].filters.flags ^= turn % 2 ? LMS_TOP_K_TIES : 0;
    }
    check(b);
    batch_free(b);
}

/* Exactly n tokens above the rest, at random places: a search has exactly n candidates. */
static void fill_head(float *x, uint32_t vocab, uint32_t n, double spread, uint64_t *state)
{
    uint32_t left = n;
    for (uint32_t i = 0; i < vocab; ++i) {
        const bool head = gen_below(vocab - i, state) < left;
        left -= head;
        x[i] = head ? (float)(10.0 + spread * rows_uniform(state)) : -5.0f;
    }
}

static void test_list_capacity(void **unused)
{
    static const uint32_t sizes[] = {1,        8,    239,      240,      241,
                                     LIST - 1, LIST, LIST + 1, LIST + 2, 4000};
    static const float top_ps[] = {0.001f, 0.5f, 0.95f, 0.99999f, 0x1.fffffep-1f};
    const uint32_t heads = LENGTH(sizes), kinds = 3 * heads;
    uint64_t state = 3;
    (void)unused;
    batch *const b = batch_new(9001, kinds * 64, kinds, LMS_FLOAT32);
    for (uint32_t i = 0; i < kinds; ++i) {
        static const double spreads[] = {0.0, 1e-4, 3.0};
        float *const x = b->logits + (size_t)i * b->vocab;
        fill_head(x, b->vocab, sizes[i % heads], spreads[i / heads], &state);
        b->names[i] = "head";
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        lms_row_params *const p = &b->params[r];
        const uint32_t turn = r / kinds;
        p->seed = rows_random(&state);
        p->filters.flags = turn % 16;
        p->filters.temperature = (float)rows_between(&state, 0.5, 2.0);
        if (turn / 16 % 2 == 0) p->filters.min_p = 0.02f;
        if (turn / 16 != 1) p->filters.top_p = top_ps[gen_below(LENGTH(top_ps), &state)];
        if (turn / 16 != 2)
            p->filters.top_k = (int32_t)(sizes[r % heads] + gen_below(3, &state)) - 1;
    }
    check(b);
    batch_free(b);
}

/* Equal weights: prefixes that reach top_p exactly, in small rows and across many tiles. */
static void test_exact_crossings(void **unused)
{
    static const uint32_t sizes[] = {4, 8, 64, 256, 512, 4096, 65536};
    uint64_t state = 4;
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i) {
        const gen_kind kinds[] = {GEN_EQUAL, GEN_ZEROS, GEN_THREE_VALUES};
        batch *const b = with_kinds(sizes[i], 3 * 32, kinds, 3, &state);
        for (uint32_t r = 0; r < b->rows; ++r) {
            const uint32_t eighths = 1 + r / 3 % 7;
            b->params[r].filters.top_p = (float)eighths * 0.125f;
            if (r % 2)
                b->params[r].filters.top_p =
                    nextafterf(b->params[r].filters.top_p, r % 4 < 2 ? 0.0f : 1.0f);
            b->params[r].filters.flags = gen_below(16, &state);
            if (r / 3 >= 21) b->params[r].filters.top_k = (int32_t)b->vocab / 2;
        }
        check(b);
        batch_free(b);
    }
}

/* Logits a float apart, so that min-p's bound is hit to the key; and the filters' own edges. */
static void test_min_p_to_the_key(void **unused)
{
    uint64_t state = 5;
    (void)unused;
    batch *const b = batch_new(600, 600, 600, LMS_FLOAT32);
    for (uint32_t r = 0; r < b->rows; ++r) {
        float *const x = b->logits + (size_t)r * b->vocab;
        lms_row_params *const p = &b->params[r];
        b->names[r] = "around min-p";
        p->seed = r;
        p->filters.temperature = (float)exp2(rows_between(&state, -3.0, 3.0));
        p->filters.min_p =
            r % 4 ? (float)rows_uniform(&state) : (float)exp2(rows_between(&state, -140, 0));
        p->filters.flags = r / 4 % 2 ? LMS_TEMPERATURE_LAST : 0;
        const double t = p->filters.flags ? 1.0 : (double)p->filters.temperature;
        const float top = (float)rows_between(&state, -20.0, 20.0);
        const float bound = (float)((double)top + t * log((double)p->filters.min_p));
        for (uint32_t i = 1; i < b->vocab; ++i) x[i] = rows_neighbour(bound, (int32_t)i - 300);
        x[0] = top;
    }
    check(b);
    batch_free(b);
}

/* A few tokens of different weights, each in a group of its own, above a level tail: most draws
 * have to judge more than one token of the head, and what they learn of the row adds up. */
static void test_several_judged(void **unused)
{
    static const uint32_t sizes[] = {700, 3000, 10001};
    uint64_t state = 6;
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i) {
        batch *const b = batch_new(sizes[i], 8 * 200, 8, LMS_FLOAT32);
        for (uint32_t l = 0; l < b->logits_rows; ++l) {
            float *const x = b->logits + (size_t)l * b->vocab;
            const uint32_t heads = 2 + gen_below(19, &state);
            const double tail = log((1 + l) * 0.5 / b->vocab);
            b->names[l] = "head above a level tail";
            for (uint32_t t = 0; t < b->vocab; ++t) x[t] = (float)tail;
            for (uint32_t h = 0; h < heads; ++h) {
                x[(1 + h) * 32 + gen_below(32, &state)] =
                    (float)rows_between(&state, -3.0, 0.0);
            }
        }
        for (uint32_t r = 0; r < b->rows; ++r) {
            lms_row_params *const p = &b->params[r];
            p->seed = rows_random(&state);
            p->filters.top_p = (float)rows_between(&state, 0.05, 0.95);
            if (r % 3 == 0) p->filters.flags = LMS_TEMPERATURE_LAST;
            if (r % 3 == 0) p->filters.temperature = (float)rows_between(&state, 0.5, 2.0);
        }
        check(b);
        batch_free(b);
    }
}

/* The smallest live logit: what keeps all of such a row, and what keeps some groups of it,
 * differ in their ids alone. */
static void test_lowest_logits(void **unused)
{
    uint64_t state = 7;
    (void)unused;
    batch *const b = batch_new(1000, 6 * 200, 6, LMS_FLOAT32);
    for (uint32_t l = 0; l < b->logits_rows; ++l) {
        b->names[l] = "lowest logits";
        for (uint32_t t = 0; t < b->vocab; ++t) {
            b->logits[(size_t)l * b->vocab + t] =
                gen_below(6, &state) < l ? -INFINITY : -FLT_MAX;
        }
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        gen_params(&b->params[r], 3 | r % 16 << 3, b->vocab, &state);
        b->params[r].filters.top_k = 1 + (int32_t)gen_below(40, &state);
    }
    check(b);
    batch_free(b);
}

/* Few kept by top-k, and top-p of these: more groups tie with the k-th than the base has
 * tokens, or tokens with one another. */
static void test_small_bases(void **unused)
{
    uint64_t state = 8;
    (void)unused;
    batch *const b = small_bases_batch(2100, 24 * 80, 24, &state);
    check(b);
    batch_free(b);
}

/* Few kept of many equal tokens, so that rounds narrow the reach; some groups have a token that
 * is a little larger, and go on having kept ones behind it. */
static void test_narrowed_reach(void **unused)
{
    uint64_t state = 10;
    (void)unused;
    batch *const b = batch_new(700, 20 * 60, 20, LMS_FLOAT32);
    for (uint32_t l = 0; l < b->logits_rows; ++l) {
        float *const x = b->logits + (size_t)l * b->vocab;
        b->names[l] = "level, a few a little larger";
        for (uint32_t n = l % 4; n > 0; --n)
            x[gen_below(128, &state)] = l % 8 < 4 ? 1e-3f : 1e-45f;
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        b->params[r].seed = rows_random(&state);
        b->params[r].filters.top_k = 1 + (int32_t)gen_below(9, &state);
        b->params[r].filters.flags = gen_below(16, &state);
        if (r % 2) b->params[r].filters.top_p = (float)rows_between(&state, 0.001, 0.02);
        if (r % 4 == 3) b->params[r].filters.top_k = 0;
    }
    check(b);
    batch_free(b);
}

/* Every filter beside a token of rows at the edge, also with words that end within a round. */
static void test_beside_tokens(void **unused)
{
    static const uint32_t sizes[] = {33, 900, 2600, 9000}, attempts[] = {0, 40, 0, 0};
    uint64_t state = 9;
    uint32_t turn = 0;
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i) {
        batch *const b = edge_batch(sizes[i], 1024, LMS_FLOAT32, attempts[i], &turn, &state);
        check(b);
        batch_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_k),          cmocka_unit_test(test_k_around_capacity),
        cmocka_unit_test(test_list_capacity),    cmocka_unit_test(test_exact_crossings),
        cmocka_unit_test(test_min_p_to_the_key), cmocka_unit_test(test_several_judged),
        cmocka_unit_test(test_lowest_logits),    cmocka_unit_test(test_small_bases),
        cmocka_unit_test(test_beside_tokens),    cmocka_unit_test(test_narrowed_reach),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("cuts", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
