/* What can be done with an object of any kind. */
#include "object.h"

#include <stdlib.h>

static trace trace_of(const object_rig *r)
{
    const object_kind *const k = r->kind;
    const trace t = {k->fields, k->field_count, k->record_bytes,
                     r,         r->queue,       k->types_of(&r->desc).tokens != LMS_INT64};
    return t;
}

/* --- A rig's life ------------------------------------------------------------------------ */

void object_open(object_rig *r, const object_kind *kind, lms_context *ctx,
                 const object_desc *desc)
{
    /* All launches that there can be, on a CPU too. */
    setenv("LMS_SHAPE", "fuse_from=1000000", 1);
    memset(r, 0, kind->rig_bytes);
    r->kind = kind;
    r->ctx = ctx;
    r->owns_context = ctx == NULL;
    r->desc = *desc;
    if (ctx == NULL) RIG_OK(lms_context_open(NULL, &r->ctx));
    r->context = lms_context_cl_context(r->ctx);
    r->queue = lms_context_queue(r->ctx);
    kind->fill(r);
    const trace t = trace_of(r);
    trace_make(&t, r, r->context);
    r->object = object_new(r, &r->desc);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, r->object, kind->calls));
    RIG_OK(object_end(r, r->object));
    assert_int_equal(object_read(r, (char *)r + kind->expected), CL_SUCCESS);
    kind->assert_sound(r);
}

void object_close(object_rig *r)
{
    const trace t = trace_of(r);
    r->kind->destroy(r->object);
    trace_release(&t);
    r->kind->release(r);
    if (r->owns_context) lms_context_destroy(r->ctx);
}

int object_setup(void **state, const object_kind *kind)
{
    const object_desc desc = kind->desc();
    object_rig *const r = calloc(1, kind->rig_bytes);
    assert_non_null(r);
    object_open(r, kind, NULL, &desc);
    *state = r;
    return 0;
}

int object_teardown(void **state)
{
    object_close(*state);
    free(*state);
    return 0;
}

object_rig *object_beside(const object_rig *r, const object_desc *desc)
{
    object_rig *const other = calloc(1, r->kind->rig_bytes);
    assert_non_null(other);
    object_open(other, r->kind, r->ctx, desc);
    return other;
}

void *object_new(const object_rig *r, const object_desc *desc)
{
    void *object = NULL;
    RIG_OK(r->kind->create(r->ctx, desc, &object));
    return object;
}

/* --- Calls ------------------------------------------------------------------------------- */

lms_status object_call(const object_rig *r, void *object, cl_command_queue queue, unsigned call,
                       cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    call_args args;
    const call_type *const type = r->kind->arguments(r, call, &args);
    return type->run(object, queue, &args, num_wait, wait_list, event);
}

lms_status object_call_with(const object_rig *r, void *object, const call_type *type,
                            const call_args *args)
{
    return type->run(object, r->queue, args, 0, NULL, NULL);
}

lms_status object_calls(const object_rig *r, void *object, unsigned first, unsigned last)
{
    lms_status status = LMS_OK;
    for (unsigned call = first; call < last && status == LMS_OK; ++call) {
        status = object_call(r, object, r->queue, call, 0, NULL, NULL);
    }
    return status;
}

lms_status object_begin(const object_rig *r, void *object, unsigned calls)
{
    const lms_status status = r->kind->open(r, object);
    return status == LMS_OK ? object_calls(r, object, 0, calls) : status;
}

lms_status object_end(const object_rig *r, void *object) { return r->kind->close(r, object); }

unsigned object_first_of(const object_rig *r, const call_type *type)
{
    call_args args;
    unsigned call = 0;
    while (r->kind->arguments(r, call, &args) != type) ++call;
    return call;
}

/* --- What they leave behind -------------------------------------------------------------- */

object_view object_look(const object_rig *r, const void *object)
{
    return r->kind->look(object);
}

void object_assert_looks(const object_rig *r, const void *object, const object_view *before)
{
    const object_view now = object_look(r, object);
    for (size_t i = 0; i < sizeof now.lengths / sizeof now.lengths[0]; ++i) {
        assert_int_equal(now.lengths[i], before->lengths[i]);
    }
    assert_int_equal(now.room, before->room);
}

cl_int object_poison(const object_rig *r)
{
    const trace t = trace_of(r);
    return trace_poison(&t);
}

cl_int object_read(const object_rig *r, void *record)
{
    const trace t = trace_of(r);
    return trace_read(&t, record);
}

const char *object_difference(const object_rig *r, const void *a, const void *b)
{
    return trace_difference(r->kind->fields, r->kind->field_count, a, b);
}

const void *object_expected(const object_rig *r) { return (const char *)r + r->kind->expected; }

void *object_record(const object_rig *r)
{
    void *const record = calloc(1, r->kind->record_bytes);
    assert_non_null(record);
    return record;
}

void object_assert_same(const object_rig *r, const void *a, const void *b)
{
    const char *const name = object_difference(r, a, b);
    if (name != NULL) fail_msg("%s differ", name);
}

void object_assert_expected(const object_rig *r)
{
    void *const found = object_record(r);
    assert_int_equal(object_read(r, found), CL_SUCCESS);
    object_assert_same(r, found, object_expected(r));
    free(found);
}

void object_assert_poisoned(const object_rig *r)
{
    const trace t = trace_of(r);
    trace_assert_poisoned(&t);
}

void object_assert_good(const object_rig *r, void *object)
{
    const object_view before = object_look(r, object);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    RIG_OK(object_begin(r, object, r->kind->calls));
    object_assert_expected(r);
    RIG_OK(object_end(r, object));
    object_assert_looks(r, object, &before);
}
