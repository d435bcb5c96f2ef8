/* host_arrays.c - buffers for the caller's arrays, and the way back. */
#include "op/host_arrays.h"

#include "base/memory.h"
#include "base/status.h"

lms_status lmsi_host_stride_check(const char *name, const char *what, size_t rows,
                                  size_t stride, size_t columns, size_t element)
{
    if (rows == 0 || stride <= (LMSI_LARGEST_ARRAY / element - columns) / rows) return LMS_OK;
    return lmsi_fail(LMS_E_ARGUMENT, "%s: %zu rows of %zu %s overflow", name, rows, stride,
                     what);
}

static unsigned use_of(const lmsi_host_array *a)
{
    return a->use & ~(unsigned)LMSI_HOST_REQUIRED;
}

static int is_read(const lmsi_host_array *a) { return use_of(a) == LMSI_HOST_READ; }

static int is_last(const lmsi_host_array *a) { return use_of(a) == LMSI_HOST_WRITTEN_AND_LAST; }

/* Of the buffer: all of an input, and an output's rows without what is between them. */
static size_t bytes_of(const lmsi_host_array *a)
{
    return is_read(a) ? (a->rows - 1) * a->stride + a->row : a->rows * a->row;
}

/* CL_MEM_USE_HOST_PTR never writes to a READ_ONLY buffer. Outputs have dense buffers of their
 * own. */
lms_status lmsi_host_array_make(const lms_context *ctx, const lmsi_host_array *a)
{
    cl_int code = CL_SUCCESS;
    const cl_mem_flags place = ctx->device.unified ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR;
    const cl_mem_flags flags = is_read(a) ? CL_MEM_READ_ONLY | place : CL_MEM_READ_WRITE;
    if (a->host == NULL) return LMS_OK;
    a->view->buffer =
        clCreateBuffer(ctx->context, flags, bytes_of(a), is_read(a) ? a->host : NULL, &code);
    if (code == CL_SUCCESS) return LMS_OK;
    return lmsi_fail(code, "%s (%d) from clCreateBuffer for %s: %zu bytes",
                     lms_status_text(code), (int)code, a->name, bytes_of(a));
}

/* The last one is waited for: the queue is in order, and other threads may go on using it. */
lms_status lmsi_host_array_read(const lms_context *ctx, const lmsi_host_array *a, size_t first,
                                size_t rows)
{
    lms_status status = LMS_OK;
    const cl_bool waits = is_last(a) ? CL_TRUE : CL_FALSE;
    const size_t origin[3] = {0, first, 0};
    const size_t region[3] = {a->row, rows, 1};
    if (a->stride == a->row) {
        LMSI_CL(clEnqueueReadBuffer(ctx->queue, a->view->buffer, waits, first * a->row,
                                    rows * a->row, (char *)a->host + first * a->row, 0, NULL,
                                    NULL));
    } else {
        LMSI_CL(clEnqueueReadBufferRect(ctx->queue, a->view->buffer, waits, origin, origin,
                                        region, a->row, 0, a->stride, 0, a->host, 0, NULL,
                                        NULL));
    }
fail:
    return status;
}

void lmsi_host_array_release(const lmsi_host_array *a)
{
    if (a->host != NULL) lmsi_memory_release(&a->view->buffer, 1);
}

void lmsi_host_span_add(lmsi_host_span *spans, size_t *count, size_t first, size_t rows)
{
    lmsi_host_span *const last = &spans[*count - (*count > 0)];
    if (rows == 0) return;
    if (*count > 0 && last->first + last->rows == first) {
        last->rows += rows;
    } else {
        spans[(*count)++] = (lmsi_host_span){first, rows};
    }
}

static lms_status array_check(const lms_context *ctx, const lmsi_host_array *a)
{
    lms_status status = LMS_OK;
    const uint64_t largest = ctx->device.max_alloc_bytes;
    LMSI_FAIL_IF((a->use & LMSI_HOST_REQUIRED) && a->host == NULL, LMS_E_ARGUMENT,
                 "%s: is NULL", a->name);
    LMSI_FAIL_IF(a->host != NULL && bytes_of(a) > largest, LMS_E_BUFFER_SIZE,
                 "%s: %zu rows have %zu bytes; the device allocates at most %llu", a->name,
                 a->rows, bytes_of(a), (unsigned long long)largest);
fail:
    return status;
}

lms_status lmsi_host_begin(const lms_context *ctx, const lmsi_host_array *arrays, size_t count)
{
    lms_status status = LMS_OK;
    size_t made = 0;
    for (size_t i = 0; i < count; ++i) LMSI_TRY(array_check(ctx, &arrays[i]));
    for (; made < count; ++made) LMSI_TRY(lmsi_host_array_make(ctx, &arrays[made]));
fail:
    if (status != LMS_OK) {
        while (made > 0) lmsi_host_array_release(&arrays[--made]);
    }
    return status;
}

static lms_status read_back(const lms_context *ctx, const lmsi_host_array *a,
                            const lmsi_host_span *spans, size_t count)
{
    lms_status status = LMS_OK;
    if (is_read(a) || a->host == NULL) return LMS_OK;
    if (use_of(a) != LMSI_HOST_WRITTEN_IN_SPANS)
        return lmsi_host_array_read(ctx, a, 0, a->rows);
    for (size_t i = 0; i < count; ++i) {
        LMSI_TRY(lmsi_host_array_read(ctx, a, spans[i].first, spans[i].rows));
    }
fail:
    return status;
}

/* The caller's arrays may be freed on return: also where it fails, nothing uses them then. */
lms_status lmsi_host_end(const lms_context *ctx, const lmsi_host_array *arrays, size_t count,
                         const lmsi_host_span *spans, size_t span_count, lms_status status)
{
    int is_over = 0;
    if (status != LMS_OK) goto fail;
    for (size_t i = 0; i < count; ++i) {
        LMSI_TRY(read_back(ctx, &arrays[i], spans, span_count));
        is_over = is_last(&arrays[i]) && arrays[i].host != NULL;
    }
    if (!is_over) LMSI_CL(clFinish(ctx->queue));
fail:
    if (status < 0) clFinish(ctx->queue); /* above 0, nothing was enqueued */
    for (size_t i = 0; i < count; ++i) lmsi_host_array_release(&arrays[i]);
    return status;
}

lms_status lmsi_host_wait(cl_event event, lms_status status)
{
    if (status != LMS_OK) goto fail;
    LMSI_CL(clWaitForEvents(1, &event));
fail:
    if (event != NULL) clReleaseEvent(event);
    return status;
}
