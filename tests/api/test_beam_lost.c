/* An open whose writes never happen, as its wait list failed: the slot has what an earlier
 * request left in it, or nothing. The new request gets none of that, and is told so. */
#include "calls/beam_object.h"
#include "hooks.h"

#include <math.h>

enum {
    STATE_BITS = LMS_BEAM_DONE | LMS_BEAM_NOT_OPENED
};

/* As if the call were terminated: by a wait list that failed, say. (Not by one that does so in
 * earnest: pocl ends the process then.) */
static void open_in_vain(const beam_rig *r, unsigned request)
{
    hook_reset();
    hook_drop_writes();
    RIG_OK(beam_open(r, r->base.object, request));
    hook_reset();
}

/* Every request's part of a step, and of the results: those of `lost` bits had no open. */
static void assert_lost(const beam_rig *r, const beam_trace *found, unsigned step,
                        unsigned lost)
{
    for (unsigned q = 0; q < BEAM_REQUESTS; ++q) {
        if (!(lost >> q & 1)) continue;
        assert_int_equal(found->done[step][q], 1);
        assert_int_equal(found->status[step][q], STATE_BITS);
        for (unsigned row = r->first_rows[q]; row < r->first_rows[q] + r->params[q].width;
             ++row) {
            assert_int_equal(found->parents[step][row], row);
            assert_int_equal(found->tokens[step][row], LMS_NO_TOKEN);
            assert_true(found->scores[step][row] == -INFINITY);
            assert_true(found->fixed[step][row] == INT64_MIN);
        }
        assert_int_equal(found->counts[q], 0);
        for (unsigned s = q * BEAM_WIDTH; s < (q + 1) * BEAM_WIDTH; ++s) {
            assert_int_equal(found->lengths[s], 0);
            assert_true(found->ratings[s] == -INFINITY && found->logprobs[s] == -INFINITY);
            assert_int_equal(found->sequences[s][0], LMS_NO_TOKEN);
        }
    }
}

/* Steps all requests and asks for their results; then closes all. */
static void assert_all_lost(const beam_rig *r)
{
    beam_trace found;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP, BEAM_CALLS));
    assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
    for (unsigned step = 0; step < BEAM_STEPS; ++step) {
        assert_lost(r, &found, step, (1u << BEAM_REQUESTS) - 1);
    }
    RIG_OK(object_end(&r->base, r->base.object));
}

/* A slot that never had a request. */
static void test_never_used(void **state)
{
    beam_rig *const r = *state;
    void *const used = r->base.object;
    r->base.object = object_new(&r->base, &r->base.desc);
    for (unsigned q = 0; q < BEAM_REQUESTS; ++q) open_in_vain(r, q);
    assert_all_lost(r);
    object_assert_good(&r->base, r->base.object);
    lms_beam_destroy(r->base.object);
    r->base.object = used;
}

/* One that had a request just like the new one, which was closed at every point of its life. */
static void test_the_same_request_before(void **state)
{
    const beam_rig *const r = *state;
    for (unsigned steps = 0; steps <= BEAM_STEPS; ++steps) {
        RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP + steps));
        RIG_OK(object_end(&r->base, r->base.object));
        for (unsigned q = 0; q < BEAM_REQUESTS; ++q) open_in_vain(r, q);
        assert_all_lost(r);
    }
    object_assert_good(&r->base, r->base.object);
}

static void assert_as_expected(const beam_rig *r, const beam_trace *found, unsigned step,
                               unsigned request)
{
    assert_int_equal(found->status[step][request], r->expected.status[step][request]);
    for (unsigned n = 0; n < r->params[request].width; ++n) {
        const unsigned row = r->first_rows[request] + n;
        assert_true(found->tokens[step][row] == r->expected.tokens[step][row]);
        assert_true(found->fixed[step][row] == r->expected.fixed[step][row]);
    }
}

/* The other requests of a call go on as if it were not there. */
static void test_others_go_on(void **state)
{
    const beam_rig *const r = *state;
    for (unsigned lost = 0; lost < BEAM_REQUESTS; ++lost) {
        beam_trace found;
        RIG_OK(object_calls(&r->base, r->base.object, 0, BEAM_FIRST_STEP + 2));
        RIG_OK(object_end(&r->base, r->base.object));
        assert_int_equal(object_poison(&r->base), CL_SUCCESS);
        for (unsigned q = 0; q < BEAM_REQUESTS; ++q) {
            if (q == lost) {
                open_in_vain(r, q);
            } else {
                RIG_OK(object_calls(&r->base, r->base.object, q, q + 1));
            }
        }
        RIG_OK(object_calls(&r->base, r->base.object, BEAM_FIRST_STEP, BEAM_CALLS));
        assert_int_equal(object_read(&r->base, &found), CL_SUCCESS);
        for (unsigned step = 0; step < BEAM_STEPS; ++step) {
            assert_lost(r, &found, step, 1u << lost);
            for (unsigned q = 0; q < BEAM_REQUESTS; ++q) {
                if (q != lost) assert_as_expected(r, &found, step, q);
            }
        }
        RIG_OK(object_end(&r->base, r->base.object));
    }
}

/* A lost open does not stay: the slot is closed and opened again, with the write. */
static void test_opened_again(void **state)
{
    const beam_rig *const r = *state;
    open_in_vain(r, 0);
    RIG_OK(lms_beam_close(r->base.object, r->slots[0]));
    object_assert_good(&r->base, r->base.object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_used),
        cmocka_unit_test(test_the_same_request_before),
        cmocka_unit_test(test_others_go_on),
        cmocka_unit_test(test_opened_again),
    };
    return cmocka_run_group_tests_name("beam_lost", tests, beam_setup, object_teardown);
}
