/* A sampler's call that appends to slots fails at each OpenCL call that it makes, and is made
 * again: nothing is appended twice, and no page is lost or anybody else's. By teams of one and
 * of more, with outputs and without: the call's last kernel appends, whichever that is. */
#include "faults.h"
#include "hooks.h"
#include "rig.h"

#include <stdlib.h>

enum {
    VOCAB = 300,
    ROWS = 3,
    PAGES = 6,
    LENGTH = 800,
    TOP = 2
};

/* Tokens that slots have at first: one needs a page for the next one, as another does for the
 * one behind that. */
static const uint32_t lengths[ROWS] = {256, 255, 10};

typedef struct world {
    lms_context *ctx;
    cl_command_queue queue;
    cl_mem logits, out, ranks, tops, tops_values;
    uint32_t team;
    bool has_outputs;
    int32_t values[1024];
    int32_t next[ROWS]; /* each row's token */
    lms_slots *slots;
    lms_sampler *sampler;
    uint64_t names[ROWS], other;
} world;

static int setup(void **state)
{
    static world w;
    float logits[ROWS * VOCAB] = {0};
    cl_int code = CL_SUCCESS;
    for (int i = 0; i < 1024; ++i) w.values[i] = i * 11 % VOCAB;
    for (int r = 0; r < ROWS; ++r) {
        w.next[r] = 17 + 101 * r;
        logits[r * VOCAB + w.next[r]] = 3.0f;
    }
    RIG_OK(lms_context_open(NULL, &w.ctx));
    w.queue = lms_context_queue(w.ctx);
    const cl_context context = lms_context_cl_context(w.ctx);
    w.logits = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, sizeof logits,
                              logits, &code);
    assert_int_equal(code, CL_SUCCESS);
    w.out = rig_buffer(context, CL_MEM_READ_WRITE, ROWS * sizeof(cl_int));
    w.ranks = rig_buffer(context, CL_MEM_READ_WRITE, ROWS * sizeof(cl_int));
    w.tops = rig_buffer(context, CL_MEM_READ_WRITE, ROWS * TOP * sizeof(cl_int));
    w.tops_values = rig_buffer(context, CL_MEM_READ_WRITE, ROWS * TOP * sizeof(cl_float));
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *const w = *state;
    clReleaseMemObject(w->logits);
    clReleaseMemObject(w->out);
    clReleaseMemObject(w->ranks);
    clReleaseMemObject(w->tops);
    clReleaseMemObject(w->tops_values);
    lms_context_destroy(w->ctx);
    return 0;
}

static uint64_t open_one(world *w, uint32_t length)
{
    uint64_t name = 0;
    const lms_slots_open_args a = {.count = 1,
                                   .lengths = &length,
                                   .tokens = w->values,
                                   .token_count = 1024,
                                   .names = &name};
    RIG_OK(lms_slots_open(w->slots, w->queue, &a, 0, NULL, NULL));
    return name;
}

/* Half of the pages are the slots' at first. Another has all others, and is closed, or one. */
static void begin(world *w, bool closes)
{
    const lms_slots_desc of_slots = {.max_tokens = PAGES * LMS_SLOT_PAGE,
                                     .max_slots = ROWS + 1,
                                     .max_length = LENGTH,
                                     .vocab = VOCAB};
    RIG_OK(lms_slots_create(w->ctx, &of_slots, &w->slots));
    const lms_sampler_desc of_sampler = {.vocab = VOCAB,
                                         .max_rows = ROWS,
                                         .logits = LMS_FLOAT32,
                                         .outputs = LMS_OUT_RANK_EDITED | LMS_OUT_TOP,
                                         .work_items = w->team,
                                         .requests = LMS_REQUESTS_EDITS,
                                         .slots = w->slots};
    RIG_OK(lms_sampler_create(w->ctx, &of_sampler, &w->sampler));
    for (unsigned r = 0; r < ROWS; ++r) w->names[r] = open_one(w, lengths[r]);
    w->other = open_one(w, closes ? 700 : 200);
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    if (closes) RIG_OK(lms_slots_close(w->slots, w->other));
}

static void end(world *w)
{
    lms_sampler_destroy(w->sampler);
    lms_slots_destroy(w->slots);
}

static lms_status step(world *w)
{
    lms_row_params params[ROWS];
    for (unsigned r = 0; r < ROWS; ++r) {
        const lms_row_params greedy = LMS_ROW_PARAMS_INIT;
        params[r] = greedy;
        params[r].filters.temperature = 0.0f;
        params[r].request.slot = w->names[r];
    }
    lms_sampler_run_args a = {.rows = ROWS,
                              .logits = {w->logits, 0},
                              .params = params,
                              .append = 1,
                              .tokens = {w->out, 0}};
    if (w->has_outputs) {
        a.rank_edited.buffer = w->ranks;
        a.top_tokens.buffer = w->tops;
        a.top_values.buffer = w->tops_values;
        a.top_stride = TOP;
    }
    return lms_sampler_run(w->sampler, w->queue, &a, 0, NULL, NULL);
}

static void assert_lengths(const world *w, uint32_t steps)
{
    for (unsigned r = 0; r < ROWS; ++r) {
        uint32_t length = 0;
        RIG_OK(lms_slots_length(w->slots, w->names[r], &length));
        assert_int_equal(length, lengths[r] + steps);
    }
}

static void assert_tokens(const world *w, uint32_t steps)
{
    for (unsigned r = 0; r < ROWS; ++r) {
        int32_t found[LENGTH];
        uint32_t length = 0;
        RIG_OK(lms_slots_export(w->slots, w->names[r], found, LENGTH, &length, NULL));
        assert_int_equal(length, lengths[r] + steps);
        assert_memory_equal(found, w->values, lengths[r] * sizeof *found);
        for (uint32_t i = lengths[r]; i < length; ++i) assert_int_equal(found[i], w->next[r]);
    }
}

/* The nth call of a function in step number `fails` fails, if it comes. */
static bool fail_once(world *w, bool closes, unsigned fails, const char *name, unsigned nth)
{
    begin(w, closes);
    for (unsigned i = 0; i < fails; ++i) RIG_OK(step(w));
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    hook_reset();
    hook_fail(name, nth, INJECTED);
    const lms_status status = step(w);
    const bool came = hook_failed();
    hook_reset();
    const bool passes = !came || is_release(name) || is_after_enqueues(name);
    if (status != (passes ? LMS_OK : INJECTED)) {
        fail_msg("step %u, %s, call %u: status %d (%s)", fails, name, nth, (int)status,
                 lms_error_message());
    }
    assert_lengths(w, fails + passes);
    for (unsigned i = fails + passes; i < 4; ++i) RIG_OK(step(w));
    assert_tokens(w, 4);
    /* All that is left goes to somebody else. */
    if (!closes) RIG_OK(lms_slots_close(w->slots, w->other));
    const uint64_t last = open_one(w, (uint32_t)lms_slots_room(w->slots));
    assert_int_equal(lms_slots_room(w->slots), 0);
    RIG_OK(step(w));
    assert_tokens(w, 5);
    RIG_OK(lms_slots_close(w->slots, last));
    end(w);
    return came;
}

static void fail_all(world *w, bool closes)
{
    unsigned failures = 0;
    for (unsigned fails = 0; fails < 2; ++fails) {
        for (unsigned f = 0; hook_name(f) != NULL; ++f) {
            for (unsigned nth = 1; fail_once(w, closes, fails, hook_name(f), nth); ++nth) {
                ++failures;
            }
        }
    }
    print_message("%u failures\n", failures);
    assert_true(failures > 20);
}

static void test_every_call_fails_once(void **state) { fail_all(*state, false); }

/* With a kernel behind the one that samples, and with edits and tile pass before it. */
static void test_in_other_ways(void **state)
{
    static const uint32_t teams[] = {1, 32};
    world *const w = *state;
    for (int i = 0; i < 4; ++i) {
        w->team = teams[i / 2];
        w->has_outputs = i % 2;
        fail_all(w, i == 2);
    }
    w->team = 0;
    w->has_outputs = false;
}

/* With pages that were a closed slot's. */
static void test_with_a_sweep(void **state) { fail_all(*state, true); }

static void test_refused(void **state)
{
    world *const w = *state;
    begin(w, true);
    const uint64_t good = w->names[1];
    w->names[1] = w->other;
    RIG_FAILS(LMS_E_ROW_PARAMS, step(w), "params[1].request.slot: ", "is no open slot");
    w->names[1] = w->names[0];
    RIG_FAILS(LMS_E_SLOT, step(w), "params[1].request.slot:", "is there twice");
    w->names[1] = good;
    assert_lengths(w, 0);
    open_one(w, 2 * LMS_SLOT_PAGE);
    assert_int_equal(lms_slots_room(w->slots), LMS_SLOT_PAGE);
    RIG_OK(step(w));
    RIG_FAILS(LMS_E_CONTEXT_FULL, step(w), "1 pages", "0 of 6 are free");
    assert_lengths(w, 1);
    end(w);
}

/* A batch on the host with more rows than a call has is refused as a whole: for a slot that is
 * there twice, in different parts, and for one of the last part that has no room. */
static void test_parts_are_refused_as_a_whole(void **state)
{
    world *const w = *state;
    const lms_row_params plain = LMS_ROW_PARAMS_INIT;
    const float logits[(ROWS + 1) * VOCAB] = {0};
    lms_row_params params[ROWS + 1] = {plain, plain, plain, plain};
    int32_t tokens[ROWS + 1];
    const lms_sample_host_args a = {
        .rows = ROWS + 1, .logits = logits, .params = params, .append = 1, .tokens = tokens};
    begin(w, true);
    /* All pages are taken, and the slot of the last row needs one. */
    params[0].request.slot = open_one(w, 700);
    params[1].request.slot = w->names[1];
    params[2].request.slot = w->names[2];
    params[3].request.slot = w->names[0];
    RIG_FAILS(LMS_E_CONTEXT_FULL, lms_sample_host(w->sampler, &a), "1 pages",
              "0 of 6 are free");
    assert_lengths(w, 0);
    params[3].request.slot = w->names[1];
    RIG_FAILS(LMS_E_SLOT, lms_sample_host(w->sampler, &a),
              "params[3].request.slot:", "is there twice");
    assert_lengths(w, 0);
    params[3].request.slot = 0;
    RIG_OK(lms_sample_host(w->sampler, &a));
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_fails_once),
        cmocka_unit_test(test_with_a_sweep),
        cmocka_unit_test(test_in_other_ways),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_parts_are_refused_as_a_whole),
    };
    return cmocka_run_group_tests_name("slots_sampler", tests, setup, teardown);
}
