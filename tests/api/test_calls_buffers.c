/* Which buffers every call takes, and how big they must be. */
#include "calls/kinds.h"

#include <stdlib.h>

/* Makes the scenario's calls before the first of the type, so that this one can be made. */
static void reopen(const object_rig *r, void *object, const call_type *type, call_args *args)
{
    const unsigned at = object_first_of(r, type);
    RIG_OK(object_end(r, object));
    RIG_OK(object_begin(r, object, at));
    clFinish(r->queue);
    (void)r->kind->arguments(r, at, args);
}

static lms_status call_with(const object_rig *r, const call_type *type, const call_args *good,
                            const view *v, cl_mem buffer)
{
    call_args args = *good;
    view_of(&args, v)->buffer = buffer;
    return object_call_with(r, r->object, type, &args);
}

static bool is_written(const view *v) { return v->door == OUT || v->door == OUT_OPTIONAL; }

/* --- Which ------------------------------------------------------------------------------- */

/* Puts a buffer into each place in turn: those that are written, those that are read, or (-1)
 * all. */
static void refuse_everywhere(const object_rig *r, cl_mem buffer, int written, const char *why)
{
    for (size_t t = 0; t < r->kind->type_count; ++t) {
        const call_type *const type = r->kind->types[t];
        call_args args;
        reopen(r, r->object, type, &args);
        const object_view before = object_look(r, r->object);
        assert_int_equal(object_poison(r), CL_SUCCESS);
        for (size_t i = 0; i < type->view_count; ++i) {
            const view *const v = &type->views[i];
            if (written >= 0 && is_written(v) != (written != 0)) continue;
            RIG_FAILS(LMS_E_ARGUMENT, call_with(r, type, &args, v, buffer), v->name, why);
        }
        clFinish(r->queue);
        object_assert_poisoned(r);
        object_assert_looks(r, r->object, &before);
    }
    RIG_OK(object_end(r, r->object));
}

static void test_wrong_buffers(void **state)
{
    const object_rig *const r = *state;
    lms_context *other = NULL;
    RIG_OK(lms_context_open(NULL, &other));
    const cl_mem foreign =
        rig_buffer(lms_context_cl_context(other), CL_MEM_READ_WRITE, 1 << 20);
    const cl_mem in = rig_buffer(r->context, CL_MEM_READ_ONLY, 1 << 20);
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, 1 << 20);
    refuse_everywhere(r, foreign, -1, "another cl_context");
    refuse_everywhere(r, in, 1, "CL_MEM_READ_ONLY");
    refuse_everywhere(r, out, 0, "CL_MEM_WRITE_ONLY");
    object_assert_good(r, r->object);
    clReleaseMemObject(foreign);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
    lms_context_destroy(other);
}

static void test_images_are_no_buffers(void **state)
{
    const object_rig *const r = *state;
    const cl_image_format format = {CL_RGBA, CL_UNSIGNED_INT32};
    cl_image_desc desc;
    cl_int code = CL_SUCCESS;
    cl_bool images = CL_FALSE;
    clGetDeviceInfo(lms_context_device(r->ctx), CL_DEVICE_IMAGE_SUPPORT, sizeof images, &images,
                    NULL);
    if (!images) skip();
    memset(&desc, 0, sizeof desc);
    desc.image_type = CL_MEM_OBJECT_IMAGE2D;
    desc.image_width = desc.image_height = 256;
    const cl_mem image =
        clCreateImage(r->context, CL_MEM_READ_WRITE, &format, &desc, NULL, &code);
    assert_int_equal(code, CL_SUCCESS);
    refuse_everywhere(r, image, -1, "not a buffer, but a memory object of type 0x10f1");
    clReleaseMemObject(image);
}

/* Inputs are made read-only by the rig; outputs may be write-only. */
static void test_write_only_outputs(void **state)
{
    const object_rig *const r = *state;
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, 1 << 18);
    for (size_t t = 0; t < r->kind->type_count; ++t) {
        const call_type *const type = r->kind->types[t];
        for (size_t i = 0; i < type->view_count; ++i) {
            call_args args;
            if (!is_written(&type->views[i])) continue;
            reopen(r, r->object, type, &args);
            RIG_OK(call_with(r, type, &args, &type->views[i], out));
            clFinish(r->queue);
        }
    }
    RIG_OK(object_end(r, r->object));
    clReleaseMemObject(out);
}

/* --- How big ----------------------------------------------------------------------------- */

/* Arguments with rows apart, and buffers that are larger than any of them needs. */
typedef struct roomy {
    const object_rig *r;
    void *object;
    object_types types;
    cl_mem in, out;
} roomy;

enum {
    ROOM = 1 << 20
};

static roomy make_room(const object_rig *r, void *object, const object_desc *desc)
{
    roomy room = {r, object, r->kind->types_of(desc), NULL, NULL};
    void *const zeros = calloc(1, ROOM);
    cl_int code = CL_SUCCESS;
    assert_non_null(zeros);
    room.in = clCreateBuffer(r->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, ROOM, zeros,
                             &code);
    assert_int_equal(code, CL_SUCCESS);
    room.out = rig_buffer(r->context, CL_MEM_READ_WRITE, ROOM);
    free(zeros);
    return room;
}

static void leave_room(const roomy *room)
{
    RIG_OK(object_end(room->r, room->object));
    clReleaseMemObject(room->in);
    clReleaseMemObject(room->out);
}

static call_args roomy_args(const roomy *room, const call_type *type, const call_args *good)
{
    call_args args = *good;
    change_record(&args, type->apart, CHANGES);
    for (size_t i = 0; i < type->view_count; ++i) {
        const view *const v = &type->views[i];
        *view_of(&args, v) = (lms_view){is_written(v) ? room->out : room->in, 0, NULL};
    }
    return args;
}

static lms_status call_in(const roomy *room, const call_type *type, const call_args *good,
                          const view *v, lms_view given)
{
    call_args args = roomy_args(room, type, good);
    *view_of(&args, v) = given;
    const lms_status status = object_call_with(room->r, room->object, type, &args);
    clFinish(room->r->queue);
    return status;
}

static lms_status call_in_bytes(const roomy *room, const call_type *type, const call_args *good,
                                const view *v, size_t offset, size_t bytes)
{
    const lms_view given = {rig_buffer(room->r->context, CL_MEM_READ_WRITE, bytes), offset,
                            NULL};
    const lms_status status = call_in(room, type, good, v, given);
    clReleaseMemObject(given.buffer);
    return status;
}

/* A view's buffer just big enough, and a byte or an element too small. */
static void check_extent(const roomy *room, const call_type *type, const view *v)
{
    static const size_t offsets[] = {0, 1, 5, 1000};
    for (size_t k = 0; k < sizeof offsets / sizeof offsets[0]; ++k) {
        const size_t at = offsets[k], each = element_bytes(room->types, v->element);
        const size_t bytes = (at + v->elements) * each;
        call_args args;
        reopen(room->r, room->object, type, &args);
        const object_view before = object_look(room->r, room->object);
#define CALL(offset, bytes) call_in_bytes(room, type, &args, v, (offset), (bytes))
        RIG_FAILS(LMS_E_BUFFER_SIZE, CALL(at, bytes - 1), v->name, "the buffer has");
        RIG_FAILS(LMS_E_BUFFER_SIZE, CALL(at, bytes - each), v->name, "bytes need");
        RIG_FAILS(LMS_E_BUFFER_SIZE, CALL(at + 1, bytes), v->name);
        object_assert_looks(room->r, room->object, &before);
        RIG_OK(CALL(at, bytes));
#undef CALL
    }
}

static void test_exact_and_one_byte_less(void **state)
{
    const object_rig *const r = *state;
    const roomy room = make_room(r, r->object, &r->desc);
    for (size_t t = 0; t < r->kind->type_count; ++t) {
        const call_type *const type = r->kind->types[t];
        for (size_t i = 0; i < type->view_count; ++i) {
            check_extent(&room, type, &type->views[i]);
        }
    }
    leave_room(&room);
}

/* Elements of other sizes. */
static void test_half_inputs_and_long_tokens(void **state)
{
    const object_rig *const r = *state;
    for (int dtype = LMS_FLOAT16; dtype <= LMS_BFLOAT16; ++dtype) {
        const object_types types = {(lms_dtype)dtype, (lms_dtype)dtype, LMS_INT64};
        object_desc desc = r->desc;
        r->kind->set_types(&desc, types);
        object_rig *const other = object_beside(r, &desc);
        const roomy room = make_room(other, other->object, &desc);
        for (size_t t = 0; t < r->kind->type_count; ++t) {
            const call_type *const type = r->kind->types[t];
            for (size_t i = 0; i < type->view_count; ++i) {
                const view *const v = &type->views[i];
                const bool has_type = v->element == ELEMENT_LOGIT ||
                                      v->element == ELEMENT_HIDDEN ||
                                      v->element == ELEMENT_TOKEN;
                if (has_type) check_extent(&room, type, v);
            }
        }
        leave_room(&room);
        object_close(other);
        free(other);
    }
}

/* Extents that do not fit 64 bits, or almost. */
static void check_overflow(const roomy *room, const call_type *type, const call_args *good,
                           size_t huge)
{
    for (size_t i = 0; i < type->view_count; ++i) {
        const view *const v = &type->views[i];
        const lms_view given = {is_written(v) ? room->out : room->in, huge, NULL};
        RIG_FAILS(LMS_E_BUFFER_SIZE, call_in(room, type, good, v, given), v->name);
    }
    for (size_t s = 0; s < 2 && type->strides[s].text != NULL; ++s) {
        call_args args = roomy_args(room, type, good);
        memcpy((char *)&args + type->strides[s].at, &huge, sizeof huge);
        RIG_FAILS(LMS_E_BUFFER_SIZE, object_call_with(room->r, room->object, type, &args),
                  type->strides[s].text);
    }
}

static void test_overflow(void **state)
{
    static const size_t huge[] = {SIZE_MAX,          SIZE_MAX - 1,      SIZE_MAX - 300,
                                  SIZE_MAX / 2,      SIZE_MAX / 4,      SIZE_MAX / 4 + 1,
                                  SIZE_MAX / 8 + 1,  SIZE_MAX / 16 + 1, SIZE_MAX / 48 + 1,
                                  (size_t)1 << 62,   SIZE_MAX / 10,     SIZE_MAX / 11,
                                  SIZE_MAX / 40 + 1, SIZE_MAX / 44 + 1};
    const object_rig *const r = *state;
    const roomy room = make_room(r, r->object, &r->desc);
    for (size_t t = 0; t < r->kind->type_count; ++t) {
        call_args args;
        reopen(r, r->object, r->kind->types[t], &args);
        const object_view before = object_look(r, r->object);
        for (size_t k = 0; k < sizeof huge / sizeof huge[0]; ++k) {
            check_overflow(&room, r->kind->types[t], &args, huge[k]);
        }
        object_assert_looks(r, r->object, &before);
    }
    leave_room(&room);
}

/* A sub-buffer is as big as itself, not as the buffer that it is a part of. */
static void test_sub_buffers(void **state)
{
    const object_rig *const r = *state;
    const cl_mem whole = rig_buffer(r->context, CL_MEM_READ_WRITE, 1 << 18);
    const roomy room = make_room(r, r->object, &r->desc);
    for (size_t t = 0; t < r->kind->type_count; ++t) {
        const call_type *const type = r->kind->types[t];
        for (size_t i = 0; i < 2 * type->view_count; ++i) {
            const view *const v = &type->views[i / 2];
            const size_t bytes = v->elements * element_bytes(room.types, v->element);
            const cl_buffer_region region = {4096, bytes - (1 - i % 2)};
            cl_int code = CL_SUCCESS;
            call_args args;
            reopen(r, r->object, type, &args);
            const lms_view given = {clCreateSubBuffer(whole, CL_MEM_READ_WRITE,
                                                      CL_BUFFER_CREATE_TYPE_REGION, &region,
                                                      &code),
                                    0, NULL};
            assert_int_equal(code, CL_SUCCESS);
            const lms_status status = call_in(&room, type, &args, v, given);
            if (i % 2 == 1) {
                RIG_OK(status);
            } else {
                RIG_FAILS(LMS_E_BUFFER_SIZE, status, v->name, "the buffer has");
            }
            clReleaseMemObject(given.buffer);
        }
    }
    leave_room(&room);
    clReleaseMemObject(whole);
}

/* --- What is asked for ------------------------------------------------------------------- */

/* The optional outputs of all types, each once. */
static size_t optional_outputs(const object_kind *kind, size_t *traces)
{
    size_t count = 0;
    for (size_t t = 0; t < kind->type_count; ++t) {
        for (size_t i = 0; i < kind->types[t]->view_count; ++i) {
            const view *const v = &kind->types[t]->views[i];
            bool is_new = v->door == OUT_OPTIONAL;
            for (size_t k = 0; k < count; ++k) is_new = is_new && traces[k] != v->trace;
            if (is_new) traces[count++] = v->trace;
        }
    }
    return count;
}

/* The scenario, without the outputs of the trace's record whose bit is not set. */
static void run_without(const object_rig *r, const size_t *traces, size_t count, unsigned bits)
{
    RIG_OK(object_begin(r, r->object, 0));
    for (unsigned call = 0; call < r->kind->calls; ++call) {
        call_args args;
        const call_type *const type = r->kind->arguments(r, call, &args);
        for (size_t i = 0; i < type->view_count; ++i) {
            for (size_t k = 0; k < count; ++k) {
                if (type->views[i].trace != traces[k] || (bits >> k & 1)) continue;
                view_of(&args, &type->views[i])->buffer = NULL;
            }
        }
        RIG_OK(object_call_with(r, r->object, type, &args));
    }
    RIG_OK(object_end(r, r->object));
}

/* What is not asked for makes no difference to the rest, and is not written. */
static void test_optional_outputs(void **state)
{
    const object_rig *const r = *state;
    char *const found = object_record(r), *const poison = object_record(r);
    char *const expected = object_record(r);
    size_t traces[16];
    const size_t count = optional_outputs(r->kind, traces);
    for (unsigned bits = 0; bits < 1u << count; ++bits) {
        assert_int_equal(object_poison(r), CL_SUCCESS);
        assert_int_equal(object_read(r, poison), CL_SUCCESS);
        run_without(r, traces, count, bits);
        assert_int_equal(object_read(r, found), CL_SUCCESS);
        memcpy(expected, object_expected(r), r->kind->record_bytes);
        for (size_t i = 0; i < r->kind->field_count; ++i) {
            const trace_field *const f = &r->kind->fields[i];
            for (size_t k = 0; k < count; ++k) {
                if (traces[k] != f->record || (bits >> k & 1)) continue;
                memcpy(expected + f->record, poison + f->record, f->bytes);
            }
        }
        object_assert_same(r, found, expected);
    }
    free(found);
    free(poison);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_buffers),
        cmocka_unit_test(test_images_are_no_buffers),
        cmocka_unit_test(test_write_only_outputs),
        cmocka_unit_test(test_exact_and_one_byte_less),
        cmocka_unit_test(test_half_inputs_and_long_tokens),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_sub_buffers),
        cmocka_unit_test(test_optional_outputs),
    };
    return RUN_FOR_EACH_KIND("buffers", tests);
}
