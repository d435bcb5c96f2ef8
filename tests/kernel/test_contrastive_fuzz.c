/* Random requests of contrastive search against the oracle: a fixed number of cases, more where
 * LMS_SLOW_TESTS are asked for. A failing case tells its seed; LMS_FUZZ_SEED=seed runs that
 * case alone, LMS_FUZZ_CASES=count that many of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/contrastive_rig.h"
#include "../support/device.h"
#include "../support/gen.h"
#include "../support/oracle_rows.h"
#include "../support/stored.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint64_t cases = 500;

static uint32_t some_vocab(uint64_t *state)
{
    static const uint32_t edges[] = {32, 256, 512, 1024, 4096};
    switch (gen_below(4, state)) {
    case 0: return 1 + gen_below(40, state);
    case 1: return 100 + gen_below(100, state);
    case 2: return (uint32_t)exp2(rows_between(state, 0.0, 12.5));
    default: return edges[gen_below(LENGTH(edges), state)] + gen_below(5, state) - 2;
    }
}

static uint32_t some_width(uint64_t *state)
{
    if (gen_below(60, state) == 0) return gen_below(2, state) ? 4096 : 16384;
    if (gen_below(8, state) == 0) return 1 + gen_below(1500, state);
    return 1 + gen_below(gen_below(2, state) ? 40 : 140, state);
}

/* Programs are compiled once each, so not every combination is a way. */
static void some_types(contrastive_case *c, uint64_t *state)
{
    static const uint32_t teams[] = {0, 1, 0, 1, 2, 8, 32, 64, 256};
    const bool mixed = gen_below(2, state);
    c->hidden = (lms_dtype)(1 + gen_below(3, state));
    c->logits = mixed ? LMS_FLOAT32 : c->hidden;
    c->work_items = teams[gen_below(c->hidden == LMS_FLOAT32 ? 9 : 7, state)];
    if (c->logits != LMS_FLOAT32) c->work_items = 0;
    if (c->work_items > device_work_items(ctx)) c->work_items = 1;
    c->tokens = LMS_INT32;
    if (c->hidden == LMS_FLOAT32 && c->work_items == 0 && gen_below(4, state) == 0) {
        c->tokens = LMS_INT64;
    }
}

/* Much in one buffer, little in many, and little that is used again and again. */
static void some_memory(contrastive_case *c, uint64_t *state)
{
    /* As teams above one have it; a team of one may have less. */
    const uint64_t bytes = (uint64_t)c->width * stored_size(c->hidden);
    const uint64_t state_bytes = (bytes + 255) / 256 * 256;
    if (gen_below(2, state)) {
        c->max_buffer_bytes =
            LMS_CONTEXT_PAGE * state_bytes * (1 + gen_below(4, state)) + gen_below(99, state);
    }
    if (gen_below(2, state)) {
        c->max_positions = LMS_CONTEXT_PAGE * (1 + gen_below(2 * c->slots, state));
    }
}

static contrastive_case some_case(uint64_t seed)
{
    uint64_t state = seed;
    contrastive_case c = {.seed = seed};
    some_types(&c, &state);
    c.vocab = some_vocab(&state);
    c.width = some_width(&state);
    c.slots = 1 + gen_below(c.width > 1000 ? 3 : 9, &state);
    c.k = 1 + gen_below(gen_below(6, &state) || c.width > 300 ? 9 : 64, &state);
    c.length = 1 + gen_below(gen_below(2, &state) ? 40 : 300, &state);
    c.rounds = c.width > 300 ? 5 : 1 + gen_below(30, &state);
    c.rows = gen_below(4, &state) ? CONTRASTIVE_LOGITS_SANE : CONTRASTIVE_LOGITS_ALL_KINDS;
    c.hostile = gen_below(3, &state) == 0;
    c.plain = gen_below(3, &state) == 0;
    if (gen_below(3, &state) == 0)
        c.max_rows = c.k + gen_below(c.k * (c.slots - 1) + 1, &state);
    some_memory(&c, &state);
    return c;
}

static void test_fuzz(void **unused)
{
    const char *const one = getenv("LMS_FUZZ_SEED"), *const many = getenv("LMS_FUZZ_CASES");
    const uint64_t first = one ? strtoull(one, NULL, 0) : 1;
    const uint64_t count = many ? strtoull(many, NULL, 0) : one ? 1 : cases;
    (void)unused;
    for (uint64_t i = 0; i < count; ++i) {
        const contrastive_case c = some_case(first + i);
        contrastive_case_run(ctx, &c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fuzz)};
    if (argc > 1 && strcmp(argv[1], "slow") == 0) cases = 6000;
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("contrastive_fuzz", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu proposals and %llu choices compared\n",
                  (unsigned long long)contrastive_proposed(),
                  (unsigned long long)contrastive_chosen());
    return failed;
}
