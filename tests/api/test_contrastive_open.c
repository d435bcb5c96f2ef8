/* What lms_contrastive_open, _update, _fork, _close and _length refuse, that they say why, and
 * what they take. */
#include "calls/contrastive_object.h"
#include "hooks.h"

#include <float.h>
#include <math.h>

#define OPEN(slot, params) lms_contrastive_open(r->base.object, (slot), (params))
#define UPDATE(slot, params) lms_contrastive_update(r->base.object, (slot), (params))
#define FORK(from, to, params)                                                                 \
    lms_contrastive_fork(r->base.object, r->base.queue, (from), (to), (params), 0, NULL, NULL)
#define REFUSED(code, call, ...)                                                               \
    OBJECT_REFUSED(&r->base, r->base.object, code, call, __VA_ARGS__)

static lms_contrastive_params good_params(void)
{
    const lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 5);
    return p;
}

static void test_missing_arguments(void **state)
{
    const contrastive_rig *const r = *state;
    const lms_contrastive_params p = good_params();
    cl_event event = (cl_event)r->base.queue;
    uint32_t length = 77;
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_open(NULL, 0, &p), "contrastive: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_update(NULL, 0, &p), "contrastive: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_close(NULL, 0), "contrastive: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_length(NULL, 0, &length), "contrastive: is NULL");
    REFUSED(LMS_E_ARGUMENT,
            lms_contrastive_fork(NULL, r->base.queue, 0, 1, NULL, 0, NULL, &event),
            "contrastive: is NULL");
    assert_null(event);
    REFUSED(LMS_E_ARGUMENT, OPEN(0, NULL), "params: is NULL");
    RIG_OK(OPEN(0, &p));
    REFUSED(LMS_E_ARGUMENT, UPDATE(0, NULL), "params: is NULL");
    REFUSED(LMS_E_ARGUMENT, lms_contrastive_length(r->base.object, 0, NULL), "length: is NULL");
    event = (cl_event)r->base.queue;
    REFUSED(LMS_E_ARGUMENT,
            lms_contrastive_fork(r->base.object, NULL, 0, 1, NULL, 0, NULL, &event),
            "queue: is NULL");
    assert_null(event);
    RIG_OK(lms_contrastive_close(r->base.object, 0));
}

static void test_slots(void **state)
{
    const contrastive_rig *const r = *state;
    const lms_contrastive_params p = good_params();
    uint32_t length = 77;
    const uint32_t beyond[] = {CONTRASTIVE_REQUESTS, UINT32_MAX};
    for (size_t i = 0; i < 2; ++i) {
        const char *const text = i == 0 ? "slot: 4" : "slot: 4294967295";
        REFUSED(LMS_E_SLOT, OPEN(beyond[i], &p), text, "max_requests (4)");
        REFUSED(LMS_E_SLOT, UPDATE(beyond[i], &p), text, "max_requests (4)");
        REFUSED(LMS_E_SLOT, lms_contrastive_close(r->base.object, beyond[i]), text,
                "max_requests (4)");
        REFUSED(LMS_E_SLOT, lms_contrastive_length(r->base.object, beyond[i], &length), text,
                "max_requests (4)");
    }
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS; ++slot) {
        REFUSED(LMS_E_SLOT, UPDATE(slot, &p), "slot: ", "not open");
        REFUSED(LMS_E_SLOT, lms_contrastive_close(r->base.object, slot), "slot: ", "not open");
        REFUSED(LMS_E_SLOT, lms_contrastive_length(r->base.object, slot, &length),
                "slot: ", "not open");
        RIG_OK(OPEN(slot, &p));
        REFUSED(LMS_E_SLOT, OPEN(slot, &p), "slot: ", "open already");
    }
    for (uint32_t slot = 0; slot < CONTRASTIVE_REQUESTS; ++slot) {
        RIG_OK(lms_contrastive_length(r->base.object, slot, &length));
        assert_int_equal(length, 0);
        RIG_OK(UPDATE(slot, &p));
        RIG_OK(lms_contrastive_close(r->base.object, slot));
        REFUSED(LMS_E_SLOT, lms_contrastive_close(r->base.object, slot), "slot: ", "not open");
    }
    object_assert_good(&r->base, r->base.object);
}

static void test_slots_of_fork(void **state)
{
    const contrastive_rig *const r = *state;
    const lms_contrastive_params p = good_params();
    REFUSED(LMS_E_SLOT, FORK(0, 1, &p), "from: 0 is not open");
    RIG_OK(OPEN(0, &p));
    RIG_OK(OPEN(1, &p));
    REFUSED(LMS_E_SLOT, FORK(0, 1, &p), "to: 1 is open already");
    REFUSED(LMS_E_SLOT, FORK(0, 0, &p), "to: 0 is open already");
    REFUSED(LMS_E_SLOT, FORK(2, 3, NULL), "from: 2 is not open");
    REFUSED(LMS_E_SLOT, FORK(4, 3, &p), "from: 4", "max_requests (4)");
    REFUSED(LMS_E_SLOT, FORK(UINT32_MAX, 3, &p), "from: 4294967295", "max_requests (4)");
    REFUSED(LMS_E_SLOT, FORK(0, 4, &p), "to: 4", "max_requests (4)");
    REFUSED(LMS_E_SLOT, FORK(0, UINT32_MAX, NULL), "to: 4294967295", "max_requests (4)");
    RIG_OK(FORK(0, 2, NULL));
    REFUSED(LMS_E_SLOT, FORK(0, 2, NULL), "to: 2 is open already");
    RIG_OK(FORK(2, 3, &p));
    RIG_OK(object_end(&r->base, r->base.object));
    object_assert_good(&r->base, r->base.object);
}

/* --- Parameters -------------------------------------------------------------------------- */

/* A field, and the bits of a value. */
typedef struct field {
    size_t at;
    bool is_float;
    float real;
    uint32_t whole;
    const char *text, *rule;
} field;
#define F(name, value, text, rule)                                                             \
    {                                                                                          \
        offsetof(lms_contrastive_params, name), true, value, 0, text, rule                     \
    }
#define U(name, value, text, rule)                                                             \
    {                                                                                          \
        offsetof(lms_contrastive_params, name), false, 0.0f, (uint32_t)(value), text, rule     \
    }

static lms_contrastive_params changed(const field *f)
{
    lms_contrastive_params p = good_params();
    if (f->is_float) {
        memcpy((char *)&p + f->at, &f->real, sizeof f->real);
    } else {
        memcpy((char *)&p + f->at, &f->whole, sizeof f->whole);
    }
    return p;
}

static const field bad[] = {
    F(alpha, -0x1p-149f, "params.alpha: -1.4013e-45", "[0, 1]"),
    F(alpha, -1.0f, "params.alpha: -1", "[0, 1]"),
    F(alpha, 0x1.000002p0f, "params.alpha: 1", "[0, 1]"),
    F(alpha, 2.0f, "params.alpha: 2", "[0, 1]"),
    F(alpha, INFINITY, "params.alpha: inf", "[0, 1]"),
    F(alpha, -INFINITY, "params.alpha: -inf", "[0, 1]"),
    F(alpha, NAN, "params.alpha: nan", "[0, 1]"),
    F(alpha, -NAN, "params.alpha: ", "[0, 1]"),
    U(k, 0, "params.k: 0", "max_k (5)"),
    U(k, CONTRASTIVE_K + 1, "params.k: 6", "max_k (5)"),
    U(k, UINT32_MAX, "params.k: 4294967295", "max_k (5)"),
    F(filters.temperature, 0.0f, "params.filters.temperature: 0", "[2^-64, 2^64]"),
    F(filters.temperature, -1.0f, "params.filters.temperature: -1", "[2^-64, 2^64]"),
    F(filters.temperature, 0x1.fffffep-65f, "params.filters.temperature: 5.42101e-20",
      "[2^-64, 2^64]"),
    F(filters.temperature, 0x1.000002p64f, "params.filters.temperature: 1.84467e+19",
      "[2^-64, 2^64]"),
    F(filters.temperature, INFINITY, "params.filters.temperature: inf", "[2^-64, 2^64]"),
    F(filters.temperature, NAN, "params.filters.temperature: nan", "[2^-64, 2^64]"),
    F(filters.top_p, 0.0f, "params.filters.top_p: 0", "above 0"),
    F(filters.top_p, -0.5f, "params.filters.top_p: -0.5", "above 0"),
    F(filters.top_p, NAN, "params.filters.top_p: nan", "above 0"),
    F(filters.min_p, 0x1.000002p0f, "params.filters.min_p: 1", "at most 1"),
    F(filters.min_p, INFINITY, "params.filters.min_p: inf", "at most 1"),
    F(filters.min_p, NAN, "params.filters.min_p: nan", "at most 1"),
    U(filters.flags, 16, "params.filters.flags: 0x10", "0xf"),
    U(filters.flags, 1u << 31, "params.filters.flags: 0x80000000", "0xf"),
    U(filters.rules, 1, "params.filters.rules: 1 is not 0", ""),
    U(filters.rules, UINT32_MAX, "params.filters.rules: 4294967295 is not 0", ""),
    U(reserved[0], 1, "params.reserved: is not 0", ""),
    U(reserved[1], 1, "params.reserved: is not 0", ""),
    U(reserved[2], 1u << 31, "params.reserved: is not 0", ""),
    U(reserved[3], 1, "params.reserved: is not 0", ""),
};

/* By each of the three doors, of which two leave an open slot as it was. */
static void test_bad_params(void **state)
{
    const contrastive_rig *const r = *state;
    RIG_OK(contrastive_open_all(r, r->base.object));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
        const lms_contrastive_params p = changed(&bad[i]);
        REFUSED(LMS_E_CONTRASTIVE_PARAMS, OPEN(3, &p), bad[i].text, bad[i].rule);
        REFUSED(LMS_E_CONTRASTIVE_PARAMS, UPDATE(0, &p), bad[i].text, bad[i].rule);
        REFUSED(LMS_E_CONTRASTIVE_PARAMS, FORK(0, 3, &p), bad[i].text, bad[i].rule);
    }
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    for (unsigned call = 0; call < CONTRASTIVE_CALLS; ++call) {
        RIG_OK(object_call(&r->base, r->base.object, r->base.queue, call, 0, NULL, NULL));
    }
    object_assert_expected(&r->base);
    RIG_OK(object_end(&r->base, r->base.object));
}

static const field good[] = {
    F(alpha, 0.0f, NULL, NULL),
    F(alpha, -0.0f, NULL, NULL),
    F(alpha, 1.0f, NULL, NULL),
    F(alpha, FLT_TRUE_MIN, NULL, NULL),
    U(k, 1, NULL, NULL),
    U(k, CONTRASTIVE_K, NULL, NULL),
    U(context_begin, 1, NULL, NULL),
    U(context_begin, CONTRASTIVE_LENGTH, NULL, NULL),
    U(context_begin, UINT32_MAX, NULL, NULL),
    U(context_window, 1, NULL, NULL),
    U(context_window, INT32_MAX, NULL, NULL),
    U(context_window, UINT32_MAX, NULL, NULL),
    F(filters.temperature, 0x1p-64f, NULL, NULL),
    F(filters.temperature, 0x1p64f, NULL, NULL),
    F(filters.top_p, FLT_TRUE_MIN, NULL, NULL),
    F(filters.top_p, 1.0f, NULL, NULL),
    F(filters.top_p, INFINITY, NULL, NULL),
    F(filters.min_p, 1.0f, NULL, NULL),
    F(filters.min_p, -0.0f, NULL, NULL),
    F(filters.min_p, FLT_TRUE_MIN, NULL, NULL),
    F(filters.min_p, -INFINITY, NULL, NULL),
    U(filters.top_k, 1, NULL, NULL),
    U(filters.top_k, -1, NULL, NULL),
    U(filters.top_k, INT32_MIN, NULL, NULL),
    U(filters.top_k, INT32_MAX, NULL, NULL),
    U(filters.flags, LMS_FILTER_FLAGS, NULL, NULL),
};

/* A context of one request, a step of it, and whether that gave a token. */
static void accept(const contrastive_rig *r, uint32_t slot)
{
    const uint32_t first = 0, count = 3;
    int32_t token = -7;
    lms_contrastive_append_args s = contrastive_append_args(r);
    lms_contrastive_propose_args p = contrastive_propose_args(r, 0);
    lms_contrastive_select_args b = contrastive_select_args(r, 0);
    s.requests = p.requests = b.requests = 1;
    s.slots = p.slots = b.slots = &slot;
    p.first_rows = b.first_rows = &first;
    s.counts = &count;
    RIG_OK(lms_contrastive_append(r->base.object, r->base.queue, &s, 0, NULL, NULL));
    RIG_OK(lms_contrastive_propose(r->base.object, r->base.queue, &p, 0, NULL, NULL));
    RIG_OK(lms_contrastive_select(r->base.object, r->base.queue, &b, 0, NULL, NULL));
    assert_int_equal(clEnqueueReadBuffer(r->base.queue, r->next, CL_TRUE, 0, sizeof token,
                                         &token, 0, NULL, NULL),
                     CL_SUCCESS);
    assert_in_range(token, 0, CONTRASTIVE_VOCAB - 1);
}

static void test_just_inside(void **state)
{
    const contrastive_rig *const r = *state;
    const lms_contrastive_params usual = good_params();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; ++i) {
        const lms_contrastive_params p = changed(&good[i]);
        RIG_OK(OPEN(0, &p));
        accept(r, 0);
        RIG_OK(OPEN(1, &usual));
        RIG_OK(UPDATE(1, &p));
        accept(r, 1);
        RIG_OK(FORK(0, 2, NULL));
        accept(r, 2);
        RIG_OK(FORK(1, 3, &p));
        accept(r, 3);
        RIG_OK(object_end(&r->base, r->base.object));
    }
    object_assert_good(&r->base, r->base.object);
}

/* Parameters are read at once: nothing that happens to them later has an influence. And an
 * update is in force with the next call. */
static void test_update(void **state)
{
    const contrastive_rig *const r = *state;
    lms_contrastive_params p;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
        p = good_params();
        p.alpha = 0.0f;
        p.k = 1;
        RIG_OK(OPEN(r->slots[q], &p));
        memset(&p, 0xff, sizeof p);
    }
    RIG_OK(object_call(&r->base, r->base.object, r->base.queue, 0, 0, NULL, NULL));
    for (unsigned call = 1; call < CONTRASTIVE_CALLS; ++call) {
        for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
            p = r->params[q];
            RIG_OK(UPDATE(r->slots[q], &p));
            memset(&p, 0xff, sizeof p);
        }
        RIG_OK(object_call(&r->base, r->base.object, r->base.queue, call, 0, NULL, NULL));
        for (size_t q = 0; q < CONTRASTIVE_PARENTS; ++q) {
            p = good_params();
            p.k = 1;
            RIG_OK(UPDATE(r->slots[q], &p));
        }
    }
    object_assert_expected(&r->base);
    RIG_OK(object_end(&r->base, r->base.object));
}

/* --- Between calls ----------------------------------------------------------------------- */

/* Refused, whatever for. */
#define REFUSED_SOMEHOW(call)                                                                  \
    do {                                                                                       \
        const object_view before_ = object_look(&r->base, search);                             \
        hook_reset();                                                                          \
        if ((call) == LMS_OK) fail_msg("%s was taken in kind %u", #call, kind);                \
        assert_null(hook_deed());                                                              \
        object_assert_looks(&r->base, search, &before_);                                       \
    } while (0)
enum {
    OTHERS = 11
};

/* On slots. Slot 1 has the first request, slot 3 nobody, or its fork. */
static void refuse_other(const contrastive_rig *r, lms_contrastive *search, unsigned kind,
                         bool forked)
{
    const uint32_t far = CONTRASTIVE_REQUESTS, closed = forked ? far : 3;
    lms_contrastive_params wrong = r->params[0];
    const lms_contrastive_params *const p = &r->params[1];
    uint32_t length = 0;
    wrong.alpha = 1.5f;
    switch (kind) {
    case 0: REFUSED_SOMEHOW(lms_contrastive_open(search, 1, p)); break;
    case 1: REFUSED_SOMEHOW(lms_contrastive_open(search, far, p)); break;
    case 2: REFUSED_SOMEHOW(lms_contrastive_open(search, 3, &wrong)); break;
    case 3: REFUSED_SOMEHOW(lms_contrastive_update(search, 1, &wrong)); break;
    case 4: REFUSED_SOMEHOW(lms_contrastive_update(search, closed, p)); break;
    case 5: REFUSED_SOMEHOW(lms_contrastive_close(search, closed)); break;
    case 6: REFUSED_SOMEHOW(lms_contrastive_length(search, closed, &length)); break;
    case 7: REFUSED_SOMEHOW(FORK(1, 0, p)); break;
    case 8: REFUSED_SOMEHOW(FORK(1, 3, &wrong)); break;
    case 9: REFUSED_SOMEHOW(FORK(far, 3, p)); break;
    default: REFUSED_SOMEHOW(FORK(1, far, p)); break;
    }
}

/* A scenario goes on between refusals as if there had been none. */
static void test_refusals_between_calls(void **state)
{
    const contrastive_rig *const r = *state;
    assert_int_equal(object_poison(&r->base), CL_SUCCESS);
    RIG_OK(contrastive_open_all(r, r->base.object));
    for (unsigned call = 0; call <= CONTRASTIVE_CALLS; ++call) {
        for (unsigned kind = 0; kind < OTHERS; ++kind) {
            refuse_other(r, r->base.object, kind, call > CONTRASTIVE_FORK);
        }
        if (call == CONTRASTIVE_CALLS) break;
        RIG_OK(object_calls(&r->base, r->base.object, call, call + 1));
    }
    object_assert_expected(&r->base);
    RIG_OK(object_end(&r->base, r->base.object));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_arguments),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_slots_of_fork),
        cmocka_unit_test(test_bad_params),
        cmocka_unit_test(test_just_inside),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_refusals_between_calls),
    };
    return cmocka_run_group_tests_name("contrastive_open", tests, contrastive_setup,
                                       object_teardown);
}
