#include "base/extent.h"

#include "base/memory.h"
#include "base/process.h"
#include "base/status.h"

/* Bytes from the buffer's begin to the view's end. */
static uint64_t extent_bytes(const lmsi_extent *e)
{
    if (e->rows == 0) return 1;
    const uint64_t behind = lmsi_sum(e->view.offset, e->columns);
    return lmsi_product(lmsi_sum(lmsi_product(e->rows - 1, e->stride), behind), e->element);
}

lms_status lmsi_extent_check(const lms_context *ctx, const lmsi_extent *e)
{
    lms_status status = LMS_OK;
    size_t size = 0;
    cl_context context = NULL;
    cl_mem_flags flags = 0;
    cl_mem_object_type type = 0;
    const uint64_t needed = extent_bytes(e);
    const cl_int code =
        clGetMemObjectInfo(e->view.buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    LMSI_FAIL_IF(code == CL_INVALID_MEM_OBJECT, LMS_E_ARGUMENT, "%s: is not a buffer", e->name);
    LMSI_CL_NAMED(code, "clGetMemObjectInfo");
    LMSI_CL(clGetMemObjectInfo(e->view.buffer, CL_MEM_TYPE, sizeof type, &type, NULL));
    LMSI_FAIL_IF(type != CL_MEM_OBJECT_BUFFER, LMS_E_ARGUMENT,
                 "%s: is not a buffer, but a memory object of type 0x%x", e->name,
                 (unsigned)type);
    LMSI_CL(clGetMemObjectInfo(e->view.buffer, CL_MEM_CONTEXT, sizeof context, &context, NULL));
    LMSI_FAIL_IF(context != ctx->context, LMS_E_ARGUMENT,
                 "%s: belongs to another cl_context than the library works in", e->name);
    LMSI_CL(clGetMemObjectInfo(e->view.buffer, CL_MEM_FLAGS, sizeof flags, &flags, NULL));
    LMSI_FAIL_IF(e->written && (flags & CL_MEM_READ_ONLY), LMS_E_ARGUMENT,
                 "%s: is written to, and was made CL_MEM_READ_ONLY", e->name);
    LMSI_FAIL_IF(!e->written && (flags & CL_MEM_WRITE_ONLY), LMS_E_ARGUMENT,
                 "%s: is read, and was made CL_MEM_WRITE_ONLY", e->name);
    LMSI_FAIL_IF(
        needed > size, LMS_E_BUFFER_SIZE,
        "%s: offset %llu + (%llu rows - 1) * stride %llu + %llu elements of %llu bytes need "
        "%llu bytes; the buffer has %llu",
        e->name, (unsigned long long)e->view.offset, (unsigned long long)e->rows,
        (unsigned long long)e->stride, (unsigned long long)e->columns,
        (unsigned long long)e->element, (unsigned long long)needed, (unsigned long long)size);
fail:
    return status;
}

lms_status lmsi_arrays_check(const lms_context *ctx, const lmsi_array *arrays, size_t count)
{
    lms_status status = LMS_OK;
    for (size_t i = 0; i < count; ++i) {
        const lmsi_extent *const e = &arrays[i].e;
        LMSI_FAIL_IF(arrays[i].required && e->view.buffer == NULL, LMS_E_ARGUMENT,
                     "%s: is NULL", e->name);
        if (e->view.buffer != NULL) LMSI_TRY(lmsi_extent_check(ctx, e));
    }
fail:
    return status;
}

lms_status lmsi_queue_check(const lms_context *ctx, cl_command_queue queue)
{
    lms_status status = LMS_OK;
    cl_context context = NULL;
    cl_device_id device = NULL;
    LMSI_TRY(lmsi_child_check());
    LMSI_FAIL_IF(queue == NULL, LMS_E_ARGUMENT, "queue: is NULL");
    LMSI_CL(clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL));
    LMSI_CL(clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL));
    LMSI_FAIL_IF(context != ctx->context || !lmsi_device_is_of(device, ctx->id), LMS_E_ARGUMENT,
                 "queue: is of another cl_context or device than the library works in");
fail:
    return status;
}

lms_status lmsi_wait_check(cl_uint num_wait, const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF((num_wait == 0) != (wait_list == NULL), LMS_E_ARGUMENT,
                 "num_wait: %u does not fit a wait list that is %sNULL", (unsigned)num_wait,
                 wait_list == NULL ? "" : "not ");
    for (cl_uint i = 0; i < num_wait; ++i) {
        LMSI_FAIL_IF(wait_list[i] == NULL, LMS_E_ARGUMENT, "wait_list[%u]: is NULL",
                     (unsigned)i);
    }
fail:
    return status;
}
