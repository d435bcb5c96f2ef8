/* Requests, and whole objects, beside others that they must not notice. */
#include "beam_rig.h"

#include <math.h>
#include <stdlib.h>

/* Each step of a request in a call of its own, the last request first. */
static void test_requests_one_by_one(void **state)
{
    const beam_rig *const r = *state;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        for (size_t q = BEAM_REQUESTS; q-- > 0;) {
            lms_beam_step_args b = beam_batch(r, step);
            b.requests = 1;
            b.slots += q;
            b.first_rows += q;
            b.done.offset += q;
            b.status.offset += q;
            RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
        }
        clFinish(r->queue);
    }
    for (size_t q = BEAM_REQUESTS; q-- > 0;) {
        lms_beam_results_args o = beam_output(r);
        lms_view *const views[] = {&o.lengths, &o.scores, &o.logprobs};
        lms_view *const wide[] = {&o.tokens, &o.token_logprobs, &o.beams};
        o.requests = 1;
        o.slots += q;
        o.counts.offset += q;
        for (size_t i = 0; i < 3; ++i) {
            views[i]->offset += q * BEAM_WIDTH;
            wide[i]->offset += q * BEAM_WIDTH * BEAM_STEPS;
        }
        RIG_OK(lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL));
    }
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

/* Requests join and leave one after the other; each is at another step, in rows far from those
 * of the others. Rows are numbered through all steps here, and so are parents. */
typedef struct visit {
    uint32_t slots[BEAM_REQUESTS], first_rows[BEAM_REQUESTS];
    uint32_t count;
} visit;

static visit who_is_there(const beam_rig *r, unsigned now, const unsigned *delays)
{
    visit v = {.count = 0};
    for (size_t i = 0; i < BEAM_REQUESTS; ++i) { /* delays rise, and so rows fall */
        const size_t q = BEAM_REQUESTS - 1 - i;
        if (now < delays[q] || now >= delays[q] + BEAM_STEPS) continue;
        v.slots[v.count] = r->slots[q];
        v.first_rows[v.count++] = (now - delays[q]) * BEAM_ROWS + r->first_rows[q];
    }
    return v;
}

static void test_requests_join_and_leave(void **state)
{
    static const unsigned delays[BEAM_REQUESTS] = {0, 2, 5};
    const beam_rig *const r = *state;
    beam_trace found;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    for (unsigned now = 0; now < BEAM_STEPS + 5; ++now) {
        for (unsigned q = 0; q < BEAM_REQUESTS; ++q) {
            if (now == delays[q]) RIG_OK(beam_open(r, r->beam, r->queue, q, 0, NULL, NULL));
        }
        const visit v = who_is_there(r, now, delays);
        lms_beam_step_args b = beam_batch(r, 0);
        b.requests = v.count;
        b.slots = v.slots;
        b.first_rows = v.first_rows;
        b.logits_rows = BEAM_STEPS * BEAM_ROWS;
        RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
        clFinish(r->queue);
    }
    RIG_OK(beam_calls(r, r->beam, BEAM_RESULTS, BEAM_CALLS));
    assert_int_equal(beam_read(r, &found), CL_SUCCESS);
    for (int32_t t = 0; t < BEAM_STEPS; ++t) {
        for (size_t row = 0; row < BEAM_ROWS; ++row) found.parents[t][row] -= t * BEAM_ROWS;
    }
    /* These are numbered by the requests of a call. */
    memcpy(found.done, r->expected.done, sizeof found.done);
    memcpy(found.status, r->expected.status, sizeof found.status);
    beam_assert_same(&found, &r->expected);
    RIG_OK(beam_close_all(r, r->beam));
}

/* A slot changes hands while the others go on. */
static void test_a_slot_changes_hands(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(2);
    beam_trace found;
    p.max_length = 2;
    p.mode = LMS_BEAM_SAMPLE;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        RIG_OK(beam_calls(r, r->beam, BEAM_FIRST_STEP + step, BEAM_FIRST_STEP + step + 1));
        RIG_OK(lms_beam_close(r->beam, r->slots[1]));
        p.seed = step;
        RIG_OK(lms_beam_open(r->beam, r->queue, r->slots[1], &p, NULL, 0, NULL, NULL));
        clFinish(r->queue);
    }
    RIG_OK(beam_calls(r, r->beam, BEAM_RESULTS, BEAM_CALLS));
    assert_int_equal(beam_read(r, &found), CL_SUCCESS);
    for (size_t t = 0; t < BEAM_STEPS; ++t) {
        for (size_t row = 0; row < BEAM_ROWS; ++row) {
            if (row >= r->first_rows[1] && row < r->first_rows[2]) continue;
            assert_true(found.fixed[t][row] == r->expected.fixed[t][row]);
            assert_int_equal(found.tokens[t][row], r->expected.tokens[t][row]);
        }
    }
    for (size_t s = 0; s < BEAM_SEQUENCES; ++s) {
        if (s / BEAM_WIDTH == 1) continue;
        assert_memory_equal(found.sequences[s], r->expected.sequences[s],
                            sizeof found.sequences[s]);
    }
    RIG_OK(beam_close_all(r, r->beam));
}

/* Only live beams are read: the first row of each request in its first step, and later none of
 * those that have no token. */
static void test_rows_that_are_not_read(void **state)
{
    const beam_rig *const r = *state;
    const size_t count = (size_t)BEAM_STEPS * BEAM_ROWS * BEAM_VOCAB;
    float *const values = malloc(count * sizeof *values);
    beam_rig copy = *r;
    assert_non_null(values);
    assert_int_equal(clEnqueueReadBuffer(r->queue, r->logits, CL_TRUE, 0,
                                         count * sizeof *values, values, 0, NULL, NULL),
                     CL_SUCCESS);
    for (size_t i = 0; i < count; ++i) {
        const size_t step = i / BEAM_VOCAB / BEAM_ROWS, row = i / BEAM_VOCAB % BEAM_ROWS;
        const bool is_first = row % BEAM_WIDTH == 0; /* of its request */
        const bool is_read =
            step == 0 ? is_first : r->expected.tokens[step - 1][row] != LMS_NO_TOKEN;
        if (!is_read) values[i] = NAN;
    }
    copy.logits = clCreateBuffer(r->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                 count * sizeof *values, values, NULL);
    assert_non_null(copy.logits);
    free(values);
    beam_assert_good(&copy, r->beam);
    clReleaseMemObject(copy.logits);
}

/* What an object has room for makes no difference to its requests. */
static void test_room_to_spare(void **state)
{
    static const lms_beam_desc all[] = {
        {.max_requests = 5, .max_width = 4, .max_length = 8, .max_end_tokens = 2},
        {.max_requests = 3, .max_width = 9, .max_length = 8, .max_end_tokens = 2},
        {.max_requests = 3, .max_width = 4, .max_length = 50, .max_end_tokens = 2},
        {.max_requests = 3, .max_width = 4, .max_length = 8, .max_end_tokens = 70},
        {.max_requests = 9, .max_width = 8, .max_length = 9, .max_end_tokens = 3},
    };
    const beam_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_beam_desc desc = all[i];
        lms_beam *beam = NULL;
        lms_beam_results_args o = beam_output(r);
        desc.vocab = BEAM_VOCAB;
        desc.logits = LMS_FLOAT32;
        desc.max_in_flight = BEAM_CALLS;
        o.token_stride = BEAM_STEPS;
        RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        RIG_OK(beam_calls(r, beam, 0, BEAM_RESULTS));
        RIG_OK(lms_beam_results(beam, r->queue, &o, 0, NULL, NULL));
        beam_assert_expected(r);
        lms_beam_destroy(beam);
    }
}

/* --- Objects on one context -------------------------------------------------------------- */

/* A sampler's tokens, of the first rows of the logits. */
static void sample(const beam_rig *r, lms_sampler *sampler, cl_mem tokens)
{
    lms_row_params params[BEAM_ROWS];
    lms_sampler_run_args b;
    memset(&b, 0, sizeof b);
    for (uint32_t i = 0; i < BEAM_ROWS; ++i) {
        const lms_row_params p = LMS_ROW_PARAMS_INIT;
        params[i] = p;
        params[i].seed = i;
    }
    b.rows = BEAM_ROWS;
    b.logits.buffer = r->logits;
    b.params = params;
    b.tokens.buffer = tokens;
    RIG_OK(lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL));
}

/* Two beam searches and a sampler in turns, on one queue. */
static void test_objects_on_one_context(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    const lms_sampler_desc sampler_desc = {.vocab = BEAM_VOCAB,
                                           .max_rows = BEAM_ROWS,
                                           .logits = LMS_FLOAT32,
                                           .max_in_flight = BEAM_CALLS};
    beam_rig second;
    lms_sampler *sampler = NULL;
    int32_t expected[BEAM_ROWS], found[BEAM_ROWS];
    const cl_mem tokens = rig_buffer(r->context, CL_MEM_READ_WRITE, sizeof found);
    beam_rig_open(&second, r->ctx, &desc);
    RIG_OK(lms_sampler_create(r->ctx, &sampler_desc, &sampler));
    sample(r, sampler, tokens);
    clEnqueueReadBuffer(r->queue, tokens, CL_TRUE, 0, sizeof expected, expected, 0, NULL, NULL);
    for (unsigned lead = 0; lead < 4; ++lead) {
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        assert_int_equal(beam_poison(&second), CL_SUCCESS);
        for (unsigned call = 0; call < BEAM_CALLS + lead; ++call) {
            if (call < BEAM_CALLS) RIG_OK(beam_calls(r, r->beam, call, call + 1));
            sample(r, sampler, tokens);
            if (call >= lead) {
                RIG_OK(beam_calls(&second, second.beam, call - lead, call - lead + 1));
            }
            if (call % 8 == 7) clFinish(r->queue);
        }
        beam_assert_expected(r);
        beam_assert_expected(&second);
        clEnqueueReadBuffer(r->queue, tokens, CL_TRUE, 0, sizeof found, found, 0, NULL, NULL);
        assert_memory_equal(found, expected, sizeof found);
        RIG_OK(beam_close_all(r, r->beam));
        RIG_OK(beam_close_all(&second, second.beam));
    }
    lms_sampler_destroy(sampler);
    beam_rig_close(&second);
    clReleaseMemObject(tokens);
    beam_assert_good(r, r->beam);
}

/* A slot that is open in one is not open in the other. */
static void test_slots_are_an_objects_own(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    lms_beam *second = NULL;
    RIG_OK(lms_beam_create(r->ctx, &desc, &second));
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    RIG_FAILS(LMS_E_SLOT, lms_beam_close(second, r->slots[0]), "not open");
    RIG_FAILS(LMS_E_SLOT, beam_calls(r, second, BEAM_FIRST_STEP, BEAM_CALLS), "not open");
    RIG_OK(beam_calls(r, second, 0, 1));
    RIG_OK(beam_close_all(r, r->beam));
    RIG_OK(lms_beam_close(second, r->slots[0]));
    lms_beam_destroy(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_one_by_one),
        cmocka_unit_test(test_requests_join_and_leave),
        cmocka_unit_test(test_a_slot_changes_hands),
        cmocka_unit_test(test_rows_that_are_not_read),
        cmocka_unit_test(test_room_to_spare),
        cmocka_unit_test(test_objects_on_one_context),
        cmocka_unit_test(test_slots_are_an_objects_own),
    };
    return cmocka_run_group_tests_name("beam_company", tests, beam_setup, beam_teardown);
}
