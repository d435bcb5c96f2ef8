/* What a call of a sampler tells its kernels: nothing twice, as long as it stays what it is,
 * and nothing that was another call's. */
#include "calls/sampler_object.h"
#include "hooks.h"

#include <stdlib.h>

enum {
    MOST_SET = 24, /* clSetKernelArg of a call like the one before */
    DESCS = 4
};

static lms_sampler *make(const object_rig *r, unsigned which, const char *shape)
{
    object_desc desc = r->desc;
    if (which & 1) desc.sampler.outputs = 0;
    if (which & 2) desc.sampler.work_items = 4;
    setenv("LMS_SHAPE", shape, 1);
    lms_sampler *const made = object_new(r, &desc);
    unsetenv("LMS_SHAPE");
    return made;
}

static lms_sampler_run_args arguments(const sampler_rig *r, unsigned which, unsigned call)
{
    lms_sampler_run_args b = sampler_run_args(r, call);
    if (which & 1) {
        b.logprob_raw.buffer = b.logprob.buffer = b.kept.buffer = b.probs.buffer = NULL;
    }
    return b;
}

static unsigned set_by(const sampler_rig *r, lms_sampler *s, const lms_sampler_run_args *b)
{
    hook_reset();
    RIG_OK(lms_sampler_run(s, r->base.queue, b, 0, NULL, NULL));
    const unsigned set = hook_count("clSetKernelArg");
    clFinish(r->base.queue);
    return set;
}

/* The caller's buffers alone are set again, once for each kernel. */
static void steady(const sampler_rig *r, lms_sampler *s, unsigned which, unsigned call)
{
    lms_sampler_run_args b = arguments(r, which, call);
    const unsigned first = set_by(r, s, &b), again = set_by(r, s, &b);
    const unsigned kernels = hook_count("clEnqueueNDRangeKernel");
    assert_true(again <= first);
    assert_in_range(again, 3, MOST_SET);
    assert_int_equal(set_by(r, s, &b), again);
    /* A number that every kernel has. */
    b.row_stride = SAMPLER_VOCAB + 1;
    assert_int_equal(set_by(r, s, &b), again + kernels);
    assert_int_equal(set_by(r, s, &b), again);
    assert_in_range(hook_count("clEnqueueWriteBuffer"), 0, 1);
}

static void test_nothing_twice(void **state)
{
    static const char *const shapes[] = {"fuse_from=1", "fuse_from=1000000"};
    static const unsigned calls[] = {SAMPLER_HOST, SAMPLER_DEVICE, SAMPLER_PLAIN};
    const sampler_rig *const r = *state;
    for (unsigned i = 0; i < 2 * DESCS; ++i) {
        lms_sampler *const s = make(&r->base, i / 2, shapes[i % 2]);
        for (size_t c = 0; c < sizeof calls / sizeof calls[0]; ++c) {
            steady(r, s, i / 2, calls[c]);
        }
        lms_sampler_destroy(s);
    }
}

/* A buffer that is made where another one was may have its handle, and is set all the same. */
static void test_buffers_of_the_same_handle(void **state)
{
    const sampler_rig *const r = *state;
    float row[SAMPLER_VOCAB] = {0};
    for (int i = 0; i < 40; ++i) {
        lms_sampler_run_args b = sampler_run_args(r, SAMPLER_SMALL);
        int32_t token = -1;
        row[7 * i] = 1000.0f;
        b.rows = 1;
        b.logits_rows = 1;
        b.logits = (lms_view){
            clCreateBuffer(r->base.context, CL_MEM_COPY_HOST_PTR, sizeof row, row, NULL), 0,
            NULL};
        RIG_OK(lms_sampler_run(r->base.object, r->base.queue, &b, 0, NULL, NULL));
        clReleaseMemObject(b.logits.buffer); /* a queue keeps what its commands need */
        clEnqueueReadBuffer(r->base.queue, b.tokens.buffer, CL_TRUE,
                            b.tokens.offset * sizeof token, sizeof token, &token, 0, NULL,
                            NULL);
        assert_int_equal(token, 7 * i);
        row[7 * i] = 0.0f;
    }
}

/* A call fails at each of its arguments; the one before it, made again, is as it was. */
static void test_failures_are_not_kept(void **state)
{
    object_rig *const base = *state;
    void *const usual = base->object;
    unsigned nth = 1;
    for (bool came = true; came; ++nth) {
        base->object = object_new(base, &base->desc);
        assert_int_equal(object_poison(base), CL_SUCCESS);
        RIG_OK(object_calls(base, base->object, 0, 1));
        hook_reset();
        hook_fail("clSetKernelArg", nth, CL_OUT_OF_HOST_MEMORY);
        const lms_status status = object_calls(base, base->object, 1, 2);
        came = hook_failed();
        assert_int_equal(status, came ? CL_OUT_OF_HOST_MEMORY : LMS_OK);
        hook_reset();
        RIG_OK(object_calls(base, base->object, 0, base->kind->calls));
        object_assert_expected(base);
        base->kind->destroy(base->object);
    }
    base->object = usual;
    assert_in_range(nth, 6, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_twice),
        cmocka_unit_test(test_buffers_of_the_same_handle),
        cmocka_unit_test(test_failures_are_not_kept),
    };
    return cmocka_run_group_tests_name("arguments", tests, sampler_setup, object_teardown);
}
