/* memory.c - sizes of buffers against what the device has, and the buffers. */
#include "base/memory.h"

#include "base/status.h"

uint64_t lmsi_sum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

uint64_t lmsi_product(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

lms_status lmsi_memory_check(const lms_context *ctx, const char *asked,
                             const lmsi_buffer *buffers, size_t count, uint64_t others,
                             size_t *total)
{
    lms_status status = LMS_OK;
    const uint64_t largest = ctx->device.max_alloc_bytes, memory = ctx->device.memory_bytes;
    uint64_t all = others;
    for (size_t i = 0; i < count; ++i) {
        const uint64_t bytes = lmsi_product(buffers[i].count, buffers[i].bytes);
        LMSI_FAIL_IF(bytes > largest, LMS_E_BUFFER_SIZE,
                     "%s need %llu bytes for %s; the device allocates at most %llu", asked,
                     (unsigned long long)bytes, buffers[i].what, (unsigned long long)largest);
        all = lmsi_sum(all, bytes);
    }
    LMSI_FAIL_IF(all > memory || all > SIZE_MAX, LMS_E_BUFFER_SIZE,
                 "%s need %llu bytes in all; the device has %llu", asked,
                 (unsigned long long)all, (unsigned long long)memory);
    *total = (size_t)all;
fail:
    return status;
}

lms_status lmsi_memory_make(const lms_context *ctx, const lmsi_buffer *buffers, size_t count,
                            cl_mem *mem)
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    for (size_t i = 0; i < count; ++i) {
        const size_t bytes = (size_t)(buffers[i].count * buffers[i].bytes);
        mem[i] = clCreateBuffer(ctx->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
        LMSI_CL_NAMED(code, "clCreateBuffer");
    }
fail:
    return status;
}

lms_status lmsi_memory_clear(const lms_context *ctx, cl_mem mem, size_t bytes)
{
    static const cl_uint zero = 0;
    lms_status status = LMS_OK;
    LMSI_CL(clEnqueueFillBuffer(ctx->queue, mem, &zero, sizeof zero, 0, bytes, 0, NULL, NULL));
    LMSI_CL(clFinish(ctx->queue));
fail:
    return status;
}

void lmsi_memory_release(const cl_mem *mem, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        if (mem[i] != NULL) clReleaseMemObject(mem[i]);
    }
}
