/* Large teams, as GPUs have them: how a row lies in memory, how many of its tiles a work-group
 * does, and how many rows there are shows in no result. Four programs are built, some seconds
 * each; chunks and many rows are for the slow form, and `./run check teams` has every team with
 * every type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/batch.h"
#include "../support/device.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

enum {
    VOCAB = 8192 + 3 * 256 + 8, /* a round of the largest team, some tiles, and a vector */
    MANY = 65536                /* more rows than CUDA devices take along a second dimension */
};

static const lms_dtype dtypes[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};

static lms_context *ctx;
static uint32_t turn;
static bool is_slow;

/* All rows begin at a multiple of 16 bytes, none does, some do; the last vector is whole, or
 * it is not. */
static void check_places(uint32_t team, lms_dtype dtype, uint32_t vocab)
{
    static const batch_way ways[] = {
        {.stride_pad = 0},
        {.stride_pad = 0, .offset = 1},
        {.stride_pad = 3, .offset = 2},
    };
    uint64_t state = 0x7ea3000u + vocab + (uint64_t)dtype;
    batch *const b = batch_of_all_kinds(vocab, 2, dtype, &turn, &state);
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < LENGTH(ways); ++i) {
        batch_way way = ways[i];
        way.work_items = team;
        batch_check(ctx, b, &way, expected);
    }
    batch_out_free(expected);
    batch_free(b);
}

static void test_places(void **unused)
{
    static const uint32_t teams[] = {32, 64, 128, 256};
    (void)unused;
    for (size_t i = 0; i < LENGTH(teams); ++i) {
        const uint32_t vocab = teams[i] * 32 + 3 * 256 + 8; /* as VOCAB for the largest team */
        if (teams[i] > device_work_items(ctx)) continue;
        check_places(teams[i], dtypes[i % LENGTH(dtypes)], vocab);
        check_places(teams[i], dtypes[i % LENGTH(dtypes)], vocab - 3);
        check_places(teams[i], dtypes[i % LENGTH(dtypes)], 5);
    }
}

/* Vectors of 16, and chunks of fewer tiles than a team has vectors for, of less than a round,
 * and of several rounds: a call of so many rows has the longest ones. */
static void test_chunks(void **unused)
{
    static const char *const shapes[] = {
        "team=256,lanes=16,chunk=8",  "team=64,lanes=8,chunk=8",   "team=32,lanes=16,chunk=8",
        "team=32,lanes=8,chunk=1024", "team=64,lanes=16,chunk=32",
    };
    uint64_t state = 0xc4a2;
    (void)unused;
    if (!is_slow) skip();
    for (size_t j = 0; j < LENGTH(dtypes); ++j) {
        batch *const b = batch_of_all_kinds(VOCAB, 8, dtypes[j], &turn, &state);
        batch_out *const expected = batch_expect(b);
        for (size_t i = 0; i < LENGTH(shapes); ++i) {
            const batch_way way = {.offset = (uint32_t)i % 2, .not_wanted = LMS_OUT_PROBS};
            setenv("LMS_SHAPE", shapes[i], 1);
            if (i % LENGTH(dtypes) == j) batch_check(ctx, b, &way, expected);
        }
        unsetenv("LMS_SHAPE");
        batch_out_free(expected);
        batch_free(b);
    }
}

/* LMS_SLOW_TESTS: the lists of so many rows are 2 GiB, if the device has them. */
static void test_many_rows(void **unused)
{
    const lms_sampler_desc desc = {.vocab = 64, .max_rows = MANY, .logits = LMS_FLOAT32};
    lms_sampler *sampler = NULL;
    const batch_way way = {.work_items = 32, .not_wanted = BATCH_OUT_ALL & ~LMS_OUT_LOGPROB};
    float x[64];
    uint64_t state = 3;
    (void)unused;
    setenv("LMS_SHAPE", "team=32", 1);
    if (!is_slow || lms_sampler_create(ctx, &desc, &sampler) != LMS_OK) skip();
    lms_sampler_destroy(sampler);
    unsetenv("LMS_SHAPE");
    batch *const b = batch_new(LENGTH(x), MANY, MANY, LMS_FLOAT32);
    for (uint32_t r = 0; r < b->rows; ++r) {
        gen_row(GEN_NORMAL_ONE, x, b->vocab, &state);
        batch_set_logits(b, r, x, "one of many");
        b->params[r].seed = r;
        b->params[r].filters.top_p = 0.5f;
    }
    batch_out *const expected = batch_expect(b);
    batch_check(ctx, b, &way, expected);
    batch_out_free(expected);
    batch_free(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_many_rows),
    };
    is_slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("teams", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
