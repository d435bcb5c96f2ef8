/* Random searches of random requests against the oracle: a fixed number of cases, more where
 * LMS_SLOW_TESTS are asked for. A failing case tells its seed; LMS_FUZZ_SEED=seed runs that
 * case alone, LMS_FUZZ_CASES=count that many of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/beam_rig.h"
#include "../support/device.h"
#include "../support/gen.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;
static uint64_t cases = 120;

static uint32_t some_vocab(uint64_t *state)
{
    static const uint32_t edges[] = {32, 256, 512, 1024, 4096};
    switch (gen_below(4, state)) {
    case 0: return 1 + gen_below(40, state);
    case 1: return 2 + gen_below(8, state);
    case 2: return (uint32_t)exp2(rows_between(state, 0.0, 12.5));
    default: return edges[gen_below(LENGTH(edges), state)] + gen_below(5, state) - 2;
    }
}

/* The oracle sorts everything that is offered: many beams go with few tokens. */
static uint32_t some_width(uint32_t vocab, uint64_t *state)
{
    const uint32_t most = vocab > 1000 ? 12 : vocab > 100 ? 24 : 64;
    const uint32_t small = 1 + gen_below(6, state);
    return gen_below(2, state) ? small : 1 + gen_below(most, state);
}

/* Programs are compiled once each, so not every combination is a way. */
static void some_types(beam_case *c, uint64_t *state)
{
    static const uint32_t teams[] = {0, 1, 0, 1, 2, 8, 32, 64, 256};
    const uint32_t type = gen_below(4, state);
    c->dtype = type == 1 ? LMS_FLOAT16 : type == 2 ? LMS_BFLOAT16 : LMS_FLOAT32;
    c->work_items = teams[gen_below(c->dtype == LMS_FLOAT32 ? 9 : 2, state)];
    if (c->work_items > device_work_items(ctx)) c->work_items = 1;
    c->tokens = c->work_items == 0 && gen_below(4, state) == 0 ? LMS_INT64 : LMS_INT32;
}

static beam_case some_case(uint64_t seed)
{
    uint64_t state = seed;
    beam_case c = {.seed = seed};
    some_types(&c, &state);
    c.vocab = some_vocab(&state);
    c.width = some_width(c.vocab, &state);
    c.slots = 1 + gen_below(7, &state);
    c.length = 1 + gen_below(10, &state);
    c.end_tokens = gen_below(3, &state) ? gen_below(4, &state) : gen_below(30, &state);
    c.modes = gen_below(3, &state) ? 7u : 1u << gen_below(LMS_BEAM_MODES, &state);
    c.serve = 1 + gen_below(c.vocab > 1000 ? 6 : 20, &state);
    c.model = (beam_model_kind)gen_below(3, &state);
    c.sigma = rows_between(&state, 0.1, 5.0);
    c.plain = gen_below(4, &state) == 0;
    return c;
}

static void test_fuzz(void **unused)
{
    const char *const one = getenv("LMS_FUZZ_SEED"), *const many = getenv("LMS_FUZZ_CASES");
    const uint64_t first = one ? strtoull(one, NULL, 0) : 1;
    const uint64_t count = many ? strtoull(many, NULL, 0) : one ? 1 : cases;
    (void)unused;
    for (uint64_t i = 0; i < count; ++i) {
        const beam_case c = some_case(first + i);
        beam_case_run(ctx, &c);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fuzz)};
    if (argc > 1 && strcmp(argv[1], "slow") == 0) cases = 3000;
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("beam_fuzz", tests, NULL, NULL);
    lms_context_destroy(ctx);
    print_message("%llu beams and sequences compared\n", (unsigned long long)beam_compared());
    return failed;
}
