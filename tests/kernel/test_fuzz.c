/* Random batches, run in random ways, against the oracle, for a time. A failing case tells its
 * seed; LMS_FUZZ_SEED=seed runs that case alone. LMS_FUZZ_SECONDS sets the time, which is
 * longer where LMS_SLOW_TESTS are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/edge_batch.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static double seconds = 20.0;

static uint32_t some_vocab(uint64_t *state)
{
    static const uint32_t edges[] = {1, 8, 32, 256, 512, 1024, 2048, 4096, 8192, 16384};
    switch (gen_below(3, state)) {
    case 0: return 1 + gen_below(40, state);
    case 1: return (uint32_t)exp2(rows_between(state, 0.0, gen_below(8, state) ? 13.0 : 17.0));
    default: {
        const uint32_t v = edges[gen_below(LENGTH(edges), state)] + gen_below(5, state);
        return v > 3 ? v - 2 : v;
    }
    }
}

/* Programs are compiled once each, so not every combination is a way. */
static batch_way some_way(lms_dtype dtype, uint64_t *state)
{
    static const uint32_t teams[] = {1, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256};
    batch_way way = {0};
    way.work_items = teams[gen_below(dtype == LMS_FLOAT32 ? 11 : 3, state)];
    if (dtype != LMS_FLOAT32 && gen_below(3, state) == 0) way.work_items = 256;
    if (way.work_items > device_work_items(ctx)) way.work_items = 1;
    if (dtype == LMS_FLOAT32 && way.work_items == 1 && gen_below(4, state) == 0) {
        way.tokens = LMS_INT64;
    }
    /* Without outputs that tell what is kept, tokens are drawn in another way. */
    way.not_wanted = BATCH_OUT_ALL & ~(uint32_t)LMS_OUT_LOGPROB_RAW;
    if (gen_below(2, state)) way.not_wanted = gen_below(LMS_OUT_PROBS, state);
    if (way.work_items == 1 && gen_below(8, state) == 0) way.not_wanted = BATCH_OUT_ALL;
    way.stride_pad = gen_below(2, state) ? gen_below(70, state) : 0;
    way.offset = gen_below(2, state) ? gen_below(70, state) : 0;
    way.spare_rows = gen_below(2, state) ? gen_below(9, state) : 0;
    way.per_call = gen_below(2, state) ? 1 + gen_below(30, state) : 0;
    way.params_on_device = gen_below(2, state);
    way.index_on_device = gen_below(2, state);
    way.out_of_order = gen_below(4, state) == 0;
    return way;
}

static batch *batch_of_some_kinds(const batch_way *way, lms_dtype dtype, uint64_t *state)
{
    const uint32_t vocab = some_vocab(state), kinds = 1 + gen_below(6, state);
    batch *const b = batch_new(vocab, 1 + gen_below(40, state), kinds, dtype);
    float *const x = calloc(vocab, sizeof *x);
    assert_non_null(x);
    for (uint32_t i = 0; i < kinds; ++i) {
        const gen_kind kind = (gen_kind)gen_below(GEN_KINDS, state);
        gen_row(kind, x, vocab, state);
        batch_set_logits(b, i, x, gen_name(kind));
    }
    free(x);
    for (uint32_t r = 0; r < b->rows; ++r) {
        gen_params(&b->params[r], gen_below(128, state), vocab, state);
        if (way->params_on_device && gen_below(10, state) == 0)
            gen_hostile(&b->params[r], state);
        if (gen_below(20, state) == 0) b->index[r] = LMS_SKIP_ROW;
        if (way->index_on_device && gen_below(20, state) == 0) {
            b->index[r] = (int32_t)rows_random(state);
        }
    }
    if (gen_below(5, state) == 0) {
        b->uniforms_per_row = 1 + gen_below(12, state);
        const size_t words = 4 * (size_t)b->rows * b->uniforms_per_row;
        b->uniforms = calloc(words + 1, sizeof *b->uniforms);
        assert_non_null(b->uniforms);
        for (size_t i = 0; i < words; ++i) b->uniforms[i] = (uint32_t)rows_random(state);
    }
    return b;
}

static batch *some_batch(const batch_way *way, lms_dtype dtype, uint64_t *state)
{
    uint32_t turn = gen_below(128, state);
    if (gen_below(3, state)) return batch_of_some_kinds(way, dtype, state);
    const uint32_t attempts = gen_below(4, state) ? 0 : 1 + gen_below(70, state);
    const uint32_t vocab = some_vocab(state), rows = 1 + gen_below(40, state);
    return edge_batch(vocab, rows, dtype, attempts, &turn, state);
}

static void run_case(uint64_t seed)
{
    uint64_t state = seed;
    char what[64];
    const uint32_t type = gen_below(4, &state);
    const lms_dtype dtype = type == 1 ? LMS_FLOAT16 : type == 2 ? LMS_BFLOAT16 : LMS_FLOAT32;
    const batch_way way = some_way(dtype, &state);
    batch *const b = some_batch(&way, dtype, &state);
    batch_out *const expected = batch_expect(b);
    batch_out *const actual = batch_run(ctx, b, &way);
    snprintf(what, sizeof what, "LMS_FUZZ_SEED=%llu", (unsigned long long)seed);
    const uint32_t bad = batch_differences(b, expected, actual, what);
    batch_out_free(expected);
    batch_out_free(actual);
    batch_free(b);
    if (bad) print_error("work_items %u, per call %u\n", way.work_items, way.per_call);
    assert_int_equal(bad, 0);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void test_fuzz(void **unused)
{
    const char *const one = getenv("LMS_FUZZ_SEED");
    const double begin = now();
    uint64_t cases = 0, seed = (uint64_t)time(NULL) << 20;
    (void)unused;
    if (one) {
        run_case(strtoull(one, NULL, 0));
        return;
    }
    for (; now() - begin < seconds; ++cases) run_case(seed + cases);
    print_message("%llu cases from LMS_FUZZ_SEED=%llu on\n", (unsigned long long)cases,
                  (unsigned long long)seed);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fuzz)};
    const char *const time_limit = getenv("LMS_FUZZ_SECONDS");
    if (argc > 1 && strcmp(argv[1], "slow") == 0) seconds = 600.0;
    if (time_limit) seconds = strtod(time_limit, NULL);
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("fuzz", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
