/* Every OpenCL call and every allocation in making slots, and in each call on them, fails once:
 * nothing is changed by it, and the call that failed can be made again. */
#include "faults.h"
#include "hooks.h"
#include "rig.h"

enum {
    LENGTH = 800,
    PAGES = 8, /* so few that those of closed slots are needed */
    STEPS = 7,
    TOKENS = 1024
};

typedef struct world {
    lms_context *ctx;
    cl_command_queue queue;
    cl_mem tokens, parents;
    int32_t values[TOKENS];
    lms_slots *slots;
    uint64_t names[6]; /* by the order in which they are opened */
} world;

static lms_status make(world *w)
{
    const lms_slots_desc desc = {.max_tokens = PAGES * LMS_SLOT_PAGE,
                                 .max_slots = 4,
                                 .max_length = LENGTH,
                                 .vocab = 5000,
                                 .max_in_flight = 64};
    return lms_slots_create(w->ctx, &desc, &w->slots);
}

static int setup(void **state)
{
    static const int32_t parents[] = {1, 1};
    static world w;
    cl_int code = CL_SUCCESS;
    const cl_mem_flags flags = CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR;
    for (int i = 0; i < TOKENS; ++i) w.values[i] = i * 7 % 500;
    RIG_OK(lms_context_open(NULL, &w.ctx));
    w.queue = lms_context_queue(w.ctx);
    const cl_context context = lms_context_cl_context(w.ctx);
    w.tokens = clCreateBuffer(context, flags, sizeof w.values, w.values, &code);
    assert_int_equal(code, CL_SUCCESS);
    w.parents =
        clCreateBuffer(context, flags, sizeof parents, (void *)(uintptr_t)parents, &code);
    assert_int_equal(code, CL_SUCCESS);
    RIG_OK(make(&w));
    lms_slots_destroy(w.slots);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    world *const w = *state;
    clReleaseMemObject(w->tokens);
    clReleaseMemObject(w->parents);
    lms_context_destroy(w->ctx);
    return 0;
}

/* --- A scenario --------------------------------------------------------------------------- */

static lms_status open_two(world *w, cl_event *event)
{
    static const uint32_t lengths[] = {250, 500}, prompts[] = {100, 200};
    const lms_slots_open_args a = {.count = 2,
                                   .lengths = lengths,
                                   .prompts = prompts,
                                   .tokens = w->values,
                                   .token_count = TOKENS,
                                   .names = w->names};
    return lms_slots_open(w->slots, w->queue, &a, 0, NULL, event);
}

static lms_status append(world *w, uint64_t name, uint32_t count, cl_event *event)
{
    const lms_slots_append_args a = {
        .count = 1, .names = &name, .counts = &count, .tokens = {w->tokens, 20}};
    return lms_slots_append(w->slots, w->queue, &a, 0, NULL, event);
}

static lms_status open_one(world *w, cl_event *event)
{
    static const uint32_t length = 600;
    const lms_slots_open_args a = {.count = 1,
                                   .lengths = &length,
                                   .tokens_device = {w->tokens, 5},
                                   .token_count = TOKENS - 5,
                                   .names = &w->names[3]};
    return lms_slots_open(w->slots, w->queue, &a, 0, NULL, event);
}

/* What comes between calls: two of them need pages of a slot that was closed, or reordered. */
static void before(world *w, unsigned step)
{
    if (step == 3) RIG_OK(lms_slots_close(w->slots, w->names[1]));
}

static lms_status call(world *w, unsigned step, cl_event *event)
{
    static const uint32_t back[] = {260};
    const uint64_t two[] = {w->names[0], w->names[2]};
    switch (step) {
    case 0: return open_two(w, event);
    case 1: return append(w, w->names[0], 20, event);
    case 2:
        return lms_slots_fork(w->slots, w->queue, 1, &w->names[0], &w->names[2], 0, NULL,
                              event);
    case 3:
        return lms_slots_reorder(w->slots, w->queue, 2, two, (lms_view){w->parents, 0, NULL}, 0,
                                 0, NULL, event);
    case 4: return open_one(w, event);
    case 5:
        return lms_slots_roll_back(w->slots, w->queue, 1, &w->names[2], back, 0, NULL, event);
    default: return append(w, w->names[0], 5, event);
    }
}

static void play(world *w, unsigned first, unsigned end)
{
    for (unsigned step = first; step < end; ++step) {
        before(w, step);
        RIG_OK(call(w, step, NULL));
    }
}

/* What the host says of them. */
typedef struct looks {
    uint64_t room;
    uint32_t lengths[6];
} looks;

static looks look(const world *w)
{
    looks l = {lms_slots_room(w->slots), {0}};
    for (unsigned i = 0; i < 6; ++i) {
        if (lms_slots_length(w->slots, w->names[i], &l.lengths[i]) != LMS_OK) {
            l.lengths[i] = UINT32_MAX;
        }
    }
    return l;
}

static int is_slot(const world *w, unsigned i, const int32_t *tokens, uint32_t count)
{
    int32_t found[LENGTH];
    uint32_t length = 0;
    return lms_slots_export(w->slots, w->names[i], found, LENGTH, &length, NULL) == LMS_OK &&
           length == count && memcmp(found, tokens, count * sizeof *tokens) == 0;
}

/* The scenario's end. */
static int is_right_end(const world *w)
{
    int32_t first[LENGTH], third[LENGTH];
    memcpy(first, w->values, 250 * sizeof *first);
    memcpy(first + 250, w->values + 20, 20 * sizeof *first);
    memcpy(third, first, 260 * sizeof *third);
    memcpy(first + 270, w->values + 20, 5 * sizeof *first);
    return is_slot(w, 0, first, 275) && is_slot(w, 2, third, 260) &&
           is_slot(w, 3, w->values + 5, 600) && lms_slots_room(w->slots) == LMS_SLOT_PAGE;
}

/* --- Failures ----------------------------------------------------------------------------- */

static void test_every_call_of_create_fails_once(void **state)
{
    world *const w = *state;
    unsigned calls[64] = {0}, failures = 0;
    hook_reset();
    RIG_OK(make(w));
    lms_slots_destroy(w->slots);
    count_calls(calls);
    for (unsigned f = 0; hook_name(f) != NULL; ++f) {
        for (unsigned nth = 1; nth <= calls[f]; ++nth, ++failures) {
            const long live = hook_live();
            hook_reset();
            hook_fail(hook_name(f), nth, INJECTED);
            const lms_status status = make(w);
            lms_slots_destroy(w->slots);
            if (hook_failed() && is_right(hook_name(f), status) && hook_live() == live)
                continue;
            fail_msg("%s, call %u: status %d (%s), %ld more", hook_name(f), nth, (int)status,
                     lms_error_message(), hook_live() - live);
        }
    }
    hook_reset();
    print_message("%u failures\n", failures);
    assert_true(failures > 50);
}

/* Does the nth call of a function come at all in a step? It fails then, and the step is made
 * again. */
static bool fail_once(world *w, unsigned step, const char *name, unsigned nth)
{
    cl_event event = NULL;
    memset(w->names, 0, sizeof w->names);
    RIG_OK(make(w));
    play(w, 0, step);
    before(w, step);
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    const looks was = look(w);
    hook_reset();
    hook_fail(name, nth, INJECTED);
    const lms_status status = call(w, step, &event);
    const bool came = hook_failed();
    hook_reset();
    const bool passes = !came || is_release(name) || is_after_enqueues(name);
    if (status != (passes ? LMS_OK : INJECTED) || (event != NULL) != passes) {
        fail_msg("step %u, %s, call %u: status %d", step, name, nth, (int)status);
    }
    if (event != NULL) clReleaseEvent(event);
    if (status != LMS_OK) {
        const looks now = look(w);
        assert_memory_equal(&now, &was, sizeof now);
        RIG_OK(call(w, step, NULL));
    }
    play(w, step + 1, STEPS);
    if (!is_right_end(w)) fail_msg("step %u, %s, call %u: another end", step, name, nth);
    lms_slots_destroy(w->slots);
    return came;
}

static void test_every_call_of_a_call_fails_once(void **state)
{
    world *const w = *state;
    unsigned failures = 0;
    const long live = hook_live();
    for (unsigned step = 0; step < STEPS; ++step) {
        for (unsigned f = 0; hook_name(f) != NULL; ++f) {
            for (unsigned nth = 1; fail_once(w, step, hook_name(f), nth); ++nth) ++failures;
        }
    }
    print_message("%u failures\n", failures);
    assert_true(failures > 10 * STEPS);
    assert_int_equal(hook_live(), live);
}

/* --- Calls that are terminated ------------------------------------------------------------ */

/* As if a step were terminated: it does nothing, and nobody notices. (Not by a wait list that
 * fails: pocl ends the process then.) */
static void lose(world *w, unsigned step)
{
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    hook_reset();
    hook_drop_kernels();
    before(w, step);
    RIG_OK(call(w, step, NULL));
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    hook_reset();
}

static lms_status export_of(const world *w, unsigned i)
{
    int32_t found[LENGTH];
    uint32_t length = 0;
    return lms_slots_export(w->slots, w->names[i], found, LENGTH, &length, NULL);
}

/* A slot that was never opened on the device is not there, whatever is done with it. */
static void test_terminated_open(void **state)
{
    world *const w = *state;
    RIG_OK(make(w));
    lose(w, 0);
    RIG_OK(call(w, 1, NULL));
    RIG_OK(call(w, 2, NULL));
    assert_int_equal(export_of(w, 0), LMS_E_SLOT);
    assert_int_equal(export_of(w, 1), LMS_E_SLOT);
    assert_int_equal(export_of(w, 2), LMS_E_SLOT);
    for (unsigned i = 0; i < 3; ++i) RIG_OK(lms_slots_close(w->slots, w->names[i]));
    play(w, 0, STEPS);
    assert_true(is_right_end(w));
    lms_slots_destroy(w->slots);
}

/* An append with a new page, which the device does not get: there is no slot any more, and what
 * is still appended to it goes nowhere. */
static void test_terminated_append(void **state)
{
    world *const w = *state;
    RIG_OK(make(w));
    play(w, 0, 1);
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    hook_reset();
    hook_drop_kernels();
    RIG_OK(append(w, w->names[1], 20, NULL)); /* to 500 */
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    hook_reset();
    assert_int_equal(export_of(w, 1), LMS_E_SLOT);
    RIG_OK(append(w, w->names[1], 20, NULL)); /* there is room for 12 */
    RIG_OK(append(w, w->names[1], 20, NULL));
    assert_int_equal(export_of(w, 1), LMS_E_SLOT);
    RIG_OK(append(w, w->names[1], 230, NULL)); /* one more page */
    assert_int_equal(export_of(w, 1), LMS_E_SLOT);
    assert_true(is_slot(w, 0, w->values, 250));
    lms_slots_destroy(w->slots);
}

/* A reordering: on the device, slots have what they had, until that goes to somebody else. */
static void test_terminated_reorder(void **state)
{
    world *const w = *state;
    RIG_OK(make(w));
    play(w, 0, 3);
    lose(w, 3);
    assert_int_equal(export_of(w, 0), LMS_E_SLOT);
    RIG_OK(call(w, 4, NULL)); /* sweeps */
    assert_int_equal(export_of(w, 0), LMS_E_SLOT);
    assert_int_equal(export_of(w, 2), LMS_E_SLOT);
    RIG_OK(call(w, 6, NULL));
    assert_true(is_slot(w, 3, w->values + 5, 600));
    lms_slots_destroy(w->slots);
}

/* A sweep that was terminated, by what the runtime says of it, is made again by the next call
 * that takes pages. */
static void test_terminated_sweep(void **state)
{
    world *const w = *state;
    RIG_OK(make(w));
    play(w, 0, 5);
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    RIG_OK(lms_slots_close(w->slots, w->names[3]));
    hook_reset();
    RIG_OK(append(w, w->names[0], 500, NULL));
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 2);
    assert_int_equal(clFinish(w->queue), CL_SUCCESS);
    hook_reset();
    hook_terminate_events(2); /* the previous call, and the sweep */
    RIG_OK(append(w, w->names[2], 300, NULL));
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 2);
    hook_reset();
    RIG_OK(append(w, w->names[2], 230, NULL));
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 1);
    lms_slots_destroy(w->slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_create_fails_once),
        cmocka_unit_test(test_every_call_of_a_call_fails_once),
        cmocka_unit_test(test_terminated_open),
        cmocka_unit_test(test_terminated_append),
        cmocka_unit_test(test_terminated_reorder),
        cmocka_unit_test(test_terminated_sweep),
    };
    return cmocka_run_group_tests_name("slots_faults", tests, setup, teardown);
}
