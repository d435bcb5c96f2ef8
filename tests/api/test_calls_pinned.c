/* Calls on a device with memory of its own bring what the host gives from memory that is
 * pinned, if there is some. */
#include "calls/kinds.h"
#include "faults.h"
#include "hooks.h"

#include <stdlib.h>

/* The rig with a context of such a device. */
static object_rig *open_apart(const object_rig *r)
{
    static const cl_bool no = CL_FALSE;
    object_rig *const apart = malloc(r->kind->rig_bytes);
    assert_non_null(apart);
    memcpy(apart, r, r->kind->rig_bytes);
    hook_reset();
    hook_answer(NULL, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof no, &no);
    RIG_OK(lms_context_create(r->context, lms_context_device(r->ctx), &apart->ctx));
    hook_reset();
    r->kind->destroy(object_new(apart, &r->desc)); /* the context keeps its programs */
    hook_reset();
    return apart;
}

static void close_apart(object_rig *apart)
{
    lms_context_destroy(apart->ctx);
    free(apart);
}

static void test_pinned(void **state)
{
    const object_rig *const r = *state;
    object_rig *const apart = open_apart(r);
    const long live = hook_live();
    void *const object = object_new(apart, &r->desc);
    assert_int_equal(hook_count("clEnqueueMapBuffer"), 1);
    for (int again = 0; again < 3; ++again) {
        hook_reset();
        assert_int_equal(object_poison(apart), CL_SUCCESS);
        const unsigned others = hook_count("clEnqueueWriteBuffer");
        RIG_OK(object_begin(apart, object, r->kind->calls));
        assert_true(hook_pinned_writes() > 0);
        assert_int_equal(hook_pinned_writes(), hook_count("clEnqueueWriteBuffer") - others);
        object_assert_expected(apart);
        RIG_OK(object_end(apart, object));
        assert_int_equal(hook_count("clEnqueueMapBuffer"), 0);
    }
    hook_reset();
    r->kind->destroy(object);
    assert_int_equal(hook_count("clEnqueueUnmapMemObject"), 1);
    assert_int_equal(hook_live(), live);
    close_apart(apart);
}

/* Shared memory needs none. */
static void test_not_where_memory_is_shared(void **state)
{
    const object_rig *const r = *state;
    hook_reset();
    r->kind->destroy(object_new(r, &r->desc));
    assert_int_equal(hook_count("clEnqueueMapBuffer"), 0);
}

/* An object whose making had one failure: it is there, and good, or is not. */
static bool is_made(object_rig *apart, const char *name, unsigned nth)
{
    const long live = hook_live();
    void *object = NULL;
    hook_reset();
    hook_fail(name, nth, INJECTED);
    const lms_status status = apart->kind->create(apart->ctx, &apart->desc, &object);
    assert_true(hook_failed());
    if (status == LMS_OK) {
        object_assert_good(apart, object);
        assert_int_equal(hook_pinned_writes(), 0);
    }
    apart->kind->destroy(object);
    assert_int_equal(hook_live(), live);
    return status == LMS_OK;
}

/* Memory that is not to be had pinned does not matter. */
static void test_without_pinned_memory(void **state)
{
    const object_rig *const r = *state;
    object_rig *const apart = open_apart(r);
    unsigned made = 0;
    r->kind->destroy(object_new(apart, &r->desc));
    const unsigned buffers = hook_count("clCreateBuffer");
    for (unsigned nth = 1; nth <= buffers; ++nth) made += is_made(apart, "clCreateBuffer", nth);
    assert_int_equal(made, 1);
    assert_true(is_made(apart, "clEnqueueMapBuffer", 1));
    close_apart(apart);
}

/* No more than 32 MiB: each of a sampler's rows has 84 bytes, in each of 8 stages. */
static void test_a_little_pinned_memory(void **state)
{
    static const uint32_t rows[] = {48000, 52000};
    const object_rig *const r = *state;
    if (r->kind != &sampler_kind) skip();
    object_rig *const apart = open_apart(r);
    for (unsigned i = 0; i < 2; ++i) {
        const lms_sampler_desc desc = {
            .vocab = 100, .max_rows = rows[i], .logits = LMS_FLOAT32};
        lms_sampler *sampler = NULL;
        hook_reset();
        RIG_OK(lms_sampler_create(apart->ctx, &desc, &sampler));
        assert_int_equal(hook_count("clEnqueueMapBuffer"), i == 0);
        lms_sampler_destroy(sampler);
    }
    close_apart(apart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_not_where_memory_is_shared),
        cmocka_unit_test(test_without_pinned_memory),
        cmocka_unit_test(test_a_little_pinned_memory),
    };
    return RUN_FOR_EACH_KIND("pinned", tests);
}
