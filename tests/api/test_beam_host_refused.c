/* What the calls of a beam search on arrays refuse, and calls in flight before them. */
#include "beam_host_rig.h"

#define REFUSES(call, code, change, ...)                                                       \
    do {                                                                                       \
        h = good;                                                                              \
        h.change;                                                                              \
        RIG_FAILS((code), call(beam, &h), __VA_ARGS__);                                        \
    } while (0)

static void refuse_steps(const beam_rig *r, const arrays *a)
{
    static const uint32_t twice[] = {1, 1, 2}, beyond[] = {1, 2, 3}, overlap[] = {0, 3, 8};
    static const lms_tables tables = {0};
    lms_beam *const beam = r->base.object;
    const lms_beam_step_host_args good = step_args(r, a);
    lms_beam_step_host_args h;
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_step_host(NULL, &good), "beam: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_step_host(beam, NULL), "batch: is NULL");
#define STEP(code, change, ...) REFUSES(lms_beam_step_host, code, change, __VA_ARGS__)
    STEP(LMS_E_ARGUMENT, requests = 4, "requests: 4", "max_requests (3)");
    STEP(LMS_E_ARGUMENT, slots = NULL, "slots: is NULL");
    STEP(LMS_E_SLOT, slots = twice, "slots[1]: 1 is there twice");
    STEP(LMS_E_SLOT, slots = beyond, "slots[2]: 3");
    STEP(LMS_E_ARGUMENT, first_rows = overlap, "first_rows[1]: 3 is a row of the request");
    STEP(LMS_E_ARGUMENT, logits = NULL, "logits: is NULL");
    STEP(LMS_E_ARGUMENT, row_stride = 299, "row_stride: 299", "vocab (300)");
    STEP(LMS_E_ARGUMENT, row_stride = SIZE_MAX, "row_stride: 11 rows of 18446744073709551615",
         "overflow");
    STEP(LMS_E_ARGUMENT, row_stride = SIZE_MAX / 88, "row_stride: 11 rows of", "overflow");
    STEP(LMS_E_BUFFER_SIZE, row_stride = SIZE_MAX / 2 / 4 / 12, "logits: 11 rows have",
         "the device allocates at most");
    STEP(LMS_E_ARGUMENT, logits_rows = 10, "logits_rows: 10", "11 that slots[2] needs");
    STEP(LMS_E_ARGUMENT, logits_rows = SIZE_MAX, "logits_rows: ", "2^31");
    STEP(LMS_E_BUFFER_SIZE, logits_rows = (size_t)1 << 31, ": 2147483648 rows have");
    STEP(LMS_E_ARGUMENT, parents = NULL, "parents: is NULL");
    STEP(LMS_E_ARGUMENT, tokens = NULL, "tokens: is NULL");
    STEP(LMS_E_ARGUMENT, done = NULL, "done: is NULL");
    STEP(LMS_E_ARGUMENT, tables = &tables,
         "tables: are given, but the object was made without");
    STEP(LMS_E_ARGUMENT, row_requests = (const lms_request *)(const void *)a->logits,
         "row_requests: are given, but the object was made without");
#undef STEP
}

static void refuse_results(const beam_rig *r, const arrays *a)
{
    static const uint32_t twice[] = {1, 1, 2};
    lms_beam *const beam = r->base.object;
    const lms_beam_results_host_args good = results_args(r, a);
    lms_beam_results_host_args h;
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_results_host(NULL, &good), "beam: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_results_host(beam, NULL), "output: is NULL");
#define RESULTS(code, change, ...) REFUSES(lms_beam_results_host, code, change, __VA_ARGS__)
    RESULTS(LMS_E_ARGUMENT, requests = 4, "requests: 4", "max_requests (3)");
    RESULTS(LMS_E_ARGUMENT, slots = NULL, "slots: is NULL");
    RESULTS(LMS_E_SLOT, slots = twice, "slots[1]: 1 is there twice");
    RESULTS(LMS_E_ARGUMENT, max_results = 0, "max_results: 0 is less than the 2 results");
    RESULTS(LMS_E_ARGUMENT, max_results = 5, "max_results: 5", "max_width (4)");
    RESULTS(LMS_E_ARGUMENT, token_stride = SIZE_MAX, "token_stride: 12 rows of", "overflow");
    RESULTS(LMS_E_ARGUMENT, token_stride = SIZE_MAX / 96, "token_stride: 12 rows of",
            "overflow");
    RESULTS(LMS_E_ARGUMENT, counts = NULL, "counts: is NULL");
    RESULTS(LMS_E_ARGUMENT, lengths = NULL, "lengths: is NULL");
    RESULTS(LMS_E_ARGUMENT, tokens = NULL, "tokens: is NULL");
#undef RESULTS
}

static void test_refused(void **state)
{
    static const lms_beam_step_host_args no_step = {.requests = 0};
    static const lms_beam_results_host_args no_results = {.requests = 0};
    const beam_rig *const r = *state;
    lms_beam *const beam = r->base.object;
    arrays a = arrays_new(r, BEAM_ROWS);
    lms_beam_params bad = r->params[0];
    a.logits = logits_of(r, 0, r->first_rows, BEAM_ROWS, 0);
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_open_host(NULL, 0, &bad, r->ends), "beam: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_open_host(beam, 0, NULL, r->ends), "params: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, lms_beam_open_host(beam, 0, &bad, NULL), "end_tokens: is NULL");
    RIG_FAILS(LMS_E_SLOT, lms_beam_open_host(beam, 3, &bad, r->ends), "slot: 3");
    bad.width = 5;
    RIG_FAILS(LMS_E_BEAM_PARAMS, lms_beam_open_host(beam, 0, &bad, r->ends), "params.width: 5");
    const lms_beam_step_host_args good = step_args(r, &a);
    RIG_FAILS(LMS_E_SLOT, lms_beam_step_host(beam, &good), "slots[0]: 1 is not open");
    open_all(r, beam);
    refuse_steps(r, &a);
    refuse_results(r, &a);
    RIG_OK(lms_beam_step_host(beam, &no_step));
    RIG_OK(lms_beam_results_host(beam, &no_results));
    assert_true(is_poison(a.parents, BEAM_ROWS * 4) && is_poison(a.done, BEAM_REQUESTS * 4) &&
                is_poison(a.counts, BEAM_REQUESTS * 4));
    /* Nothing has changed: it goes on. */
    RIG_OK(lms_beam_step_host(beam, &good));
    assert_step(r, &a, 0, r->first_rows);
    arrays_free(&a);
    RIG_OK(object_end(&r->base, beam));
}

/* After calls that are not waited for, and with all of them in flight. */
static void test_beside_calls_in_flight(void **state)
{
    object_desc desc = {.beam = beam_desc()};
    desc.beam.max_in_flight = BEAM_REQUESTS;
    const beam_rig *const r = *state;
    lms_beam *const beam = object_new(&r->base, &desc);
    const cl_event hold = rig_user_event(r->base.context);
    arrays a = arrays_new(r, BEAM_ROWS);
    a.logits = logits_of(r, 0, r->first_rows, BEAM_ROWS, 0);
    const lms_beam_step_host_args good = step_args(r, &a);
    for (unsigned q = 0; q < BEAM_REQUESTS; ++q) {
        RIG_OK(
            object_call(&r->base, beam, r->base.queue, q, q == 0, q == 0 ? &hold : NULL, NULL));
    }
    RIG_FAILS(LMS_E_BUSY, lms_beam_step_host(beam, &good), "max_in_flight: 3");
    assert_true(is_poison(a.parents, BEAM_ROWS * 4));
    rig_complete(hold);
    clFinish(r->base.queue);
    RIG_OK(lms_beam_step_host(beam, &good));
    assert_step(r, &a, 0, r->first_rows);
    arrays_free(&a);
    lms_beam_destroy(beam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_beside_calls_in_flight),
    };
    return cmocka_run_group_tests_name("beam search on arrays, refused", tests, beam_setup,
                                       object_teardown);
}
