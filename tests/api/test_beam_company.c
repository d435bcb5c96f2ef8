/* Requests, and whole objects, beside others that they must not notice. */
#include "calls/beam_object.h"

#include <math.h>
#include <stdlib.h>

/* Each step of a request in a call of its own, the last request first. */
static void test_requests_one_by_one(void **state)
{
    const beam_rig *const r = *state;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        for (size_t q = BEAM_REQUESTS; q-- > 0;) {
            lms_beam_step_args b = beam_step_args(r, step);
            b.requests = 1;
            b.slots += q;
            b.first_rows += q;
            b.done.offset += q;
            b.status.offset += q;
            RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
        }
        clFinish(r->base.queue);
    }
    for (size_t q = BEAM_REQUESTS; q-- > 0;) {
        lms_beam_results_args o = beam_results_args(r);
        lms_view *const views[] = {&o.lengths, &o.scores, &o.logprobs};
        lms_view *const wide[] = {&o.tokens, &o.token_logprobs, &o.beams};
        o.requests = 1;
        o.slots += q;
        o.counts.offset += q;
        for (size_t i = 0; i < 3; ++i) {
            views[i]->offset += q * BEAM_WIDTH;
            wide[i]->offset += q * BEAM_WIDTH * BEAM_STEPS;
        }
        RIG_OK(lms_beam_results(r->base.object, r->base.queue, &o, 0, NULL, NULL));
    }
    object_assert_expected(&r->base);
    RIG_OK(object_end(&r->base, r->base.object));
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
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    for (unsigned now = 0; now < BEAM_STEPS + 5; ++now) {
        for (unsigned q = 0; q < BEAM_REQUESTS; ++q) {
            if (now == delays[q]) RIG_OK(beam_open(r, r->base.object, q));
        }
        const visit v = who_is_there(r, now, delays);
        lms_beam_step_args b = beam_step_args(r, 0);
        b.requests = v.count;
        b.slots = v.slots;
        b.first_rows = v.first_rows;
        b.logits_rows = BEAM_STEPS * BEAM_ROWS;
        RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
        clFinish(r->base.queue);
    }
    RIG_OK(object_calls(&r->base, r->base.object, BEAM_RESULTS, BEAM_CALLS));
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
    for (int32_t t = 0; t < BEAM_STEPS; ++t) {
        for (size_t row = 0; row < BEAM_ROWS; ++row) found.parents[t][row] -= t * BEAM_ROWS;
    }
    /* These are numbered by the requests of a call. */
    memcpy(found.done, r->expected.done, sizeof found.done);
    memcpy(found.status, r->expected.status, sizeof found.status);
    object_assert_same(&r->base, &found, &r->expected);
    RIG_OK(object_end(&r->base, r->base.object));
}

/* A slot changes hands while the others go on. */
static void test_a_slot_changes_hands(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(2);
    beam_trace found;
    p.max_length = 2;
    p.mode = LMS_BEAM_SAMPLE;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP + step,
                            BEAM_FIRST_STEP + step + 1));
        RIG_OK(lms_beam_close(r->base.object, r->slots[1]));
        p.seed = step;
        RIG_OK(
            lms_beam_open(r->base.object, r->base.queue, r->slots[1], &p, NULL, 0, NULL, NULL));
        clFinish(r->base.queue);
    }
    RIG_OK(object_calls(&r->base, r->base.object, BEAM_RESULTS, BEAM_CALLS));
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
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
    RIG_OK(object_end(&r->base, r->base.object));
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
    assert_int_equal(clEnqueueReadBuffer(r->base.queue, r->logits, CL_TRUE, 0,
                                         count * sizeof *values, values, 0, NULL, NULL),
                     CL_SUCCESS);
    for (size_t i = 0; i < count; ++i) {
        const size_t step = i / BEAM_VOCAB / BEAM_ROWS, row = i / BEAM_VOCAB % BEAM_ROWS;
        const bool is_first = row % BEAM_WIDTH == 0; /* of its request */
        const bool is_read =
            step == 0 ? is_first : r->expected.tokens[step - 1][row] != LMS_NO_TOKEN;
        if (!is_read) values[i] = NAN;
    }
    copy.logits = clCreateBuffer(r->base.context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR,
                                 count * sizeof *values, values, NULL);
    assert_non_null(copy.logits);
    free(values);
    object_assert_good(&copy.base, r->base.object);
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
        lms_beam_results_args o = beam_results_args(r);
        desc.vocab = BEAM_VOCAB;
        desc.logits = LMS_FLOAT32;
        desc.max_in_flight = BEAM_CALLS;
        o.token_stride = BEAM_STEPS;
        RIG_OK(lms_beam_create(r->base.ctx, &desc, &beam));
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        RIG_OK(object_calls(&r->base, beam, 0, BEAM_RESULTS));
        RIG_OK(lms_beam_results(beam, r->base.queue, &o, 0, NULL, NULL));
        object_assert_expected(&r->base);
        lms_beam_destroy(beam);
    }
}

/* --- Objects on one context -------------------------------------------------------------- */

/* A slot that is open in one is not open in the other. */
static void test_slots_are_an_objects_own(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    lms_beam *second = NULL;
    RIG_OK(lms_beam_create(r->base.ctx, &desc, &second));
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
    RIG_FAILS(LMS_E_SLOT, lms_beam_close(second, r->slots[0]), "not open");
    RIG_FAILS(LMS_E_SLOT, object_calls(&r->base, second, BEAM_FIRST_STEP, BEAM_CALLS),
              "not open");
    RIG_OK(object_calls(&r->base, second, 0, 1));
    RIG_OK(object_end(&r->base, r->base.object));
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
        cmocka_unit_test(test_slots_are_an_objects_own),
    };
    return cmocka_run_group_tests_name("beam_company", tests, beam_setup, object_teardown);
}
