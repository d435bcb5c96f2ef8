/* Batches whose rows work-items share out in runs: more rows than there are work-items for, and
 * numbers that do not go up in runs, with rows among them that are skipped or bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle_rows.h"

#include <stdlib.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint32_t turn;

static uint32_t compute_units(void)
{
    cl_uint units = 0;
    device_require(clGetDeviceInfo(lms_context_device(ctx), CL_DEVICE_MAX_COMPUTE_UNITS,
                                   sizeof units, &units, NULL),
                   "CL_DEVICE_MAX_COMPUTE_UNITS");
    return units;
}

/* Rows of all kinds in any order, from the start of the logits or not. */
static batch *some_rows(uint32_t vocab, uint32_t rows, bool damaged, uint64_t *state)
{
    batch *const b = batch_new(vocab, rows, GEN_KINDS, LMS_FLOAT32);
    for (uint32_t kind = 0; kind < GEN_KINDS; ++kind) {
        gen_row((gen_kind)kind, b->logits + (size_t)kind * vocab, vocab, state);
        b->names[kind] = gen_name((gen_kind)kind);
    }
    for (uint32_t r = 0; r < rows; ++r) {
        const uint32_t harm = damaged ? gen_below(8, state) : 8;
        gen_params(&b->params[r], turn++, vocab, state);
        b->index[r] = (int32_t)gen_below(GEN_KINDS, state);
        if (harm == 0) gen_hostile(&b->params[r], state);
        if (harm == 1) b->index[r] = gen_below(2, state) ? GEN_KINDS : INT32_MIN;
        if (harm == 2 || harm == 3) b->index[r] = LMS_SKIP_ROW;
    }
    return b;
}

/* Without outputs the runs share workspaces; with them every row has its own. */
static void check_rows(uint32_t vocab, uint32_t rows, bool damaged)
{
    uint64_t state = ((uint64_t)vocab << 32) + rows;
    batch *const b = some_rows(vocab, rows, damaged, &state);
    batch_out *const expected = batch_expect(b);
    for (uint32_t i = 0; i < 6; ++i) {
        const batch_way way = {.work_items = i < 5 ? 1 : 8,
                               .params_on_device = damaged,
                               .index_on_device = damaged || i % 2,
                               .not_wanted = i % 3 ? BATCH_OUT_ALL : LMS_OUT_KEPT,
                               .spare_rows = i == 4 ? 3 : 0,
                               .offset = i % 4};
        setenv("LMS_SHAPE", i == 2 ? "fuse_from=1000000" : "fuse_from=1", 1);
        batch_check(ctx, b, &way, expected);
    }
    unsetenv("LMS_SHAPE");
    batch_out_free(expected);
    batch_free(b);
}

static void test_uneven_runs(void **unused)
{
    const uint32_t teams = 8 * compute_units();
    const uint32_t rows[] = {
        100, 1, 16, 17, 33, teams - 1, teams, teams + 1, 2 * teams - 1, 3 * teams + 5};
    (void)unused;
    for (size_t i = 0; i < LENGTH(rows); ++i) {
        check_rows(5003, rows[i], false);
        check_rows(700, rows[i], true);
    }
}

/* Long rows: two threads are at work in their workspaces at the same time. */
static void test_long_rows(void **unused)
{
    (void)unused;
    check_rows(33025, 100, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uneven_runs),
        cmocka_unit_test(test_long_rows),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("runs", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
