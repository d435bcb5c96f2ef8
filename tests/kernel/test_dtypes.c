/* float16 and bfloat16 rows and 64-bit tokens: every kind of row, every pattern there is. */
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

/* One of each kind: alone, each its own tokens, all at once; float32 has all sizes. Each has
 * programs to build, so only slow tests have the last one. */
static const uint32_t teams[] = {1, 32, 256};
static size_t team_count = 2;

static void check_all_teams(const batch *b)
{
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < team_count; ++i) {
        const batch_way way = {
            .work_items = teams[i], .offset = (uint32_t)i % 3, .stride_pad = i % 2 ? 7 : 0};
        if (teams[i] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
    }
    batch_out_free(expected);
}

static void check_kinds(lms_dtype dtype)
{
    static const uint32_t sizes[] = {1,   2,   7,   8,   9,    31,   32,   33,
                                     255, 256, 257, 513, 1000, 8191, 8193, 20000};
    for (size_t i = 0; i < LENGTH(sizes); ++i) {
        uint64_t state = 1000u * (uint64_t)dtype + sizes[i];
        batch *const b =
            batch_of_all_kinds(sizes[i], sizes[i] < 2000 ? 16 : 4, dtype, &turn, &state);
        check_all_teams(b);
        batch_free(b);
    }
}

/* A row of random patterns; without what would decide alone: infinities, NaN where asked. */
static void fill_patterns(uint16_t *x, uint32_t vocab, lms_dtype dtype, bool finite,
                          bool ordered, uint64_t *state)
{
    const uint32_t inf = dtype == LMS_FLOAT16 ? 0x7c00u : 0x7f80u;
    for (uint32_t i = 0; i < vocab; ++i) {
        uint32_t pattern = ordered ? i & 0xffffu : (uint32_t)rows_random(state) & 0xffffu;
        while (finite && (pattern & 0x7fffu) >= inf)
            pattern = (uint32_t)rows_random(state) & 0x3fffu;
        x[i] = (uint16_t)pattern;
    }
}

static void check_patterns(lms_dtype dtype, uint32_t vocab, bool ordered)
{
    static uint16_t x[65536];
    uint64_t state = 99u + vocab;
    batch *const b = batch_new(vocab, 64, 4, dtype);
    for (uint32_t i = 0; i < b->logits_rows; ++i) {
        fill_patterns(x, vocab, dtype, i % 2, ordered, &state);
        batch_set_patterns(b, i, x, "patterns");
    }
    for (uint32_t r = 0; r < b->rows; ++r)
        gen_params(&b->params[r], turn + r / 4, vocab, &state);
    turn += b->rows / 4;
    check_all_teams(b);
    batch_free(b);
}

static void test_float16(void **unused)
{
    (void)unused;
    check_kinds(LMS_FLOAT16);
    check_patterns(LMS_FLOAT16, 1000, false);
    check_patterns(LMS_FLOAT16, 65536, true);
}

static void test_bfloat16(void **unused)
{
    (void)unused;
    check_kinds(LMS_BFLOAT16);
    check_patterns(LMS_BFLOAT16, 1000, false);
    check_patterns(LMS_BFLOAT16, 65536, true);
}

/* The same rows, the same results: the type of the tokens has no part in them. */
static void test_int64(void **unused)
{
    static const lms_dtype dtypes[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    (void)unused;
    for (size_t i = 0; i < LENGTH(dtypes); ++i) {
        uint64_t state = 5 + i;
        batch *const b = batch_of_all_kinds(777, 16, dtypes[i], &turn, &state);
        batch_out *const expected = batch_expect(b);
        const batch_way one = {.work_items = 1, .tokens = LMS_INT64, .offset = 3};
        const batch_way many = {.work_items = teams[team_count - 1], .tokens = LMS_INT64};
        batch_check(ctx, b, &one, expected);
        if (device_work_items(ctx) >= many.work_items && i == 0) {
            batch_check(ctx, b, &many, expected);
        }
        batch_out_free(expected);
        batch_free(b);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_float16),
        cmocka_unit_test(test_bfloat16),
        cmocka_unit_test(test_int64),
    };
    /* LMS_SLOW_TESTS: all of them by all teams */
    if (argc > 1 && strcmp(argv[1], "slow") == 0) team_count = LENGTH(teams);
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("dtypes", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
