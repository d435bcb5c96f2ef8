/* What a call refuses, and that it says which argument, its value and the rule. */
#include "rig.h"

#include <math.h>

#define RUN(batch) lms_sampler_run(r->sampler, r->queue, (batch), 0, NULL, NULL)

static void test_missing_arguments(void **state)
{
    rig *const r = *state;
    cl_event event = (cl_event)r->queue;
    const lms_sampler_run_args b = rig_batch(r);
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(NULL, r->queue, &b, 0, NULL, &event),
              "sampler: is NULL");
    assert_null(event);
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(r->sampler, NULL, &b, 0, NULL, NULL),
              "queue: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, RUN(NULL), "batch: is NULL");
    lms_sampler_run_args bad = b;
    bad.logits.buffer = NULL;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&bad), "logits: is NULL");
    bad = b;
    bad.tokens.buffer = NULL;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&bad), "tokens: is NULL");
}

static void test_wait_list(void **state)
{
    rig *const r = *state;
    const lms_sampler_run_args b = rig_batch(r);
    cl_event none[2] = {NULL, NULL};
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(r->sampler, r->queue, &b, 2, NULL, NULL),
              "num_wait: 2");
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(r->sampler, r->queue, &b, 0, none, NULL),
              "num_wait: 0");
    none[0] = clCreateUserEvent(r->context, NULL);
    RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(r->sampler, r->queue, &b, 2, none, NULL),
              "wait_list[1]: is NULL");
    clSetUserEventStatus(none[0], CL_COMPLETE);
    clReleaseEvent(none[0]);
}

/* An event of another context is OpenCL's to refuse, before anything is enqueued. */
static void test_foreign_event(void **state)
{
    rig *const r = *state;
    lms_context *other = NULL;
    const lms_sampler_run_args b = rig_batch(r);
    RIG_OK(lms_context_open(NULL, &other));
    cl_event event = clCreateUserEvent(lms_context_cl_context(other), NULL), made = NULL;
    rig_poison(r);
    RIG_FAILS(CL_INVALID_CONTEXT, lms_sampler_run(r->sampler, r->queue, &b, 1, &event, &made),
              "invalid context");
    assert_null(made);
    clFinish(r->queue);
    rig_assert_poisoned(r);
    clSetUserEventStatus(event, CL_COMPLETE);
    clReleaseEvent(event);
    lms_context_destroy(other);
}

static void test_rows(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_batch(r);
    b.rows = RIG_ROWS + 1;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "rows: 7", "max_rows (6)");
    b.rows = UINT32_MAX;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "rows: 4294967295");
    b = rig_batch(r);
    b.logits_rows = ((size_t)1 << 31) + 1;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "logits_rows: 2147483649", "2^31");
    b.logits_rows = SIZE_MAX;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "logits_rows: 18446744073709551615");
    b.logits_rows = (size_t)1 << 31; /* allowed, but not in this buffer */
    RIG_FAILS(LMS_E_BUFFER_SIZE, RUN(&b), "logits: ");
    b.logits_rows = RIG_ROWS - 1;
    b.index_device.buffer = NULL;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "logits_rows: 5 is less than rows (6)");
}

static void test_doors(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_batch(r);
    b.params = r->records;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "params, params_device", "both");
    b.params = NULL;
    b.params_device.buffer = NULL;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "params, params_device", "none");
    b = rig_batch(r);
    b.index = r->order;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "index, index_device", "at most one");
    b = rig_batch(r);
    b.uniforms_per_row = 3;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "uniforms_per_row: 3");
    b.uniforms_per_row = 0;
    b.uniforms.buffer = r->uniforms;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "uniforms_per_row: 0");
    b.uniforms_per_row = 0x80000000u;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "uniforms_per_row: 2147483648");
}

static void test_row_params(void **state)
{
    rig *const r = *state;
    lms_row_params p[RIG_ROWS];
    lms_sampler_run_args b = rig_small_batch(r);
    b.params = p;
    memcpy(p, r->records, sizeof p);
    p[5].filters.temperature = -1.0f;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[5].filters.temperature: -1", "[2^-64, 2^64]");
    memcpy(p, r->records, sizeof p);
    p[4].filters.top_p = NAN;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[4].filters.top_p: is NaN");
    memcpy(p, r->records, sizeof p);
    p[3].filters.min_p = 1.5f;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[3].filters.min_p: 1.5 is not at most 1");
    memcpy(p, r->records, sizeof p);
    p[2].filters.flags = 0x10;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[2].filters.flags: 0x10", "0xf");
    memcpy(p, r->records, sizeof p);
    p[1].filters.rules = 7;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[1].filters.rules: 7 is not 0");
    memcpy(p, r->records, sizeof p);
    p[2].slot = UINT32_MAX;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[2].slot: 4294967295 is not 0");
    memcpy(p, r->records, sizeof p);
    p[3].edits = 1;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[3].edits: 1 is not 0");
    memcpy(p, r->records, sizeof p);
    p[5].wants = 2;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[5].wants: 2 is not 0");
    memcpy(p, r->records, sizeof p);
    p[0].reserved[2] = 1;
    RIG_FAILS(LMS_E_ROW_PARAMS, RUN(&b), "params[0].reserved: is not 0");
    b.rows = 0; /* no row, no bad row */
    RIG_OK(RUN(&b));
}

static void test_row_index(void **state)
{
    rig *const r = *state;
    int32_t index[RIG_ROWS] = {0, LMS_SKIP_ROW, 5, 4, 3, 2};
    lms_sampler_run_args b = rig_small_batch(r);
    b.index = index;
    RIG_OK(RUN(&b));
    index[5] = RIG_ROWS;
    RIG_FAILS(LMS_E_ROW_INDEX, RUN(&b), "index[5]: 6", "0..5");
    index[5] = -2;
    RIG_FAILS(LMS_E_ROW_INDEX, RUN(&b), "index[5]: -2", "LMS_SKIP_ROW");
    index[5] = 2;
    b.logits_rows = 5;
    RIG_FAILS(LMS_E_ROW_INDEX, RUN(&b), "index[2]: 5", "0..4");
}

static void test_strides(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_batch(r);
    b.row_stride = RIG_VOCAB - 1;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "row_stride: 299 is less than vocab (300)");
    b.row_stride = 1;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "row_stride: 1 is less");
    b = rig_batch(r);
    b.probs_stride = RIG_VOCAB - 1;
    RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), "probs_stride: 299 is less than vocab (300)");
}

static void test_outputs_the_sampler_lacks(void **state)
{
    static const char *const names[] = {"logprob_raw: ", "logprob: ", "kept: ", "probs: "};
    rig *const r = *state;
    for (unsigned i = 0; i < 4; ++i) {
        lms_sampler_desc desc = rig_desc();
        lms_sampler *without = NULL;
        const lms_sampler_run_args b = rig_batch(r);
        desc.outputs = RIG_ALL_OUTPUTS & ~(1u << i);
        RIG_OK(lms_sampler_create(r->ctx, &desc, &without));
        RIG_FAILS(LMS_E_ARGUMENT, lms_sampler_run(without, r->queue, &b, 0, NULL, NULL),
                  names[i], "made without this output");
        lms_sampler_destroy(without);
    }
}

/* The views of a batch, and whether the call writes there. */
static const struct {
    const char *name;
    size_t view;
    bool written;
} views[] = {
#define VIEW(name, written)                                                                    \
    {                                                                                          \
#name ": ", offsetof(lms_sampler_run_args, name), written                              \
    }
    VIEW(logits, false),     VIEW(params_device, false), VIEW(index_device, false),
    VIEW(uniforms, false),   VIEW(tokens, true),         VIEW(status, true),
    VIEW(logprob_raw, true), VIEW(logprob, true),        VIEW(kept, true),
    VIEW(probs, true),
#undef VIEW
};

/* Puts a buffer into each place in turn. */
static void refuse_everywhere(rig *r, cl_mem buffer, int written, const char *why)
{
    for (size_t i = 0; i < sizeof views / sizeof views[0]; ++i) {
        lms_sampler_run_args b = rig_batch(r);
        if (written >= 0 && views[i].written != (written != 0)) continue;
        b.uniforms.buffer = r->uniforms;
        b.uniforms_per_row = RIG_ATTEMPTS;
        ((lms_view *)(void *)((char *)&b + views[i].view))->buffer = buffer;
        RIG_FAILS(LMS_E_ARGUMENT, RUN(&b), views[i].name, why);
    }
}

static void test_wrong_buffers(void **state)
{
    rig *const r = *state;
    lms_context *other = NULL;
    RIG_OK(lms_context_open(NULL, &other));
    const cl_mem foreign =
        rig_buffer(lms_context_cl_context(other), CL_MEM_READ_WRITE, 1 << 20);
    const cl_mem in = rig_buffer(r->context, CL_MEM_READ_ONLY, 1 << 20);
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, 1 << 20);
    refuse_everywhere(r, foreign, -1, "another cl_context");
    refuse_everywhere(r, in, 1, "CL_MEM_READ_ONLY");
    refuse_everywhere(r, out, 0, "CL_MEM_WRITE_ONLY");
    clReleaseMemObject(foreign);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
    lms_context_destroy(other);
    rig_assert_good(r);
}

static void test_read_only_and_write_only_where_they_belong(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_small_batch(r);
    const cl_mem in = rig_buffer(r->context, CL_MEM_READ_ONLY, sizeof r->values);
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, sizeof(cl_int) * RIG_ROWS);
    b.logits.buffer = in;
    b.tokens.buffer = out;
    RIG_OK(RUN(&b));
    clFinish(r->queue);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
}

static void test_images_are_no_buffers(void **state)
{
    rig *const r = *state;
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

static void test_wrong_queue(void **state)
{
    rig *const r = *state;
    lms_context *other = NULL;
    const lms_sampler_run_args b = rig_batch(r);
    RIG_OK(lms_context_open(NULL, &other));
    RIG_FAILS(LMS_E_ARGUMENT,
              lms_sampler_run(r->sampler, lms_context_queue(other), &b, 0, NULL, NULL),
              "queue: ", "another cl_context or device");
    lms_context_destroy(other);
}

/* A failed call changes nothing, whatever it failed for, and the next good one is as ever. */
static void test_failed_calls_change_nothing(void **state)
{
    rig *const r = *state;
    for (int i = 0; i < 6; ++i) {
        cl_event event = (cl_event)r->queue;
        lms_sampler_run_args b = rig_batch(r);
        if (i == 0) b.tokens.offset = 1;
        if (i == 1) b.row_stride = 3;
        if (i == 2) b.params = r->records;
        if (i == 3) b.kept.offset = SIZE_MAX;
        if (i == 4) b.probs_stride = SIZE_MAX / 2;
        if (i == 5) b.rows = 100;
        rig_poison(r);
        assert_int_not_equal(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, &event),
                             LMS_OK);
        assert_null(event);
        clFinish(r->queue);
        rig_assert_poisoned(r);
        rig_assert_good(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_arguments),
        cmocka_unit_test(test_wait_list),
        cmocka_unit_test(test_foreign_event),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_row_params),
        cmocka_unit_test(test_row_index),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_outputs_the_sampler_lacks),
        cmocka_unit_test(test_wrong_buffers),
        cmocka_unit_test(test_read_only_and_write_only_where_they_belong),
        cmocka_unit_test(test_images_are_no_buffers),
        cmocka_unit_test(test_wrong_queue),
        cmocka_unit_test(test_failed_calls_change_nothing),
    };
    return cmocka_run_group_tests_name("arguments", tests, rig_setup, rig_teardown);
}
