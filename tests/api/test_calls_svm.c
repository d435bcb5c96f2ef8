/* Arrays that are no buffers, but pointers that the device takes: every call gives what it
 * gives with buffers. */
#include "calls/kinds.h"
#include "hooks.h"

#include <dlfcn.h>
#include <stdlib.h>

#define SVM_CAPABILITIES 0x1053u /* CL_DEVICE_SVM_CAPABILITIES, of OpenCL 2.0 */
#define COARSE 1u                /* CL_DEVICE_SVM_COARSE_GRAIN_BUFFER */

typedef void *(*alloc_function)(cl_context, cl_bitfield, size_t, cl_uint);
typedef void (*free_function)(cl_context, void *);
typedef cl_int (*copy_function)(cl_command_queue, cl_bool, void *, const void *, size_t,
                                cl_uint, const cl_event *, cl_event *);

enum {
    MOST = 64
};

/* Memory beside each buffer that a scenario uses. */
typedef struct shared {
    const object_rig *r;
    alloc_function alloc;
    free_function release;
    copy_function copy;
    cl_mem buffers[MOST];
    char *pointers[MOST];
    size_t sizes[MOST];
    size_t count;
    cl_mem seen[MOST];
    size_t seen_count;
} shared;

static void find(const char *name, void *function)
{
    void *const found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL)
        fail_msg("the device has shared virtual memory, but there is no %s", name);
    memcpy(function, &found, sizeof found);
}

/* The test is skipped where there is none. */
static shared shared_make(const object_rig *r)
{
    shared s;
    cl_bitfield able = 0;
    memset(&s, 0, sizeof s);
    s.r = r;
    clGetDeviceInfo(lms_context_device(r->ctx), SVM_CAPABILITIES, sizeof able, &able, NULL);
    if (!(able & COARSE)) skip();
    find("clSVMAlloc", &s.alloc);
    find("clSVMFree", &s.release);
    find("clEnqueueSVMMemcpy", &s.copy);
    return s;
}

static void shared_free(shared *s)
{
    for (size_t i = 0; i < s->count; ++i) s->release(s->r->context, s->pointers[i]);
}

/* With what the buffer has. */
static char *beside(shared *s, cl_mem buffer)
{
    for (size_t i = 0; i < s->count; ++i) {
        if (s->buffers[i] == buffer) return s->pointers[i];
    }
    const size_t i = s->count++;
    assert_true(i < MOST);
    s->buffers[i] = buffer;
    assert_int_equal(
        clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof s->sizes[i], &s->sizes[i], NULL),
        CL_SUCCESS);
    char *const bytes = malloc(s->sizes[i]);
    s->pointers[i] = s->alloc(s->r->context, CL_MEM_READ_WRITE, s->sizes[i], 0);
    assert_true(bytes != NULL && s->pointers[i] != NULL);
    assert_int_equal(
        clEnqueueReadBuffer(s->r->queue, buffer, CL_TRUE, 0, s->sizes[i], bytes, 0, NULL, NULL),
        CL_SUCCESS);
    assert_int_equal(
        s->copy(s->r->queue, CL_TRUE, s->pointers[i], bytes, s->sizes[i], 0, NULL, NULL),
        CL_SUCCESS);
    free(bytes);
    return s->pointers[i];
}

/* What was written there goes to the buffers. */
static void write_back(const shared *s)
{
    for (size_t i = 0; i < s->count; ++i) {
        char *const bytes = malloc(s->sizes[i]);
        assert_non_null(bytes);
        assert_int_equal(
            s->copy(s->r->queue, CL_TRUE, bytes, s->pointers[i], s->sizes[i], 0, NULL, NULL),
            CL_SUCCESS);
        assert_int_equal(clEnqueueWriteBuffer(s->r->queue, s->buffers[i], CL_TRUE, 0,
                                              s->sizes[i], bytes, 0, NULL, NULL),
                         CL_SUCCESS);
        free(bytes);
    }
}

/* Is a buffer one that stays? Of every second (0, 1), in the order in which they come. */
static bool stays(shared *s, cl_mem buffer, unsigned which)
{
    size_t i = 0;
    while (i < s->seen_count && s->seen[i] != buffer) ++i;
    if (i == s->seen_count) s->seen[s->seen_count++] = buffer;
    assert_true(s->seen_count < MOST);
    return which < 2 && i % 2 != which;
}

/* Makes pointers of the views that are given: of all (2), or of those that do not stay. */
static void replace(shared *s, const call_type *type, call_args *args, unsigned which)
{
    for (size_t i = 0; i < type->view_count; ++i) {
        lms_view *const v = view_of(args, &type->views[i]);
        if (v->buffer == NULL || stays(s, v->buffer, which)) continue;
        v->svm = beside(s, v->buffer);
        v->buffer = NULL;
    }
}

static void run(const object_rig *r, unsigned which)
{
    shared s = shared_make(r);
    assert_int_equal(object_poison(r), CL_SUCCESS);
    for (unsigned again = 0; again < 2; ++again) {
        RIG_OK(object_begin(r, r->object, 0));
        for (unsigned call = 0; call < r->kind->calls; ++call) {
            call_args args;
            const call_type *const type = r->kind->arguments(r, call, &args);
            replace(&s, type, &args, which);
            RIG_OK(object_call_with(r, r->object, type, &args));
        }
        clFinish(r->queue);
        RIG_OK(object_end(r, r->object));
    }
    assert_true(s.count > 1);
    if (which == 2) object_assert_poisoned(r);
    write_back(&s);
    object_assert_expected(r);
    shared_free(&s);
}

static void test_all_of_them(void **state)
{
    run(*state, 2);
    object_assert_good(*state, ((const object_rig *)*state)->object); /* and buffers again */
}

static void test_among_buffers(void **state)
{
    run(*state, 0);
    run(*state, 1);
    object_assert_good(*state, ((const object_rig *)*state)->object);
}

/* --- What is refused --------------------------------------------------------------------- */

/* Each view of each type of call in turn. */
static void refuse(const object_rig *r, lms_view given, lms_status code, const char *why)
{
    for (size_t t = 0; t < r->kind->type_count; ++t) {
        const call_type *const type = r->kind->types[t];
        const unsigned at = object_first_of(r, type);
        RIG_OK(object_begin(r, r->object, at));
        clFinish(r->queue);
        for (size_t i = 0; i < type->view_count; ++i) {
            call_args args;
            (void)r->kind->arguments(r, at, &args);
            *view_of(&args, &type->views[i]) = given;
            OBJECT_REFUSED(r, r->object, code, object_call_with(r, r->object, type, &args),
                           type->views[i].name, why);
        }
        RIG_OK(object_end(r, r->object));
    }
}

static void test_refused(void **state)
{
    const object_rig *const r = *state;
    shared s = shared_make(r);
    const cl_mem buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, 1 << 20);
    char *const pointer = beside(&s, buffer);
    refuse(r, (lms_view){buffer, 0, pointer}, LMS_E_ARGUMENT,
           "has a buffer and svm; at most one of them is given");
    refuse(r, (lms_view){NULL, 0, pointer + 1}, LMS_E_ARGUMENT, "must be a multiple of");
    refuse(r, (lms_view){NULL, SIZE_MAX, pointer}, LMS_E_BUFFER_SIZE,
           "beyond the last address");
    shared_free(&s);
    clReleaseMemObject(buffer);
    object_assert_good(r, r->object);
}

static void test_device_without(void **state)
{
    static const cl_bitfield none = 0;
    const object_rig *const r = *state;
    object_rig *const without = malloc(r->kind->rig_bytes);
    static char memory[64];
    assert_non_null(without);
    memcpy(without, r, r->kind->rig_bytes);
    hook_reset();
    hook_answer(NULL, SVM_CAPABILITIES, sizeof none, &none);
    RIG_OK(lms_context_create(r->context, lms_context_device(r->ctx), &without->ctx));
    hook_reset();
    without->queue = lms_context_queue(without->ctx);
    without->object = object_new(without, &r->desc);
    refuse(without, (lms_view){NULL, 0, memory}, LMS_E_UNSUPPORTED,
           "svm is given, but the device has no shared virtual memory");
    object_assert_good(without, without->object);
    r->kind->destroy(without->object);
    lms_context_destroy(without->ctx);
    free(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_them),
        cmocka_unit_test(test_among_buffers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_device_without),
    };
    return RUN_FOR_EACH_KIND("pointers", tests);
}
