/* Calls on slots, and a sampler's that append to them, wait for each other in the order in
 * which they were made, on whatever queues; a slot that is closed meanwhile troubles nobody. */
#include "rig.h"

#include <stdlib.h>

enum {
    VOCAB = 300,
    ROWS = 3,
    LENGTH = 1200,
    PAGES = 13,
    KINDS = 16 /* of logits */
};

typedef struct world {
    lms_context *ctx;
    cl_context context;
    cl_command_queue queue, other;
    cl_mem tokens;
    int32_t values[2048];
} world;

static int setup(void **state)
{
    static world w;
    cl_int code = CL_SUCCESS;
    for (int i = 0; i < 2048; ++i) w.values[i] = i * 11 % VOCAB;
    RIG_OK(lms_context_open(NULL, &w.ctx));
    w.context = lms_context_cl_context(w.ctx);
    w.queue = lms_context_queue(w.ctx);
    w.other = rig_queue(w.ctx, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    w.tokens = clCreateBuffer(w.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                              sizeof w.values, w.values, &code);
    assert_int_equal(code, CL_SUCCESS);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *const w = *state;
    clReleaseMemObject(w->tokens);
    clReleaseCommandQueue(w->other);
    lms_context_destroy(w->ctx);
    return 0;
}

static lms_slots *make(const world *w, uint32_t max_in_flight)
{
    const lms_slots_desc desc = {.max_tokens = PAGES * LMS_SLOT_PAGE,
                                 .max_slots = 4,
                                 .max_length = LENGTH,
                                 .vocab = VOCAB,
                                 .max_in_flight = max_in_flight};
    lms_slots *slots = NULL;
    RIG_OK(lms_slots_create(w->ctx, &desc, &slots));
    return slots;
}

/* Slots with so many tokens, from the first of the values on. */
static lms_status open_some(const world *w, lms_slots *slots, uint32_t count,
                            const uint32_t *lengths, uint64_t *names, cl_uint num_wait,
                            const cl_event *wait_list, cl_event *event)
{
    const lms_slots_open_args a = {.count = count,
                                   .lengths = lengths,
                                   .tokens = w->values,
                                   .token_count = 2048,
                                   .names = names};
    return lms_slots_open(slots, w->queue, &a, num_wait, wait_list, event);
}

static lms_status append(const world *w, lms_slots *slots, cl_command_queue queue,
                         uint64_t name, uint32_t first, uint32_t count)
{
    const lms_slots_append_args a = {
        .count = 1, .names = &name, .counts = &count, .tokens = {w->tokens, first}};
    return lms_slots_append(slots, queue, &a, 0, NULL, NULL);
}

static void assert_slot(lms_slots *slots, uint64_t name, const int32_t *tokens, uint32_t count)
{
    int32_t found[LENGTH];
    uint32_t length = 0;
    RIG_OK(lms_slots_export(slots, name, found, LENGTH, &length, NULL));
    assert_int_equal(length, count);
    assert_memory_equal(found, tokens, count * sizeof *tokens);
}

static void test_calls_wait(void **state)
{
    static const uint32_t lengths[] = {100, 300}, back = 340;
    const world *const w = *state;
    lms_slots *const slots = make(w, 16);
    const cl_event hold = rig_user_event(w->context);
    cl_event event = NULL;
    uint64_t names[2], copies[2];
    RIG_OK(open_some(w, slots, 2, lengths, names, 1, &hold, &event));
    RIG_OK(append(w, slots, w->other, names[0], 100, 200));
    RIG_OK(append(w, slots, w->queue, names[0], 300, 50));
    RIG_OK(lms_slots_fork(slots, w->other, 2, names, copies, 0, NULL, NULL));
    RIG_OK(lms_slots_roll_back(slots, w->queue, 1, names, &back, 0, NULL, NULL));
    RIG_OK(append(w, slots, w->other, names[0], 340, 60));
    rig_assert_pending(event);
    RIG_OK(lms_slots_close(slots, copies[1]));
    RIG_OK(open_some(w, slots, 1, lengths, &copies[1], 0, NULL, NULL));
    rig_complete(hold);
    rig_wait(event);
    assert_slot(slots, names[0], w->values, 400);
    assert_slot(slots, names[1], w->values + 100, 300);
    assert_slot(slots, copies[0], w->values, 350);
    assert_slot(slots, copies[1], w->values, 100);
    lms_slots_destroy(slots);
}

static void test_in_flight(void **state)
{
    static const uint32_t lengths[] = {10, 20};
    const world *const w = *state;
    lms_slots *const slots = make(w, 2);
    const cl_event hold = rig_user_event(w->context);
    uint64_t names[2], copy = 7;
    RIG_OK(open_some(w, slots, 2, lengths, names, 1, &hold, NULL));
    RIG_OK(append(w, slots, w->queue, names[0], 10, 10));
    RIG_FAILS(LMS_E_BUSY, append(w, slots, w->queue, names[0], 20, 10), "max_in_flight: 2");
    RIG_FAILS(LMS_E_BUSY, lms_slots_fork(slots, w->queue, 1, names, &copy, 0, NULL, NULL), "");
    assert_true(copy == 7);
    rig_complete(hold);
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    RIG_OK(append(w, slots, w->queue, names[0], 20, 10));
    assert_slot(slots, names[0], w->values, 30);
    lms_slots_destroy(slots);
}

static void test_nothing_to_do(void **state)
{
    const world *const w = *state;
    lms_slots *const slots = make(w, 0);
    const lms_slots_open_args open = {.count = 0};
    const lms_slots_append_args more = {.count = 0};
    cl_event events[5];
    RIG_OK(lms_slots_open(slots, w->queue, &open, 0, NULL, &events[0]));
    RIG_OK(lms_slots_append(slots, w->queue, &more, 0, NULL, &events[1]));
    RIG_OK(lms_slots_roll_back(slots, w->queue, 0, NULL, NULL, 0, NULL, &events[2]));
    RIG_OK(lms_slots_fork(slots, w->queue, 0, NULL, NULL, 0, NULL, &events[3]));
    RIG_OK(lms_slots_reorder(slots, w->queue, 0, NULL, (lms_view){NULL, 0, NULL}, 0, 0, NULL,
                             &events[4]));
    for (int i = 0; i < 5; ++i) rig_wait(events[i]);
    lms_slots_destroy(slots);
}

/* Also in a slot that others had before. */
static void test_names_are_never_given_again(void **state)
{
    enum {
        LIVES = 20
    };
    static const uint32_t length = 300;
    const world *const w = *state;
    lms_slots *const slots = make(w, 64);
    uint64_t names[LIVES];
    for (unsigned i = 0; i < LIVES; ++i) {
        uint32_t found = 0;
        RIG_OK(open_some(w, slots, 1, &length, &names[i], 0, NULL, NULL));
        RIG_OK(lms_slots_length(slots, names[i], &found));
        assert_int_equal(found, length);
        for (unsigned k = 0; k < i; ++k) {
            RIG_FAILS(LMS_E_SLOT, lms_slots_length(slots, names[k], &found),
                      "name: no slot of the");
            RIG_FAILS(LMS_E_SLOT, append(w, slots, w->queue, names[k], 0, 1),
                      "names[0]: no slot of the");
        }
        RIG_OK(lms_slots_close(slots, names[i]));
    }
    assert_int_equal(lms_slots_room(slots), PAGES * LMS_SLOT_PAGE);
    lms_slots_destroy(slots);
}

/* --- With a sampler ----------------------------------------------------------------------- */

/* The token that a row of a kind of logits has to get. */
static int32_t token_of(unsigned kind, unsigned row)
{
    return (int32_t)((kind * 37 + row * 101 + 5) % VOCAB);
}

static cl_mem make_logits(const world *w)
{
    float *const logits = calloc((size_t)KINDS * ROWS * VOCAB, sizeof *logits);
    cl_int code = CL_SUCCESS;
    assert_non_null(logits);
    for (unsigned i = 0; i < KINDS * ROWS; ++i) {
        logits[i * VOCAB + (unsigned)token_of(i / ROWS, i % ROWS)] = 5.0f;
    }
    const cl_mem made = clCreateBuffer(w->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                       KINDS * ROWS * VOCAB * sizeof *logits, logits, &code);
    assert_int_equal(code, CL_SUCCESS);
    free(logits);
    return made;
}

/* Steps of a sampler on one queue, with calls on the slots between them on another; nothing is
 * waited for but that a call may be made. */
static void play(const world *w, lms_slots *slots, lms_sampler *sampler, cl_mem logits,
                 cl_mem out, const uint64_t *names)
{
    int32_t expected[ROWS][LENGTH];
    uint32_t lengths[ROWS] = {250, 5, 0};
    lms_row_params params[ROWS];
    for (unsigned r = 0; r < ROWS; ++r) {
        const lms_row_params greedy = LMS_ROW_PARAMS_INIT;
        params[r] = greedy;
        params[r].filters.temperature = 0.0f;
        params[r].request.slot = names[r];
        memcpy(expected[r], w->values + (r == 0 ? 0 : 250), lengths[r] * sizeof(int32_t));
    }
    for (unsigned step = 0; step < 300; ++step) {
        const unsigned kind = step % KINDS, r = step % ROWS;
        const lms_sampler_run_args a = {.rows = ROWS,
                                        .logits = {logits, (size_t)kind * ROWS * VOCAB},
                                        .params = params,
                                        .append = 1,
                                        .tokens = {out, 0}};
        RIG_OK(lms_sampler_run(sampler, w->queue, &a, 0, NULL, NULL));
        for (unsigned i = 0; i < ROWS; ++i) expected[i][lengths[i]++] = token_of(kind, i);
        if (step % 7 == 3) {
            RIG_OK(append(w, slots, w->other, names[r], step, 3));
            memcpy(expected[r] + lengths[r], w->values + step, 3 * sizeof(int32_t));
            lengths[r] += 3;
        }
        if (step % 7 == 5) {
            --lengths[r];
            RIG_OK(
                lms_slots_roll_back(slots, w->other, 1, &names[r], &lengths[r], 0, NULL, NULL));
        }
        if (step % 5 == 0) {
            assert_int_equal(clFinish(w->queue), CL_SUCCESS);
            assert_int_equal(clFinish(w->other), CL_SUCCESS);
        }
    }
    for (unsigned r = 0; r < ROWS; ++r) assert_slot(slots, names[r], expected[r], lengths[r]);
}

static void test_sampler_appends(void **state)
{
    static const uint32_t lengths[] = {250, 5, 0};
    const world *const w = *state;
    lms_slots *const slots = make(w, 32);
    const cl_mem logits = make_logits(w), out = rig_buffer(w->context, CL_MEM_READ_WRITE, 64);
    const lms_sampler_desc desc = {.vocab = VOCAB,
                                   .max_rows = ROWS,
                                   .logits = LMS_FLOAT32,
                                   .max_in_flight = 32,
                                   .requests = LMS_REQUESTS_EDITS,
                                   .slots = slots};
    uint64_t names[ROWS];
    lms_sampler *sampler = NULL;
    RIG_OK(lms_sampler_create(w->ctx, &desc, &sampler));
    RIG_OK(open_some(w, slots, ROWS, lengths, names, 0, NULL, NULL));
    play(w, slots, sampler, logits, out, names);
    lms_sampler_destroy(sampler);
    lms_slots_destroy(slots);
    clReleaseMemObject(logits);
    clReleaseMemObject(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_wait),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_names_are_never_given_again),
        cmocka_unit_test(test_sampler_appends),
    };
    return cmocka_run_group_tests_name("slots_order", tests, setup, teardown);
}
