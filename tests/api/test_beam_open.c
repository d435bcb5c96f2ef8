/* Slots of a beam search that are opened and closed, and what lms_beam_open takes. */
#include "calls/beam_object.h"
#include "hooks.h"

#include <float.h>
#include <math.h>

#define OPEN(slot, params, ends)                                                               \
    lms_beam_open(r->base.object, r->base.queue, (slot), (params), (ends), 0, NULL, NULL)
#define REFUSED(code, call, ...)                                                               \
    OBJECT_REFUSED(&r->base, r->base.object, code, call, __VA_ARGS__)

static lms_beam_params good_params(void)
{
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(4);
    p.max_length = 2;
    return p;
}

static void test_slots(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_params p = good_params();
    REFUSED(LMS_E_SLOT, OPEN(BEAM_REQUESTS, &p, NULL), "slot: 3", "max_requests (3)");
    REFUSED(LMS_E_SLOT, OPEN(UINT32_MAX, &p, NULL), "slot: 4294967295", "max_requests (3)");
    for (uint32_t slot = 0; slot < BEAM_REQUESTS; ++slot) RIG_OK(OPEN(slot, &p, NULL));
    for (uint32_t slot = 0; slot < BEAM_REQUESTS; ++slot) {
        REFUSED(LMS_E_SLOT, OPEN(slot, &p, NULL), "slot: ", "open already");
    }
    for (uint32_t slot = 0; slot < BEAM_REQUESTS; ++slot) {
        RIG_OK(lms_beam_close(r->base.object, slot));
    }
    object_assert_good(&r->base, r->base.object);
}

static void test_close(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_params p = good_params();
    REFUSED(LMS_E_ARGUMENT, lms_beam_close(NULL, 0), "beam: is NULL");
    REFUSED(LMS_E_SLOT, lms_beam_close(r->base.object, BEAM_REQUESTS), "slot: 3",
            "max_requests (3)");
    REFUSED(LMS_E_SLOT, lms_beam_close(r->base.object, UINT32_MAX), "slot: 4294967295");
    REFUSED(LMS_E_SLOT, lms_beam_close(r->base.object, 2), "slot: 2 is not open");
    RIG_OK(OPEN(2, &p, NULL));
    REFUSED(LMS_E_SLOT, lms_beam_close(r->base.object, 1), "slot: 1 is not open");
    hook_reset();
    RIG_OK(lms_beam_close(r->base.object, 2));
    for (unsigned i = 0; hook_name(i) != NULL; ++i) {
        assert_int_equal(hook_count(hook_name(i)), 0);
    }
    REFUSED(LMS_E_SLOT, lms_beam_close(r->base.object, 2), "slot: 2 is not open");
}

/* --- Parameters -------------------------------------------------------------------------- */

/* Opened, a step, and a result. */
static void accept(const beam_rig *r, const lms_beam_params *p, const int32_t *ends)
{
    const uint32_t slot = 2;
    int32_t count = 0;
    lms_beam_step_args b = beam_step_args(r, 0);
    lms_beam_results_args o = beam_results_args(r);
    b.requests = o.requests = 1;
    b.slots = o.slots = &slot;
    RIG_OK(OPEN(slot, p, ends));
    RIG_OK(lms_beam_step(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    RIG_OK(lms_beam_results(r->base.object, r->base.queue, &o, 0, NULL, NULL));
    RIG_OK(lms_beam_close(r->base.object, slot));
    assert_int_equal(clEnqueueReadBuffer(r->base.queue, r->counts, CL_TRUE, 0, sizeof count,
                                         &count, 0, NULL, NULL),
                     CL_SUCCESS);
    assert_int_equal(count, p->results);
}

/* The least penalty with which there may be several groups. */
static lms_beam_params groups_allowed(void)
{
    lms_beam_params p = good_params();
    p.diversity_penalty = 0x1p-32f;
    return p;
}

static void test_just_inside(void **state)
{
    static const change all[] = {
        WHOLE(lms_beam_params, seed, 0),
        WHOLE(lms_beam_params, seed, UINT32_MAX),
        REAL(lms_beam_params, filters.temperature, 0x1p-64f),
        REAL(lms_beam_params, filters.temperature, 0x1p64f),
        REAL(lms_beam_params, filters.top_p, FLT_TRUE_MIN),
        REAL(lms_beam_params, filters.top_p, 1.0f),
        REAL(lms_beam_params, filters.top_p, 0x1.000002p0f),
        REAL(lms_beam_params, filters.top_p, INFINITY),
        REAL(lms_beam_params, filters.min_p, 1.0f),
        REAL(lms_beam_params, filters.min_p, -0.0f),
        REAL(lms_beam_params, filters.min_p, FLT_TRUE_MIN),
        REAL(lms_beam_params, filters.min_p, -1.0f),
        REAL(lms_beam_params, filters.min_p, -INFINITY),
        WHOLE(lms_beam_params, filters.top_k, 1),
        WHOLE(lms_beam_params, filters.top_k, -1),
        WHOLE(lms_beam_params, filters.top_k, INT32_MIN),
        WHOLE(lms_beam_params, filters.top_k, INT32_MAX),
        WHOLE(lms_beam_params, filters.flags, LMS_FILTER_FLAGS),
        WHOLE(lms_beam_params, mode, LMS_BEAM_STOCHASTIC),
        WHOLE(lms_beam_params, mode, LMS_BEAM_SAMPLE),
        WHOLE(lms_beam_params, width, 1),
        WHOLE(lms_beam_params, width, 3),
        WHOLE(lms_beam_params, groups, 2),
        WHOLE(lms_beam_params, groups, 4),
        REAL(lms_beam_params, diversity_penalty, -0.0f),
        REAL(lms_beam_params, diversity_penalty, FLT_MAX),
        REAL(lms_beam_params, diversity_penalty, FLT_TRUE_MIN),
        REAL(lms_beam_params, length_penalty, -0.0f),
        REAL(lms_beam_params, length_penalty, FLT_MAX),
        REAL(lms_beam_params, length_penalty, -FLT_MAX),
        REAL(lms_beam_params, length_penalty, FLT_TRUE_MIN),
        WHOLE(lms_beam_params, length_counts, LMS_BEAM_LENGTH_NONE),
        WHOLE(lms_beam_params, early_stopping, LMS_BEAM_EARLY_OFF),
        WHOLE(lms_beam_params, flags, LMS_BEAM_FLAGS),
        WHOLE(lms_beam_params, prompt_length, INT32_MAX),
        WHOLE(lms_beam_params, min_length, UINT32_MAX),
        WHOLE(lms_beam_params, max_length, 1),
        WHOLE(lms_beam_params, max_length, BEAM_STEPS),
        WHOLE(lms_beam_params, end_tokens, 0),
        WHOLE(lms_beam_params, end_tokens, 2),
    };
    const beam_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        lms_beam_params p = groups_allowed();
        change_record(&p, &all[i], 1);
        accept(r, &p, r->ends);
    }
    object_assert_good(&r->base, r->base.object);
}

/* End tokens beyond those that the parameters count are not read. */
static void test_end_tokens_that_are_not_read(void **state)
{
    static const int32_t ends[2] = {BEAM_VOCAB - 1, LMS_NO_TOKEN};
    const beam_rig *const r = *state;
    lms_beam_params p = good_params();
    p.end_tokens = 1;
    RIG_OK(OPEN(0, &p, ends));
    RIG_OK(lms_beam_close(r->base.object, 0));
    RIG_FAILS(LMS_E_SLOT, lms_beam_close(r->base.object, 0), "not open");
}

static void test_most_results_and_end_tokens(void **state)
{
    static const int32_t edges[2] = {0, BEAM_VOCAB - 1}, twice[2] = {7, 7};
    const beam_rig *const r = *state;
    lms_beam_params p = good_params();
    p.results = 4;
    p.min_length = 1;
    accept(r, &p, NULL);
    p.end_tokens = 2;
    accept(r, &p, edges);
    accept(r, &p, twice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_just_inside),
        cmocka_unit_test(test_end_tokens_that_are_not_read),
        cmocka_unit_test(test_most_results_and_end_tokens),
    };
    return cmocka_run_group_tests_name("beam_open", tests, beam_setup, object_teardown);
}
