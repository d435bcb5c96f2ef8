/* Calls on slots with arrays of the host: what they leave is what the calls on buffers leave;
 * and what they refuse. */
#include "host_rig.h"

#include <stdlib.h>

enum {
    VOCAB = 500,
    LENGTH = 600,
    SLOTS = 4,
    STRIDE = 7
};

typedef struct world {
    lms_context *ctx;
    cl_context context;
    cl_command_queue queue;
    lms_slots *slots;
} world;

static int setup(void **state)
{
    static world w;
    const lms_slots_desc desc = {
        .max_slots = 2 * SLOTS, .max_length = LENGTH, .vocab = VOCAB, .max_in_flight = 1};
    RIG_OK(lms_context_open(NULL, &w.ctx));
    w.context = lms_context_cl_context(w.ctx);
    w.queue = lms_context_queue(w.ctx);
    RIG_OK(lms_slots_create(w.ctx, &desc, &w.slots));
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *const w = *state;
    lms_slots_destroy(w->slots);
    lms_context_destroy(w->ctx);
    return 0;
}

/* Prompts of 0, 3, 6 and 9 tokens: 100 * slot + place. */
static void open_slots(const world *w, uint64_t *names)
{
    static const uint32_t lengths[SLOTS] = {0, 3, 6, 9};
    int32_t tokens[18];
    const lms_slots_open_args a = {.count = SLOTS,
                                   .lengths = lengths,
                                   .tokens = tokens,
                                   .token_count = 18,
                                   .names = names};
    for (int32_t slot = 0, at = 0; slot < SLOTS; ++slot) {
        for (int32_t i = 0; i < 3 * slot; ++i) tokens[at++] = 100 * slot + i;
    }
    RIG_OK(lms_slots_open_host(w->slots, &a));
}

static void close_slots(const world *w, const uint64_t *names)
{
    for (int i = 0; i < SLOTS; ++i) RIG_OK(lms_slots_close(w->slots, names[i]));
}

static void assert_holds(const world *w, uint64_t name, const int32_t *tokens, uint32_t count)
{
    int32_t found[LENGTH];
    uint32_t length = 0;
    RIG_OK(lms_slots_export(w->slots, name, found, LENGTH, &length, NULL));
    assert_int_equal(length, count);
    assert_memory_equal(found, tokens, count * sizeof *tokens);
}

/* All ways of saying which tokens there are, in memory that ends where they do. */
static void test_append(void **state)
{
    static const uint32_t counts[SLOTS] = {2, 0, 5, 1}, rows[SLOTS] = {3, 9, 0, 3};
    const world *const w = *state;
    uint64_t names[SLOTS];
    const size_t count = 3 * STRIDE + 5; /* all rows have as many as the largest count is */
    int32_t *const tokens = poisoned(count * sizeof *tokens);
    int32_t expected[11] = {200, 201, 202, 203, 204, 205};
    open_slots(w, names);
    for (size_t i = 0; i < count; ++i) tokens[i] = (int32_t)i + 300;
    lms_slots_append_host_args a = {.count = SLOTS,
                                    .names = names,
                                    .counts = counts,
                                    .tokens = tokens,
                                    .stride = STRIDE,
                                    .rows = rows};
    RIG_OK(lms_slots_append_host(w->slots, &a));
    assert_holds(w, names[0], &tokens[3 * STRIDE], 2);
    memcpy(&expected[6], tokens, 5 * sizeof *tokens);
    assert_holds(w, names[2], expected, 11);
    /* One each, one behind the other. */
    a = (lms_slots_append_host_args){.count = SLOTS, .names = names, .tokens = tokens};
    RIG_OK(lms_slots_append_host(w->slots, &a));
    const int32_t second[] = {100, 101, 102, 301};
    assert_holds(w, names[1], second, 4);
    close_slots(w, names);
    free(tokens);
}

static void test_long_tokens(void **state)
{
    const world *const w = *state;
    const lms_slots_desc desc = {
        .max_slots = 1, .max_length = LENGTH, .vocab = VOCAB, .tokens = LMS_INT64};
    const uint32_t length = 0, count = 3;
    int64_t tokens[] = {7, LMS_NO_TOKEN, 9};
    const int32_t expected[] = {7, 9};
    uint64_t name = 0;
    world other = *w;
    const lms_slots_open_args opened = {.count = 1, .lengths = &length, .names = &name};
    const lms_slots_append_host_args a = {
        .count = 1, .names = &name, .counts = &count, .tokens = tokens};
    RIG_OK(lms_slots_create(w->ctx, &desc, &other.slots));
    RIG_OK(lms_slots_open_host(other.slots, &opened));
    RIG_OK(lms_slots_append_host(other.slots, &a));
    assert_holds(&other, name, expected, 2);
    lms_slots_destroy(other.slots);
}

static void test_roll_back_fork_and_reorder(void **state)
{
    static const int32_t parents[SLOTS] = {11, 10, -1, 12};
    static const uint32_t lengths[SLOTS] = {0, 3, 6, 9};
    const world *const w = *state;
    uint64_t names[SLOTS], forks[SLOTS];
    const int32_t more[SLOTS] = {1, 2, 3, 4};
    const int32_t first[] = {100, 101, 102}, third[] = {200, 201, 202, 203, 204, 205};
    const lms_slots_append_host_args a = {.count = SLOTS, .names = names, .tokens = more};
    open_slots(w, names);
    RIG_OK(lms_slots_fork_host(w->slots, SLOTS, names, forks));
    RIG_OK(lms_slots_append_host(w->slots, &a));
    RIG_OK(lms_slots_roll_back_host(w->slots, SLOTS, names, lengths));
    RIG_OK(lms_slots_reorder_host(w->slots, SLOTS, names, parents, 10));
    assert_holds(w, names[0], first, 3);
    assert_holds(w, names[1], first, 0);
    assert_holds(w, names[2], third, 6);
    assert_holds(w, names[3], third, 6);
    assert_holds(w, forks[0], first, 0);
    assert_holds(w, forks[1], first, 3);
    assert_holds(w, forks[2], third, 6);
    close_slots(w, names);
    close_slots(w, forks);
}

static void test_refused(void **state)
{
    static const int32_t parents[SLOTS] = {0};
    static const uint32_t lengths[SLOTS] = {0}, many[SLOTS] = {601, 0, 0, 0};
    static const uint32_t far[SLOTS] = {0, 1, 2, 9};
    const world *const w = *state;
    uint64_t names[SLOTS], wrong[SLOTS] = {0};
    const int32_t tokens[SLOTS] = {1, 2, 3, 4};
    open_slots(w, names);
    const lms_slots_append_host_args good = {.count = SLOTS, .names = names, .tokens = tokens};
#define REFUSES(code, change, ...)                                                             \
    do {                                                                                       \
        lms_slots_append_host_args a = good;                                                   \
        a.change;                                                                              \
        RIG_FAILS((code), lms_slots_append_host(w->slots, &a), __VA_ARGS__);                   \
    } while (0)
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_append_host(NULL, &good), "slots: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_append_host(w->slots, NULL), "args: is NULL");
    REFUSES(LMS_E_ARGUMENT, count = 9, "count: 9 is above max_call (8)");
    REFUSES(LMS_E_ARGUMENT, names = NULL, "names: is NULL");
    REFUSES(LMS_E_SLOT, names = wrong, "names[0]: no slot of the name 0");
    int32_t *const long_tokens = poisoned(601 * sizeof *long_tokens);
    REFUSES(LMS_E_CONTEXT_FULL, counts = many;
            a.tokens = long_tokens,
            "names[0]: 0 tokens and 601 more are above max_length (600)");
    free(long_tokens);
    REFUSES(LMS_E_ARGUMENT, tokens = NULL, "tokens: is NULL");
    REFUSES(LMS_E_ARGUMENT, stride = SIZE_MAX, "stride: 4 rows of", "overflow");
    REFUSES(LMS_E_BUFFER_SIZE, stride = SIZE_MAX / 2 / 4 / 5, "tokens: 4 rows have");
    REFUSES(LMS_E_ARGUMENT, token_rows = 3, "token_rows: 3 is less than the 4");
    REFUSES(LMS_E_ARGUMENT, rows = far; a.token_rows = 9, "token_rows: 9 is less than the 10");
#undef REFUSES
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_open_host(NULL, NULL), "slots: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_open_host(w->slots, NULL), "args: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_roll_back_host(NULL, SLOTS, names, lengths),
              "slots: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_roll_back_host(w->slots, SLOTS, names, lengths),
              "lengths[1]: 0 is less than the slot's prompt (3)");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_fork_host(NULL, SLOTS, names, wrong), "slots: is NULL");
    RIG_FAILS(LMS_E_SLOT, lms_slots_fork_host(w->slots, SLOTS, wrong, names), "from[0]");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_reorder_host(NULL, SLOTS, names, parents, 0),
              "slots: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_slots_reorder_host(w->slots, SLOTS, names, NULL, 0),
              "parents: is NULL");
    RIG_FAILS(LMS_E_SLOT, lms_slots_reorder_host(w->slots, SLOTS, wrong, parents, 0),
              "names[0]");
    RIG_OK(lms_slots_reorder_host(w->slots, 0, NULL, NULL, 0));
    RIG_OK(lms_slots_fork_host(w->slots, 0, NULL, NULL));
    const int32_t second[] = {100, 101, 102};
    assert_holds(w, names[1], second, 3);
    close_slots(w, names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_long_tokens),
        cmocka_unit_test(test_roll_back_fork_and_reorder),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("slots on arrays", tests, setup, teardown);
}
