/* What the tile pass has to notice, and what it sums up: a single NaN, the end of the row,
 * logits whose products with the scale are not exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdlib.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint32_t turn;

/* By vectors of either width, the tiles in the same launch or not, and by teams (of logits of
 * 16 bits, they do the same as of 32). */
static void check(const batch *b)
{
    static const char *const shapes[] = {"lanes=16,fuse_from=1", "lanes=8,fuse_from=1000000"};
    static const uint32_t teams[] = {2, 32, 256};
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < LENGTH(shapes); ++i) {
        const batch_way way = {.work_items = 1, .offset = (uint32_t)i};
        setenv("LMS_SHAPE", shapes[i], 1);
        batch_check(ctx, b, &way, expected);
    }
    unsetenv("LMS_SHAPE");
    for (size_t i = 0; i < LENGTH(teams) && b->dtype == LMS_FLOAT32; ++i) {
        const batch_way way = {.work_items = teams[i], .not_wanted = LMS_OUT_PROBS};
        if (teams[i] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
    }
    batch_out_free(expected);
}

/* A NaN at every place of a tile, one a row, in whole blocks of tiles and behind them. */
static void check_one_nan(lms_dtype dtype)
{
    static float x[4096 + 700];
    uint64_t state = 9;
    batch *const b = batch_new(LENGTH(x), 512, 512, dtype);
    for (uint32_t r = 0; r < b->rows; ++r) {
        const uint32_t tile = r < 256 ? gen_below(16, &state) : r % 19;
        const uint32_t at = tile * 256 + r % 256;
        gen_row(GEN_NORMAL_ONE, x, b->vocab, &state);
        x[at < b->vocab ? at : b->vocab - 1] = r % 2 ? NAN : -NAN;
        batch_set_logits(b, r, x, "one NaN");
        b->params[r].seed = r;
        if (r % 4 == 0) b->params[r].filters.temperature = 0.0f;
        if (r % 4 == 1) b->params[r].filters.top_k = 5;
        if (r % 4 == 2) b->params[r].filters.top_p = 0.9f;
    }
    check(b);
    batch_free(b);
}

static void test_one_nan(void **unused)
{
    (void)unused;
    check_one_nan(LMS_FLOAT32);
    check_one_nan(LMS_FLOAT16);
    check_one_nan(LMS_BFLOAT16);
}

/* Logits up to 2^42 whose products with the scale are rounded, and again below that. */
static void test_large_products(void **unused)
{
    static const float top_ps[] = {0.3f, 0.6f, 0.9f};
    uint64_t state = 10;
    (void)unused;
    batch *const b = batch_new(8197, 240, 240, LMS_FLOAT32);
    for (uint32_t r = 0; r < b->rows; ++r) {
        float *const x = b->logits + (size_t)r * b->vocab;
        const double size = exp2(rows_between(&state, 18.0, 42.0));
        const float top = (float)(r % 2 ? size : -size);
        for (uint32_t i = 0; i < b->vocab; ++i) {
            /* some tiles below others by a float or a few */
            x[i] = rows_neighbour(top, -(int32_t)(i / 256 % 3 * gen_below(2, &state)));
        }
        b->names[r] = "large";
        b->params[r].seed = r;
        b->params[r].filters.top_p = top_ps[r % LENGTH(top_ps)];
        b->params[r].filters.temperature = (float)rows_between(&state, 0.5, 2.0);
    }
    check(b);
    batch_free(b);
}

/* All blocks of tiles whole but for a token. */
static void test_a_token_short(void **unused)
{
    static const uint32_t sizes[] = {4095, 8191};
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i) {
        uint64_t state = sizes[i];
        batch *const b = batch_of_all_kinds(sizes[i], 8, LMS_FLOAT32, &turn, &state);
        check(b);
        batch_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_nan),
        cmocka_unit_test(test_large_products),
        cmocka_unit_test(test_a_token_short),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("tiles", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
