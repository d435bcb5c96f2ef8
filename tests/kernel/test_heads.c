/* Cuts by the list: rows whose best tokens are crowded into few groups, so that the maxima of
 * groups say little about where the k-th is, and tails of which single units of mass decide. */
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

typedef enum pattern {
    EVEN,           /* the best tokens anywhere */
    HALF,           /* in every second group, */
    QUARTER,        /* ... in every fourth, */
    FEW,            /* ... in every fortieth: all of a group, and the rest far below */
    RISING,         /* the best ones are the last tokens, */
    FALLING,        /* ... or the first ones */
    STAIRS,         /* every tile above the one before, noise in it */
    DENSE,          /* floats next to each other, a few tokens at each */
    DENSE_NEGATIVE, /* ... below 0 */
    DENSE_ZERO,     /* subnormals of both signs, a few tokens at each */
    NEGATIVE,       /* half, all below 0 */
    AROUND_ZERO,    /* half, the best ones on both sides of 0 */
    ALL_ZERO,       /* +0 and -0 */
    WITH_NAN,       /* half, a NaN here and there */
    ROUNDED,        /* half, rounded: ties by the hundred */
    MANY_TIES,      /* a few hundred above thousands of ties */
    PATTERNS
} pattern;

static lms_context *ctx;

/* Whole groups up, one of `one_in`. */
static void fill_groups(float *x, uint32_t vocab, double base, uint32_t one_in, uint64_t *state)
{
    bool up = false;
    for (uint32_t i = 0; i < vocab; ++i) {
        if (i % 32 == 0) up = gen_below(one_in, state) == 0;
        x[i] = (float)(base + (up ? 4.0 + rows_uniform(state) : -rows_uniform(state)));
    }
}

static void fill_dense(float *x, uint32_t vocab, float base, uint64_t *state)
{
    for (uint32_t i = 0; i < vocab; ++i) {
        x[i] = rows_neighbour(base, -(int32_t)gen_below(vocab / 6 + 1, state));
    }
}

static float of_one_token(pattern p, uint32_t i, uint32_t vocab, uint64_t *state)
{
    switch (p) {
    case EVEN: return (float)rows_uniform(state);
    case RISING: return (float)(8.0 * i / vocab);
    case FALLING: return (float)(8.0 - 8.0 * i / vocab);
    case STAIRS: return (float)(0.125 * (i / 256) + 0.1 * rows_normal(state));
    case ALL_ZERO: return gen_below(2, state) ? 0.0f : -0.0f;
    case MANY_TIES: return gen_below(100, state) ? 1.0f : (float)(2.0 + rows_uniform(state));
    default: return 0.0f;
    }
}

static void fill(pattern p, float *x, uint32_t vocab, uint64_t *state)
{
    switch (p) {
    case HALF: fill_groups(x, vocab, 1.0, 2, state); return;
    case QUARTER: fill_groups(x, vocab, 1.0, 4, state); return;
    case FEW: fill_groups(x, vocab, 1.0, 40, state); return;
    case NEGATIVE: fill_groups(x, vocab, -40.0, 2, state); return;
    case AROUND_ZERO: fill_groups(x, vocab, -4.97, 2, state); return;
    case DENSE: fill_dense(x, vocab, 150.0f, state); return;
    case DENSE_NEGATIVE: fill_dense(x, vocab, -60.0f, state); return;
    case DENSE_ZERO: fill_dense(x, vocab, 300 * 0x1p-149f, state); return;
    case WITH_NAN:
        fill_groups(x, vocab, 1.0, 2, state);
        for (uint32_t i = 0; i < vocab; ++i) {
            if (gen_below(60, state) == 0) x[i] = i % 2 ? NAN : -NAN;
        }
        return;
    case ROUNDED:
        fill_groups(x, vocab, 1.0, 2, state);
        for (uint32_t i = 0; i < vocab; ++i) x[i] = rows_to_bfloat16_value(x[i]);
        return;
    default:
        for (uint32_t i = 0; i < vocab; ++i) x[i] = of_one_token(p, i, vocab, state);
    }
}

/* As one work-item does it, by vectors of either width, and as a small team does. */
static void check(const batch *b)
{
    static const char *const lanes[] = {"lanes=8,fuse_from=1", "lanes=16,fuse_from=1"};
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < LENGTH(lanes); ++i) {
        const batch_way alone = {.work_items = 1};
        setenv("LMS_SHAPE", lanes[i], 1);
        batch_check(ctx, b, &alone, expected);
    }
    unsetenv("LMS_SHAPE");
    const batch_way team = {.work_items = 32};
    if (device_work_items(ctx) >= 32) batch_check(ctx, b, &team, expected);
    batch_out_free(expected);
}

/* Every pattern with every k: alone, and with top-p of the k tokens or of the whole row. */
static void check_ks(uint32_t vocab, const int32_t *ks, uint32_t count, const pattern *patterns,
                     uint32_t pattern_count)
{
    uint64_t state = vocab;
    batch *const b = batch_new(vocab, 3 * count * pattern_count, pattern_count, LMS_FLOAT32);
    for (uint32_t i = 0; i < pattern_count; ++i) {
        const uint32_t p = patterns ? patterns[i] : i;
        fill((pattern)p, b->logits + (size_t)i * vocab, vocab, &state);
        b->names[i] = "crowded";
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        const uint32_t turn = r / pattern_count;
        lms_row_params *const p = &b->params[r];
        p->seed = rows_random(&state);
        p->filters.top_k = ks[turn % count];
        if (turn / count > 0) p->filters.top_p = (float)rows_between(&state, 0.2, 1.0);
        if (turn / count > 1) p->filters.flags = LMS_TOP_P_WHOLE_ROW;
        if (gen_below(3, &state) == 0) p->filters.flags |= LMS_TOP_K_TIES;
    }
    check(b);
    batch_free(b);
}

/* Few, out of few: one group more or less shows. */
static void test_crowded_in_short_rows(void **unused)
{
    static const int32_t ks[] = {1, 2, 3, 4, 5, 6, 8, 11, 16, 130};
    (void)unused;
    check_ks(8500, ks, LENGTH(ks), NULL, PATTERNS);
}

/* From 256 on, a search expects where the k-th token is from both sides. */
static void test_crowded(void **unused)
{
    static const int32_t ks[] = {40, 255, 256, 257, 300, 450, 600, 624};
    (void)unused;
    check_ks(40033, ks, LENGTH(ks), NULL, PATTERNS);
}

static void test_crowded_in_long_rows(void **unused)
{
    static const int32_t ks[] = {500, 1000, 2047, 2048, 2049, 3000};
    static const pattern patterns[] = {EVEN, HALF, RISING, DENSE, DENSE_NEGATIVE, AROUND_ZERO};
    (void)unused;
    check_ks(200033, ks, LENGTH(ks), patterns, LENGTH(patterns));
}

/* One token has nearly all of the mass, and top-p leaves out of the tail, `depth` octaves
 * below, as much as it can: 2^18 units of mass. Half a unit for each token is noticed. */
static void check_tails(uint32_t vocab, uint32_t rows, double from, double to, int32_t top_k)
{
    static const float top_ps[] = {0x1.fffffep-1f, 0x1.fffffcp-1f};
    uint64_t state = vocab + (uint64_t)top_k;
    batch *const b = batch_new(vocab, 2 * rows, rows, LMS_FLOAT32);
    for (uint32_t i = 0; i < rows; ++i) {
        float *const x = b->logits + (size_t)i * vocab;
        const double depth = from + (to - from) * i / rows;
        for (uint32_t j = 0; j < vocab; ++j) {
            x[j] = (float)(rows_between(&state, -1.0, 0.0) - depth * 0.69314718);
        }
        x[gen_below(vocab, &state)] = 0.0f;
        b->names[i] = "tail";
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        lms_row_params *const p = &b->params[r];
        p->seed = rows_random(&state);
        p->filters.top_p = top_ps[r / rows];
        p->filters.top_k = top_k;
        if (r % 3 == 0) p->filters.min_p = 0x1p-80f;
    }
    check(b);
    batch_free(b);
}

static void test_tails(void **unused)
{
    (void)unused;
    check_tails(3001, 120, 26.0, 40.0, 1900); /* of the list */
    check_tails(3001, 80, 40.0, 60.0, 1900);  /* ... in which most have none */
    check_tails(1500, 40, 30.0, 36.0, 0);     /* ... of the whole row */
    check_tails(40033, 24, 32.0, 42.0, 0);    /* of the row */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowded_in_short_rows),
        cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_crowded_in_long_rows),
        cmocka_unit_test(test_tails),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("heads", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
