/* A request's life: opened afresh, results at any time, steps when it is done, closed in
 * flight; and the end of a beam search. */
#include "beam_rig.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

/* A rig beside another one: its own buffers, and other requests. */
static void open_other(beam_rig *other, lms_context *ctx)
{
    lms_beam_desc desc = beam_desc();
    lms_beam *fresh = NULL;
    desc.max_in_flight = 64;
    beam_rig_open(other, ctx, &desc);
    beam_other_params(other);
    RIG_OK(lms_beam_create(ctx, &desc, &fresh));
    assert_int_equal(beam_poison(other), CL_SUCCESS);
    RIG_OK(beam_calls(other, fresh, 0, BEAM_CALLS));
    assert_int_equal(beam_read(other, &other->expected), CL_SUCCESS);
    lms_beam_destroy(fresh);
}

/* --- Reopening --------------------------------------------------------------------------- */

/* However far the earlier requests of the slots got. */
static void test_reopened_slots_start_afresh(void **state)
{
    const beam_rig *const r = *state;
    beam_rig other;
    open_other(&other, r->ctx);
    for (unsigned calls = BEAM_FIRST_STEP; calls <= BEAM_CALLS; ++calls) {
        RIG_OK(beam_calls(r, other.beam, 0, calls));
        RIG_OK(beam_close_all(r, other.beam));
        clFinish(r->queue);
        beam_assert_good(&other, other.beam);
        RIG_OK(beam_calls(&other, other.beam, 0, calls));
        RIG_OK(beam_close_all(&other, other.beam));
        clFinish(r->queue);
        beam_assert_good(r, other.beam);
    }
    beam_rig_close(&other);
}

/* Which slot it is makes no difference. */
static void test_any_slots(void **state)
{
    const beam_rig *const r = *state;
    static const uint32_t orders[][BEAM_REQUESTS] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; ++i) {
        beam_rig copy = *r;
        memcpy(copy.slots, orders[i], sizeof copy.slots);
        beam_assert_good(&copy, r->beam);
    }
}

/* Slots are closed, and opened for other requests, while all calls of the earlier ones wait. */
static void test_close_in_flight(void **state)
{
    const beam_rig *const r = *state;
    beam_rig other;
    open_other(&other, r->ctx);
    for (unsigned steps = 0; steps <= BEAM_STEPS; steps += BEAM_STEPS / 2) {
        beam_trace found;
        const cl_event hold = rig_user_event(r->context);
        cl_event event = NULL;
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        assert_int_equal(beam_poison(&other), CL_SUCCESS);
        RIG_OK(beam_call(r, other.beam, r->queue, 0, 1, &hold, NULL));
        RIG_OK(beam_calls(r, other.beam, 1, BEAM_FIRST_STEP + steps));
        RIG_OK(beam_calls(r, other.beam, BEAM_RESULTS, BEAM_CALLS));
        RIG_OK(beam_close_all(r, other.beam));
        RIG_OK(beam_calls(&other, other.beam, 0, BEAM_CALLS));
        RIG_OK(beam_close_all(&other, other.beam));
        RIG_OK(beam_call(r, other.beam, r->queue, 0, 0, NULL, &event));
        rig_assert_pending(event);
        rig_complete(hold);
        rig_wait(event);
        beam_assert_expected(&other);
        assert_int_equal(beam_read(r, &found), CL_SUCCESS);
        assert_memory_equal(found.fixed, r->expected.fixed, steps * sizeof found.fixed[0]);
        assert_memory_equal(found.parents, r->expected.parents,
                            steps * sizeof found.parents[0]);
        if (steps == BEAM_STEPS) beam_assert_same(&found, &r->expected);
        RIG_OK(lms_beam_close(other.beam, r->slots[0]));
    }
    beam_rig_close(&other);
}

/* --- Results ----------------------------------------------------------------------------- */

/* One empty sequence for each diversity group, and none for the rest. */
static void test_results_before_the_first_step(void **state)
{
    const beam_rig *const r = *state;
    beam_trace found;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    RIG_OK(beam_calls(r, r->beam, BEAM_RESULTS, BEAM_CALLS));
    assert_int_equal(beam_read(r, &found), CL_SUCCESS);
    for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
        assert_int_equal(found.counts[q], r->params[q].groups);
        for (size_t i = 0; i < BEAM_WIDTH; ++i) {
            const size_t s = q * BEAM_WIDTH + i;
            const bool is_there = i < r->params[q].groups;
            assert_int_equal(found.lengths[s], 0);
            assert_true(is_there ? found.ratings[s] == 0.0f : found.ratings[s] == -INFINITY);
            assert_true(is_there ? found.logprobs[s] == 0.0f : found.logprobs[s] == -INFINITY);
            for (size_t t = 0; t < BEAM_STEPS; ++t) {
                assert_int_equal(found.sequences[s][t], LMS_NO_TOKEN);
                assert_true(found.token_logprobs[s][t] == 0.0f);
                assert_int_equal(found.beams[s][t], -1);
            }
        }
    }
    /* The search goes on from there. */
    RIG_OK(beam_calls(r, r->beam, BEAM_FIRST_STEP, BEAM_CALLS));
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

/* A sequence in the midst of a search is the path that the parents and tokens of the steps so
 * far describe, when it is as long as they are many. */
static void follow(const beam_rig *r, const beam_trace *found, size_t s, unsigned steps)
{
    const size_t q = s / BEAM_WIDTH;
    const beam_trace *const e = &r->expected;
    for (unsigned t = 1; t < steps; ++t) {
        const int32_t beam = found->beams[s][t];
        assert_in_range(beam, 0, r->params[q].width - 1);
        const uint32_t row = r->first_rows[q] + (uint32_t)beam;
        assert_int_equal(found->sequences[s][t - 1], e->tokens[t - 1][row]);
        assert_int_equal(found->beams[s][t - 1] + (int32_t)r->first_rows[q],
                         e->parents[t - 1][row]);
    }
}

static void check_midway(const beam_rig *r, const beam_trace *found, unsigned steps)
{
    for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
        const uint32_t most = r->params[q].max_length;
        assert_in_range(found->counts[q], 1, r->params[q].results);
        for (size_t i = 0; i < BEAM_WIDTH; ++i) {
            const size_t s = q * BEAM_WIDTH + i, length = (size_t)found->lengths[s];
            assert_in_range(length, (int32_t)i < found->counts[q],
                            (int32_t)i >= found->counts[q] ? 0
                            : steps < most                 ? steps
                                                           : most);
            for (size_t t = 0; t < BEAM_STEPS; ++t) {
                assert_true((found->sequences[s][t] == LMS_NO_TOKEN) == (t >= length));
                assert_true((found->beams[s][t] == -1) == (t >= length));
            }
            follow(r, found, s, (unsigned)length);
        }
    }
}

static void test_results_at_any_time(void **state)
{
    const beam_rig *const r = *state;
    assert_int_equal(beam_poison(r), CL_SUCCESS);
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        beam_trace first, second;
        RIG_OK(beam_calls(r, r->beam, BEAM_FIRST_STEP + step, BEAM_FIRST_STEP + step + 1));
        RIG_OK(beam_calls(r, r->beam, BEAM_RESULTS, BEAM_CALLS));
        assert_int_equal(beam_read(r, &first), CL_SUCCESS);
        RIG_OK(beam_calls(r, r->beam, BEAM_RESULTS, BEAM_CALLS));
        assert_int_equal(beam_read(r, &second), CL_SUCCESS);
        beam_assert_same(&first, &second);
        check_midway(r, &first, step + 1);
    }
    beam_assert_expected(r);
    RIG_OK(beam_close_all(r, r->beam));
}

/* --- After the end ----------------------------------------------------------------------- */

/* All requests are done: steps give what is known, and change nothing. */
static void test_steps_of_done_requests(void **state)
{
    const beam_rig *const r = *state;
    const beam_trace *const e = &r->expected;
    RIG_OK(beam_calls(r, r->beam, 0, BEAM_RESULTS));
    clFinish(r->queue);
    for (int again = 0; again < 5; ++again) {
        beam_trace found;
        assert_int_equal(beam_poison(r), CL_SUCCESS);
        RIG_OK(beam_calls(r, r->beam, BEAM_FIRST_STEP, BEAM_CALLS));
        assert_int_equal(beam_read(r, &found), CL_SUCCESS);
        assert_memory_equal(found.sequences, e->sequences, sizeof e->sequences);
        assert_memory_equal(found.ratings, e->ratings, sizeof e->ratings);
        assert_memory_equal(found.counts, e->counts, sizeof e->counts);
        assert_memory_equal(found.lengths, e->lengths, sizeof e->lengths);
        for (size_t t = 0; t < BEAM_STEPS; ++t) {
            assert_memory_equal(found.done[t], e->done[BEAM_STEPS - 1], sizeof e->done[0]);
            for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
                assert_int_equal(found.status[t][q], e->status[BEAM_STEPS - 1][q] & 0xffff);
            }
            for (int32_t row = 0; row < BEAM_ROWS; ++row) {
                assert_int_equal(found.parents[t][row], row);
                assert_int_equal(found.tokens[t][row], LMS_NO_TOKEN);
            }
        }
    }
    RIG_OK(beam_close_all(r, r->beam));
}

/* ... and the same while others go on: that is how the expected search ends. */
static void test_done_stays_done(void **state)
{
    const beam_rig *const r = *state;
    const beam_trace *const e = &r->expected;
    for (size_t q = 0; q < BEAM_REQUESTS; ++q) {
        const size_t first = r->first_rows[q];
        for (size_t t = 1; t < BEAM_STEPS; ++t) {
            assert_true((e->status[t][q] & LMS_BEAM_DONE) == e->done[t][q]);
            if (!e->done[t - 1][q]) continue;
            assert_int_equal(e->done[t][q], 1);
            assert_int_equal(e->status[t][q], e->status[t - 1][q]);
            for (size_t n = 0; n < r->params[q].width; ++n) {
                assert_int_equal(e->parents[t][first + n], first + n);
                assert_int_equal(e->tokens[t][first + n], LMS_NO_TOKEN);
                assert_true(e->fixed[t][first + n] == e->fixed[t - 1][first + n]);
            }
        }
    }
    assert_true(e->done[BEAM_STEPS - 3][1] == 1); /* by its max_length */
}

/* --- The end of it all ------------------------------------------------------------------- */

static void test_many_lives(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    for (unsigned i = 0; i < 40; ++i) {
        lms_beam *beam = NULL;
        RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
        RIG_OK(beam_calls(r, beam, 0, i % (BEAM_CALLS + 1)));
        lms_beam_destroy(beam); /* with calls in flight */
    }
    beam_assert_good(r, r->beam);
}

/* Completes an event some time after. */
static void *complete_later(void *argument)
{
    const struct timespec pause = {0, 50000000};
    nanosleep(&pause, NULL);
    clSetUserEventStatus(*(cl_event *)argument, CL_COMPLETE);
    return NULL;
}

/* Destroying waits for the calls, however many, and however they are held. */
static void test_destroy_waits(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_desc desc = beam_desc();
    for (unsigned calls = 1; calls <= BEAM_CALLS; ++calls) {
        const cl_command_queue queue = rig_queue(r->ctx, 0);
        cl_event hold = rig_user_event(r->context), last = NULL;
        cl_int status = CL_QUEUED;
        pthread_t id;
        lms_beam *beam = NULL;
        RIG_OK(lms_beam_create(r->ctx, &desc, &beam));
        RIG_OK(beam_calls(r, beam, 0, calls - 1));
        RIG_OK(beam_call(r, beam, queue, calls - 1, 1, &hold, &last));
        assert_int_equal(pthread_create(&id, NULL, complete_later, &hold), 0);
        lms_beam_destroy(beam);
        assert_int_equal(clGetEventInfo(last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status,
                                        &status, NULL),
                         CL_SUCCESS);
        assert_int_equal(status, CL_COMPLETE);
        pthread_join(id, NULL);
        clReleaseEvent(last);
        clReleaseEvent(hold);
        clReleaseCommandQueue(queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reopened_slots_start_afresh),
        cmocka_unit_test(test_any_slots),
        cmocka_unit_test(test_close_in_flight),
        cmocka_unit_test(test_results_before_the_first_step),
        cmocka_unit_test(test_results_at_any_time),
        cmocka_unit_test(test_steps_of_done_requests),
        cmocka_unit_test(test_done_stays_done),
        cmocka_unit_test(test_many_lives),
        cmocka_unit_test(test_destroy_waits),
    };
    return cmocka_run_group_tests_name("beam_life", tests, beam_setup, beam_teardown);
}
