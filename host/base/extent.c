/* extent.c - the checks of what a call is given: buffers, queue, wait list. */
#include "base/extent.h"

#include "base/memory.h"
#include "base/process.h"
#include "base/status.h"

/* Bytes from the buffer's begin to the view's end. */
static uint64_t bytes_of(const lmsi_array *a)
{
    if (a->rows == 0) return 1;
    const uint64_t behind = lmsi_sum(a->view.offset, a->columns);
    return lmsi_product(lmsi_sum(lmsi_product(a->rows - 1, a->stride), behind), a->element);
}

/* Of memory that is no buffer, OpenCL tells nothing; only addresses have an end. */
static lms_status pointer_check(const lms_context *ctx, const lmsi_array *a)
{
    const uint64_t power = a->element & (~a->element + 1); /* that divides it */
    const uint64_t least = power < 16 ? power : 16;
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(a->view.buffer != NULL, LMS_E_ARGUMENT,
                 "%s: has a buffer and svm; at most one of them is given", a->name);
    LMSI_FAIL_IF(ctx->set_pointer == NULL, LMS_E_UNSUPPORTED,
                 "%s: svm is given, but the device has no shared virtual memory", a->name);
    LMSI_FAIL_IF((uintptr_t)a->view.svm % least != 0, LMS_E_ARGUMENT,
                 "%s: svm is %p, must be a multiple of %u bytes", a->name, a->view.svm,
                 (unsigned)least);
    LMSI_FAIL_IF(
        bytes_of(a) > UINTPTR_MAX - (uintptr_t)a->view.svm, LMS_E_BUFFER_SIZE,
        "%s: offset %llu + (%llu rows - 1) * stride %llu + %llu elements of %llu bytes "
        "go beyond the last address",
        a->name, (unsigned long long)a->view.offset, (unsigned long long)a->rows,
        (unsigned long long)a->stride, (unsigned long long)a->columns,
        (unsigned long long)a->element);
fail:
    return status;
}

static lms_status array_check(const lms_context *ctx, const lmsi_array *a)
{
    lms_status status = LMS_OK;
    size_t size = 0;
    cl_context context = NULL;
    cl_mem_flags flags = 0;
    cl_mem_object_type type = 0;
    const uint64_t needed = bytes_of(a);
    const cl_int code =
        clGetMemObjectInfo(a->view.buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    LMSI_FAIL_IF(code == CL_INVALID_MEM_OBJECT, LMS_E_ARGUMENT, "%s: is not a buffer", a->name);
    LMSI_CL_NAMED(code, "clGetMemObjectInfo");
    LMSI_CL(clGetMemObjectInfo(a->view.buffer, CL_MEM_TYPE, sizeof type, &type, NULL));
    LMSI_FAIL_IF(type != CL_MEM_OBJECT_BUFFER, LMS_E_ARGUMENT,
                 "%s: is not a buffer, but a memory object of type 0x%x", a->name,
                 (unsigned)type);
    LMSI_CL(clGetMemObjectInfo(a->view.buffer, CL_MEM_CONTEXT, sizeof context, &context, NULL));
    LMSI_FAIL_IF(context != ctx->context, LMS_E_ARGUMENT,
                 "%s: belongs to another cl_context than the library works in", a->name);
    LMSI_CL(clGetMemObjectInfo(a->view.buffer, CL_MEM_FLAGS, sizeof flags, &flags, NULL));
    LMSI_FAIL_IF((a->use & LMSI_WRITTEN) && (flags & CL_MEM_READ_ONLY), LMS_E_ARGUMENT,
                 "%s: is written to, and was made CL_MEM_READ_ONLY", a->name);
    LMSI_FAIL_IF(!(a->use & LMSI_WRITTEN) && (flags & CL_MEM_WRITE_ONLY), LMS_E_ARGUMENT,
                 "%s: is read, and was made CL_MEM_WRITE_ONLY", a->name);
    LMSI_FAIL_IF(
        needed > size, LMS_E_BUFFER_SIZE,
        "%s: offset %llu + (%llu rows - 1) * stride %llu + %llu elements of %llu bytes need "
        "%llu bytes; the buffer has %llu",
        a->name, (unsigned long long)a->view.offset, (unsigned long long)a->rows,
        (unsigned long long)a->stride, (unsigned long long)a->columns,
        (unsigned long long)a->element, (unsigned long long)needed, (unsigned long long)size);
fail:
    return status;
}

lms_status lmsi_arrays_check(const lms_context *ctx, const lmsi_array *arrays, size_t count,
                             uint32_t *given)
{
    lms_status status = LMS_OK;
    uint32_t bits = 0;
    for (size_t i = 0; i < count; ++i) {
        const lmsi_array *const a = &arrays[i];
        LMSI_FAIL_IF((a->use & LMSI_REQUIRED) && !lmsi_is_given(a->view), LMS_E_ARGUMENT,
                     "%s: is NULL", a->name);
        if (!lmsi_is_given(a->view)) continue;
        LMSI_TRY(a->view.svm != NULL ? pointer_check(ctx, a) : array_check(ctx, a));
        bits |= a->bit;
    }
    if (given != NULL) *given = bits;
fail:
    return status;
}

lms_status lmsi_stride_check(const char *name, uint64_t stride, const char *what,
                             uint32_t least)
{
    if (stride >= least) return LMS_OK;
    return lmsi_fail(LMS_E_ARGUMENT, "%s: %llu is less than %s (%u)", name,
                     (unsigned long long)stride, what, (unsigned)least);
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

lms_status lmsi_wait_check(const lms_context *ctx, cl_uint num_wait, const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF((num_wait == 0) != (wait_list == NULL), LMS_E_ARGUMENT,
                 "num_wait: %u does not fit a wait list that is %sNULL", (unsigned)num_wait,
                 wait_list == NULL ? "" : "not ");
    for (cl_uint i = 0; i < num_wait; ++i) {
        cl_context context = NULL;
        LMSI_FAIL_IF(wait_list[i] == NULL, LMS_E_ARGUMENT, "wait_list[%u]: is NULL",
                     (unsigned)i);
        /* pocl 3.1 refuses the command, too, but leaves it in the queue. */
        LMSI_CL(clGetEventInfo(wait_list[i], CL_EVENT_CONTEXT, sizeof context, &context, NULL));
        LMSI_FAIL_IF(context != ctx->context, LMS_E_ARGUMENT,
                     "wait_list[%u]: is of another cl_context than the library works in",
                     (unsigned)i);
    }
fail:
    return status;
}
