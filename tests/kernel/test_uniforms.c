/* Random words that the caller supplies in Philox's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle.h"
#include "../support/oracle_rows.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint32_t turn;

static void give_words(batch *b, uint32_t attempts)
{
    b->uniforms_per_row = attempts;
    b->uniforms = calloc((size_t)b->rows * attempts * 4, sizeof *b->uniforms);
    assert_non_null(b->uniforms);
}

static void check(const batch *b, const batch_out *expected)
{
    static const uint32_t teams[] = {1, 8, 256};
    for (size_t i = 0; i < LENGTH(teams); ++i) {
        const batch_way way = {.work_items = teams[i], .offset = (uint32_t)i};
        if (teams[i] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
    }
}

static uint32_t count_spent(const batch_out *out, uint32_t rows)
{
    uint32_t spent = 0;
    for (uint32_t r = 0; r < rows; ++r) {
        spent += LMS_ROW_CODE(out->status[r]) == LMS_ROW_UNIFORMS_SPENT;
    }
    return spent;
}

static void test_random_words(void **unused)
{
    static const uint32_t supplies[] = {1, 2, 3, 7, 8, 9, 40, 257};
    static const uint32_t extremes[] = {0,           1,           0x7fffffffu,
                                        0x80000000u, 0xfffffffeu, 0xffffffffu};
    (void)unused;
    for (size_t s = 0; s < LENGTH(supplies); ++s) {
        uint64_t state = supplies[s];
        batch *const b = batch_of_all_kinds(s % 2 ? 300 : 9000, 8, LMS_FLOAT32, &turn, &state);
        give_words(b, supplies[s]);
        for (size_t i = 0; i < (size_t)b->rows * supplies[s] * 4; ++i) {
            b->uniforms[i] = gen_below(16, &state) ? (uint32_t)rows_random(&state)
                                                   : extremes[gen_below(6, &state)];
        }
        batch_out *const expected = batch_expect(b);
        if (supplies[s] == 1) assert_true(count_spent(expected, b->rows) > 0);
        check(b, expected);
        batch_out_free(expected);
        batch_free(b);
    }
}

/* Philox's own words, supplied: the rows that do not run out of them are those without. */
static void test_words_of_philox(void **unused)
{
    enum {
        ATTEMPTS = 256
    };
    uint64_t state = 11;
    (void)unused;
    batch *const b = batch_of_all_kinds(1000, 16, LMS_FLOAT32, &turn, &state);
    const batch_way way = {.work_items = 1};
    batch_out *const without = batch_run(ctx, b, &way);
    give_words(b, ATTEMPTS);
    for (uint32_t r = 0; r < b->rows; ++r) {
        const lms_row_params *const p = &b->params[r];
        const uint32_t key[2] = {(uint32_t)p->seed, (uint32_t)(p->seed >> 32)};
        for (uint32_t a = 0; a < ATTEMPTS; ++a) {
            const uint32_t counter[4] = {a, 0, (uint32_t)p->step, (uint32_t)(p->step >> 32)};
            oracle_philox(counter, key, b->uniforms + 4 * ((size_t)r * ATTEMPTS + a));
        }
    }
    batch_out *const with = batch_run(ctx, b, &way);
    assert_in_range(count_spent(with, b->rows), 0, b->rows / 4);
    for (uint32_t r = 0; r < b->rows; ++r) {
        if (LMS_ROW_CODE(with->status[r]) == LMS_ROW_UNIFORMS_SPENT) continue;
        assert_true(batch_same_row(b, without, r, with, r));
    }
    batch_out_free(without);
    batch_out_free(with);
    batch_free(b);
}

/* Words that no attempt accepts: the last slot of a group is never within a token's weight.
 * Where a good attempt comes, it is taken; past the 4096th none is looked at. */
static void test_supplies_that_end(void **unused)
{
    static const uint32_t supplies[] = {1, 255, 256, 257, 4095, 4096, 4097, 4600};
    (void)unused;
    for (size_t s = 0; s < LENGTH(supplies); ++s) {
        const uint32_t n = supplies[s];
        uint64_t state = n;
        batch *const b = batch_new(500, 12, 1, LMS_FLOAT32);
        gen_row(GEN_NORMAL_ONE, b->logits, b->vocab, &state);
        give_words(b, n);
        memset(b->uniforms, 0xff, (size_t)b->rows * n * 4 * sizeof *b->uniforms);
        for (uint32_t r = 0; r < b->rows; ++r) {
            uint32_t *const words = b->uniforms + 4 * (size_t)n * r;
            if (r % 3 == 1) b->params[r].filters.top_k = 10;
            if (r == 2) b->params[r].filters.temperature = 0.0f;
            if (r >= 6) memset(words + 4 * (n - 1), 0, 16); /* the last one: a group's first */
            if (r >= 9) memset(words + 4 * (n / 2), 0, 16);
        }
        batch_out *const expected = batch_expect(b);
        assert_int_equal(count_spent(expected, 6), n < ORACLE_ATTEMPTS ? 5 : 0);
        check(b, expected);
        batch_out_free(expected);
        batch_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_words),
        cmocka_unit_test(test_words_of_philox),
        cmocka_unit_test(test_supplies_that_end),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("uniforms", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
