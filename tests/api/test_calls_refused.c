/* What every call refuses: that it says which argument, its value and the rule, and that it has
 * changed nothing, so that the scenario goes on as if it had not been made. */
#include "calls/kinds.h"
#include "hooks.h"

#include <stdlib.h>

#define REFUSED(code, call, ...) OBJECT_REFUSED(r, r->object, code, call, __VA_ARGS__)

/* Makes the calls before the first one of the type, ... */
static unsigned begin(const object_rig *r, const call_type *type, call_args *args)
{
    const unsigned at = object_first_of(r, type);
    hook_reset();
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, at));
    assert_int_equal(clFinish(r->queue), CL_SUCCESS);
    (void)r->kind->arguments(r, at, args);
    return at;
}

/* ... and those from it on. */
static void go_on(const object_rig *r, unsigned at)
{
    RIG_OK(object_calls(r, r->object, at, r->kind->calls));
    object_assert_expected(r);
    RIG_OK(object_end(r, r->object));
}

/* --- What is missing --------------------------------------------------------------------- */

static void lack_something(const object_rig *r, const call_type *type)
{
    call_args args;
    const unsigned at = begin(r, type, &args);
    cl_event event = (cl_event)r->queue;
    REFUSED(LMS_E_ARGUMENT, type->run(NULL, r->queue, &args, 0, NULL, &event),
            type->object_text);
    assert_null(event);
    event = (cl_event)r->queue;
    REFUSED(LMS_E_ARGUMENT, type->run(r->object, NULL, &args, 0, NULL, &event),
            "queue: is NULL");
    assert_null(event);
    if (type->record_text != NULL) {
        event = (cl_event)r->queue;
        REFUSED(LMS_E_ARGUMENT, type->run(r->object, r->queue, NULL, 0, NULL, &event),
                type->record_text);
        assert_null(event);
    }
    for (size_t i = 0; i < type->view_count; ++i) {
        const view *const v = &type->views[i];
        call_args bad = args;
        if (v->door == IN_OPTIONAL || v->door == OUT_OPTIONAL) continue;
        view_of(&bad, v)->buffer = NULL;
        event = (cl_event)r->queue;
        REFUSED(LMS_E_ARGUMENT, type->run(r->object, r->queue, &bad, 0, NULL, &event), v->name,
                "is NULL");
        assert_null(event);
    }
    go_on(r, at);
}

static void test_what_is_missing(void **state)
{
    const object_rig *const r = *state;
    for (size_t i = 0; i < r->kind->type_count; ++i) lack_something(r, r->kind->types[i]);
}

/* --- Queues and events ------------------------------------------------------------------- */

static void refuse_queues_and_events(const object_rig *r, const call_type *type)
{
    call_args args;
    const unsigned at = begin(r, type, &args);
    cl_event none[2] = {NULL, NULL}, made = (cl_event)r->queue;
    lms_context *other = NULL;
#define CALL(queue, ...) type->run(r->object, (queue), &args, __VA_ARGS__)
    REFUSED(LMS_E_ARGUMENT, CALL(r->queue, 2, NULL, &made), "num_wait: 2");
    assert_null(made);
    REFUSED(LMS_E_ARGUMENT, CALL(r->queue, 0, none, NULL), "num_wait: 0");
    none[0] = rig_user_event(r->context);
    REFUSED(LMS_E_ARGUMENT, CALL(r->queue, 2, none, NULL), "wait_list[1]: is NULL");
    rig_complete(none[0]);
    RIG_OK(lms_context_open(NULL, &other));
    made = (cl_event)r->queue;
    REFUSED(LMS_E_ARGUMENT, CALL(lms_context_queue(other), 0, NULL, &made),
            "queue: ", "another cl_context or device");
    assert_null(made);
    none[0] = rig_user_event(lms_context_cl_context(other));
    made = (cl_event)r->queue;
    REFUSED(LMS_E_ARGUMENT, CALL(r->queue, 1, none, &made),
            "wait_list[0]: is of another cl_context");
    assert_null(made);
#undef CALL
    rig_complete(none[0]);
    lms_context_destroy(other);
    go_on(r, at);
}

static void test_queues_and_events(void **state)
{
    const object_rig *const r = *state;
    for (size_t i = 0; i < r->kind->type_count; ++i) {
        refuse_queues_and_events(r, r->kind->types[i]);
    }
}

/* With no requests the rest is not looked at, but for queue and wait list. */
static void test_empty_calls(void **state)
{
    const object_rig *const r = *state;
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, 0));
    for (size_t i = 0; i < r->kind->type_count; ++i) {
        const call_type *const type = r->kind->types[i];
        call_args empty;
        if (!type->can_be_empty) continue;
        memset(&empty, 0, sizeof empty);
        REFUSED(LMS_E_ARGUMENT, type->run(r->object, NULL, &empty, 0, NULL, NULL), "queue: ");
        REFUSED(LMS_E_ARGUMENT, type->run(r->object, r->queue, &empty, 1, NULL, NULL),
                "num_wait: 1");
        for (size_t s = 0; s < 2 && type->strides[s].at != 0; ++s) {
            const size_t one = 1;
            memcpy((char *)&empty + type->strides[s].at, &one, sizeof one);
        }
        RIG_OK(object_call_with(r, r->object, type, &empty));
    }
    clFinish(r->queue);
    object_assert_poisoned(r);
    RIG_OK(object_end(r, r->object));
}

/* --- Arguments --------------------------------------------------------------------------- */

static lms_status refused_call(const object_rig *r, void *object, const call_type *type,
                               const call_args *good, const refusal *bad, cl_event *event)
{
    call_args args = *good;
    *event = (cl_event)r->queue;
    change_record(&args, bad->changes, CHANGES);
    return type->run(object, r->queue, &args, 0, NULL, event);
}

static void refuse_arguments(const object_rig *r, const call_type *type)
{
    call_args args;
    const unsigned at = begin(r, type, &args);
    for (size_t i = 0; i < type->refusals_count; ++i) {
        for (size_t k = 0; k < type->refusals[i].count; ++k) {
            const refusal *const bad = &type->refusals[i].all[k];
            cl_event event;
            REFUSED(bad->status, refused_call(r, r->object, type, &args, bad, &event),
                    bad->text, bad->rule);
            assert_null(event);
        }
    }
    assert_int_equal(clFinish(r->queue), CL_SUCCESS);
    go_on(r, at);
}

static void test_arguments(void **state)
{
    const object_rig *const r = *state;
    for (size_t i = 0; i < r->kind->type_count; ++i) refuse_arguments(r, r->kind->types[i]);
}

/* --- Between calls ----------------------------------------------------------------------- */

/* Everything that is wrong at any time, whatever it is refused for, with the arguments of the
 * call of its type that comes next, or came last. */
static void refuse_all(const object_rig *r, void *object, unsigned call)
{
    const object_view before = object_look(r, object);
    for (size_t t = 0; t < r->kind->type_count; ++t) {
        const call_type *const type = r->kind->types[t];
        unsigned at = object_first_of(r, type);
        call_args args;
        for (unsigned i = at; i <= call && i < r->kind->calls; ++i) {
            if (r->kind->arguments(r, i, &args) == type) at = i;
        }
        (void)r->kind->arguments(r, at, &args);
        for (size_t i = 0; i < type->refusals_count; ++i) {
            if (type->refusals[i].sometimes) continue;
            for (size_t k = 0; k < type->refusals[i].count; ++k) {
                const refusal *const bad = &type->refusals[i].all[k];
                cl_event event;
                hook_reset();
                if (refused_call(r, object, type, &args, bad, &event) == LMS_OK) {
                    fail_msg("%s before call %u was taken: %s", type->name, call, bad->text);
                }
                assert_null(event);
                assert_null(hook_deed());
            }
        }
    }
    object_assert_looks(r, object, &before);
}

static void test_a_scenario_between_refusals(void **state)
{
    const object_rig *const r = *state;
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        refuse_all(r, r->object, call);
        RIG_OK(object_calls(r, r->object, call, call + 1));
    }
    refuse_all(r, r->object, r->kind->calls);
    object_assert_expected(r);
    RIG_OK(object_end(r, r->object));
}

/* Refused calls take no stage: as many calls as ever can be in flight afterwards. */
static void test_refused_calls_are_not_in_flight(void **state)
{
    const object_rig *const r = *state;
    object_desc desc = r->desc;
    r->kind->set_in_flight(&desc, r->kind->calls);
    void *const object = object_new(r, &desc);
    const cl_event hold = rig_user_event(r->context);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        refuse_all(r, object, call);
        RIG_OK(
            object_call(r, object, r->queue, call, call == 0, call == 0 ? &hold : NULL, NULL));
    }
    rig_complete(hold);
    object_assert_expected(r);
    r->kind->destroy(object);
}

/* --- Descriptions ------------------------------------------------------------------------ */

static void test_descriptions(void **state)
{
    const object_rig *const r = *state;
    const object_kind *const kind = r->kind;
    const object_desc good = kind->desc();
    const long live = hook_live();
    void *object = r->object;
    kind->destroy(NULL);
    assert_int_equal(kind->workspace(NULL), 0);
    RIG_FAILS(LMS_E_ARGUMENT, kind->create(r->ctx, &good, NULL), "out: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, kind->create(NULL, &good, &object), "ctx: is NULL");
    assert_null(object);
    object = r->object;
    RIG_FAILS(LMS_E_ARGUMENT, kind->create(r->ctx, NULL, &object), "desc: is NULL");
    assert_null(object);
    for (size_t i = 0; i < kind->desc_refusals_count; ++i) {
        for (size_t k = 0; k < kind->desc_refusals[i].count; ++k) {
            const refusal *const bad = &kind->desc_refusals[i].all[k];
            object_desc desc = good;
            change_record(&desc, bad->changes, CHANGES);
            object = r->object;
            RIG_FAILS(bad->status, kind->create(r->ctx, &desc, &object), bad->text, bad->rule);
            assert_null(object);
            assert_int_equal(hook_live(), live);
        }
    }
    object_assert_good(r, r->object);
}

static void test_a_bad_shape(void **state)
{
    const object_rig *const r = *state;
    void *object = r->object;
    setenv("LMS_SHAPE", "team=3", 1);
    RIG_FAILS(LMS_E_ARGUMENT, r->kind->create(r->ctx, &r->desc, &object),
              "LMS_SHAPE: is \"team=3\"");
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    assert_null(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_queues_and_events),
        cmocka_unit_test(test_empty_calls),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_a_scenario_between_refusals),
        cmocka_unit_test(test_refused_calls_are_not_in_flight),
        cmocka_unit_test(test_descriptions),
        cmocka_unit_test(test_a_bad_shape),
    };
    return RUN_FOR_EACH_KIND("refusals", tests);
}
