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

lms_status lmsi_memory_make(const lms_context *ctx, const lmsi_buffer *buffers, size_t count)
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    for (size_t i = 0; i < count; ++i) {
        *buffers[i].mem =
            clCreateBuffer(ctx->context, CL_MEM_READ_WRITE,
                           (size_t)(buffers[i].count * buffers[i].bytes), NULL, &code);
        LMSI_CL_NAMED(code, "clCreateBuffer");
    }
fail:
    return status;
}

void lmsi_memory_release(const lmsi_buffer *buffers, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        if (*buffers[i].mem != NULL) clReleaseMemObject(*buffers[i].mem);
        *buffers[i].mem = NULL;
    }
}
