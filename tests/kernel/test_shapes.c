/* The kernels in every shape: teams, lanes, chunks, a row's tiles in the same launch or in one
 * of their own. All give the oracle's results, bit for bit, for every kind of row and type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/edge_batch.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

enum {
    APART = 1 << 30, /* more rows than there are: never fused */
    VOCAB = 33025    /* 129 tiles and a token: two chunks of the largest kind */
};

typedef struct shape {
    unsigned team, lanes, chunk, fuse_from;
} shape;

/* Every value of each field, with a team of one and with larger ones. A program takes a second
 * or two to build, and fuse_from is no part of it. */
/* clang-format off */
static const shape all_shapes[] = {
    {1, 8, 8, 1},   {1, 8, 8, APART},   {1, 16, 32, 1},  {1, 16, 32, APART},
    {1, 8, 128, 1}, {1, 8, 128, APART}, {2, 16, 8, 1},   {8, 8, 128, 1},
    {32, 8, 32, 1}, {64, 8, 8, 1},      {256, 16, 128, APART},
};
static const shape float16_shapes[] = {{1, 16, 8, 1}, {1, 16, 8, APART}, {32, 8, 128, 1}};
static const shape bfloat16_shapes[] = {{1, 8, 128, 1}, {1, 8, 128, APART}, {256, 16, 32, 1}};
/* clang-format on */

static lms_context *ctx;
static uint32_t turn;

static void set_shape(const shape *s)
{
    char text[80];
    snprintf(text, sizeof text, "team=%u,lanes=%u,chunk=%u,fuse_from=%u", s->team, s->lanes,
             s->chunk, s->fuse_from);
    assert_int_equal(setenv("LMS_SHAPE", text, 1), 0);
    print_message("%s\n", text);
}

static void check_batch(batch *b, const shape *shapes, size_t count)
{
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < count; ++i) {
        const batch_way way = {.offset = (uint32_t)i % 3, .stride_pad = i % 4 == 1 ? 5 : 0};
        if (shapes[i].team > device_work_items(ctx)) continue;
        set_shape(&shapes[i]);
        batch_check(ctx, b, &way, expected);
    }
    unsetenv("LMS_SHAPE");
    batch_out_free(expected);
    batch_free(b);
}

/* Every kind of row, and such as filters cut right beside a token. */
static void check(uint32_t vocab, lms_dtype dtype, const shape *shapes, size_t count)
{
    uint64_t state = 0x5a9e0000u + vocab + (uint64_t)dtype;
    check_batch(batch_of_all_kinds(vocab, 2, dtype, &turn, &state), shapes, count);
    check_batch(edge_batch(vocab < 6000 ? vocab : 6000, 160, dtype, 0, &turn, &state), shapes,
                count);
}

static void test_float32(void **unused)
{
    (void)unused;
    check(VOCAB, LMS_FLOAT32, all_shapes, LENGTH(all_shapes));
}

static void test_float16(void **unused)
{
    (void)unused;
    check(VOCAB, LMS_FLOAT16, float16_shapes, LENGTH(float16_shapes));
}

static void test_bfloat16(void **unused)
{
    (void)unused;
    check(VOCAB, LMS_BFLOAT16, bfloat16_shapes, LENGTH(bfloat16_shapes));
}

/* Fewer tokens than a work-group has work for. */
static void test_short_rows(void **unused)
{
    static const uint32_t sizes[] = {1, 255, 1000};
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i) {
        check(sizes[i], LMS_FLOAT32, all_shapes, LENGTH(all_shapes));
        check(sizes[i], LMS_FLOAT16, float16_shapes, LENGTH(float16_shapes));
    }
}

static size_t workspace(const shape *s)
{
    const lms_sampler_desc desc = {.vocab = VOCAB, .max_rows = 1, .logits = LMS_FLOAT32};
    lms_sampler *sampler = NULL;
    set_shape(s);
    device_require(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
    const size_t bytes = lms_sampler_workspace(sampler);
    lms_sampler_destroy(sampler);
    return bytes;
}

/* Or else all of the above would be one shape: there is a flag for every chunk. */
static void test_the_environment_is_heard(void **unused)
{
    const lms_sampler_desc desc = {.vocab = VOCAB, .max_rows = 1, .logits = LMS_FLOAT32};
    const shape fine = {1, 8, 8, 1}, coarse = {1, 8, 128, 1};
    lms_sampler *sampler = NULL;
    (void)unused;
    assert_true(workspace(&fine) > workspace(&coarse));
    setenv("LMS_SHAPE", "team=3", 1);
    assert_int_equal(lms_sampler_create(ctx, &desc, &sampler), LMS_E_ARGUMENT);
    unsetenv("LMS_SHAPE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_environment_is_heard),
        cmocka_unit_test(test_float32),
        cmocka_unit_test(test_float16),
        cmocka_unit_test(test_bfloat16),
        cmocka_unit_test(test_short_rows),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("shapes", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
