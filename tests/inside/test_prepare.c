/* The kernel that prepares rows, by itself, against the oracle: status, ban words, DRY's
 * lengths, the step and top_p, of random requests, of such as are broken on the device, and of
 * long histories. Samplers show less of it: a wrong bit of a word only where that token is
 * drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "prepare_check.h"

#include "../support/gen.h"
#include "../support/gen_requests.h"
#include "../support/oracle_rows.h"

#include <math.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define ROWS 48u

static lms_context *ctx;
static prepare_program programs[3];

/* By every program, all rows. */
static void check_call(prepare_call *c)
{
    float *const logits = memory_zeroed((size_t)c->vocab * c->logits_rows, sizeof *logits);
    uint64_t state = c->vocab;
    rows_fill_normal(logits, c->vocab * c->logits_rows, 2.0, &state);
    for (size_t i = 0; i < LENGTH(programs); ++i) {
        prepare_run(ctx, &programs[i], c);
        for (uint32_t row = 0; row < c->rows; ++row) check_row(c, row, logits);
        prepare_call_free(c);
    }
    free(logits);
}

/* --- Random requests ---------------------------------------------------------------------- */

static uint32_t one_of(uint32_t count, uint64_t *state)
{
    return count > 0 && gen_below(8, state) > 0 ? 1 + gen_below(count, state) : 0;
}

/* What is beyond the columns of a mask is nobody's. */
static void fill_padding(requests *r)
{
    const size_t element = r->mask_type == LMS_MASK_BYTES ? 1 : 4;
    const size_t row = r->mask_stride * element, used = r->mask_columns * element;
    for (uint32_t m = 0; m < r->mask_count; ++m) {
        memset((char *)r->masks + m * row + used, 0xff, row - used);
    }
}

static prepare_call random_call(requests *r, lms_row_params *params, uint32_t vocab,
                                uint32_t longest, uint64_t *state)
{
    const gen_of g = {vocab, longest, true, state};
    gen_masks(r, &g, 4);
    fill_padding(r);
    for (uint32_t i = 0; i < ROWS; ++i) {
        lms_row_params *const p = &params[i];
        gen_params(p, i, vocab, state);
        const uint32_t slot = gen_below(6, state) > 0 ? gen_slot(r, &g) : 0;
        p->request.slot = slot;
        if (slot > 0 && gen_below(2, state)) p->step = LMS_STEP_OF_SLOT;
        p->request.edits = gen_edits(r, &g, gen_edit_kinds(state), slot);
        if (gen_below(12, state) == 0) p->request.edits = 0;
        p->request.mask = gen_below(2, state) ? one_of(r->mask_count, state) : 0;
        p->request.unconditional = gen_below(2, state);
        p->wants = gen_below(2, state) ? gen_wants(r, &g) : 0;
    }
    return (prepare_call){.requests = r,
                          .params = params,
                          .rows = ROWS,
                          .vocab = vocab,
                          .logits_rows = 1,
                          .has_repeats = true};
}

static void test_random(void **unused)
{
    static const uint32_t vocabs[] = {1, 31, 33, 256, 257, 700, 1500, 100, 300, 500};
    static const uint32_t lengths[] = {20, 300, 200, 260, 530, 300, 100, 257, 514, 40};
    uint64_t state = 1;
    (void)unused;
    for (size_t i = 0; i < LENGTH(vocabs); ++i) {
        lms_row_params params[ROWS];
        requests *const r = requests_new();
        prepare_call c = random_call(r, params, vocabs[i], lengths[i], &state);
        check_call(&c);
        requests_free(r);
    }
}

/* --- Broken ones -------------------------------------------------------------------------- */

static const uint32_t hostile[] = {0,          1,          (uint32_t)-5, 0x7fffffff,
                                   0xffffffff, 0x80000000, 0x7fc00000,   0x7f800000,
                                   0x3f800000, 0xbf800000, 65536,        1u << 20};

static void spoil(void *words, size_t count, uint64_t *state)
{
    uint32_t word = hostile[gen_below(LENGTH(hostile), state)];
    if (count == 0) return;
    if (gen_below(3, state) == 0) word = gen_below(400, state);
    memcpy((char *)words + 4 * (rows_random(state) % count), &word, sizeof word);
}

/* Single words of everything that may be on the device: most rows that name it are bad, and
 * none does harm. */
static void test_spoiled(void **unused)
{
    uint64_t state = 77;
    (void)unused;
    for (uint32_t i = 0; i < 12; ++i) {
        lms_row_params params[ROWS];
        requests *const r = requests_new();
        prepare_call c = random_call(r, params, 200, 150, &state);
        for (uint32_t n = 0; n < 12; ++n) {
            spoil(r->edits, r->edit_count * sizeof *r->edits / 4, &state);
            spoil(r->wants, r->want_count * sizeof *r->wants / 4, &state);
            if (i % 3 == 0) spoil(r->list_offsets, r->list_count + 1, &state);
            if (i % 3 == 1) spoil(r->list_ids, r->list_entries, &state);
        }
        for (uint32_t n = 0; i % 3 == 2 && n < 100; ++n) {
            spoil(r->list_values, r->list_entries, &state);
        }
        for (uint32_t n = 0; n < 6; ++n) {
            lms_row_params *const p = &params[gen_below(ROWS, &state)];
            spoil((char *)p + offsetof(lms_row_params, step), 18, &state);
        }
        for (uint32_t row = 0; row < ROWS; ++row) {
            if (params[row].request.slot > r->slot_count) params[row].request.slot = 1u << 30;
        }
        check_call(&c);
        requests_free(r);
    }
}

/* --- One thing at a time ------------------------------------------------------------------ */

static lms_prepared one_row(requests *r, lms_row_params *params, uint32_t vocab)
{
    prepare_call c = {.requests = r, .params = params, .rows = 1, .vocab = vocab};
    c.logits_rows = 1;
    c.has_repeats = true;
    check_call(&c);
    prepare_run(ctx, &programs[0], &c);
    const lms_prepared p = c.prepared[0];
    prepare_call_free(&c);
    return p;
}

/* Rows are not told to have what they have not, which would cost their sampling something. */
static void test_nothing(void **unused)
{
    static const int32_t tokens[] = {5, 6, 7, 8, 9, 5, 6};
    static const int32_t words[] = {5, 7, 8, LMS_NO_TOKEN, LMS_NO_TOKEN, 9, 9, LMS_NO_TOKEN};
    lms_row_params params = LMS_ROW_PARAMS_INIT;
    lms_row_edits e = LMS_ROW_EDITS_INIT;
    requests *const r = requests_new();
    (void)unused;
    e.frequency = 1e-30f;
    e.bias = requests_add_list(r, words, NULL, 0);
    e.bad_words = requests_add_list(r, words, NULL, LENGTH(words));
    e.end_tokens = requests_add_list(r, tokens, NULL, 3);
    e.min_tokens = 3;
    e.ngram = 4;
    e.encoder = requests_add_list(r, tokens, NULL, 6);
    e.encoder_ngram = 4;
    e.dry_multiplier = 1.0f;
    e.dry_allowed_length = 3;
    e.decay_factor = 1.5f;
    e.decay_start = 3;
    e.guidance = 2.0f;
    params.request.slot = requests_add_slot(r, tokens, 7, 4, 0);
    params.request.edits = requests_add_edits(r, &e);
    lms_prepared p = one_row(r, &params, 300);
    assert_false(p.has_bans || p.has_values);
    r->edits[0].ngram = 3;
    p = one_row(r, &params, 300);
    assert_true(p.has_bans && !p.has_values);
    r->edits[0].ngram = 0;
    r->edits[0].encoder_ngram = 3;
    assert_true(one_row(r, &params, 300).has_bans);
    r->edits[0].dry_allowed_length = 2;
    p = one_row(r, &params, 300);
    assert_true(p.has_dry && p.has_values);
    requests_free(r);
}

/* A stretch of two that is there twice, on all sides of where pages meet. */
static void test_pages(void **unused)
{
    static const uint32_t ends[] = {17, 254, 255, 256, 257, 511, 512, 513};
    int32_t tokens[600];
    (void)unused;
    for (uint32_t i = 0; i < LENGTH(ends); ++i) {
        const uint32_t length = LENGTH(tokens), end = ends[i];
        lms_row_params params = LMS_ROW_PARAMS_INIT;
        requests *const r = requests_new();
        for (uint32_t j = 0; j < length; ++j) tokens[j] = (int32_t)j;
        tokens[length - 2] = tokens[end - 1];
        tokens[length - 1] = tokens[end];
        params.filters.top_p = 0.9f;
        params.request.slot = requests_add_slot(r, tokens, length, 1, 0);
        for (uint32_t j = 0; j < 4; ++j) {
            lms_row_edits e = LMS_ROW_EDITS_INIT;
            e.ngram = 1 + j;
            e.dry_multiplier = 1.0f;
            e.dry_allowed_length = j;
            e.top_p_decay = 0.99f;
            e.top_p_reset = end;
            params.request.edits = requests_add_edits(r, &e);
            const lms_prepared p = one_row(r, &params, length);
            assert_int_equal(p.has_bans, j < 3);
            assert_int_equal(p.has_dry, j < 3);
        }
        requests_free(r);
    }
}

/* Of breakers that begin at the same place the longest one counts, wherever it is listed. */
static void test_breakers(void **unused)
{
    static const int32_t tokens[] = {9, 1, 2, 3, 4, 5, 6, 9, 1, 2, 3, 4, 5};
    static const int32_t words[2][8] = {{2, -1, 2, 3, -1, 7, 2, -1}, {2, 3, -1, 2, -1, 7, -1}};
    (void)unused;
    for (uint32_t i = 0; i < LENGTH(words); ++i) {
        lms_row_params params = LMS_ROW_PARAMS_INIT;
        lms_row_edits e = LMS_ROW_EDITS_INIT;
        requests *const r = requests_new();
        e.dry_multiplier = 1.0f;
        e.dry_breakers = requests_add_list(r, words[i], NULL, 8 - i);
        params.request.slot = requests_add_slot(r, tokens, LENGTH(tokens), 0, 0);
        params.request.edits = requests_add_edits(r, &e);
        assert_true(one_row(r, &params, 30).has_dry);
        requests_free(r);
    }
}

/* What a sampler was not made for, or a call has no values for. */
static void test_not_there(void **unused)
{
    static const int32_t id = 3;
    lms_row_params params[2] = {LMS_ROW_PARAMS_INIT, LMS_ROW_PARAMS_INIT};
    lms_row_edits dry = LMS_ROW_EDITS_INIT, bias = LMS_ROW_EDITS_INIT;
    requests *const r = requests_new();
    (void)unused;
    dry.dry_multiplier = 1e-30f;
    bias.bias = requests_add_list(r, &id, NULL, 1);
    params[0].request.edits = requests_add_edits(r, &dry);
    params[1].request.edits = requests_add_edits(r, &bias);
    prepare_call c = {.requests = r, .params = params, .rows = 2, .vocab = 10};
    c.has_no_values = true;
    for (size_t i = 0; i < LENGTH(programs); ++i) {
        prepare_run(ctx, &programs[i], &c);
        assert_int_equal(c.prepared[0].status, LMS_ROW_BAD_PARAMS | LMS_FIELD_RECORD << 8);
        assert_int_equal(c.prepared[1].status, LMS_ROW_BAD_PARAMS | LMS_FIELD_LIST << 8);
        prepare_call_free(&c);
    }
    requests_free(r);
}

/* --- Long histories ----------------------------------------------------------------------- */

#define LONG 30000u

/* One token, or two by turns, all the time: the most that can be alike. The oracle would take
 * minutes. */
static void test_alike(void **unused)
{
    static int32_t tokens[LONG];
    static const uint32_t ngrams[] = {1, 2, 17, LONG / 2, LONG, LONG + 1, 0xffffffff};
    (void)unused;
    for (uint32_t i = 0; i < LENGTH(ngrams) * 2; ++i) {
        const uint32_t period = 1 + i % 2, n = ngrams[i / 2], limit = LONG - period;
        lms_row_params params = LMS_ROW_PARAMS_INIT;
        lms_row_edits e = LMS_ROW_EDITS_INIT;
        requests *const r = requests_new();
        for (uint32_t j = 0; j < LONG; ++j) tokens[j] = (int32_t)(40 + j % period);
        e.ngram = n;
        e.dry_multiplier = 1.0f;
        e.dry_allowed_length = i % 3;
        params.request.slot = requests_add_slot(r, tokens, LONG, 1, 0);
        params.request.edits = requests_add_edits(r, &e);
        prepare_call c = {.requests = r, .params = &params, .rows = 1, .vocab = 300};
        c.has_repeats = true;
        for (size_t k = 0; k < LENGTH(programs); ++k) {
            prepare_run(ctx, &programs[k], &c);
            /* The token that comes next in turn; with n = 1 each that is there. */
            const uint32_t banned = n == 1                   ? (2u << (period - 1)) - 1
                                    : n <= LONG + 1 - period ? 1u
                                                             : 0u;
            const uint32_t word = c.prepared[0].has_bans ? c.bans[1] : ~0u;
            assert_int_equal(~word, banned << 8);
            assert_int_equal(c.prepared[0].has_dry, 1);
            assert_int_equal(c.repeats[0], 1 + limit - e.dry_allowed_length);
            if (period == 2) assert_int_equal(c.repeats[1], e.dry_allowed_length == 0);
            prepare_call_free(&c);
        }
        requests_free(r);
    }
}

/* Long stretches that are there twice, at other places in their pages. */
static void test_long(void **unused)
{
    static int32_t tokens[LONG];
    uint64_t state = 5;
    (void)unused;
    for (uint32_t i = 0; i < 6; ++i) {
        lms_row_params params = LMS_ROW_PARAMS_INIT;
        lms_row_edits e = LMS_ROW_EDITS_INIT;
        requests *const r = requests_new();
        const uint32_t length = 3000 + gen_below(2000, &state);
        const uint32_t twice = 100 + gen_below(900, &state), from = gen_below(900, &state);
        for (uint32_t j = 0; j < length; ++j) tokens[j] = (int32_t)gen_below(60, &state);
        memcpy(tokens + length - twice, tokens + from, twice * sizeof *tokens);
        tokens[0] = tokens[length - 1];
        e.ngram = i % 3 == 0 ? twice : i % 3 == 1 ? twice + 1 : 3;
        e.dry_multiplier = 1.0f;
        e.dry_range = i % 2 ? length - from - gen_below(3, &state) : 0;
        params.request.slot = requests_add_slot(r, tokens, length, 1, 0);
        params.request.edits = requests_add_edits(r, &e);
        const lms_prepared p = one_row(r, &params, 61);
        assert_true(p.has_bans && p.has_dry);
        requests_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),   cmocka_unit_test(test_spoiled),
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_pages),
        cmocka_unit_test(test_breakers), cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_alike),    cmocka_unit_test(test_long),
    };
    ctx = device_open();
    programs[0] = prepare_build(ctx, 1, 16);
    programs[1] = prepare_build(ctx, 1, 8);
    programs[2] = prepare_build(ctx, 64, 8);
    const int failed = cmocka_run_group_tests_name("prepare", tests, NULL, NULL);
    for (size_t i = 0; i < LENGTH(programs); ++i) prepare_end(&programs[i]);
    lms_context_destroy(ctx);
    return failed;
}
