/*
 * Beam search on the device against the oracle (support/oracle_beam*.c), bit for bit: all modes
 * by teams of all sizes, all types, sizes and edges. test_beam_fuzz.c mixes everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/beam_rig.h"
#include "../support/device.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])
#define ALL_MODES 7u

static lms_context *ctx;

/* Each has a program to build, so only slow tests have the last ones. */
static const uint32_t teams[] = {0, 1, 64, 8, 2, 256};
static size_t team_count = 4;

static beam_case usual(uint64_t seed)
{
    const beam_case c = {.seed = seed,
                         .vocab = 300,
                         .slots = 4,
                         .width = 6,
                         .length = 6,
                         .end_tokens = 3,
                         .modes = ALL_MODES,
                         .serve = 8,
                         .dtype = LMS_FLOAT32,
                         .tokens = LMS_INT32,
                         .model = BEAM_MODEL_NORMAL,
                         .sigma = 2.0};
    return c;
}

static void run(const beam_case *c)
{
    if (c->work_items <= device_work_items(ctx)) beam_case_run(ctx, c);
}

/* The same requests by all teams: if all are as the oracle says, they are equal. */
static void test_modes(void **unused)
{
    (void)unused;
    for (uint32_t mode = 0; mode < LMS_BEAM_MODES; ++mode) {
        for (size_t i = 0; i < team_count; ++i) {
            beam_case c = usual(100 + mode);
            c.modes = 1u << mode;
            c.work_items = teams[i];
            run(&c);
        }
    }
}

static void test_types(void **unused)
{
    (void)unused;
    static const lms_dtype dtypes[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    for (size_t i = 0; i < LENGTH(dtypes); ++i) {
        for (size_t wide = 0; wide < 2; ++wide) {
            beam_case c = usual(200 + i);
            c.dtype = dtypes[i];
            c.tokens = wide ? LMS_INT64 : LMS_INT32;
            c.model = BEAM_MODEL_ALL_KINDS;
            c.work_items = wide ? 8 : 0;
            run(&c);
        }
    }
}

static void test_vocabularies(void **unused)
{
    (void)unused;
    static const uint32_t vocabs[] = {1,   2,   3,   5,   31,   32,   33,   63,  255,
                                      256, 257, 511, 513, 1025, 4095, 4096, 4097};
    for (size_t i = 0; i < LENGTH(vocabs); ++i) {
        for (size_t k = 0; k < 2; ++k) {
            beam_case c = usual(300 + 2 * i + k);
            c.vocab = vocabs[i];
            c.serve = vocabs[i] < 1000 ? 10 : 4;
            c.model = BEAM_MODEL_ALL_KINDS;
            c.work_items = k ? 64 : 0;
            run(&c);
        }
    }
}

static void test_widths(void **unused)
{
    (void)unused;
    static const uint32_t widths[] = {1, 2, 3, 8, 16, 31, 32, 33, 64};
    for (size_t i = 0; i < LENGTH(widths); ++i) {
        beam_case c = usual(400 + i);
        c.width = widths[i];
        c.vocab = 100;
        c.plain = i % 2;
        c.serve = 4;
        c.work_items = teams[i % team_count];
        run(&c);
    }
}

static void test_wide(void **unused)
{
    (void)unused;
    for (uint32_t mode = 0; mode < LMS_BEAM_MODES; ++mode) {
        beam_case c = usual(500 + mode);
        c.width = 256;
        c.vocab = 40;
        c.length = 4;
        c.slots = 2;
        c.serve = 2;
        c.plain = 1;
        c.modes = 1u << mode;
        c.work_items = mode == 1 ? 64 : 0;
        run(&c);
    }
}

static void test_end_tokens(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t vocab, width, ends;
    } shapes[] = {{10, 8, 20}, {300, 16, 100}, {300, 16, 255}, {700, 4, 1000}, {1, 2, 4}};
    for (size_t i = 0; i < LENGTH(shapes); ++i) {
        beam_case c = usual(600 + i);
        c.vocab = shapes[i].vocab;
        c.width = shapes[i].width;
        c.end_tokens = shapes[i].ends;
        c.work_items = teams[i % team_count];
        run(&c);
    }
}

/* Equal values everywhere: parents, tokens and entries decide. */
static void test_ties(void **unused)
{
    (void)unused;
    static const uint32_t vocabs[] = {3, 7, 40, 300};
    for (size_t i = 0; i < 3 * LENGTH(vocabs); ++i) {
        beam_case c = usual(700 + i);
        c.vocab = vocabs[i % LENGTH(vocabs)];
        c.model = BEAM_MODEL_TIES;
        c.serve = 16;
        c.work_items = teams[i % team_count];
        run(&c);
    }
}

/* Small vocabularies: end tokens are met all the time, pools fill and change. */
static void test_ends_everywhere(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 12; ++i) {
        beam_case c = usual(800 + i);
        c.vocab = 4 + i;
        c.length = 12;
        c.slots = 9;
        c.serve = 30;
        c.end_tokens = 1 + i % 3;
        c.sigma = 1.0;
        c.work_items = teams[i % team_count];
        run(&c);
    }
}

static void test_long(void **unused)
{
    (void)unused;
    for (uint32_t i = 0; i < 3; ++i) {
        beam_case c = usual(900 + i);
        c.vocab = 6;
        c.length = 150;
        c.end_tokens = 0;
        c.plain = 1;
        c.serve = 3;
        c.modes = 1u << i;
        run(&c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),        cmocka_unit_test(test_types),
        cmocka_unit_test(test_vocabularies), cmocka_unit_test(test_widths),
        cmocka_unit_test(test_wide),         cmocka_unit_test(test_end_tokens),
        cmocka_unit_test(test_ties),         cmocka_unit_test(test_ends_everywhere),
        cmocka_unit_test(test_long),
    };
    /* LMS_SLOW_TESTS: all of them by all teams */
    if (argc > 1 && strcmp(argv[1], "slow") == 0) team_count = LENGTH(teams);
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("beam", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu beams and sequences compared\n", (unsigned long long)beam_compared());
    return failed;
}
