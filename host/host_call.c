/* host_call.c - lms_sample_host: for callers that just have an array. */
#include "sampler.h"
#include "status.h"

static lms_status extent(const lms_sampler *s, size_t stride, uint32_t rows, size_t *bytes)
{
    const size_t element = s->desc.logits == LMS_FLOAT32 ? 4 : 2;
    if (stride < s->desc.vocab) {
        return lmsi_fail(LMS_E_ARGUMENT, "row_stride: %zu is less than vocab (%u)", stride,
                         (unsigned)s->desc.vocab);
    }
    if (stride > (SIZE_MAX / element - s->desc.vocab) / rows) {
        return lmsi_fail(LMS_E_ARGUMENT, "row_stride: %u rows of %zu logits overflow",
                         (unsigned)rows, stride);
    }
    *bytes = ((size_t)(rows - 1) * stride + s->desc.vocab) * element;
    return LMS_OK;
}

lms_status lms_sample_host(lms_sampler *s, const void *logits, size_t row_stride, uint32_t rows,
                           const lms_row_params *params, void *tokens, uint32_t *row_status)
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    cl_mem in = NULL, out = NULL, state = NULL;
    size_t bytes = 0;
    int enqueued = 0;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    if (rows == 0) return LMS_OK;
    const size_t token = s->desc.tokens == LMS_INT64 ? 8 : 4;
    const size_t stride = row_stride ? row_stride : s->desc.vocab;
    /* Shared memory is used where it is; CL_MEM_USE_HOST_PTR never writes a READ_ONLY
     * buffer. */
    const cl_mem_flags place =
        s->ctx->device.unified ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR;
    LMSI_FAIL_IF(logits == NULL, LMS_E_ARGUMENT, "logits: is NULL");
    LMSI_FAIL_IF(params == NULL, LMS_E_ARGUMENT, "params: is NULL");
    LMSI_FAIL_IF(tokens == NULL, LMS_E_ARGUMENT, "tokens: is NULL");
    LMSI_FAIL_IF(rows > s->desc.max_rows, LMS_E_ARGUMENT, "rows: %u is above max_rows (%u)",
                 (unsigned)rows, (unsigned)s->desc.max_rows);
    LMSI_TRY(extent(s, stride, rows, &bytes));
    in = clCreateBuffer(s->ctx->context, CL_MEM_READ_ONLY | place, bytes,
                        (void *)(uintptr_t)logits, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer for logits");
    out = clCreateBuffer(s->ctx->context, CL_MEM_READ_WRITE, rows * token, NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer for tokens");
    state =
        clCreateBuffer(s->ctx->context, CL_MEM_READ_WRITE, rows * sizeof(cl_uint), NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer for status");
    lms_batch batch = {0};
    batch.rows = rows;
    batch.logits.buffer = in;
    batch.row_stride = stride;
    batch.params = params;
    batch.tokens.buffer = out;
    batch.status.buffer = state;
    status = lms_sampler_run(s, s->ctx->queue, &batch, 0, NULL, NULL);
    enqueued = status <= 0;
    LMSI_TRY(status);
    LMSI_CL(clEnqueueReadBuffer(s->ctx->queue, out, CL_TRUE, 0, rows * token, tokens, 0, NULL,
                                NULL));
    if (row_status != NULL) {
        LMSI_CL(clEnqueueReadBuffer(s->ctx->queue, state, CL_TRUE, 0, rows * sizeof(cl_uint),
                                    row_status, 0, NULL, NULL));
    }
fail:
    /* The caller's logits may be freed on return. */
    if (status != LMS_OK && enqueued) clFinish(s->ctx->queue);
    if (in != NULL) clReleaseMemObject(in);
    if (out != NULL) clReleaseMemObject(out);
    if (state != NULL) clReleaseMemObject(state);
    return status;
}
