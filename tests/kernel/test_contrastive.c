/*
 * Contrastive search on the device against the oracle (support/oracle_contrastive*.c), bit for
 * bit: all types by teams of all sizes, widths, numbers of candidates, pages and buffers.
 * test_contrastive_fuzz.c mixes everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../support/contrastive_rig.h"
#include "../support/device.h"

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;

/* Each has two programs to build, so only slow tests have the last ones. */
static const uint32_t teams[] = {0, 64, 1, 32, 2, 8, 256};
static size_t team_count = 4;

static contrastive_case usual(uint64_t seed)
{
    const contrastive_case c = {.seed = seed,
                                .vocab = 300,
                                .width = 64,
                                .slots = 4,
                                .k = 5,
                                .length = 80,
                                .rounds = 20,
                                .logits = LMS_FLOAT32,
                                .hidden = LMS_FLOAT32,
                                .tokens = LMS_INT32};
    return c;
}

static void run(const contrastive_case *c)
{
    if (c->work_items <= device_work_items(ctx)) contrastive_case_run(ctx, c);
}

/* The same requests by all teams: if all are as the oracle says, they are equal. */
static void test_teams(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < team_count; ++i) {
        for (int hostile = 0; hostile < 2; ++hostile) {
            contrastive_case c = usual(100);
            c.work_items = teams[i];
            c.hostile = hostile;
            c.rounds = 40;
            c.rows = CONTRASTIVE_LOGITS_ALL_KINDS;
            run(&c);
        }
    }
}

/* A program for each type and team takes long to compile: not every combination is there. */
static void test_types(void **unused)
{
    (void)unused;
    static const struct {
        lms_dtype hidden, logits;
        lms_token_type tokens;
        uint32_t work_items;
    } ways[] = {
        {LMS_FLOAT16, LMS_FLOAT16, LMS_INT32, 0},   {LMS_BFLOAT16, LMS_BFLOAT16, LMS_INT32, 0},
        {LMS_FLOAT16, LMS_FLOAT32, LMS_INT32, 32},  {LMS_BFLOAT16, LMS_FLOAT32, LMS_INT32, 32},
        {LMS_FLOAT32, LMS_BFLOAT16, LMS_INT32, 0},  {LMS_FLOAT16, LMS_FLOAT32, LMS_INT32, 64},
        {LMS_BFLOAT16, LMS_FLOAT32, LMS_INT32, 64}, {LMS_FLOAT32, LMS_FLOAT32, LMS_INT64, 0},
        {LMS_FLOAT32, LMS_FLOAT32, LMS_INT64, 64},
    };
    for (size_t i = 0; i < 3 * LENGTH(ways); ++i) {
        contrastive_case c = usual(200 + i);
        c.hidden = ways[i / 3].hidden;
        c.logits = ways[i / 3].logits;
        c.tokens = ways[i / 3].tokens;
        c.work_items = ways[i / 3].work_items;
        c.hostile = i % 3 == 2;
        run(&c);
    }
}

/* Vectors of both widths, whatever the device likes; a row by one launch or by two. */
static void test_shapes(void **unused)
{
    (void)unused;
    static const char *const shapes[] = {
        "team=1,lanes=8,chunk=8,fuse_from=1",
        "team=1,lanes=16,chunk=32,fuse_from=1",
        "team=1,lanes=8,chunk=8,fuse_from=1073741824",
    };
    static const lms_dtype types[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    for (size_t i = 0; i < LENGTH(shapes) * LENGTH(types); ++i) {
        contrastive_case c = usual(250);
        c.rows = CONTRASTIVE_LOGITS_ALL_KINDS;
        c.vocab = 5000;
        c.hidden = types[i % 3];
        c.k = 13;
        assert_int_equal(setenv("LMS_SHAPE", shapes[i / 3], 1), 0);
        run(&c);
        unsetenv("LMS_SHAPE");
    }
}

/* Weights that are not monotone, and probabilities that must be. */
static void test_neighbours(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 4; ++i) {
        contrastive_case c = usual(270 + i);
        c.rows = CONTRASTIVE_LOGITS_NEIGHBOURS;
        c.width = 4;
        c.k = 64;
        c.plain = 1;
        c.rounds = 60;
        c.work_items = i % 2 ? 64 : 0;
        run(&c);
    }
}

static void test_widths(void **unused)
{
    (void)unused;
    static const uint32_t widths[] = {1,  2,  15, 16,  17,  31,  32,  33,
                                      63, 64, 65, 127, 129, 255, 257, 1000};
    static const lms_dtype types[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    for (size_t i = 0; i < 3 * LENGTH(widths); ++i) {
        contrastive_case c = usual(300 + i);
        c.width = widths[i / 3];
        c.hidden = types[i % 3];
        c.rounds = 8;
        c.work_items = i % 2 ? 32 : 1;
        run(&c);
    }
}

static void test_wide(void **unused)
{
    (void)unused;
    static const uint32_t widths[] = {4096, 5120, 16383, 16384};
    static const lms_dtype types[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    for (size_t i = 0; i < 2 * LENGTH(widths); ++i) {
        contrastive_case c = usual(400 + i);
        c.width = widths[i / 2];
        c.hidden = types[i % 3];
        c.rounds = 4;
        c.work_items = i % 2 ? 64 : 0;
        run(&c);
    }
}

static void test_candidates(void **unused)
{
    (void)unused;
    static const uint32_t ks[] = {1, 2, 3, 7, 8, 9, 16, 17, 31, 32, 33, 63, 64};
    for (size_t i = 0; i < 2 * LENGTH(ks); ++i) {
        contrastive_case c = usual(500 + i);
        c.k = ks[i / 2];
        c.width = 33;
        c.plain = i % 2;
        c.vocab = i % 3 ? 1000 : 40;
        c.rounds = 8;
        c.work_items = teams[i % team_count];
        run(&c);
    }
}

static void test_vocabularies(void **unused)
{
    (void)unused;
    static const uint32_t vocabs[] = {1,   2,   3,   5,   31,   32,   33,   63,   255,
                                      256, 257, 511, 513, 1025, 4095, 4097, 20000};
    for (size_t i = 0; i < 2 * LENGTH(vocabs); ++i) {
        contrastive_case c = usual(600 + i);
        c.vocab = vocabs[i / 2];
        c.width = 8;
        c.k = 20;
        c.rows = CONTRASTIVE_LOGITS_ALL_KINDS;
        c.rounds = vocabs[i / 2] < 1000 ? 10 : 4;
        c.work_items = i % 2 ? 64 : 0;
        run(&c);
    }
}

/* Buffers of a page or a few each, and one for all; pages that are short. */
static void test_buffers(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 16; ++i) {
        contrastive_case c = usual(700 + i / 4);
        const uint64_t page = LMS_CONTEXT_PAGE * (64 * sizeof(float));
        c.max_buffer_bytes = i % 4 == 0 ? 0 : i % 4 == 1 ? page : i % 4 * page + 100;
        c.length = 200;
        c.max_positions = i / 4 % 2 ? 12 * LMS_CONTEXT_PAGE : 0;
        c.plain = i < 8;
        c.rounds = 40;
        c.work_items = i / 8 ? 32 : 0;
        c.hostile = i % 8 == 7;
        run(&c);
    }
}

static void test_long(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 4; ++i) {
        contrastive_case c = usual(800 + i);
        c.width = 17;
        c.length = 3000;
        c.slots = 2;
        c.rounds = 150;
        c.plain = 1;
        c.work_items = i % 2 ? 64 : 0;
        if (i > 1) c.max_buffer_bytes = 100000;
        run(&c);
    }
}

static void test_many(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 3; ++i) {
        contrastive_case c = usual(900 + i);
        c.slots = 70;
        c.width = 12;
        c.length = 40;
        c.rounds = 12;
        c.work_items = teams[i];
        run(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_teams),        cmocka_unit_test(test_neighbours),
        cmocka_unit_test(test_buffers),      cmocka_unit_test(test_widths),
        cmocka_unit_test(test_wide),         cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_vocabularies), cmocka_unit_test(test_long),
        cmocka_unit_test(test_many),         cmocka_unit_test(test_types),
        cmocka_unit_test(test_shapes),
    };
    /* LMS_SLOW_TESTS: all of them by all teams */
    if (argc > 1 && strcmp(argv[1], "slow") == 0) team_count = LENGTH(teams);
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("contrastive", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu proposals and %llu choices compared\n",
                  (unsigned long long)contrastive_proposed(),
                  (unsigned long long)contrastive_chosen());
    return failed;
}
