/* What lms_beam_step and lms_beam_results refuse, and that they say which argument, its value
 * and the rule. */
#include "beam_rig.h"
#include "hooks.h"

#define STEP(batch) lms_beam_step(r->beam, r->queue, (batch), 0, NULL, NULL)
#define RESULTS(output) lms_beam_results(r->beam, r->queue, (output), 0, NULL, NULL)

/* Every test begins with open requests, ... */
static int open_all(void **state)
{
    const beam_rig *const r = *state;
    hook_reset();
    if (beam_poison(r) != CL_SUCCESS) return -1;
    return beam_calls(r, r->beam, 0, BEAM_FIRST_STEP) == LMS_OK ? 0 : -1;
}

/* ... whose search is as ever, after all those refusals. */
static int go_on(void **state)
{
    const beam_rig *const r = *state;
    beam_trace found;
    const bool is_good = beam_calls(r, r->beam, BEAM_FIRST_STEP, BEAM_CALLS) == LMS_OK &&
                         beam_read(r, &found) == CL_SUCCESS &&
                         beam_difference(&found, &r->expected) == NULL;
    return beam_close_all(r, r->beam) == LMS_OK && is_good ? 0 : -1;
}

static lms_view *view_at(void *call, size_t at)
{
    return (lms_view *)(void *)((char *)call + at);
}

/* --- Steps ------------------------------------------------------------------------------- */

static void test_step_lacks_something(void **state)
{
    static const struct {
        size_t at;
        const char *text;
    } required[] = {
        {offsetof(lms_beam_step_args, logits), "logits: is NULL"},
        {offsetof(lms_beam_step_args, parents), "parents: is NULL"},
        {offsetof(lms_beam_step_args, tokens), "tokens: is NULL"},
        {offsetof(lms_beam_step_args, done), "done: is NULL"},
    };
    const beam_rig *const r = *state;
    cl_event event = (cl_event)r->queue;
    lms_beam_step_args b = beam_batch(r, 0);
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_step(NULL, r->queue, &b, 0, NULL, &event),
                 "beam: is NULL");
    assert_null(event);
    event = (cl_event)r->queue;
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_step(r->beam, NULL, &b, 0, NULL, &event),
                 "queue: is NULL");
    assert_null(event);
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(NULL), "batch: is NULL");
    b.slots = NULL;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "slots: is NULL");
    for (size_t i = 0; i < sizeof required / sizeof required[0]; ++i) {
        b = beam_batch(r, 0);
        view_at(&b, required[i].at)->buffer = NULL;
        BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), required[i].text);
    }
}

static void test_slots_of_a_step(void **state)
{
    const beam_rig *const r = *state;
    uint32_t slots[BEAM_REQUESTS] = {1, 2, BEAM_REQUESTS};
    lms_beam_step_args b = beam_batch(r, 0);
    b.requests = BEAM_REQUESTS + 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "requests: 4", "max_requests (3)");
    b.requests = UINT32_MAX;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "requests: 4294967295", "max_requests (3)");
    b = beam_batch(r, 0);
    b.slots = slots;
    BEAM_REFUSED(LMS_E_SLOT, STEP(&b), "slots[2]: 3", "max_requests (3)");
    slots[0] = UINT32_MAX;
    BEAM_REFUSED(LMS_E_SLOT, STEP(&b), "slots[0]: 4294967295", "max_requests (3)");
    slots[0] = 1;
    slots[2] = 1;
    BEAM_REFUSED(LMS_E_SLOT, STEP(&b), "slots[2]: 1 is there twice");
    slots[1] = 1;
    BEAM_REFUSED(LMS_E_SLOT, STEP(&b), "slots[1]: 1 is there twice");
    slots[2] = slots[1] = 2;
    BEAM_REFUSED(LMS_E_SLOT, STEP(&b), "slots[2]: 2 is there twice");
    RIG_OK(lms_beam_close(r->beam, r->slots[1]));
    b.slots = r->slots;
    BEAM_REFUSED(LMS_E_SLOT, STEP(&b), "slots[1]: 2 is not open");
    RIG_OK(beam_open(r, r->beam, r->queue, 1, 0, NULL, NULL));
}

static void test_first_rows(void **state)
{
    static const struct {
        uint32_t rows[BEAM_REQUESTS];
        const char *text;
    } all[] = {
        {{0, 3, 8}, "first_rows[1]: 3 is a row of the request before (the next is 4)"},
        {{0, 0, 8}, "first_rows[1]: 0"},
        {{4, 0, 8}, "first_rows[1]: 0"},
        {{0, 4, 7}, "first_rows[2]: 7"},
        {{0, 4, 4}, "first_rows[2]: 4"},
        {{4, 8, 3}, "first_rows[2]: 3"},
        {{0, 7, 3}, "first_rows[2]: 3"},
        {{100, 0, 8}, "first_rows[1]: 0"},
        {{0, 200, 8}, "first_rows[2]: 8"},
    };
    const beam_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_beam_step_args b = beam_batch(r, 0);
        b.first_rows = all[i].rows;
        b.logits_rows = 1000;
        BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), all[i].text);
        b.logits_rows = 0; /* to be said even where the last request's rows are not enough */
        BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), all[i].text);
    }
}

static void test_logits_rows(void **state)
{
    const beam_rig *const r = *state;
    uint32_t rows[BEAM_REQUESTS] = {0, 4, 9};
    lms_beam_step_args b = beam_batch(r, 0);
    b.logits_rows = BEAM_ROWS - 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "logits_rows: 10", "11 that slots[2] needs");
    b.logits_rows = 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "logits_rows: 1 ", "11 that slots[2] needs");
    b.logits_rows = ((size_t)1 << 31) + 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "logits_rows: 2147483649", "2^31");
    b.logits_rows = SIZE_MAX;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "logits_rows: 18446744073709551615", "2^31");
    b.logits_rows = (size_t)1 << 31; /* allowed, but not in this buffer */
    BEAM_REFUSED(LMS_E_BUFFER_SIZE, STEP(&b), "logits: ");
    b.first_rows = rows;
    b.logits_rows = BEAM_ROWS;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "logits_rows: 11", "12 that slots[2] needs");
    b.logits_rows = 0;
    rows[2] = INT32_MAX - 2; /* the last one is row 2^31 - 1 */
    BEAM_REFUSED(LMS_E_BUFFER_SIZE, STEP(&b), "logits: ");
    rows[2] = INT32_MAX - 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "2147483649", "2^31");
    rows[2] = UINT32_MAX;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "4294967298", "2^31");
}

static void test_row_stride(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_step_args b = beam_batch(r, 0);
    b.row_stride = BEAM_VOCAB - 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "row_stride: 299 is less than vocab (300)");
    b.row_stride = 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "row_stride: 1 is less");
}

/* Widths that each fit, and do not all at once. */
static void test_max_rows(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(4);
    lms_beam_step_args b = beam_batch(r, 0);
    p.max_length = 1;
    RIG_OK(lms_beam_close(r->beam, r->slots[2]));
    RIG_OK(lms_beam_open(r->beam, r->queue, r->slots[2], &p, NULL, 0, NULL, NULL));
    b.logits_rows = 0;
    BEAM_REFUSED(LMS_E_ARGUMENT, STEP(&b), "requests: ", "12 beams", "max_rows (11)");
    RIG_OK(lms_beam_close(r->beam, r->slots[2]));
    RIG_OK(beam_open(r, r->beam, r->queue, 2, 0, NULL, NULL));
}

/* --- Results ----------------------------------------------------------------------------- */

static void test_results_lack_something(void **state)
{
    static const struct {
        size_t at;
        const char *text;
    } required[] = {
        {offsetof(lms_beam_results_args, counts), "counts: is NULL"},
        {offsetof(lms_beam_results_args, lengths), "lengths: is NULL"},
        {offsetof(lms_beam_results_args, tokens), "tokens: is NULL"},
    };
    const beam_rig *const r = *state;
    cl_event event = (cl_event)r->queue;
    lms_beam_results_args o = beam_output(r);
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_results(NULL, r->queue, &o, 0, NULL, &event),
                 "beam: is NULL");
    assert_null(event);
    event = (cl_event)r->queue;
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_results(r->beam, NULL, &o, 0, NULL, &event),
                 "queue: is NULL");
    assert_null(event);
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(NULL), "output: is NULL");
    o.slots = NULL;
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "slots: is NULL");
    for (size_t i = 0; i < sizeof required / sizeof required[0]; ++i) {
        o = beam_output(r);
        view_at(&o, required[i].at)->buffer = NULL;
        BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), required[i].text);
    }
}

static void test_slots_of_results(void **state)
{
    const beam_rig *const r = *state;
    uint32_t slots[BEAM_REQUESTS] = {1, 2, BEAM_REQUESTS};
    lms_beam_results_args o = beam_output(r);
    o.requests = BEAM_REQUESTS + 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "requests: 4", "max_requests (3)");
    o = beam_output(r);
    o.slots = slots;
    BEAM_REFUSED(LMS_E_SLOT, RESULTS(&o), "slots[2]: 3", "max_requests (3)");
    slots[2] = 2;
    BEAM_REFUSED(LMS_E_SLOT, RESULTS(&o), "slots[2]: 2 is there twice");
    RIG_OK(lms_beam_close(r->beam, r->slots[2]));
    o.slots = r->slots;
    BEAM_REFUSED(LMS_E_SLOT, RESULTS(&o), "slots[2]: 0 is not open");
    RIG_OK(beam_open(r, r->beam, r->queue, 2, 0, NULL, NULL));
}

static void test_max_results(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_results_args o = beam_output(r);
    o.max_results = 0;
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "max_results: 0", "2 results of slots[0]");
    o.max_results = 3;
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "max_results: 3", "4 results of slots[1]");
    o.max_results = BEAM_WIDTH + 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "max_results: 5", "max_width (4)");
    o.max_results = UINT32_MAX;
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "max_results: 4294967295", "max_width (4)");
    o.requests = 1; /* the others' results do not count */
    o.max_results = 1;
    BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "max_results: 1", "2 results of slots[0]");
    o.max_results = 2;
    RIG_OK(RESULTS(&o));
}

/* Sequences are never longer than there were steps, nor than a request may get. */
static void test_token_stride(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_results_args o = beam_output(r);
    o.token_stride = 1;
    RIG_OK(RESULTS(&o));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        RIG_OK(beam_calls(r, r->beam, BEAM_FIRST_STEP + step, BEAM_FIRST_STEP + step + 1));
        o = beam_output(r);
        o.token_stride = step + 1;
        RIG_OK(RESULTS(&o));
        clFinish(r->queue);
        if (step == 0) continue; /* 0 is another stride */
        o.token_stride = step;
        BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "token_stride: ", "tokens that slots[0]");
    }
    for (uint32_t i = 0; i < BEAM_REQUESTS; ++i) {
        o.requests = 1;
        o.slots = &r->slots[i];
        o.token_stride = r->params[i].max_length;
        RIG_OK(RESULTS(&o));
        --o.token_stride;
        BEAM_REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "token_stride: ", "tokens that slots[0]");
    }
    RIG_OK(beam_close_all(r, r->beam));
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    o = beam_output(r); /* new requests are as short as ever */
    o.token_stride = 1;
    RIG_OK(RESULTS(&o));
}

/* --- Both -------------------------------------------------------------------------------- */

/* Queue, wait list and event of a call that is good otherwise; `call` as for beam_call. */
static void refuse_queues_and_events(const beam_rig *r, unsigned call)
{
    cl_event none[2] = {NULL, NULL}, made = (cl_event)r->queue;
    lms_context *other = NULL;
    BEAM_REFUSED(LMS_E_ARGUMENT, beam_call(r, r->beam, r->queue, call, 2, NULL, &made),
                 "num_wait: 2");
    assert_null(made);
    BEAM_REFUSED(LMS_E_ARGUMENT, beam_call(r, r->beam, r->queue, call, 0, none, NULL),
                 "num_wait: 0");
    none[0] = rig_user_event(r->context);
    BEAM_REFUSED(LMS_E_ARGUMENT, beam_call(r, r->beam, r->queue, call, 2, none, NULL),
                 "wait_list[1]: is NULL");
    rig_complete(none[0]);
    RIG_OK(lms_context_open(NULL, &other));
    BEAM_REFUSED(LMS_E_ARGUMENT,
                 beam_call(r, r->beam, lms_context_queue(other), call, 0, NULL, NULL),
                 "queue: ", "another cl_context or device");
    /* An event of another context is OpenCL's to refuse, before anything is enqueued. */
    none[0] = rig_user_event(lms_context_cl_context(other));
    made = (cl_event)r->queue;
    hook_reset();
    RIG_FAILS(CL_INVALID_CONTEXT, beam_call(r, r->beam, r->queue, call, 1, none, &made),
              "clEnqueueMarkerWithWaitList", "invalid context");
    assert_null(made);
    assert_int_equal(hook_count("clEnqueueWriteBuffer"), 0);
    assert_int_equal(hook_count("clEnqueueNDRangeKernel"), 0);
    rig_complete(none[0]);
    lms_context_destroy(other);
}

static void test_queues_and_events(void **state)
{
    refuse_queues_and_events(*state, BEAM_FIRST_STEP);
    refuse_queues_and_events(*state, BEAM_RESULTS);
    beam_assert_poisoned(*state);
}

/* No requests: the rest is not looked at, but for queue and wait list. */
static void test_no_requests(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_step_args b;
    lms_beam_results_args o;
    memset(&b, 0, sizeof b);
    memset(&o, 0, sizeof o);
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_step(r->beam, NULL, &b, 0, NULL, NULL), "queue: ");
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_step(r->beam, r->queue, &b, 1, NULL, NULL),
                 "num_wait: 1");
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_results(r->beam, NULL, &o, 0, NULL, NULL), "queue: ");
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_results(r->beam, r->queue, &o, 1, NULL, NULL),
                 "num_wait: 1");
    b.row_stride = 1;
    b.logits_rows = SIZE_MAX;
    o.max_results = UINT32_MAX;
    RIG_OK(STEP(&b));
    RIG_OK(RESULTS(&o));
    clFinish(r->queue);
    beam_assert_poisoned(r);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_all, go_on)
    const struct CMUnitTest tests[] = {
        TEST(test_step_lacks_something),
        TEST(test_slots_of_a_step),
        TEST(test_first_rows),
        TEST(test_logits_rows),
        TEST(test_row_stride),
        TEST(test_max_rows),
        TEST(test_results_lack_something),
        TEST(test_slots_of_results),
        TEST(test_max_results),
        TEST(test_token_stride),
        TEST(test_queues_and_events),
        TEST(test_no_requests),
    };
    return cmocka_run_group_tests_name("beam_arguments", tests, beam_setup, beam_teardown);
}
