/* What lms_beam_open and lms_beam_close refuse, that they say why, and what they take. */
#include "beam_rig.h"
#include "hooks.h"

#include <float.h>
#include <math.h>

#define OPEN(slot, params, ends)                                                               \
    lms_beam_open(r->beam, r->queue, (slot), (params), (ends), 0, NULL, NULL)

static lms_beam_params good_params(void)
{
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(4);
    p.max_length = 2;
    return p;
}

static void test_missing_arguments(void **state)
{
    const beam_rig *const r = *state;
    lms_beam_params p = good_params();
    cl_event event = (cl_event)r->queue;
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_open(NULL, r->queue, 0, &p, NULL, 0, NULL, &event),
                 "beam: is NULL");
    assert_null(event);
    event = (cl_event)r->queue;
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_open(r->beam, NULL, 0, &p, NULL, 0, NULL, &event),
                 "queue: is NULL");
    assert_null(event);
    BEAM_REFUSED(LMS_E_ARGUMENT, OPEN(0, NULL, NULL), "params: is NULL");
    p.end_tokens = 2;
    BEAM_REFUSED(LMS_E_ARGUMENT, OPEN(0, &p, NULL), "end_tokens: is NULL",
                 "params.end_tokens is 2");
}

static void test_slots(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_params p = good_params();
    BEAM_REFUSED(LMS_E_SLOT, OPEN(BEAM_REQUESTS, &p, NULL), "slot: 3", "max_requests (3)");
    BEAM_REFUSED(LMS_E_SLOT, OPEN(UINT32_MAX, &p, NULL), "slot: 4294967295",
                 "max_requests (3)");
    for (uint32_t slot = 0; slot < BEAM_REQUESTS; ++slot) RIG_OK(OPEN(slot, &p, NULL));
    for (uint32_t slot = 0; slot < BEAM_REQUESTS; ++slot) {
        BEAM_REFUSED(LMS_E_SLOT, OPEN(slot, &p, NULL), "slot: ", "open already");
    }
    for (uint32_t slot = 0; slot < BEAM_REQUESTS; ++slot) {
        RIG_OK(lms_beam_close(r->beam, slot));
    }
    beam_assert_good(r, r->beam);
}

static void test_close(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_params p = good_params();
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_close(NULL, 0), "beam: is NULL");
    BEAM_REFUSED(LMS_E_SLOT, lms_beam_close(r->beam, BEAM_REQUESTS), "slot: 3",
                 "max_requests (3)");
    BEAM_REFUSED(LMS_E_SLOT, lms_beam_close(r->beam, UINT32_MAX), "slot: 4294967295");
    BEAM_REFUSED(LMS_E_SLOT, lms_beam_close(r->beam, 2), "slot: 2 is not open");
    RIG_OK(OPEN(2, &p, NULL));
    BEAM_REFUSED(LMS_E_SLOT, lms_beam_close(r->beam, 1), "slot: 1 is not open");
    hook_reset();
    RIG_OK(lms_beam_close(r->beam, 2));
    for (unsigned i = 0; hook_name(i) != NULL; ++i) {
        assert_int_equal(hook_count(hook_name(i)), 0);
    }
    BEAM_REFUSED(LMS_E_SLOT, lms_beam_close(r->beam, 2), "slot: 2 is not open");
}

/* --- Parameters -------------------------------------------------------------------------- */

/* One field of good parameters at a time. */
typedef struct field {
    size_t at;
    bool is_float;
    float number;
    uint32_t word;
    const char *text, *rule; /* of the message */
} field;
#define F(name, x, ...)                                                                        \
    {                                                                                          \
        offsetof(lms_beam_params, name), true, (x), 0, __VA_ARGS__                             \
    }
#define U(name, x, ...)                                                                        \
    {                                                                                          \
        offsetof(lms_beam_params, name), false, 0.0f, (uint32_t)(x), __VA_ARGS__               \
    }

static lms_beam_params changed(lms_beam_params p, const field *f)
{
    if (f->is_float) {
        memcpy((char *)&p + f->at, &f->number, sizeof f->number);
    } else {
        memcpy((char *)&p + f->at, &f->word, sizeof f->word);
    }
    return p;
}

static void refuse_all(const beam_rig *r, lms_beam_params good, const field *all, size_t count)
{
    static const int32_t ends[4] = {1, 2, 3, 4};
    for (size_t i = 0; i < count; ++i) {
        const lms_beam_params p = changed(good, &all[i]);
        BEAM_REFUSED(LMS_E_BEAM_PARAMS, OPEN(1, &p, ends), all[i].text, all[i].rule);
        BEAM_REFUSED(LMS_E_SLOT, lms_beam_close(r->beam, 1), "not open");
    }
}

static void test_bad_filters(void **state)
{
    static const field all[] = {
        F(filters.temperature, 0.0f, "params.filters.temperature: 0 ", "[2^-64, 2^64]"),
        F(filters.temperature, -0.0f, "params.filters.temperature: -0 ", "[2^-64, 2^64]"),
        F(filters.temperature, -1.0f, "params.filters.temperature: -1 ", "[2^-64, 2^64]"),
        F(filters.temperature, 0x1.fffffep-65f, "params.filters.temperature: 5.42",
          "[2^-64, 2^64]"),
        F(filters.temperature, FLT_TRUE_MIN, "params.filters.temperature: 1.4",
          "[2^-64, 2^64]"),
        F(filters.temperature, 0x1.000002p64f, "params.filters.temperature: 1.84",
          "[2^-64, 2^64]"),
        F(filters.temperature, INFINITY, "params.filters.temperature: inf", "[2^-64, 2^64]"),
        F(filters.temperature, -INFINITY, "params.filters.temperature: -inf", "[2^-64, 2^64]"),
        F(filters.temperature, NAN, "params.filters.temperature: nan", "[2^-64, 2^64]"),
        F(filters.top_p, 0.0f, "params.filters.top_p: 0 ", "above 0"),
        F(filters.top_p, -0.0f, "params.filters.top_p: -0 ", "above 0"),
        F(filters.top_p, -FLT_TRUE_MIN, "params.filters.top_p: -1.4", "above 0"),
        F(filters.top_p, -INFINITY, "params.filters.top_p: -inf", "above 0"),
        F(filters.top_p, NAN, "params.filters.top_p: nan", "above 0"),
        F(filters.min_p, 0x1.000002p0f, "params.filters.min_p: 1", "at most 1"),
        F(filters.min_p, 1.5f, "params.filters.min_p: 1.5", "at most 1"),
        F(filters.min_p, INFINITY, "params.filters.min_p: inf", "at most 1"),
        F(filters.min_p, NAN, "params.filters.min_p: nan", "at most 1"),
        U(filters.flags, 16, "params.filters.flags: 0x10 ", "0xf"),
        U(filters.flags, 1u << 31, "params.filters.flags: 0x80000000 ", "0xf"),
        U(filters.rules, 1, "params.filters.rules: 1 is not 0", ""),
        U(filters.rules, UINT32_MAX, "params.filters.rules: 4294967295 is not 0", ""),
    };
    refuse_all(*state, good_params(), all, sizeof all / sizeof all[0]);
}

static void test_bad_widths(void **state)
{
    static const field all[] = {
        U(mode, 3, "params.mode: 3", "LMS_BEAM_SEARCH, _STOCHASTIC or _SAMPLE"),
        U(mode, UINT32_MAX, "params.mode: 4294967295", "_SAMPLE"),
        U(width, 0, "params.width: 0", "max_width (4)"),
        U(width, 5, "params.width: 5", "max_width (4)"),
        U(width, UINT32_MAX, "params.width: 4294967295", "max_width (4)"),
        U(groups, 0, "params.groups: 0", "divide the width (4)"),
        U(groups, 3, "params.groups: 3", "divide the width (4)"),
        U(groups, 5, "params.groups: 5", "divide the width (4)"),
        U(groups, 8, "params.groups: 8", "divide the width (4)"),
        U(groups, UINT32_MAX, "params.groups: 4294967295", "divide the width (4)"),
        U(groups, 2, "params.diversity_penalty: 0 ", "the 2 groups would find the same"),
        F(diversity_penalty, -1.0f, "params.diversity_penalty: -1 ", "finite and >= 0"),
        F(diversity_penalty, -FLT_TRUE_MIN, "params.diversity_penalty: -1.4", ">= 0"),
        F(diversity_penalty, INFINITY, "params.diversity_penalty: inf", "finite"),
        F(diversity_penalty, -INFINITY, "params.diversity_penalty: -inf", "finite"),
        F(diversity_penalty, NAN, "params.diversity_penalty: nan", "finite"),
        U(results, 0, "params.results: 0", "width (4)"),
        U(results, 5, "params.results: 5", "width (4)"),
        U(results, UINT32_MAX, "params.results: 4294967295", "width (4)"),
    };
    static const field drawn[] = {
        U(groups, 2, "params.groups: 2", "LMS_BEAM_SEARCH"),
        U(groups, 4, "params.groups: 4", "LMS_BEAM_SEARCH"),
    };
    static const field weak[] = {
        F(diversity_penalty, 0.0f, "params.diversity_penalty: 0 ", "below 2^-32"),
        F(diversity_penalty, -0.0f, "params.diversity_penalty: -0 ", "below 2^-32"),
        F(diversity_penalty, 0x1.fffffep-33f, "params.diversity_penalty: 2.3", "below 2^-32"),
    };
    static const field narrow[] = {
        U(groups, 4, "params.groups: 4", "divide the width (2)"),
        U(results, 3, "params.results: 3", "width (2)"),
    };
    lms_beam_params p = good_params();
    refuse_all(*state, p, all, sizeof all / sizeof all[0]);
    p.mode = LMS_BEAM_STOCHASTIC;
    refuse_all(*state, p, drawn, sizeof drawn / sizeof drawn[0]);
    p.mode = LMS_BEAM_SAMPLE;
    refuse_all(*state, p, drawn, sizeof drawn / sizeof drawn[0]);
    p = good_params();
    p.groups = 2;
    refuse_all(*state, p, weak, sizeof weak / sizeof weak[0]);
    p = good_params();
    p.width = 2;
    refuse_all(*state, p, narrow, sizeof narrow / sizeof narrow[0]);
}

static void test_bad_lengths(void **state)
{
    static const field all[] = {
        F(length_penalty, INFINITY, "params.length_penalty: inf", "finite"),
        F(length_penalty, -INFINITY, "params.length_penalty: -inf", "finite"),
        F(length_penalty, NAN, "params.length_penalty: nan", "finite"),
        F(length_penalty, -NAN, "params.length_penalty: ", "finite"),
        U(length_counts, 3, "params.length_counts: 3", "LMS_BEAM_LENGTH_..."),
        U(length_counts, UINT32_MAX, "params.length_counts: 4294967295", "LMS_BEAM_LENGTH_..."),
        U(early_stopping, 4, "params.early_stopping: 4", "LMS_BEAM_EARLY_..."),
        U(early_stopping, UINT32_MAX, "params.early_stopping: 4294967295",
          "LMS_BEAM_EARLY_..."),
        U(flags, 32, "params.flags: 0x20 ", "0x1f"),
        U(flags, 1u << 31, "params.flags: 0x80000000 ", "0x1f"),
        U(prompt_length, 1u << 31, "params.prompt_length: 2147483648", "2^31-1"),
        U(prompt_length, UINT32_MAX, "params.prompt_length: 4294967295", "2^31-1"),
        U(max_length, 0, "params.max_length: 0", "1..8"),
        U(max_length, BEAM_STEPS + 1, "params.max_length: 9", "lms_beam_desc.max_length"),
        U(max_length, UINT32_MAX, "params.max_length: 4294967295", "1..8"),
        U(end_tokens, 3, "params.end_tokens: 3", "max_end_tokens (2)"),
        U(end_tokens, UINT32_MAX, "params.end_tokens: 4294967295", "max_end_tokens (2)"),
        U(reserved[0], 1, "params.reserved: is not 0", ""),
        U(reserved[1], 1u << 31, "params.reserved: is not 0", ""),
        U(edits, 1, "params.edits: 1 is not 0", ""),
        U(edits, UINT32_MAX, "params.edits: 4294967295 is not 0", ""),
    };
    refuse_all(*state, good_params(), all, sizeof all / sizeof all[0]);
}

static void test_bad_end_tokens(void **state)
{
    static const struct {
        int32_t ends[2];
        const char *text;
    } all[] = {
        {{-1, 0}, "end_tokens[0]: -1"},
        {{BEAM_VOCAB, 0}, "end_tokens[0]: 300"},
        {{INT32_MIN, 0}, "end_tokens[0]: -2147483648"},
        {{0, INT32_MAX}, "end_tokens[1]: 2147483647"},
        {{BEAM_VOCAB - 1, LMS_NO_TOKEN}, "end_tokens[1]: -1"},
    };
    const beam_rig *const r = *state;
    lms_beam_params p = good_params();
    p.end_tokens = 2;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        BEAM_REFUSED(LMS_E_BEAM_PARAMS, OPEN(0, &p, all[i].ends), all[i].text, "0..299");
    }
    p.end_tokens = 1; /* those beyond are not read */
    RIG_OK(OPEN(0, &p, all[4].ends));
    RIG_OK(lms_beam_close(r->beam, 0));
    RIG_FAILS(LMS_E_SLOT, lms_beam_close(r->beam, 0), "not open");
}

/* Opened, a step, and a result. */
static void accept(const beam_rig *r, const lms_beam_params *p, const int32_t *ends)
{
    const uint32_t slot = 2;
    int32_t count = 0;
    lms_beam_step_args b = beam_batch(r, 0);
    lms_beam_results_args o = beam_output(r);
    b.requests = o.requests = 1;
    b.slots = o.slots = &slot;
    RIG_OK(OPEN(slot, p, ends));
    RIG_OK(lms_beam_step(r->beam, r->queue, &b, 0, NULL, NULL));
    RIG_OK(lms_beam_results(r->beam, r->queue, &o, 0, NULL, NULL));
    RIG_OK(lms_beam_close(r->beam, slot));
    assert_int_equal(clEnqueueReadBuffer(r->queue, r->counts, CL_TRUE, 0, sizeof count, &count,
                                         0, NULL, NULL),
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
    static const field all[] = {
        U(seed, 0, NULL, NULL),
        U(seed, UINT32_MAX, NULL, NULL),
        F(filters.temperature, 0x1p-64f, NULL, NULL),
        F(filters.temperature, 0x1p64f, NULL, NULL),
        F(filters.top_p, FLT_TRUE_MIN, NULL, NULL),
        F(filters.top_p, 1.0f, NULL, NULL),
        F(filters.top_p, 0x1.000002p0f, NULL, NULL),
        F(filters.top_p, INFINITY, NULL, NULL),
        F(filters.min_p, 1.0f, NULL, NULL),
        F(filters.min_p, -0.0f, NULL, NULL),
        F(filters.min_p, FLT_TRUE_MIN, NULL, NULL),
        F(filters.min_p, -1.0f, NULL, NULL),
        F(filters.min_p, -INFINITY, NULL, NULL),
        U(filters.top_k, 1, NULL, NULL),
        U(filters.top_k, -1, NULL, NULL),
        U(filters.top_k, INT32_MIN, NULL, NULL),
        U(filters.top_k, INT32_MAX, NULL, NULL),
        U(filters.flags, LMS_FILTER_FLAGS, NULL, NULL),
        U(mode, LMS_BEAM_STOCHASTIC, NULL, NULL),
        U(mode, LMS_BEAM_SAMPLE, NULL, NULL),
        U(width, 1, NULL, NULL),
        U(width, 3, NULL, NULL),
        U(groups, 2, NULL, NULL),
        U(groups, 4, NULL, NULL),
        F(diversity_penalty, -0.0f, NULL, NULL),
        F(diversity_penalty, FLT_MAX, NULL, NULL),
        F(diversity_penalty, FLT_TRUE_MIN, NULL, NULL),
        F(length_penalty, -0.0f, NULL, NULL),
        F(length_penalty, FLT_MAX, NULL, NULL),
        F(length_penalty, -FLT_MAX, NULL, NULL),
        F(length_penalty, FLT_TRUE_MIN, NULL, NULL),
        U(length_counts, LMS_BEAM_LENGTH_NONE, NULL, NULL),
        U(early_stopping, LMS_BEAM_EARLY_OFF, NULL, NULL),
        U(flags, LMS_BEAM_FLAGS, NULL, NULL),
        U(prompt_length, INT32_MAX, NULL, NULL),
        U(min_length, UINT32_MAX, NULL, NULL),
        U(max_length, 1, NULL, NULL),
        U(max_length, BEAM_STEPS, NULL, NULL),
        U(end_tokens, 0, NULL, NULL),
        U(end_tokens, 2, NULL, NULL),
    };
    const beam_rig *const r = *state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        const lms_beam_params p = changed(groups_allowed(), &all[i]);
        accept(r, &p, r->ends);
    }
    beam_assert_good(r, r->beam);
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

/* --- Queues and events ------------------------------------------------------------------- */

static void test_wait_list(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_params p = good_params();
    cl_event none[2] = {NULL, NULL};
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_open(r->beam, r->queue, 0, &p, NULL, 2, NULL, NULL),
                 "num_wait: 2");
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_open(r->beam, r->queue, 0, &p, NULL, 0, none, NULL),
                 "num_wait: 0");
    none[0] = rig_user_event(r->context);
    BEAM_REFUSED(LMS_E_ARGUMENT, lms_beam_open(r->beam, r->queue, 0, &p, NULL, 2, none, NULL),
                 "wait_list[1]: is NULL");
    rig_complete(none[0]);
}

/* A queue and an event of another context; the event is OpenCL's to refuse, before anything is
 * enqueued. */
static void test_foreign_things(void **state)
{
    const beam_rig *const r = *state;
    const lms_beam_params p = good_params();
    lms_context *other = NULL;
    cl_event made = (cl_event)r->queue;
    RIG_OK(lms_context_open(NULL, &other));
    const cl_event event = rig_user_event(lms_context_cl_context(other));
    BEAM_REFUSED(LMS_E_ARGUMENT,
                 lms_beam_open(r->beam, lms_context_queue(other), 0, &p, NULL, 0, NULL, &made),
                 "queue: ", "another cl_context or device");
    assert_null(made);
    hook_reset();
    RIG_FAILS(CL_INVALID_CONTEXT,
              lms_beam_open(r->beam, r->queue, 0, &p, NULL, 1, &event, &made),
              "clEnqueueMarkerWithWaitList");
    assert_null(made);
    assert_int_equal(hook_count("clEnqueueWriteBuffer"), 0);
    RIG_FAILS(LMS_E_SLOT, lms_beam_close(r->beam, 0), "not open");
    rig_complete(event);
    lms_context_destroy(other);
    beam_assert_good(r, r->beam);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_arguments),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_bad_filters),
        cmocka_unit_test(test_bad_widths),
        cmocka_unit_test(test_bad_lengths),
        cmocka_unit_test(test_bad_end_tokens),
        cmocka_unit_test(test_just_inside),
        cmocka_unit_test(test_most_results_and_end_tokens),
        cmocka_unit_test(test_wait_list),
        cmocka_unit_test(test_foreign_things),
    };
    return cmocka_run_group_tests_name("beam_open", tests, beam_setup, beam_teardown);
}
