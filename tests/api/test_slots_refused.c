/* What slots refuse, before anything is enqueued and without a change of what is in them. */
#include "hooks.h"
#include "rig.h"

enum {
    SLOTS = 4,
    CALL = 3,
    LENGTH = 600,
    PAGES = 5,
    VOCAB = 300,
    A = 300, /* tokens of the two slots that are open: two pages, ... */
    B = 10   /* ... and one */
};

typedef struct world {
    lms_context *ctx, *other;
    cl_command_queue queue;
    lms_slots *slots;
    uint64_t names[2], stale;
    int32_t tokens[1024];
    cl_mem device, small, foreign, written; /* of 1024 ints, one byte less, ... */
} world;

static lms_slots_desc good_desc(void)
{
    const lms_slots_desc d = {.max_tokens = PAGES * LMS_SLOT_PAGE,
                              .max_slots = SLOTS,
                              .max_length = LENGTH,
                              .vocab = VOCAB,
                              .max_call = CALL,
                              .max_host_tokens = 1000};
    return d;
}

static int setup(void **state)
{
    static world w;
    const lms_slots_desc desc = good_desc();
    static const uint32_t lengths[] = {A, B, 3}, prompts[] = {5, 10, 0};
    uint64_t names[3];
    for (int i = 0; i < 1024; ++i) w.tokens[i] = i * 7 % VOCAB;
    RIG_OK(lms_context_open(NULL, &w.ctx));
    RIG_OK(lms_context_open(NULL, &w.other));
    w.queue = lms_context_queue(w.ctx);
    const cl_context context = lms_context_cl_context(w.ctx);
    w.device = rig_buffer(context, CL_MEM_READ_ONLY, sizeof w.tokens);
    w.small = rig_buffer(context, CL_MEM_READ_ONLY, sizeof w.tokens - 1);
    w.written = rig_buffer(context, CL_MEM_WRITE_ONLY, sizeof w.tokens);
    w.foreign = rig_buffer(lms_context_cl_context(w.other), CL_MEM_READ_ONLY, sizeof w.tokens);
    RIG_OK(lms_slots_create(w.ctx, &desc, &w.slots));
    const lms_slots_open_args a = {.count = 3,
                                   .lengths = lengths,
                                   .prompts = prompts,
                                   .tokens = w.tokens,
                                   .token_count = 1024,
                                   .names = names};
    RIG_OK(lms_slots_open(w.slots, w.queue, &a, 0, NULL, NULL));
    RIG_OK(lms_slots_close(w.slots, names[2]));
    w.names[0] = names[0];
    w.names[1] = names[1];
    w.stale = names[2];
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *const w = *state;
    lms_slots_destroy(w->slots);
    clReleaseMemObject(w->device);
    clReleaseMemObject(w->small);
    clReleaseMemObject(w->written);
    clReleaseMemObject(w->foreign);
    lms_context_destroy(w->ctx);
    lms_context_destroy(w->other);
    return 0;
}

/* The slots are as they were made. */
static void assert_same(const world *w)
{
    static const uint32_t lengths[] = {A, B}, prompts[] = {5, 10};
    assert_int_equal(lms_slots_room(w->slots), 2 * LMS_SLOT_PAGE);
    for (unsigned i = 0; i < 2; ++i) {
        int32_t tokens[LENGTH];
        uint32_t length = 0, prompt = 0, most = 0;
        RIG_OK(lms_slots_length(w->slots, w->names[i], &most));
        RIG_OK(lms_slots_export(w->slots, w->names[i], tokens, LENGTH, &length, &prompt));
        assert_int_equal(most, lengths[i]);
        assert_int_equal(length, lengths[i]);
        assert_int_equal(prompt, prompts[i]);
        assert_memory_equal(tokens, w->tokens + (i ? A : 0), length * sizeof *tokens);
    }
}

#define REFUSED(code, call, ...)                                                               \
    do {                                                                                       \
        hook_reset();                                                                          \
        RIG_FAILS(code, call, __VA_ARGS__);                                                    \
        assert_null(hook_deed());                                                              \
    } while (0)

/* --- Opening ------------------------------------------------------------------------------ */

static void test_open(void **state)
{
    static const uint32_t lengths[] = {20, 30, 40}, long_one[] = {20, LENGTH + 1, 0};
    static const uint32_t prompts[] = {20, 31, 0};
    static const uint32_t short_prompts[] = {5, 29, 0}, pages[] = {257, 257, 257};
    const world *const w = *state;
    uint64_t names[4] = {1, 2, 3, 4};
    const lms_slots_open_args good = {.count = 2,
                                      .lengths = lengths,
                                      .tokens = w->tokens,
                                      .token_count = 1024,
                                      .names = names};
    lms_slots_open_args a = good;
#define OPEN(code, ...)                                                                        \
    REFUSED(code, lms_slots_open(w->slots, w->queue, &a, 0, NULL, NULL), __VA_ARGS__);         \
    assert_true(names[0] == 1 && names[1] == 2);                                               \
    a = good
    REFUSED(LMS_E_ARGUMENT, lms_slots_open(NULL, w->queue, &a, 0, NULL, NULL),
            "slots: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_slots_open(w->slots, NULL, &a, 0, NULL, NULL),
            "queue: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_slots_open(w->slots, w->queue, NULL, 0, NULL, NULL),
            "args: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_slots_open(w->slots, w->queue, &a, 1, NULL, NULL),
            "num_wait: 1");
    a.count = 4;
    OPEN(LMS_E_ARGUMENT, "count: 4 is above max_call (3)");
    a.count = 3;
    OPEN(LMS_E_CONTEXT_FULL, "count: 3 slots are needed; 2 of max_slots (4)");
    a.names = NULL;
    OPEN(LMS_E_ARGUMENT, "names: is NULL");
    a.lengths = NULL;
    OPEN(LMS_E_ARGUMENT, "lengths: is NULL");
    a.lengths = long_one;
    OPEN(LMS_E_CONTEXT_FULL, "lengths[1]: ", "601 more are above max_length (600)");
    a.lengths = pages;
    OPEN(LMS_E_CONTEXT_FULL, "4 pages of 256", "2 of 5 are free");
    a.prompts = prompts;
    OPEN(LMS_E_ARGUMENT, "prompts[1]: 31 is above the length (30)");
    a.prompts = short_prompts;
    a.ignored = prompts;
    OPEN(LMS_E_ARGUMENT, "ignored[0]: 20 is above the prompt (5)");
    a.ignored = prompts;
    OPEN(LMS_E_ARGUMENT, "ignored[1]: 31 is above the prompt (30)");
    assert_same(w);
}

static void test_open_tokens(void **state)
{
    static const uint32_t lengths[] = {20, 30};
    static const size_t firsts[] = {0, 1005}, far[] = {SIZE_MAX, 0};
    const world *const w = *state;
    uint64_t names[2] = {1, 2};
    const lms_slots_open_args good = {.count = 2,
                                      .lengths = lengths,
                                      .tokens = w->tokens,
                                      .token_count = 1024,
                                      .names = names};
    lms_slots_open_args a = good;
    a.token_count = 49;
    OPEN(LMS_E_ARGUMENT, "firsts[1]: 30 tokens from 20", "token_count (49)");
    a.firsts = firsts;
    OPEN(LMS_E_ARGUMENT, "firsts[1]: 30 tokens from 1005", "(1024)");
    a.firsts = far;
    OPEN(LMS_E_ARGUMENT, "firsts[0]: 20 tokens from 18446744073709551615");
    a.tokens = NULL;
    OPEN(LMS_E_ARGUMENT, "tokens: is NULL, and so is tokens_device");
    a.tokens_device.buffer = w->device;
    OPEN(LMS_E_ARGUMENT, "tokens_device: is given, and so");
    ((int32_t *)(uintptr_t)w->tokens)[33] = VOCAB;
    OPEN(LMS_E_ARGUMENT, "tokens[33]: 300 is not in 0..vocab-1 (299)");
    ((int32_t *)(uintptr_t)w->tokens)[33] = -1;
    OPEN(LMS_E_ARGUMENT, "tokens[33]: -1 is not");
    ((int32_t *)(uintptr_t)w->tokens)[33] = 33 * 7 % VOCAB;
    a.tokens = NULL;
    a.tokens_device.buffer = w->small;
    OPEN(LMS_E_BUFFER_SIZE, "tokens_device: ");
    a.tokens = NULL;
    a.tokens_device = (lms_view){w->device, 1, NULL};
    OPEN(LMS_E_BUFFER_SIZE, "tokens_device: ");
    a.tokens = NULL;
    a.tokens_device.buffer = w->foreign;
    OPEN(LMS_E_ARGUMENT, "tokens_device: ");
    a.tokens = NULL;
    a.tokens_device.buffer = w->written;
    OPEN(LMS_E_ARGUMENT, "tokens_device: ");
    assert_same(w);
}

static void test_too_many_host_tokens(void **state)
{
    static const uint32_t lengths[] = {500, 501};
    const world *const w = *state;
    uint64_t names[2];
    const lms_slots_open_args a = {.count = 2,
                                   .lengths = lengths,
                                   .tokens = w->tokens,
                                   .token_count = 1024,
                                   .names = names};
    REFUSED(LMS_E_ARGUMENT, lms_slots_open(w->slots, w->queue, &a, 0, NULL, NULL),
            "1001 tokens are on the host, above max_host_tokens (1000)");
    assert_same(w);
}

/* --- Appending ---------------------------------------------------------------------------- */

/* Names that a call on one or two slots refuses. */
#define BAD_NAMES(list, call)                                                                  \
    list[0] = w->names[0];                                                                     \
    list[1] = w->stale;                                                                        \
    REFUSED(LMS_E_SLOT, call, #list "[1]: no slot of the name", "is open");                    \
    list[1] = 0;                                                                               \
    REFUSED(LMS_E_SLOT, call, #list "[1]: no slot of the name 0 is open");                     \
    list[1] = UINT64_MAX;                                                                      \
    REFUSED(LMS_E_SLOT, call, #list "[1]: ");                                                  \
    list[1] = w->names[1] + ((uint64_t)1 << 20);                                               \
    REFUSED(LMS_E_SLOT, call, #list "[1]: ");                                                  \
    list[1] = w->names[1] + 1;                                                                 \
    REFUSED(LMS_E_SLOT, call, #list "[1]: ")

static void test_append(void **state)
{
    static const uint32_t counts[] = {1, 2}, many[] = {301, 0}, pages[] = {300, 590};
    static const uint32_t rows[] = {0, 512}, same[] = {0, 0}, far[] = {0, UINT32_MAX};
    const world *const w = *state;
    uint64_t names[4] = {w->names[0], w->names[1]};
    const lms_slots_append_args good = {
        .count = 2, .names = names, .counts = counts, .tokens = {w->device, 0}};
    lms_slots_append_args a = good;
#define APPEND_CALL lms_slots_append(w->slots, w->queue, &a, 0, NULL, NULL)
#define APPEND(code, ...)                                                                      \
    REFUSED(code, APPEND_CALL, __VA_ARGS__);                                                   \
    a = good
    BAD_NAMES(names, APPEND_CALL);
    names[1] = names[0];
    APPEND(LMS_E_SLOT, "names[1]: ", "is there twice");
    names[1] = w->names[1];
    REFUSED(LMS_E_ARGUMENT, lms_slots_append(NULL, w->queue, &a, 0, NULL, NULL), "slots: is");
    REFUSED(LMS_E_ARGUMENT, lms_slots_append(w->slots, w->queue, NULL, 0, NULL, NULL), "args");
    a.count = 4;
    APPEND(LMS_E_ARGUMENT, "count: 4 is above max_call (3)");
    a.names = NULL;
    APPEND(LMS_E_ARGUMENT, "names: is NULL");
    a.counts = many;
    APPEND(LMS_E_CONTEXT_FULL, "names[0]: 300 tokens and 301 more");
    a.counts = pages;
    a.rows = same;
    APPEND(LMS_E_CONTEXT_FULL, "3 pages of 256 tokens are needed; 2 of 5 are free");
    a.stride = 1;
    APPEND(LMS_E_ARGUMENT, "stride: 1", "the largest count (2)");
    a.token_rows = 1;
    APPEND(LMS_E_ARGUMENT, "token_rows: 1 is less than the 2");
    a.rows = far;
    a.token_rows = 5;
    APPEND(LMS_E_ARGUMENT, "than the 4294967296 that");
    a.rows = rows;
    APPEND(LMS_E_BUFFER_SIZE, "tokens: ");
    a.stride = 1022;
    a.tokens.buffer = w->small;
    APPEND(LMS_E_BUFFER_SIZE, "tokens: ");
    a.stride = 1023;
    APPEND(LMS_E_BUFFER_SIZE, "tokens: ");
    a.stride = SIZE_MAX;
    APPEND(LMS_E_BUFFER_SIZE, "tokens: ");
    a.tokens.buffer = NULL;
    APPEND(LMS_E_ARGUMENT, "tokens: ");
    a.tokens.buffer = w->foreign;
    APPEND(LMS_E_ARGUMENT, "tokens: ");
    a.tokens.buffer = w->written;
    APPEND(LMS_E_ARGUMENT, "tokens: ");
    assert_same(w);
}

/* --- All others --------------------------------------------------------------------------- */

static void test_roll_back(void **state)
{
    const world *const w = *state;
    uint64_t names[4] = {0};
    uint32_t lengths[] = {5, 10};
#define BACK lms_slots_roll_back(w->slots, w->queue, 2, names, lengths, 0, NULL, NULL)
    BAD_NAMES(names, BACK);
    names[1] = names[0];
    REFUSED(LMS_E_SLOT, BACK, "is there twice");
    names[1] = w->names[1];
    lengths[1] = 9;
    REFUSED(LMS_E_ARGUMENT, BACK, "lengths[1]: 9 is less than the slot's prompt (10)");
    lengths[0] = 4;
    REFUSED(LMS_E_ARGUMENT, BACK, "lengths[0]: 4");
    REFUSED(LMS_E_ARGUMENT,
            lms_slots_roll_back(w->slots, w->queue, 2, names, NULL, 0, NULL, NULL), "lengths");
    REFUSED(LMS_E_ARGUMENT,
            lms_slots_roll_back(w->slots, w->queue, 2, NULL, lengths, 0, NULL, NULL), "names");
    REFUSED(LMS_E_ARGUMENT,
            lms_slots_roll_back(w->slots, w->queue, 4, names, lengths, 0, NULL, NULL), "count");
    assert_same(w);
}

static void test_fork(void **state)
{
    const world *const w = *state;
    uint64_t from[4] = {0}, names[4] = {1, 2};
#define FORK lms_slots_fork(w->slots, w->queue, 2, from, names, 0, NULL, NULL)
    BAD_NAMES(from, FORK);
    from[1] = w->names[0];
    REFUSED(LMS_E_CONTEXT_FULL, FORK, "4 pages of 256");
    from[2] = w->names[1];
    REFUSED(LMS_E_CONTEXT_FULL,
            lms_slots_fork(w->slots, w->queue, 3, from, names, 0, NULL, NULL), "3 slots");
    REFUSED(LMS_E_ARGUMENT, lms_slots_fork(w->slots, w->queue, 2, NULL, names, 0, NULL, NULL),
            "from: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_slots_fork(w->slots, w->queue, 2, from, NULL, 0, NULL, NULL),
            "names: is NULL");
    assert_true(names[0] == 1 && names[1] == 2);
    assert_same(w);
}

static void test_reorder(void **state)
{
    const world *const w = *state;
    uint64_t names[4] = {0};
    lms_view parents = {w->device, 0, NULL};
#define REORDER lms_slots_reorder(w->slots, w->queue, 2, names, parents, 0, 0, NULL, NULL)
    BAD_NAMES(names, REORDER);
    names[1] = names[0];
    REFUSED(LMS_E_SLOT, REORDER, "is there twice");
    names[1] = w->names[1];
    REFUSED(LMS_E_CONTEXT_FULL, REORDER, "4 pages of 256"); /* each may get the longer one */
    parents.offset = 1023;
    REFUSED(LMS_E_BUFFER_SIZE, REORDER, "parents: ");
    parents = (lms_view){w->foreign, 0, NULL};
    REFUSED(LMS_E_ARGUMENT, REORDER, "parents: ");
    parents = (lms_view){NULL, 0, NULL};
    REFUSED(LMS_E_ARGUMENT, REORDER, "parents: ");
    assert_same(w);
}

static void test_the_rest(void **state)
{
    const world *const w = *state;
    int32_t tokens[A];
    uint32_t length = 0, prompt = 0;
    REFUSED(LMS_E_SLOT, lms_slots_close(w->slots, w->stale), "no slot of the name");
    REFUSED(LMS_E_ARGUMENT, lms_slots_close(NULL, w->names[0]), "slots: is NULL");
    REFUSED(LMS_E_SLOT, lms_slots_length(w->slots, w->stale, &length), "no slot");
    REFUSED(LMS_E_ARGUMENT, lms_slots_length(w->slots, w->names[0], NULL), "length: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_slots_length(NULL, w->names[0], &length), "slots: is NULL");
    REFUSED(LMS_E_SLOT, lms_slots_export(w->slots, w->stale, tokens, A, &length, &prompt),
            "no");
    REFUSED(LMS_E_ARGUMENT, lms_slots_export(w->slots, w->names[0], tokens, A, NULL, NULL),
            "length: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_slots_export(w->slots, w->names[0], NULL, A, &length, NULL),
            "tokens: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_slots_export(NULL, w->names[0], NULL, 0, &length, NULL),
            "slots");
    assert_int_equal(length, 0);
    RIG_FAILS(LMS_E_BUFFER_SIZE,
              lms_slots_export(w->slots, w->names[0], tokens, A - 1, &length, &prompt),
              "capacity: 299 is less than the 300");
    assert_int_equal(length, A);
    assert_int_equal(prompt, 5);
    RIG_OK(lms_slots_export(w->slots, w->names[0], NULL, 0, &length, NULL));
    assert_same(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_open_tokens),
        cmocka_unit_test(test_too_many_host_tokens),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_roll_back),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_reorder),
        cmocka_unit_test(test_the_rest),
    };
    return cmocka_run_group_tests_name("slots_refused", tests, setup, teardown);
}
