/* Every kind of row, with every strategy and combination of flags, in vocabularies around every
 * boundary, by every number of work-items: float32 against the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "../support/batch.h"
#include "../support/device.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint32_t turn; /* goes on from size to size, so that kinds meet all parameters */

static const uint32_t all_teams[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};
static const uint32_t few_teams[] = {1, 4, 256};

static void check(uint32_t vocab, uint32_t per_kind, const uint32_t *teams, size_t count)
{
    uint64_t state = 0x5eed0000u + vocab;
    batch *const b = batch_of_all_kinds(vocab, per_kind, LMS_FLOAT32, &turn, &state);
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < count; ++i) {
        const batch_way way = {.work_items = teams[i],
                               .stride_pad = i % 3 == 1 ? 13 : 0,
                               .offset = (uint32_t)i % 4,
                               .spare_rows = i % 2 ? 5 : 0};
        if (teams[i] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
    }
    /* few long rows take another way through the kernels than many or short ones */
    const batch_way narrow = {.work_items = 1, .per_call = 7};
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    if (vocab <= 1024) batch_check(ctx, b, &narrow, expected);
    unsetenv("LMS_SHAPE");
    batch_out_free(expected);
    batch_free(b);
}

static void test_small(void **unused)
{
    static const uint32_t sizes[] = {1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100, 224, 225};
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i)
        check(sizes[i], 16, all_teams, LENGTH(all_teams));
}

static void test_around_tiles(void **unused)
{
    static const uint32_t sizes[] = {255, 256, 257, 288, 511, 512, 513, 1000, 1023, 1024, 1025};
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i)
        check(sizes[i], 32, all_teams, LENGTH(all_teams));
}

/* A chunk of the tile pass is 32 tiles, 8192 tokens. */
static void test_around_chunks(void **unused)
{
    static const uint32_t sizes[] = {4095, 8191, 8192, 8193, 16385};
    (void)unused;
    for (size_t i = 0; i < LENGTH(sizes); ++i) check(sizes[i], 8, all_teams, LENGTH(all_teams));
}

static void test_vocabularies(void **unused)
{
    (void)unused;
    check(32000, 6, few_teams, LENGTH(few_teams));
    check(50257, 4, few_teams, LENGTH(few_teams));
    check(128256, 2, few_teams, LENGTH(few_teams));
}

/* The largest: a few kinds, as the oracle sorts every row. */
static void test_largest(void **unused)
{
    static const gen_kind kinds[] = {GEN_NORMAL_ONE,  GEN_COARSE, GEN_HEAD_TAIL,
                                     GEN_STEEP_TILES, GEN_EQUAL,  GEN_LAST_ONLY};
    static const uint32_t sizes[] = {LMS_MAX_VOCAB, LMS_MAX_VOCAB - 1};
    (void)unused;
    for (size_t s = 0; s < LENGTH(sizes); ++s) {
        uint64_t state = 77 + s;
        batch *const b = batch_new(sizes[s], 2 * LENGTH(kinds), LENGTH(kinds), LMS_FLOAT32);
        for (uint32_t i = 0; i < LENGTH(kinds); ++i) {
            gen_row(kinds[i], b->logits + (size_t)i * b->vocab, b->vocab, &state);
            b->names[i] = gen_name(kinds[i]);
        }
        for (uint32_t r = 0; r < b->rows; ++r) {
            gen_params(&b->params[r], turn++, b->vocab, &state);
        }
        batch_out *const expected = batch_expect(b);
        for (size_t i = 0; i < LENGTH(few_teams); i += 2) {
            const batch_way way = {.work_items = few_teams[i]};
            if (few_teams[i] <= device_work_items(ctx)) batch_check(ctx, b, &way, expected);
        }
        const batch_way narrow = {.work_items = 1, .per_call = 5};
        batch_check(ctx, b, &narrow, expected);
        batch_out_free(expected);
        batch_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),         cmocka_unit_test(test_around_tiles),
        cmocka_unit_test(test_around_chunks), cmocka_unit_test(test_vocabularies),
        cmocka_unit_test(test_largest),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("sample", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
