/* Flat rows, in which thousands of tokens are kept: top-p and large k by measures over the row,
 * whose first guess at the cut comes from a few of its tiles. */
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
    NEGATIVE,       /* normal, all below 0 */
    AROUND_ZERO,    /* half of the mass on either side of 0 */
    DENSE,          /* floats next to each other, over an octave of probability */
    DENSE_NEGATIVE, /* ... below 0 */
    TINY,           /* normal and subnormal numbers around 0 */
    GUMBEL,
    UNSEEN_MASS,     /* the tiles that a sample has are far below the others, */
    UNSEEN_TAIL,     /* ... or far above them, */
    SEEN_EQUAL,      /* ... or all alike */
    HEAVY_LAST_TILE, /* the last tile, a short one, has a part of the mass */
    DEAD_LAST_TILE,
    STEEP, /* tiles between 0 and 30 octaves below */
    OWN_PATTERNS
} pattern;

static const gen_kind kinds[] = {GEN_NORMAL_ONE,  GEN_NORMAL_TINY,    GEN_COARSE,
                                 GEN_EQUAL,       GEN_THREE_VALUES,   GEN_NAN_LACED,
                                 GEN_HEAVY_TAIL,  GEN_ZEROS_AND_LESS, GEN_SUBNORMAL,
                                 GEN_STEEP_TILES, GEN_FALLING_TILES,  GEN_MASKED};
enum {
    PATTERNS = OWN_PATTERNS + LENGTH(kinds)
};

static lms_context *ctx;

/* Is the token in a tile that a sample of every sixteenth part of the row has? */
static bool is_seen(uint32_t i, uint32_t vocab)
{
    const uint32_t step = vocab / 256 / 16;
    return step > 0 && i / 256 % step == 0;
}

static float of_token(pattern p, uint32_t i, uint32_t vocab, uint64_t *state)
{
    const float g = (float)rows_normal(state);
    const bool is_last_tile = i >= vocab / 256 * 256;
    switch (p) {
    case NEGATIVE: return g - 30.0f;
    case AROUND_ZERO: return g - 0.9f;
    case DENSE: return rows_neighbour(180.0f, -(int32_t)gen_below(60000, state));
    case DENSE_NEGATIVE: return rows_neighbour(-5000.0f, -(int32_t)gen_below(400, state));
    case TINY: return g * 0x1p-126f;
    case GUMBEL: return (float)-log(-log(rows_uniform(state) + 1e-12));
    case UNSEEN_MASS: return is_seen(i, vocab) ? g - 12.0f : g;
    case UNSEEN_TAIL: return is_seen(i, vocab) ? 2.0f + 0.1f * g : g - 2.0f;
    case SEEN_EQUAL: return is_seen(i, vocab) ? 0.5f : 0.3f * g;
    case HEAVY_LAST_TILE: return is_last_tile ? g + 4.0f : g;
    case DEAD_LAST_TILE: return is_last_tile ? -INFINITY : g;
    case STEEP: return 0.3f * g - 0.7f * (float)(i / 256 * 37 % 31);
    default: return 0.0f;
    }
}

static void fill(uint32_t p, float *x, uint32_t vocab, uint64_t *state)
{
    if (p >= OWN_PATTERNS) {
        gen_row(kinds[p - OWN_PATTERNS], x, vocab, state);
        return;
    }
    for (uint32_t i = 0; i < vocab; ++i) x[i] = of_token((pattern)p, i, vocab, state);
}

/* As one work-item does it, by vectors of either width, the tiles in the same launch or not. */
static void check(const batch *b)
{
    static const char *const shapes[] = {"lanes=8,fuse_from=1", "lanes=16,fuse_from=1000000"};
    batch_out *const expected = batch_expect(b);
    for (size_t i = 0; i < LENGTH(shapes); ++i) {
        const batch_way way = {.work_items = 1, .offset = (uint32_t)i};
        setenv("LMS_SHAPE", shapes[i], 1);
        batch_check(ctx, b, &way, expected);
    }
    unsetenv("LMS_SHAPE");
    batch_out_free(expected);
}

static void set_filters(lms_row_params *p, uint32_t turn, uint32_t vocab, uint64_t *state)
{
    static const float top_ps[] = {0.9f, 0.01f, 0.5f, 0.9999f, 0.1f, 0.99f, 0x1.fffffep-1f};
    static const float temperatures[] = {1.0f, 1.0f, 0.7f, 1.5f, 8.0f, 100.0f};
    p->seed = rows_random(state);
    p->filters.top_p = top_ps[turn % LENGTH(top_ps)];
    p->filters.temperature = temperatures[gen_below(LENGTH(temperatures), state)];
    if (turn % 2) return;
    p->filters.flags = gen_below(16, state);
    if (turn % 4 == 0) p->filters.top_k = (int32_t)(vocab / 64 + gen_below(vocab, state));
    if (turn % 6 == 0) p->filters.min_p = (float)exp2(rows_between(state, -24.0, -1.0));
    if (turn % 8 == 4) p->filters.top_p = 1.0f;
}

static void check_flat(uint32_t vocab, uint32_t turns)
{
    uint64_t state = vocab;
    batch *const b = batch_new(vocab, PATTERNS * turns, PATTERNS, LMS_FLOAT32);
    for (uint32_t i = 0; i < PATTERNS; ++i) {
        fill(i, b->logits + (size_t)i * vocab, vocab, &state);
        b->names[i] = i < OWN_PATTERNS ? "flat" : gen_name(kinds[i - OWN_PATTERNS]);
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        set_filters(&b->params[r], r / PATTERNS + r % PATTERNS, vocab, &state);
    }
    check(b);
    batch_free(b);
}

/* Last tiles of 33, 53, 112 and 255 tokens, and a whole one. */
static void test_flat(void **unused)
{
    (void)unused;
    check_flat(20001, 16);
    check_flat(33333, 8);
    check_flat(70000, 3);
    check_flat(128256, 2);
}

static void test_flat_and_long(void **unused)
{
    (void)unused;
    check_flat(262143, 1);
}

/* Shorter than what a sample is taken of, and just as long. */
static void test_flat_and_short(void **unused)
{
    (void)unused;
    check_flat(7935, 16);
    check_flat(7937, 16);
    check_flat(8447, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_and_short),
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_flat_and_long),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("flat", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu rows compared\n", (unsigned long long)batch_compared());
    return failed;
}
