/* Buffers that are just big enough, and a byte too small; extents that do not fit 64 bits. */
#include "rig.h"

#include <stdlib.h>

/* One view: where it is, the bytes of an element, and how many elements a full call touches. */
typedef struct extent {
    const char *name;
    size_t view;
    size_t element;
    size_t elements;
} extent;

enum {
    STRIDE = RIG_VOCAB + 7
};
#define VIEW(name) #name ": ", offsetof(lms_sampler_run_args, name)
static const extent extents[] = {
    {VIEW(logits), 4, (RIG_ROWS - 1) * STRIDE + RIG_VOCAB},
    {VIEW(params_device), sizeof(lms_row_params), RIG_ROWS},
    {VIEW(index_device), 4, RIG_ROWS},
    {VIEW(uniforms), 16, RIG_ROWS *RIG_ATTEMPTS},
    {VIEW(tokens), 4, RIG_ROWS},
    {VIEW(status), 4, RIG_ROWS},
    {VIEW(logprob_raw), 4, RIG_ROWS},
    {VIEW(logprob), 4, RIG_ROWS},
    {VIEW(kept), 4, RIG_ROWS},
    {VIEW(probs), 4, (RIG_ROWS - 1) * STRIDE + RIG_VOCAB},
};
enum {
    EXTENTS = sizeof extents / sizeof extents[0]
};

static lms_view *view_of(lms_sampler_run_args *b, const extent *e)
{
    return (lms_view *)(void *)((char *)b + e->view);
}

/* A batch whose every buffer is big; its rows are apart. */
static lms_sampler_run_args big_batch(const rig *r, cl_mem big)
{
    lms_sampler_run_args b;
    memset(&b, 0, sizeof b);
    b.rows = RIG_ROWS;
    b.row_stride = b.probs_stride = STRIDE;
    b.uniforms_per_row = RIG_ATTEMPTS;
    for (size_t i = 0; i < EXTENTS; ++i) view_of(&b, &extents[i])->buffer = big;
    b.params_device.buffer = r->params;
    b.index_device.buffer = r->index;
    return b;
}

static lms_status run_with(rig *r, cl_mem big, const extent *e, size_t offset, size_t bytes)
{
    lms_sampler_run_args b = big_batch(r, big);
    lms_view *const view = view_of(&b, e);
    view->buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, bytes);
    view->offset = offset;
    const lms_status status = lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL);
    clFinish(r->queue);
    clReleaseMemObject(view->buffer);
    return status;
}

static void test_exact_and_one_byte_less(void **state)
{
    static const size_t offsets[] = {0, 1, 5, 1000};
    rig *const r = *state;
    const cl_mem big = rig_buffer(r->context, CL_MEM_READ_WRITE, 1 << 20);
    for (size_t i = 0; i < EXTENTS; ++i) {
        for (size_t k = 0; k < 4; ++k) {
            const extent *const e = &extents[i];
            const size_t bytes = (offsets[k] + e->elements) * e->element;
            RIG_OK(run_with(r, big, e, offsets[k], bytes));
            RIG_FAILS(LMS_E_BUFFER_SIZE, run_with(r, big, e, offsets[k], bytes - 1), e->name,
                      "the buffer has");
            RIG_FAILS(LMS_E_BUFFER_SIZE, run_with(r, big, e, offsets[k], bytes - e->element),
                      e->name, "bytes need");
            RIG_FAILS(LMS_E_BUFFER_SIZE, run_with(r, big, e, offsets[k] + 1, bytes), e->name);
        }
    }
    clReleaseMemObject(big);
}

/* The last stride need not be there whole; a row more than there is needs it. */
static void test_logits_rows_decide(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_batch(r);
    b.logits_rows = RIG_ROWS;
    b.rows = 1;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    b.logits_rows = RIG_ROWS + 1;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
              "logits: ", "(7 rows - 1)", "need 8400 bytes", "has 7200");
    b.logits_rows = 1;
    b.logits.offset = (RIG_ROWS - 1) * RIG_VOCAB;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    clFinish(r->queue);
}

static void test_overflow(void **state)
{
    static const size_t huge[] = {SIZE_MAX,         SIZE_MAX - 1,      SIZE_MAX - 300,
                                  SIZE_MAX / 2,     SIZE_MAX / 4,      SIZE_MAX / 4 + 1,
                                  SIZE_MAX / 8 + 1, SIZE_MAX / 16 + 1, SIZE_MAX / 48 + 1,
                                  (size_t)1 << 62};
    rig *const r = *state;
    const cl_mem big = rig_buffer(r->context, CL_MEM_READ_WRITE, 1 << 20);
    for (size_t k = 0; k < sizeof huge / sizeof huge[0]; ++k) {
        lms_sampler_run_args b;
        for (size_t i = 0; i < EXTENTS; ++i) {
            b = big_batch(r, big);
            view_of(&b, &extents[i])->offset = huge[k];
            RIG_FAILS(LMS_E_BUFFER_SIZE,
                      lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
                      extents[i].name);
        }
        b = big_batch(r, big);
        b.row_stride = huge[k];
        RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
                  "logits: ");
        b = big_batch(r, big);
        b.probs_stride = huge[k];
        RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
                  "probs: ");
    }
    clReleaseMemObject(big);
}

/* A sum that wraps to something small. */
static void test_wrap_around(void **state)
{
    rig *const r = *state;
    lms_sampler_run_args b = rig_batch(r);
    b.row_stride = ((size_t)1 << 63) + RIG_VOCAB; /* twice that is 600 */
    b.rows = 3;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
              "logits: ", "need 18446744073709551615 bytes");
    b = rig_batch(r);
    b.tokens.offset = SIZE_MAX - RIG_ROWS + 1; /* ends at 0 */
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
              "tokens: offset 18446744073709551610");
    b = rig_batch(r);
    b.uniforms.buffer = r->uniforms;
    b.uniforms_per_row = INT32_MAX;
    RIG_FAILS(LMS_E_BUFFER_SIZE, lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL),
              "uniforms: ");
}

/* Elements of other sizes. */
static void test_half_logits_and_long_tokens(void **state)
{
    rig *const r = *state;
    const size_t logits = RIG_ROWS * RIG_VOCAB * 2, tokens = RIG_ROWS * 8;
    for (int t = LMS_FLOAT16; t <= LMS_BFLOAT16; ++t) {
        for (size_t less = 0; less < 4; ++less) {
            lms_sampler_desc desc = rig_desc();
            lms_sampler *sampler = NULL;
            lms_sampler_run_args b = rig_batch(r);
            desc.logits = (lms_dtype)t;
            desc.tokens = LMS_INT64;
            RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
            b.logits.buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, logits - (less & 1));
            b.tokens.buffer = rig_buffer(r->context, CL_MEM_READ_WRITE, tokens - (less >> 1));
            const lms_status status = lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL);
            if (less == 0)
                RIG_OK(status);
            else
                RIG_FAILS(LMS_E_BUFFER_SIZE, status, less & 1 ? "logits: " : "tokens: ");
            lms_sampler_destroy(sampler);
            clReleaseMemObject(b.logits.buffer);
            clReleaseMemObject(b.tokens.buffer);
        }
    }
}

/* A sub-buffer is as big as itself, not as the buffer it is of. */
static void test_sub_buffers(void **state)
{
    rig *const r = *state;
    cl_int code = CL_SUCCESS;
    const cl_mem big = rig_buffer(r->context, CL_MEM_READ_WRITE, 1 << 16);
    for (size_t less = 0; less < 2; ++less) {
        const cl_buffer_region region = {4096, sizeof(cl_int) * RIG_ROWS - less};
        lms_sampler_run_args b = rig_batch(r);
        b.tokens.buffer = clCreateSubBuffer(big, CL_MEM_READ_WRITE,
                                            CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
        assert_int_equal(code, CL_SUCCESS);
        const lms_status status = lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL);
        if (less == 0)
            RIG_OK(status);
        else
            RIG_FAILS(LMS_E_BUFFER_SIZE, status, "tokens: ", "has 23");
        clFinish(r->queue);
        clReleaseMemObject(b.tokens.buffer);
    }
    clReleaseMemObject(big);
}

/* Offsets and strides move data, and nothing beside it is written. */
static void test_outputs_land_where_they_should(void **state)
{
    enum {
        AT = 11,
        AROUND = 9,
        PROBS = (RIG_ROWS - 1) * STRIDE + RIG_VOCAB
    };
    rig *const r = *state;
    const size_t bytes = (AT + PROBS + AROUND) * sizeof(float);
    unsigned char *const found = malloc(bytes);
    float *const probs = (float *)(void *)found;
    lms_sampler_run_args b = rig_batch(r);
    assert_non_null(found);
    memset(found, 0x5a, bytes);
    const cl_mem buffer = clCreateBuffer(r->context, CL_MEM_COPY_HOST_PTR, bytes, found, NULL);
    assert_non_null(buffer);
    b.probs = (lms_view){buffer, AT};
    b.probs_stride = STRIDE;
    RIG_OK(lms_sampler_run(r->sampler, r->queue, &b, 0, NULL, NULL));
    clEnqueueReadBuffer(r->queue, buffer, CL_TRUE, 0, bytes, found, 0, NULL, NULL);
    for (size_t row = 0; row < RIG_ROWS; ++row) {
        assert_memory_equal(probs + AT + row * STRIDE, r->expected.probs + row * RIG_VOCAB,
                            RIG_VOCAB * sizeof(float));
        memset(probs + AT + row * STRIDE, 0x5a, RIG_VOCAB * sizeof(float));
    }
    for (size_t i = 0; i < bytes; ++i) assert_int_equal(found[i], 0x5a);
    clReleaseMemObject(buffer);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_and_one_byte_less),
        cmocka_unit_test(test_logits_rows_decide),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_wrap_around),
        cmocka_unit_test(test_half_logits_and_long_tokens),
        cmocka_unit_test(test_sub_buffers),
        cmocka_unit_test(test_outputs_land_where_they_should),
    };
    return cmocka_run_group_tests_name("extents", tests, rig_setup, rig_teardown);
}
