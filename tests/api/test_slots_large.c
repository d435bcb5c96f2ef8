/* Many tokens: a long history costs a step next to nothing. LMS_SLOW_TESTS: 10,000 slots of
 * 4,096 tokens, all of them there, in less than 1 GiB. */
#include "rig.h"

#include <stdlib.h>
#include <time.h>

enum {
    VOCAB = 128256,
    TOKENS = 1 << 20,
    MANY = 10000,
    EACH = 4096,
    CALL = 1000,
    STEPS = 300,
    SLOTS = 16
};

static bool is_slow;

/* Tokens on the device, many of them more than once. */
static cl_mem make_tokens(lms_context *ctx, int32_t **values)
{
    uint32_t noise = 1;
    cl_int code = CL_SUCCESS;
    *values = malloc(TOKENS * sizeof **values);
    assert_non_null(*values);
    for (int i = 0; i < TOKENS; ++i) {
        noise = noise * 1664525u + 1013904223u;
        const uint64_t wide = noise >> 8;
        (*values)[i] = (int32_t)((wide * wide >> 24) * VOCAB >> 24);
    }
    const cl_mem made =
        clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                       TOKENS * sizeof **values, *values, &code);
    assert_int_equal(code, CL_SUCCESS);
    return made;
}

/* Where the tokens of slot i begin. */
static size_t first_of(uint32_t i) { return (size_t)i * 7919 % (TOKENS - 40000); }

static void open_many(lms_context *ctx, lms_slots *slots, cl_mem tokens, uint32_t begin,
                      uint32_t count, uint32_t length, uint64_t *names)
{
    uint32_t lengths[CALL];
    size_t firsts[CALL];
    for (uint32_t i = 0; i < count; ++i) {
        lengths[i] = length;
        firsts[i] = first_of(begin + i);
    }
    const lms_slots_open_args a = {.count = count,
                                   .lengths = lengths,
                                   .firsts = firsts,
                                   .tokens_device = {tokens, 0},
                                   .token_count = TOKENS,
                                   .names = names};
    RIG_OK(lms_slots_open(slots, lms_context_queue(ctx), &a, 0, NULL, NULL));
    assert_int_equal(clFinish(lms_context_queue(ctx)), CL_SUCCESS);
}

static void assert_slot(lms_slots *slots, uint64_t name, const int32_t *expected)
{
    int32_t found[EACH];
    uint32_t length = 0;
    RIG_OK(lms_slots_export(slots, name, found, EACH, &length, NULL));
    assert_int_equal(length, EACH);
    assert_memory_equal(found, expected, sizeof found);
}

static void test_ten_thousand_slots(void **state)
{
    const lms_slots_desc desc = {.max_slots = MANY, .max_length = EACH, .vocab = VOCAB};
    lms_context *ctx = NULL;
    lms_slots *slots = NULL;
    int32_t *values = NULL;
    (void)state;
    if (!is_slow) skip();
    uint64_t *const names = calloc(MANY, sizeof *names);
    assert_non_null(names);
    RIG_OK(lms_context_open(NULL, &ctx));
    const cl_mem tokens = make_tokens(ctx, &values);
    RIG_OK(lms_slots_create(ctx, &desc, &slots));
    assert_true(lms_slots_workspace(slots) <= (size_t)1 << 30);
    for (uint32_t i = 0; i < MANY; i += CALL) {
        open_many(ctx, slots, tokens, i, CALL, EACH, names + i);
    }
    assert_int_equal(lms_slots_room(slots), 0);
    for (uint32_t i = 0; i < MANY; i += 101) {
        assert_slot(slots, names[i], values + first_of(i));
    }
    RIG_OK(lms_slots_close(slots, names[5]));
    open_many(ctx, slots, tokens, 50, 1, EACH, names + 5);
    assert_slot(slots, names[5], values + first_of(50));
    assert_slot(slots, names[6], values + first_of(6));
    lms_slots_destroy(slots);
    clReleaseMemObject(tokens);
    free(values);
    free(names);
    lms_context_destroy(ctx);
}

/* Of all threads: pocl's do the work. */
static double cpu_seconds(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of steps that append to slots of so many tokens, over more than a page. */
static double time_steps(lms_context *ctx, lms_slots *slots, cl_mem tokens, uint32_t length)
{
    uint64_t names[SLOTS];
    open_many(ctx, slots, tokens, 0, SLOTS, length, names);
    const double begin = cpu_seconds();
    for (size_t step = 0; step < STEPS; ++step) {
        const lms_slots_append_args a = {
            .count = SLOTS, .names = names, .tokens = {tokens, step * SLOTS}};
        RIG_OK(lms_slots_append(slots, lms_context_queue(ctx), &a, 0, NULL, NULL));
        assert_int_equal(clFinish(lms_context_queue(ctx)), CL_SUCCESS);
    }
    const double seconds = cpu_seconds() - begin;
    for (unsigned i = 0; i < SLOTS; ++i) RIG_OK(lms_slots_close(slots, names[i]));
    return seconds;
}

static void test_long_histories(void **state)
{
    const lms_slots_desc desc = {.max_slots = SLOTS, .max_length = 40000, .vocab = VOCAB};
    double shorter = 1e9, longer = 1e9;
    lms_context *ctx = NULL;
    lms_slots *slots = NULL;
    int32_t *values = NULL;
    (void)state;
    RIG_OK(lms_context_open(NULL, &ctx));
    const cl_mem tokens = make_tokens(ctx, &values);
    RIG_OK(lms_slots_create(ctx, &desc, &slots));
    for (int i = 0; i < 3; ++i) {
        const double a = time_steps(ctx, slots, tokens, 100);
        const double b = time_steps(ctx, slots, tokens, 32000);
        if (a < shorter) shorter = a;
        if (b < longer) longer = b;
    }
    const double each = 1e6 / (STEPS * SLOTS);
    print_message("a token takes %.2f us with 100 tokens, %.2f us with 32000\n", shorter * each,
                  longer * each);
    assert_true(longer < 10.0 * shorter); /* not as much as there are tokens */
    lms_slots_destroy(slots);
    clReleaseMemObject(tokens);
    free(values);
    lms_context_destroy(ctx);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_thousand_slots),
        cmocka_unit_test(test_long_histories),
    };
    is_slow = argc > 1 && strcmp(argv[1], "slow") == 0;
    return cmocka_run_group_tests_name("slots_large", tests, NULL, NULL);
}
