/* Batches of more than 2^31 logits, and rows that lie far apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle_rows.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

static lms_context *ctx;

static const gen_kind kinds[] = {GEN_NORMAL_FIVE, GEN_COARSE, GEN_HEAD_TAIL, GEN_NAN_LACED};

/* 17,000 rows of 131,072 logits, by indices that name four rows and by 32 records again and
 * again: rows that should be alike are, and are what the oracle says. */
static void test_many_rows(void **unused)
{
    enum {
        VOCAB = 131072,
        ROWS = 17000,
        DIFFERENT = 32
    };
    uint64_t state = 1;
    (void)unused;
    batch *const few = batch_new(VOCAB, DIFFERENT, LENGTH(kinds), LMS_FLOAT32);
    for (uint32_t i = 0; i < LENGTH(kinds); ++i) {
        gen_row(kinds[i], few->logits + (size_t)i * VOCAB, VOCAB, &state);
        few->names[i] = gen_name(kinds[i]);
    }
    for (uint32_t r = 0; r < DIFFERENT; ++r) {
        gen_params(&few->params[r], r / LENGTH(kinds), VOCAB, &state);
        /* a cut below thousands of ties is exact and slow: not 17,000 times */
        if (few->params[r].filters.top_k > 2000) few->params[r].filters.top_k = 100;
        few->params[r].filters.temperature = 0.8f;
    }
    batch_out *const expected = batch_expect(few);
    batch *const many = batch_new(VOCAB, ROWS, LENGTH(kinds), LMS_FLOAT32);
    memcpy(many->logits, few->logits, LENGTH(kinds) * (size_t)VOCAB * sizeof *few->logits);
    for (uint32_t r = 0; r < ROWS; ++r) batch_copy_row(many, r, few, r % DIFFERENT);
    const batch_way way = {.not_wanted = LMS_OUT_PROBS | LMS_OUT_LOGPROB};
    batch_out *const out = batch_run(ctx, many, &way);
    for (uint32_t r = 0; r < ROWS; ++r) {
        if (batch_same_row(many, expected, r % DIFFERENT, out, r)) continue;
        print_error("row %u differs: token %lld\n", r, (long long)out->token[r]);
        fail();
    }
    batch_out_free(expected);
    batch_out_free(out);
    batch_free(few);
    batch_free(many);
}

/* As far apart as one buffer of the device allows, up to 2^31 elements. */
static size_t far_stride(uint32_t vocab)
{
    cl_ulong most = 0;
    device_require(clGetDeviceInfo(lms_context_device(ctx), CL_DEVICE_MAX_MEM_ALLOC_SIZE,
                                   sizeof most, &most, NULL),
                   "CL_DEVICE_MAX_MEM_ALLOC_SIZE");
    const cl_ulong stride = (most / sizeof(uint16_t) - vocab) / (LENGTH(kinds) - 1);
    return (size_t)(stride < (cl_ulong)1 << 31 ? stride : (cl_ulong)1 << 31);
}

static cl_mem far_logits(const batch *b, size_t stride)
{
    cl_int code = CL_SUCCESS;
    const size_t row = b->vocab * sizeof(uint16_t);
    const size_t bytes = (LENGTH(kinds) - 1) * stride * sizeof(uint16_t) + row;
    cl_mem mem =
        clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_ONLY, bytes, NULL, &code);
    for (uint32_t i = 0; code == CL_SUCCESS && i < LENGTH(kinds); ++i) {
        code = clEnqueueWriteBuffer(
            lms_context_queue(ctx), mem, CL_TRUE, i * stride * sizeof(uint16_t), row,
            (uint16_t *)b->stored + (size_t)i * b->vocab, 0, NULL, NULL);
    }
    if (code == CL_SUCCESS) return mem;
    if (mem) clReleaseMemObject(mem);
    return NULL;
}

static void test_far_rows(void **unused)
{
    enum {
        VOCAB = 5000,
        ROWS = 32
    };
    uint64_t state = 2;
    lms_sampler *sampler = NULL;
    cl_int code = CL_SUCCESS;
    int32_t tokens[ROWS];
    (void)unused;
    batch *const b = batch_new(VOCAB, ROWS, LENGTH(kinds), LMS_BFLOAT16);
    for (uint32_t i = 0; i < LENGTH(kinds); ++i) {
        float x[VOCAB];
        gen_row(kinds[i], x, VOCAB, &state);
        batch_set_logits(b, i, x, gen_name(kinds[i]));
    }
    for (uint32_t r = 0; r < ROWS; ++r) gen_params(&b->params[r], r, VOCAB, &state);
    const size_t stride = far_stride(VOCAB);
    cl_mem logits = far_logits(b, stride);
    if (logits == NULL) skip(); /* the device says it could, and cannot */
    const lms_sampler_desc desc = {.vocab = VOCAB, .max_rows = ROWS, .logits = LMS_BFLOAT16};
    device_require(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
    cl_mem out = clCreateBuffer(lms_context_cl_context(ctx), CL_MEM_READ_WRITE, sizeof tokens,
                                NULL, &code);
    device_require(code, "clCreateBuffer");
    lms_sampler_run_args call = {
        .rows = ROWS, .row_stride = stride, .logits_rows = LENGTH(kinds)};
    call.logits.buffer = logits;
    call.tokens.buffer = out;
    call.params = b->params;
    call.index = b->index;
    device_require(lms_sampler_run(sampler, lms_context_queue(ctx), &call, 0, NULL, NULL),
                   "run");
    device_require(clEnqueueReadBuffer(lms_context_queue(ctx), out, CL_TRUE, 0, sizeof tokens,
                                       tokens, 0, NULL, NULL),
                   "clEnqueueReadBuffer");
    batch_out *const expected = batch_expect(b);
    for (uint32_t r = 0; r < ROWS; ++r) assert_int_equal(tokens[r], expected->token[r]);
    print_message("rows %zu elements apart\n", stride);
    batch_out_free(expected);
    clReleaseMemObject(out);
    clReleaseMemObject(logits);
    lms_sampler_destroy(sampler);
    batch_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_far_rows),
    };
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("big", tests, NULL, NULL);
    lms_context_destroy(ctx);
    return failed;
}
