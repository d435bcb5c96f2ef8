/* lms_sample_host: logits and tokens in host memory. */
#include "rig.h"

#include <stdlib.h>

static uint16_t bfloat16_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* The upper half of a float has few enough bits for a half, if small in range. */
static uint16_t half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int exponent = (int)(bits >> 23 & 0xff) - 127;
    if (exponent < -14) return 0;
    return (uint16_t)((bits >> 16 & 0x8000u) | (uint32_t)(exponent + 15) << 10 |
                      (bits >> 13 & 0x3ffu));
}

/* Runs through device buffers what lms_sample_host is to give. */
static void reference(const rig *r, lms_sampler *sampler, const void *logits, size_t bytes,
                      size_t stride, void *tokens, size_t token_bytes, uint32_t *status)
{
    const cl_mem in = rig_buffer(r->context, CL_MEM_READ_ONLY, bytes);
    const cl_mem out = rig_buffer(r->context, CL_MEM_WRITE_ONLY, RIG_ROWS * token_bytes);
    lms_batch b = rig_small_batch(r);
    b.logits.buffer = in;
    b.row_stride = stride;
    b.tokens.buffer = out;
    clEnqueueWriteBuffer(r->queue, in, CL_TRUE, 0, bytes, logits, 0, NULL, NULL);
    RIG_OK(lms_sampler_run(sampler, r->queue, &b, 0, NULL, NULL));
    clEnqueueReadBuffer(r->queue, out, CL_TRUE, 0, RIG_ROWS * token_bytes, tokens, 0, NULL,
                        NULL);
    clEnqueueReadBuffer(r->queue, r->status, CL_TRUE, 0, RIG_ROWS * sizeof *status, status, 0,
                        NULL, NULL);
    clReleaseMemObject(in);
    clReleaseMemObject(out);
}

/* Logits that end where their memory ends, as the last row's stride does. */
static void *make_logits(const rig *r, lms_dtype type, size_t stride, size_t *bytes)
{
    const size_t count = (RIG_ROWS - 1) * stride + RIG_VOCAB;
    const size_t element = type == LMS_FLOAT32 ? 4 : 2;
    *bytes = count * element;
    void *const logits = calloc(count, element);
    assert_non_null(logits);
    for (size_t row = 0; row < RIG_ROWS; ++row) {
        for (size_t i = 0; i < RIG_VOCAB; ++i) {
            const float x = r->values[row * RIG_VOCAB + i];
            if (type == LMS_FLOAT32) ((float *)logits)[row * stride + i] = x;
            if (type == LMS_FLOAT16) ((uint16_t *)logits)[row * stride + i] = half_of(x);
            if (type == LMS_BFLOAT16) ((uint16_t *)logits)[row * stride + i] = bfloat16_of(x);
        }
    }
    return logits;
}

static void compare(rig *r, lms_dtype type, lms_token_type token_type, size_t stride)
{
    lms_sampler_desc desc = rig_desc();
    lms_sampler *sampler = NULL;
    int64_t expected[RIG_ROWS] = {0}, found[RIG_ROWS + 1] = {0};
    uint32_t expected_status[RIG_ROWS], status[RIG_ROWS + 1];
    const size_t own = stride ? stride : RIG_VOCAB, token = token_type == LMS_INT64 ? 8 : 4;
    size_t bytes = 0;
    void *const logits = make_logits(r, type, own, &bytes);
    void *const copy = malloc(bytes);
    assert_non_null(copy);
    memcpy(copy, logits, bytes);
    desc.logits = type;
    desc.tokens = token_type;
    RIG_OK(lms_sampler_create(r->ctx, &desc, &sampler));
    reference(r, sampler, logits, bytes, own, expected, token, expected_status);
    memset(found, 0x33, sizeof found);
    memset(status, 0x44, sizeof status);
    RIG_OK(lms_sample_host(sampler, logits, stride, RIG_ROWS, r->records, found, status));
    assert_memory_equal(found, expected, RIG_ROWS * token);
    assert_memory_equal(status, expected_status, sizeof expected_status);
    assert_int_equal(((unsigned char *)found)[RIG_ROWS * token], 0x33);
    assert_int_equal(status[RIG_ROWS], 0x44444444);
    memset(found, 0x33, sizeof found);
    RIG_OK(lms_sample_host(sampler, logits, stride, RIG_ROWS, r->records, found, NULL));
    assert_memory_equal(found, expected, RIG_ROWS * token);
    assert_memory_equal(copy, logits, bytes);
    lms_sampler_destroy(sampler);
    free(copy);
    free(logits);
}

static void test_types_and_strides(void **state)
{
    static const size_t strides[] = {0, RIG_VOCAB, RIG_VOCAB + 1, RIG_VOCAB + 100};
    for (size_t i = 0; i < 4; ++i) {
        for (int t = LMS_FLOAT32; t <= LMS_BFLOAT16; ++t) {
            compare(*state, (lms_dtype)t, LMS_INT32, strides[i]);
            compare(*state, (lms_dtype)t, LMS_INT64, strides[i]);
        }
    }
}

static void test_fewer_rows(void **state)
{
    rig *const r = *state;
    int32_t all[RIG_ROWS], some[RIG_ROWS];
    RIG_OK(lms_sample_host(r->sampler, r->values, 0, RIG_ROWS, r->records, all, NULL));
    for (uint32_t rows = 0; rows <= RIG_ROWS; ++rows) {
        memset(some, 0x11, sizeof some);
        RIG_OK(lms_sample_host(r->sampler, r->values, 0, rows, r->records, some, NULL));
        assert_memory_equal(some, all, rows * sizeof *some);
        for (uint32_t i = rows; i < RIG_ROWS; ++i) assert_int_equal(some[i], 0x11111111);
    }
    RIG_OK(lms_sample_host(r->sampler, NULL, 0, 0, NULL, NULL, NULL));
}

static void test_arguments(void **state)
{
    rig *const r = *state;
    lms_row_params bad[RIG_ROWS];
    int32_t tokens[RIG_ROWS];
    memset(tokens, 0x22, sizeof tokens);
    memcpy(bad, r->records, sizeof bad);
    bad[5].temperature = -2.0f;
#define HOST(logits, stride, rows, params, tokens)                                             \
    lms_sample_host(r->sampler, (logits), (stride), (rows), (params), (tokens), NULL)
    RIG_FAILS(LMS_E_ARGUMENT, lms_sample_host(NULL, r->values, 0, 1, bad, tokens, NULL),
              "sampler: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(NULL, 0, 1, bad, tokens), "logits: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(r->values, 0, 1, NULL, tokens), "params: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(r->values, 0, 1, bad, NULL), "tokens: is NULL");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(r->values, 299, 1, bad, tokens), "row_stride: 299", "300");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(r->values, SIZE_MAX, 2, bad, tokens),
              "row_stride: ", "overflow");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(r->values, SIZE_MAX / 4, 2, bad, tokens), "overflow");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(r->values, 0, 7, bad, tokens), "rows: 7", "max_rows (6)");
    RIG_FAILS(LMS_E_ARGUMENT, HOST(r->values, 0, UINT32_MAX, bad, tokens), "rows: 4294967295");
    RIG_FAILS(LMS_E_ROW_PARAMS, HOST(r->values, 0, 6, bad, tokens),
              "params[5].temperature: -2");
#undef HOST
    for (int i = 0; i < RIG_ROWS; ++i) assert_int_equal(tokens[i], 0x22222222);
}

/* After asynchronous calls on the same and on another queue. */
static void test_after_calls_in_flight(void **state)
{
    rig *const r = *state;
    int32_t expected[RIG_ROWS], found[RIG_ROWS];
    RIG_OK(lms_sample_host(r->sampler, r->values, 0, RIG_ROWS, r->records, expected, NULL));
    const cl_command_queue queue =
        clCreateCommandQueue(r->context, lms_context_device(r->ctx), 0, NULL);
    for (int i = 0; i < 20; ++i) {
        const lms_batch b = rig_batch(r);
        RIG_OK(lms_sampler_run(r->sampler, i % 2 ? queue : r->queue, &b, 0, NULL, NULL));
        RIG_OK(lms_sample_host(r->sampler, r->values, 0, RIG_ROWS, r->records, found, NULL));
        assert_memory_equal(found, expected, sizeof found);
    }
    clReleaseCommandQueue(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_strides),
        cmocka_unit_test(test_fewer_rows),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_after_calls_in_flight),
    };
    return cmocka_run_group_tests_name("host call", tests, rig_setup, rig_teardown);
}
