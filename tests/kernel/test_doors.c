/* Parameters and indices by either door; rows that are skipped or ask for the impossible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle_rows.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint32_t turn;

static const uint32_t teams[] = {1, 8, 64, 256};

static void test_both_doors(void **unused)
{
    uint64_t state = 1;
    (void)unused;
    batch *const b = batch_of_all_kinds(700, 16, LMS_FLOAT32, &turn, &state);
    for (uint32_t r = 0; r < b->rows; ++r) {
        b->index[r] =
            gen_below(9, &state) ? (int32_t)gen_below(b->logits_rows, &state) : LMS_SKIP_ROW;
    }
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < LENGTH(teams) * 4; ++i) {
        const batch_way way = {.work_items = teams[i / 4],
                               .params_on_device = i & 1,
                               .index_on_device = i >> 1 & 1,
                               .offset = (uint32_t)(i % 3),
                               .out_of_order = i % 5 == 0};
        if (teams[i / 4] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
    }
    batch_out_free(expected);
    batch_free(b);
}

static void damage(batch *b, uint32_t r, uint64_t *state)
{
    const int32_t far = (int32_t)b->logits_rows;
    const int32_t indices[] = {LMS_SKIP_ROW, far, far + 1, -2, INT32_MIN, INT32_MAX, -far};
    const uint32_t kind = gen_below(8, state);
    if (kind < 3) gen_hostile(&b->params[r], state);
    if (kind == 5) gen_early(&b->params[r], state);
    if (kind == 3) { /* anything at all */
        uint32_t words[sizeof b->params[r] / 4];
        for (size_t i = 0; i < LENGTH(words); ++i) words[i] = (uint32_t)rows_random(state);
        memcpy(&b->params[r], words, sizeof words);
    }
    /* an index counts before the parameters: such a row may have bad ones as well */
    if (kind == 2 || kind == 4) b->index[r] = indices[gen_below(LENGTH(indices), state)];
}

static uint32_t count_codes(const batch_out *out, uint32_t rows, uint32_t code)
{
    uint32_t n = 0;
    for (uint32_t r = 0; r < rows; ++r) n += LMS_ROW_CODE(out->status[r]) == code;
    return n;
}

/* Bad rows get a status and nothing else; their neighbours are what they are without them. */
static void test_hostile_rows(void **unused)
{
    (void)unused;
    for (uint32_t vocab = 40; vocab < 40000; vocab *= 30) {
        uint64_t state = vocab;
        batch *const b =
            batch_of_all_kinds(vocab, vocab < 5000 ? 24 : 4, LMS_FLOAT32, &turn, &state);
        for (uint32_t r = 0; r < b->rows; ++r) damage(b, r, &state);
        batch_out *const expected = batch_expect(b);
        assert_true(count_codes(expected, b->rows, LMS_ROW_BAD_PARAMS) > 10);
        assert_true(count_codes(expected, b->rows, LMS_ROW_BAD_INDEX) > 5);
        assert_true(count_codes(expected, b->rows, LMS_ROW_SKIPPED) > 0);
        for (size_t i = 0; i < LENGTH(teams); ++i) {
            const batch_way way = {.work_items = teams[i],
                                   .params_on_device = true,
                                   .index_on_device = true,
                                   .offset = (uint32_t)i};
            if (teams[i] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
        }
        batch_out_free(expected);
        batch_free(b);
    }
}

/* The two checks of parameters agree with the oracle's, field by field. */
static void test_the_field(void **unused)
{
    uint64_t state = 4;
    (void)unused;
    batch *const b = batch_new(8, 20000, 1, LMS_FLOAT32);
    for (uint32_t r = 0; r < b->rows; ++r) {
        if (r % 2 == 0) gen_hostile(&b->params[r], &state);
        if (r % 4) gen_early(&b->params[r], &state);
    }
    batch_out *const expected = batch_expect(b);
    const batch_way way = {.work_items = 1, .params_on_device = true};
    batch_check(ctx, b, &way, expected);
    uint32_t fields[LMS_FIELD_WANTS + 1] = {0};
    for (uint32_t r = 0; r < b->rows; ++r) {
        const uint32_t found = LMS_ROW_FIELD(expected->status[r]);
        /* What a row names, a call knows: here there is nothing of it. */
        const int names =
            found == LMS_FIELD_SLOT || found == LMS_FIELD_EDITS || found == LMS_FIELD_WANTS;
        const uint32_t field = names ? found : lms_row_params_check(&b->params[r]);
        assert_int_equal(expected->status[r], LMS_ROW_BAD_PARAMS | field << 8);
        ++fields[field];
    }
    assert_int_equal(fields[0], 0);
    for (uint32_t f = LMS_FIELD_TEMPERATURE; f <= LMS_FIELD_WANTS; ++f) {
        assert_true(fields[f] > 100);
    }
    batch_out_free(expected);
    batch_free(b);
}

/* A sampler that was made for fewer outputs gives the same ones. */
static void test_fewer_outputs(void **unused)
{
    uint64_t state = 6;
    (void)unused;
    batch *const b = batch_of_all_kinds(600, 16, LMS_FLOAT32, &turn, &state);
    batch_out *const expected = batch_expect(b);
    for (uint32_t left_out = 0; left_out <= BATCH_OUT_ALL; ++left_out) {
        const batch_way one = {.work_items = 1, .not_wanted = left_out};
        const batch_way many = {.work_items = 64, .not_wanted = left_out};
        batch_check(ctx, b, &one, expected);
        if (device_work_items(ctx) >= 64) batch_check(ctx, b, &many, expected);
    }
    batch_out_free(expected);
    batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_doors),
        cmocka_unit_test(test_hostile_rows),
        cmocka_unit_test(test_the_field),
        cmocka_unit_test(test_fewer_outputs),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("doors", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
