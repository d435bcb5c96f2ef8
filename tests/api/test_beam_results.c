/* Results of a beam search at any time, and steps of requests that are done. */
#include "calls/beam_object.h"

#include <math.h>

/* --- Results ----------------------------------------------------------------------------- */

/* One empty sequence for each diversity group, and none for the rest. */
static void test_results_before_the_first_step(void **state)
{
    const beam_rig *const r = *state;
    beam_trace found;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
    RIG_OK(object_calls(&r->base, r->base.object, BEAM_RESULTS, BEAM_CALLS));
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
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
    RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP, BEAM_CALLS));
    object_assert_expected(&r->base);
    RIG_OK(object_end(&r->base, r->base.object));
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
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP));
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        beam_trace first, second;
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP + step,
                            BEAM_FIRST_STEP + step + 1));
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_RESULTS, BEAM_CALLS));
        assert_int_equal(object_read(&r->base, &first), CL_SUCCESS);
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_RESULTS, BEAM_CALLS));
        assert_int_equal(object_read(&r->base, &second), CL_SUCCESS);
        object_assert_same(&r->base, &first, &second);
        check_midway(r, &first, step + 1);
    }
    object_assert_expected(&r->base);
    RIG_OK(object_end(&r->base, r->base.object));
}

/* --- After the end ----------------------------------------------------------------------- */

/* All requests are done: steps give what is known, and change nothing. */
static void test_steps_of_done_requests(void **state)
{
    const beam_rig *const r = *state;
    const beam_trace *const e = &r->expected;
    RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_RESULTS));
    clFinish(r->base.queue);
    for (int again = 0; again < 5; ++again) {
        beam_trace found;
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP, BEAM_CALLS));
        assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
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
    RIG_OK(object_end(&r->base, r->base.object));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results_before_the_first_step),
        cmocka_unit_test(test_results_at_any_time),
        cmocka_unit_test(test_steps_of_done_requests),
        cmocka_unit_test(test_done_stays_done),
    };
    return cmocka_run_group_tests_name("beam_results", tests, beam_setup, object_teardown);
}
