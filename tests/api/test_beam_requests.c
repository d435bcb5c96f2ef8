/* Which requests a beam search takes in a call, and how much of buffers they need: rules of its
 * own, beside those of all calls. */
#include "calls/beam_object.h"
#include "faults.h"
#include "hooks.h"

#define STEP(batch) lms_beam_step(r->base.object, r->base.queue, (batch), 0, NULL, NULL)
#define RESULTS(output) lms_beam_results(r->base.object, r->base.queue, (output), 0, NULL, NULL)

#define REFUSED(code, call, ...)                                                               \
    OBJECT_REFUSED(&r->base, r->base.object, code, call, __VA_ARGS__)

/* Every test begins with open requests, ... */
static int open_all(void **state)
{
    const beam_rig *const r = *state;
    hook_reset();
    if (object_poison(&r->base) != CL_SUCCESS) return -1;
    return object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP) == LMS_OK ? 0 : -1;
}

/* ... whose search is as ever, after all those refusals. */
static int go_on(void **state)
{
    const beam_rig *const r = *state;
    beam_trace found;
    const bool is_good =
        object_calls(&r->base, r->base.object, BEAM_FIRST_STEP, BEAM_CALLS) == LMS_OK &&
        object_read(&r->base, &found) == CL_SUCCESS &&
        object_difference(&r->base, &found, &r->expected) == NULL;
    return object_end(&r->base, r->base.object) == LMS_OK && is_good ? 0 : -1;
}

/* Where other searches are made of the requests, they are just closed. */
static int close_all(void **state)
{
    const beam_rig *const r = *state;
    return object_end(&r->base, r->base.object) == LMS_OK ? 0 : -1;
}

/* --- Steps ------------------------------------------------------------------------------- */

static void test_closed_slots(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_step_args b = beam_step_args(r, 0);
    const lms_beam_results_args o = beam_results_args(r);
    RIG_OK(lms_beam_close(r->base.object, r->slots[1]));
    REFUSED(LMS_E_SLOT, STEP(&b), "slots[1]: 2 is not open");
    REFUSED(LMS_E_SLOT, RESULTS(&o), "slots[1]: 2 is not open");
    RIG_OK(beam_open(r, r->base.object, 1));
}

/* Widths that each fit, and do not all at once. */
static void test_max_rows(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(4);
    lms_beam_step_args b = beam_step_args(r, 0);
    p.max_length = 1;
    RIG_OK(lms_beam_close(r->base.object, r->slots[2]));
    RIG_OK(lms_beam_open(r->base.object, r->base.queue, r->slots[2], &p, NULL, 0, NULL, NULL));
    b.logits_rows = 0;
    REFUSED(LMS_E_ARGUMENT, STEP(&b), "requests: ", "12 beams", "max_rows (11)");
    RIG_OK(lms_beam_close(r->base.object, r->slots[2]));
    RIG_OK(beam_open(r, r->base.object, 2));
}

/* --- Results ----------------------------------------------------------------------------- */

/* The results of requests that are not in the call do not count. */
static void test_max_results(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_results_args o = beam_results_args(r);
    o.requests = 1;
    o.max_results = 2;
    RIG_OK(RESULTS(&o));
}

/* Sequences are never longer than there were steps, nor than a request may get. */
static void test_token_stride(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_results_args o = beam_results_args(r);
    o.token_stride = 1;
    RIG_OK(RESULTS(&o));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP + step,
                            BEAM_FIRST_STEP + step + 1));
        o = beam_results_args(r);
        o.token_stride = step + 1;
        RIG_OK(RESULTS(&o));
        clFinish(r->base.queue);
        if (step == 0) continue; /* 0 is another stride */
        o.token_stride = step;
        REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "token_stride: ", "tokens that slots[0]");
    }
    for (uint32_t i = 0; i < BEAM_REQUESTS; ++i) {
        o.requests = 1;
        o.slots = &r->slots[i];
        o.token_stride = r->params[i].max_length;
        RIG_OK(RESULTS(&o));
        --o.token_stride;
        REFUSED(LMS_E_ARGUMENT, RESULTS(&o), "token_stride: ", "tokens that slots[0]");
    }
    RIG_OK(object_end(&r->base, r->base.object));
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
    o = beam_results_args(r); /* new requests are as short as ever */
    o.token_stride = 1;
    RIG_OK(RESULTS(&o));
}

/* --- Buffers ----------------------------------------------------------------------------- */

/* The rows of logits are also those of what comes by rows; the last stride need not be there
 * whole. */
static void test_logits_rows_decide(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_step_args b = beam_step_args(r, BEAM_STEPS - 1); /* all buffers end with it */
    RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    b.logits_rows = BEAM_ROWS + 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE,
              lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL),
              "logits: ", "(12 rows - 1) * stride 300", "the buffer has 105600");
    b.logits.offset = 0;
    RIG_FAILS(LMS_E_BUFFER_SIZE,
              lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL),
              "parents: offset 77 + (12 rows - 1)", "need 356 bytes", "has 352");
    b = beam_step_args(r, BEAM_STEPS - 1);
    b.logits_rows = 0; /* as many as the requests need */
    RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    b.first_rows = NULL; /* by max_width */
    RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    b.requests = 1;
    b.logits_rows = BEAM_WIDTH;
    b.logits.offset += (BEAM_ROWS - BEAM_WIDTH) * BEAM_VOCAB;
    RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    b.logits_rows = BEAM_WIDTH + 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE,
              lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL),
              "logits: ", "(5 rows - 1)");
    clFinish(r->base.queue);
}

/* A stride that is less than max_length is all that is touched of a sequence. */
static void test_short_token_stride(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_results_args o = beam_results_args(r);
    for (size_t less = 0; less < 2; ++less) {
        const size_t bytes = BEAM_SEQUENCES * sizeof(cl_int) - less;
        o.token_stride = 1;
        o.tokens.buffer = rig_buffer(r->base.context, CL_MEM_READ_WRITE, bytes);
        const lms_status status =
            lms_beam_results(r->base.object, r->base.queue, &o, 0, NULL, NULL);
        if (less == 0) {
            RIG_OK(status);
        } else {
            RIG_FAILS(LMS_E_BUFFER_SIZE, status, "tokens: ", "(12 rows - 1) * stride 1 + 1");
        }
        clFinish(r->base.queue);
        clReleaseMemObject(o.tokens.buffer);
    }
}

/* One sequence needs none of its stride. */
static void test_lonely_sequence(void **state)
{
    const beam_rig *const r = *state;
    const uint32_t slot = r->slots[0];
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(1);
    lms_beam_results_args o = beam_results_args(r);
    params.max_length = 1;
    RIG_OK(lms_beam_close(r->base.object, slot));
    RIG_OK(lms_beam_open(r->base.object, r->base.queue, slot, &params, NULL, 0, NULL, NULL));
    o.requests = 1;
    o.max_results = 1;
    o.token_stride = SIZE_MAX;
    RIG_OK(lms_beam_results(r->base.object, r->base.queue, &o, 0, NULL, NULL));
    clFinish(r->base.queue);
}

/* --- Calls that do not count ------------------------------------------------------------- */

/* Steps that were refused, or that failed, are none: sequences are as long as before. */
static void test_refused_and_failed_steps_do_not_count(void **state)
{
    const beam_rig *const r = *state;
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        lms_beam_step_args b = beam_step_args(r, step);
        lms_beam_results_args o = beam_results_args(r);
        b.row_stride = 1;
        REFUSED(LMS_E_ARGUMENT, STEP(&b), "row_stride: 1");
        b = beam_step_args(r, step);
        for (unsigned nth = 1; nth <= 3; ++nth) {
            hook_reset();
            hook_fail("clEnqueueNDRangeKernel", nth, INJECTED);
            RIG_FAILS(INJECTED, STEP(&b), "clEnqueueNDRangeKernel");
        }
        hook_reset();
        o.token_stride = step > 0 ? step : 1;
        RIG_OK(RESULTS(&o));
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP + step,
                            BEAM_FIRST_STEP + step + 1));
        clFinish(r->base.queue);
    }
    RIG_OK(object_end(&r->base, r->base.object));
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
}

/* A failed open leaves its slot closed. */
static void test_failed_opens_do_not_count(void **state)
{
    const beam_rig *const r = *state;
    RIG_OK(lms_beam_close(r->base.object, r->slots[0]));
    for (unsigned nth = 1; nth <= 2; ++nth) {
        hook_reset();
        hook_fail("clEnqueueWriteBuffer", nth, INJECTED);
        RIG_FAILS(INJECTED, beam_open(r, r->base.object, 0), "clEnqueueWriteBuffer");
        hook_reset();
        RIG_FAILS(LMS_E_SLOT, lms_beam_close(r->base.object, r->slots[0]), "not open");
    }
    RIG_OK(beam_open(r, r->base.object, 0));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, open_all, go_on)
#define TEST_OF(function) cmocka_unit_test_setup_teardown(function, open_all, close_all)
    const struct CMUnitTest tests[] = {
        TEST(test_closed_slots),
        TEST(test_max_rows),
        TEST(test_max_results),
        TEST(test_token_stride),
        TEST_OF(test_logits_rows_decide),
        TEST_OF(test_short_token_stride),
        TEST_OF(test_lonely_sequence),
        TEST(test_refused_and_failed_steps_do_not_count),
        TEST(test_failed_opens_do_not_count),
    };
    return cmocka_run_group_tests_name("beam_requests", tests, beam_setup, object_teardown);
}
