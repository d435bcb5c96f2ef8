/* What rows want back, against the oracle, bit for bit: the best tokens, up to 1024 of them,
 * named ones, ranks, entropies and log-probabilities of the raw, edited and processed row, also
 * of tokens that are given; each output alone, and rows of all kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/device.h"
#include "../support/memory.h"
#include "../support/oracle_rows.h"
#include "../support/request_batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;

static void check(const batch *b, const batch_way *way, const batch_out *expected,
                  const char *what, uint32_t seed)
{
    char text[160];
    batch_out *const actual = batch_run(ctx, b, way);
    snprintf(text, sizeof text, "%s %u: vocab %u, work_items %u, not wanted 0x%x", what, seed,
             b->vocab, way->work_items, way->not_wanted);
    const uint32_t bad = batch_differences(b, expected, actual, text);
    batch_out_free(actual);
    assert_int_equal(bad, 0);
}

/* Every kind of row, each wanted in several ways; without edits, unless `edited`. */
static batch *all_kinds(uint32_t vocab, uint32_t per_kind, uint32_t max_top, bool edited,
                        uint64_t *state)
{
    uint32_t turn = gen_below(128, state);
    batch *const b = batch_of_all_kinds(vocab, per_kind, LMS_FLOAT32, &turn, state);
    const gen_of g = {vocab, 50, false, state};
    requests *const q = b->requests = requests_new();
    q->max_top = q->top_stride = max_top;
    q->named_stride = LMS_MAX_NAMED;
    for (uint32_t r = 0; r < b->rows; ++r) {
        lms_row_params *const p = &b->params[r];
        if (gen_below(6, state)) p->wants = gen_wants(q, &g);
        if (gen_below(3, state) == 0) p->target = 1 + gen_below(vocab, state);
        if (edited && gen_below(2, state)) {
            const uint32_t kinds = 1u << GEN_EDIT_BIAS | 1u << GEN_EDIT_BANNED;
            p->request.edits = gen_edits(q, &g, kinds, 0);
        }
    }
    return b;
}

static void check_kinds(uint32_t work_items, uint32_t batches)
{
    static const uint32_t vocabs[] = {1, 5, 40, 256, 700, 1500, 5000};
    static const uint32_t tops[] = {1, 20, 300, LMS_MAX_TOP};
    for (uint32_t i = 0; i < batches; ++i) {
        uint64_t state = i;
        batch *const b =
            all_kinds(vocabs[i % LENGTH(vocabs)], 4, tops[i % LENGTH(tops)], i % 2, &state);
        const batch_way way = request_way(work_items, &state);
        batch_out *const expected = batch_expect(b);
        check(b, &way, expected, "kinds", i);
        batch_out_free(expected);
        batch_free(b);
    }
}

static void test_kinds(void **unused)
{
    (void)unused;
    check_kinds(1, 28);
}

static void test_kinds_of_teams(void **unused)
{
    (void)unused;
    check_kinds(64, 14);
}

/* Outputs are switched on one by one, and all but one. */
static void test_each_output(void **unused)
{
    uint64_t state = 77;
    (void)unused;
    batch *const b = all_kinds(600, 2, 20, true, &state);
    batch_out *const expected = batch_expect(b);
    for (uint32_t bit = 1; bit <= LMS_OUT_NAMED; bit *= 2) {
        const batch_way alone = {.work_items = 1, .not_wanted = LMS_OUT_ALL & ~bit};
        const batch_way others = {.work_items = 1, .not_wanted = bit};
        check(b, &alone, expected, "one output", bit);
        if (bit >= LMS_OUT_LOGPROB_EDITED) check(b, &others, expected, "all but one", bit);
    }
    batch_out_free(expected);
    batch_free(b);
}

/* Prompt log-probabilities: row i of the logits is told of token i + 1. */
static void test_prompt(void **unused)
{
    enum {
        TOKENS = 64,
        VOCAB = 900
    };
    uint64_t state = 5;
    (void)unused;
    batch *const b = batch_new(VOCAB, TOKENS, TOKENS, LMS_FLOAT32);
    const lms_row_wants wants = {.top_n = 5};
    float *const x = memory_zeroed(VOCAB, sizeof *x);
    b->requests = requests_new();
    const uint32_t name = requests_add_wants(b->requests, &wants);
    for (uint32_t r = 0; r < TOKENS; ++r) {
        gen_row(GEN_NORMAL_FIVE, x, VOCAB, &state);
        batch_set_logits(b, r, x, "prompt");
        b->params[r].target = 1 + gen_below(VOCAB, &state);
        b->params[r].wants = name;
    }
    const batch_way way = {.work_items = 1};
    batch_out *const expected = batch_expect(b);
    check(b, &way, expected, "prompt", 0);
    for (uint32_t r = 0; r < TOKENS; ++r) {
        assert_int_equal(expected->token[r] + 1, b->params[r].target);
    }
    batch_out_free(expected);
    batch_free(b);
    free(x);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_each_output),
        cmocka_unit_test(test_prompt),
        cmocka_unit_test(test_kinds_of_teams),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("request outputs", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
