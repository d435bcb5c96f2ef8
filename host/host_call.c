/* host_call.c - lms_sample_host: for callers that just have arrays. */
#include "process.h"
#include "sampler.h"
#include "status.h"

#include <string.h>

/* One array of the caller and the buffer that stands for it during the call. */
typedef struct host_array {
    const char *name;
    void *host; /* NULL: not given */
    lms_view *view;
    size_t rows;
    size_t row;    /* bytes of a row that count */
    size_t stride; /* bytes from row to row in the caller's array */
    enum {
        READ,
        WRITTEN,            /* of every row */
        WRITTEN_IF_SAMPLED, /* not of skipped rows */
        WRITTEN_AND_LAST,   /* of every row; read back when all others are */
    } use;
} host_array;

enum {
    HOST_ARRAYS = 8
};

static lms_status strides_check(const lms_sampler *s, const lms_host_batch *b)
{
    lms_status status = LMS_OK;
    const size_t element = s->desc.logits == LMS_FLOAT32 ? 4 : 2;
    const size_t rows = b->logits_rows ? b->logits_rows : b->rows;
    const size_t stride = b->row_stride ? b->row_stride : s->desc.vocab;
    const size_t probs = b->probs_stride ? b->probs_stride : s->desc.vocab;
    LMSI_FAIL_IF(stride < s->desc.vocab, LMS_E_ARGUMENT,
                 "row_stride: %zu is less than vocab (%u)", stride, (unsigned)s->desc.vocab);
    LMSI_FAIL_IF(stride > (SIZE_MAX / element - s->desc.vocab) / rows, LMS_E_ARGUMENT,
                 "row_stride: %zu rows of %zu logits overflow", rows, stride);
    LMSI_FAIL_IF(b->uniforms_per_row > INT32_MAX, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is above 2^31-1", (unsigned)b->uniforms_per_row);
    LMSI_FAIL_IF(b->uniforms_per_row > SIZE_MAX / 16 / b->rows, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u rows of %u attempts overflow", (unsigned)b->rows,
                 (unsigned)b->uniforms_per_row);
    if (b->probs == NULL) return LMS_OK;
    LMSI_FAIL_IF(probs < s->desc.vocab, LMS_E_ARGUMENT,
                 "probs_stride: %zu is less than vocab (%u)", probs, (unsigned)s->desc.vocab);
    LMSI_FAIL_IF(probs > (SIZE_MAX / 4 - s->desc.vocab) / b->rows, LMS_E_ARGUMENT,
                 "probs_stride: %u rows of %zu probabilities overflow", (unsigned)b->rows,
                 probs);
fail:
    return status;
}

/* What decides the arrays' sizes; the rest is checked by lms_sampler_run. */
static lms_status sizes_check(const lms_sampler *s, const lms_host_batch *b)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(b->logits == NULL, LMS_E_ARGUMENT, "logits: is NULL");
    LMSI_FAIL_IF(b->params == NULL, LMS_E_ARGUMENT, "params: is NULL");
    LMSI_FAIL_IF(b->tokens == NULL, LMS_E_ARGUMENT, "tokens: is NULL");
    LMSI_FAIL_IF(b->rows > s->desc.max_rows, LMS_E_ARGUMENT, "rows: %u is above max_rows (%u)",
                 (unsigned)b->rows, (unsigned)s->desc.max_rows);
    LMSI_FAIL_IF(b->logits_rows > (size_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %zu is above 2^31", b->logits_rows);
    LMSI_FAIL_IF((b->uniforms != NULL) != (b->uniforms_per_row != 0), LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is not 0 exactly when uniforms is not given",
                 (unsigned)b->uniforms_per_row);
    LMSI_TRY(strides_check(s, b));
fail:
    return status;
}

static void list_arrays(const lms_sampler *s, const lms_host_batch *b, lms_batch *call,
                        host_array arrays[HOST_ARRAYS])
{
    const size_t v = s->desc.vocab, rows = b->rows;
    const size_t logit = s->desc.logits == LMS_FLOAT32 ? 4 : 2;
    const size_t token = s->desc.tokens == LMS_INT64 ? 8 : 4;
    const size_t logits_stride = (b->row_stride ? b->row_stride : v) * logit;
    const size_t probs_stride = (b->probs_stride ? b->probs_stride : v) * 4;
    const size_t attempts = (size_t)b->uniforms_per_row * 16;
    void *const logits = (void *)(uintptr_t)b->logits;
    void *const uniforms = (void *)(uintptr_t)b->uniforms;
    const host_array all[HOST_ARRAYS] = {
        {"logits", logits, &call->logits, b->logits_rows ? b->logits_rows : rows, v * logit,
         logits_stride, READ},
        {"uniforms", uniforms, &call->uniforms, rows, attempts, attempts, READ},
        {"tokens", b->tokens, &call->tokens, rows, token, token, WRITTEN_AND_LAST},
        {"status", b->status, &call->status, rows, 4, 4, WRITTEN},
        {"logprob_raw", b->logprob_raw, &call->logprob_raw, rows, 4, 4, WRITTEN_IF_SAMPLED},
        {"logprob", b->logprob, &call->logprob, rows, 4, 4, WRITTEN_IF_SAMPLED},
        {"kept", b->kept, &call->kept, rows, 4, 4, WRITTEN_IF_SAMPLED},
        {"probs", b->probs, &call->probs, rows, v * 4, probs_stride, WRITTEN_IF_SAMPLED},
    };
    memcpy(arrays, all, sizeof all);
}

/* Inputs in shared memory are used where they are: CL_MEM_USE_HOST_PTR never writes to a
 * READ_ONLY buffer. Outputs have dense buffers of their own. */
static lms_status make_buffer(const lms_sampler *s, const host_array *a)
{
    cl_int code = CL_SUCCESS;
    const cl_mem_flags place =
        s->ctx->device.unified ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR;
    const cl_mem_flags flags = a->use == READ ? CL_MEM_READ_ONLY | place : CL_MEM_READ_WRITE;
    const size_t bytes = a->use == READ ? (a->rows - 1) * a->stride + a->row : a->rows * a->row;
    if (a->host == NULL) return LMS_OK;
    a->view->buffer =
        clCreateBuffer(s->ctx->context, flags, bytes, a->use == READ ? a->host : NULL, &code);
    if (code == CL_SUCCESS) return LMS_OK;
    return lmsi_fail(code, "%s (%d) from clCreateBuffer for %s: %zu bytes",
                     lms_status_text(code), (int)code, a->name, bytes);
}

/* What lies between the rows in the caller's array stays as it is. The tokens are read last and
 * waited for: the queue is in order, and other threads may go on using it. */
static lms_status read_rows(const lms_sampler *s, const host_array *a, size_t first,
                            size_t rows)
{
    lms_status status = LMS_OK;
    const cl_bool waits = a->use == WRITTEN_AND_LAST ? CL_TRUE : CL_FALSE;
    const size_t origin[3] = {0, first, 0};
    const size_t region[3] = {a->row, rows, 1};
    if (a->stride == a->row) {
        LMSI_CL(clEnqueueReadBuffer(s->ctx->queue, a->view->buffer, waits, first * a->row,
                                    rows * a->row, (char *)a->host + first * a->row, 0, NULL,
                                    NULL));
    } else {
        LMSI_CL(clEnqueueReadBufferRect(s->ctx->queue, a->view->buffer, waits, origin, origin,
                                        region, a->row, 0, a->stride, 0, a->host, 0, NULL,
                                        NULL));
    }
fail:
    return status;
}

/* Run by run of rows that were written. */
static lms_status read_back(const lms_sampler *s, const host_array *a, const int32_t *index)
{
    lms_status status = LMS_OK;
    if (a->use == READ || a->host == NULL) return LMS_OK;
    const int may_skip = a->use == WRITTEN_IF_SAMPLED && index != NULL;
    for (size_t row = 0, end = 0; row < a->rows; row = end + 1) {
        end = may_skip ? row : a->rows;
        while (end < a->rows && index[end] != LMS_SKIP_ROW) ++end;
        if (end > row) LMSI_TRY(read_rows(s, a, row, end - row));
    }
fail:
    return status;
}

lms_status lms_sample_host(lms_sampler *s, const lms_host_batch *b)
{
    lms_status status = LMS_OK;
    host_array arrays[HOST_ARRAYS] = {0};
    lms_batch call = {0};
    int enqueued = 0;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_TRY(lmsi_child_check());
    if (b->rows == 0) return LMS_OK;
    LMSI_TRY(sizes_check(s, b));
    call.rows = b->rows;
    call.row_stride = b->row_stride;
    call.logits_rows = b->logits_rows;
    call.params = b->params;
    call.index = b->index;
    call.uniforms_per_row = b->uniforms_per_row;
    list_arrays(s, b, &call, arrays);
    for (int i = 0; i < HOST_ARRAYS; ++i) LMSI_TRY(make_buffer(s, &arrays[i]));
    status = lms_sampler_run(s, s->ctx->queue, &call, 0, NULL, NULL);
    enqueued = status <= 0;
    LMSI_TRY(status);
    for (int i = HOST_ARRAYS; i-- > 0;) LMSI_TRY(read_back(s, &arrays[i], b->index));
fail:
    /* The caller's arrays may be freed on return. */
    if (status != LMS_OK && enqueued) clFinish(s->ctx->queue);
    for (int i = 0; i < HOST_ARRAYS && arrays[i].view != NULL; ++i) {
        if (arrays[i].view->buffer != NULL) clReleaseMemObject(arrays[i].view->buffer);
    }
    return status;
}
