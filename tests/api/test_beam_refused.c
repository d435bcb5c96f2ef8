/* A call that is refused has changed nothing: searches go on between refusals as if there had
 * been none. */
#include "beam_rig.h"
#include "hooks.h"

/* Refused, whatever for, and OpenCL was only asked. */
#define REFUSED(call)                                                                          \
    do {                                                                                       \
        hook_reset();                                                                          \
        if ((call) == LMS_OK) fail_msg("%s was taken in kind %u", #call, kind);                \
        assert_null(hook_deed());                                                              \
    } while (0)

enum {
    OPENS = 9,
    STEPS = 13,
    OUTPUTS = 11
};

static void refuse_open(const beam_rig *r, unsigned kind, uint32_t slot)
{
    static const int32_t bad_ends[2] = {0, BEAM_VOCAB};
    lms_beam_params p = r->params[0];
    const lms_beam_params *given = &p;
    const int32_t *ends = r->ends;
    cl_uint num_wait = 0;
    cl_event event = NULL;
    if (kind == 0) p.filters.temperature = 0.0f;
    if (kind == 1) p.width = BEAM_WIDTH + 1;
    if (kind == 2) p.max_length = 0;
    if (kind == 3) p.reserved[1] = 1;
    if (kind == 4) ends = bad_ends;
    if (kind == 5) ends = NULL;
    if (kind == 6) given = NULL;
    if (kind == 7) num_wait = 1;
    if (kind == 8) slot = BEAM_REQUESTS;
    REFUSED(lms_beam_open(r->beam, r->queue, slot, given, ends, num_wait, NULL, &event));
    assert_null(event);
}

static void refuse_step(const beam_rig *r, unsigned kind, unsigned step)
{
    static const uint32_t overlap[] = {0, 3, 8}, twice[] = {1, 2, 1};
    static const uint32_t beyond[] = {1, 2, BEAM_REQUESTS};
    cl_uint num_wait = 0;
    cl_event event = NULL;
    lms_beam_step_args b = beam_batch(r, step);
    if (kind == 0) b.requests = BEAM_REQUESTS + 1;
    if (kind == 1) b.slots = twice;
    if (kind == 2) b.slots = beyond;
    if (kind == 3) b.first_rows = overlap;
    if (kind == 4) b.logits_rows = BEAM_ROWS - 1;
    if (kind == 5) b.row_stride = 1;
    if (kind == 6) b.logits.offset = SIZE_MAX;
    if (kind == 7) b.parents.offset += BEAM_STEPS * BEAM_ROWS;
    if (kind == 8) b.status.offset += BEAM_STEPS * BEAM_REQUESTS; /* the last to be checked */
    if (kind == 9) b.done.buffer = NULL;
    if (kind == 10) b.tokens.buffer = r->logits; /* read-only */
    if (kind == 11) num_wait = 1;
    if (kind == 12) b.slots = NULL;
    REFUSED(lms_beam_step(r->beam, r->queue, &b, num_wait, NULL, &event));
    assert_null(event);
}

static void refuse_results(const beam_rig *r, unsigned kind)
{
    static const uint32_t twice[] = {1, 2, 1}, beyond[] = {1, 2, BEAM_REQUESTS};
    cl_uint num_wait = 0;
    cl_event event = NULL;
    lms_beam_results_args o = beam_output(r);
    if (kind == 0) o.requests = BEAM_REQUESTS + 1;
    if (kind == 1) o.slots = twice;
    if (kind == 2) o.slots = beyond;
    if (kind == 3) o.max_results = BEAM_WIDTH + 1;
    if (kind == 4) o.max_results = 1;
    if (kind == 5) o.token_stride = BEAM_STEPS + 1;
    if (kind == 6) o.counts.offset = 1;
    if (kind == 7) o.beams.offset = 1; /* the last to be checked */
    if (kind == 8) o.lengths.buffer = NULL;
    if (kind == 9) o.scores.buffer = r->logits; /* read-only */
    if (kind == 10) num_wait = 1;
    REFUSED(lms_beam_results(r->beam, r->queue, &o, num_wait, NULL, &event));
    assert_null(event);
}

/* Everything that is wrong before a call of the search, whatever is open. */
static void refuse_all(const beam_rig *r, unsigned call)
{
    const unsigned step = call > BEAM_FIRST_STEP ? call - BEAM_FIRST_STEP : 0;
    unsigned kind = 0;
    for (; kind < OPENS; ++kind) refuse_open(r, kind, r->slots[kind % BEAM_REQUESTS]);
    for (kind = 0; kind < STEPS; ++kind) refuse_step(r, kind, step % BEAM_STEPS);
    for (kind = 0; kind < OUTPUTS; ++kind) refuse_results(r, kind);
    REFUSED(lms_beam_close(r->beam, BEAM_REQUESTS));
    for (unsigned i = 0; i < BEAM_REQUESTS; ++i) {
        if (i < call) {
            REFUSED(lms_beam_open(r->beam, r->queue, r->slots[i], &r->params[i], r->ends, 0,
                                  NULL, NULL));
        } else {
            REFUSED(lms_beam_close(r->beam, r->slots[i]));
        }
    }
}

static void test_a_search_between_refusals(void **state)
{
    const beam_rig *const r = *state;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    for (unsigned call = 0; call < BEAM_CALLS; ++call) {
        refuse_all(r, call);
        RIG_OK(beam_calls(r, r->beam, call, call + 1));
    }
    refuse_all(r, BEAM_CALLS);
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

/* Refused steps are no steps: sequences are as long as before. */
static void test_refused_steps_do_not_count(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_results_args o = beam_output(r);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        for (unsigned kind = 0; kind < STEPS; ++kind) refuse_step(r, kind, step);
        o.token_stride = step > 0 ? step : 1;
        RIG_OK(lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL));
        RIG_OK(beam_calls(r, r->beam, BEAM_FIRST_STEP + step, BEAM_FIRST_STEP + step + 1));
        clFinish(r->queue);
    }
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, BEAM_RESULTS, BEAM_CALLS));
    RIG_OK(beam_close_all(r, r->beam));
    beam_trace found;
    assert_int_equal(beam_read(r, &found), CL_SUCCESS);
    assert_memory_equal(found.sequences, r->expected.sequences, sizeof found.sequences);
    assert_memory_equal(found.lengths, r->expected.lengths, sizeof found.lengths);
}

/* Refused calls take no stage: as many calls as ever can be in flight afterwards. */
static void test_refused_calls_are_not_in_flight(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_desc desc = beam_desc();
    beam_rig few = *r;
    desc.max_in_flight = BEAM_CALLS;
    RIG_OK(lms_beam_create(r->ctx, &desc, &few.beam));
    const cl_event hold = rig_user_event(r->context);
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    for (unsigned call = 0; call < BEAM_CALLS; ++call) {
        refuse_all(&few, call);
        RIG_OK(
            beam_call(r, few.beam, r->queue, call, call == 0, call == 0 ? &hold : NULL, NULL));
    }
    rig_complete(hold);
    beam_assert_expected(r);
    lms_beam_destroy(few.beam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_search_between_refusals),
        cmocka_unit_test(test_refused_steps_do_not_count),
        cmocka_unit_test(test_refused_calls_are_not_in_flight),
    };
    return cmocka_run_group_tests_name("beam_refused", tests, beam_setup, beam_teardown);
}
