#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batch_array.h"

#include "device.h"
#include "stored.h"

#include <stdlib.h>
#include <string.h>

batch_array batch_array_new(lms_context *ctx, const void *data, size_t element, size_t offset,
                            size_t rows, size_t columns, size_t stride)
{
    batch_array a = {NULL, NULL, element, offset, rows, columns, stride, 0};
    cl_int code = CL_SUCCESS;
    a.count = offset + rows * stride + BATCH_MARGIN;
    a.host = malloc(a.count * element);
    assert_non_null(a.host);
    memset(a.host, 0xa5, a.count * element);
    if (data && (element == 2 || element == 4)) stored_poison(a.host, a.count, element);
    for (size_t r = 0; data && r < rows; ++r) {
        memcpy(a.host + (offset + r * stride) * element,
               (const unsigned char *)data + r * columns * element, columns * element);
    }
    a.mem = clCreateBuffer(lms_context_cl_context(ctx),
                           (data ? CL_MEM_READ_ONLY : CL_MEM_READ_WRITE) | CL_MEM_COPY_HOST_PTR,
                           a.count * element, a.host, &code);
    device_require(code, "clCreateBuffer");
    return a;
}

void batch_array_free(batch_array *a)
{
    if (a->mem) clReleaseMemObject(a->mem);
    free(a->host);
}

void batch_array_read(lms_context *ctx, batch_array *a, void *out, const char *name)
{
    if (a->mem == NULL) return;
    device_require(clEnqueueReadBuffer(lms_context_queue(ctx), a->mem, CL_TRUE, 0,
                                       a->count * a->element, a->host, 0, NULL, NULL),
                   name);
    const size_t row_bytes = a->columns * a->element, stride = a->stride * a->element;
    const size_t begin = a->offset * a->element, end = a->count * a->element;
    size_t bad = 0;
    for (size_t i = 0; i < begin; ++i) bad += a->host[i] != 0xa5;
    for (size_t r = 0; r < a->rows; ++r) {
        memcpy((unsigned char *)out + r * row_bytes, a->host + begin + r * stride, row_bytes);
        for (size_t i = row_bytes; i < stride; ++i)
            bad += a->host[begin + r * stride + i] != 0xa5;
    }
    for (size_t i = begin + a->rows * stride; i < end; ++i) bad += a->host[i] != 0xa5;
    if (bad) print_error("%s: %zu bytes outside the results were written\n", name, bad);
    assert_int_equal(bad, 0);
}

lms_view batch_array_view(const batch_array *a, size_t first)
{
    return (lms_view){a->mem, a->mem ? a->offset + first * a->stride : 0, NULL};
}
