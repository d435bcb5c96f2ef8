/* recording.c - launches that are kept, and made again. */
#include "op/recording.h"

#include "base/status.h"

lms_status lmsi_recording_hold(lmsi_recording *r, const lms_view *view)
{
    lms_status status = LMS_OK;
    if (view->buffer == NULL) return LMS_OK;
    LMSI_CL(clRetainMemObject(view->buffer));
    r->held[r->held_count++] = view->buffer;
fail:
    return status;
}

/* A kernel like that of the operator, with the record's arguments. */
static lms_status make_kernel(const lmsi_recording *r, size_t kernel, cl_kernel *made)
{
    const lmsi_operator *const op = r->op;
    const lmsi_kernel *const k = &op->kernel_table[kernel];
    const lmsi_origin from = {op->mem, op->buffer_count, r->record, op->ctx->set_pointer};
    lms_status status = LMS_OK;
    cl_program program = NULL;
    cl_int code = CL_SUCCESS;
    lmsi_values values = {.known = {0}};
    LMSI_CL(clGetKernelInfo(op->kernels[kernel], CL_KERNEL_PROGRAM, sizeof program, &program,
                            NULL));
    *made = clCreateKernel(program, k->name, &code);
    LMSI_CL_NAMED(code, "clCreateKernel");
    LMSI_TRY(lmsi_arguments_set(*made, k, lmsi_operator_team(op, kernel), &from, &values));
fail:
    return status;
}

lms_status lmsi_recording_add(lmsi_recording *r, size_t kernel, const lmsi_launch *launch)
{
    lmsi_launch *const own = &r->launches[r->count++];
    *own = *launch;
    own->kernel = NULL;
    return make_kernel(r, kernel, &own->kernel);
}

void lmsi_recording_finish(lmsi_recording *r)
{
    r->record = NULL;
    if (r->count > 1) (void)lmsi_commands_make(&r->commands, r->queue, r->launches, r->count);
}

lms_status lmsi_recording_enqueue(lmsi_recording *r, lmsi_call *call)
{
    lms_status status = LMS_OK;
    if (r->commands.buffer != NULL) {
        if (lmsi_call_commands(call, &r->commands) == CL_SUCCESS) return LMS_OK;
        /* What the runtime does not take as one command, it gets one by one from now on. */
        lmsi_commands_release(&r->commands);
    }
    for (size_t i = 0; i < r->count; ++i) {
        LMSI_TRY(lmsi_call_enqueue(call, &r->launches[i]));
    }
fail:
    return status;
}

void lmsi_recording_release(lmsi_recording *r)
{
    const lmsi_latest *const latest = &r->op->latest;
    for (uint32_t i = 0; i < latest->count; ++i) clWaitForEvents(1, &latest->events[i]);
    lmsi_commands_release(&r->commands);
    for (size_t i = 0; i < r->count; ++i) {
        if (r->launches[i].kernel != NULL) clReleaseKernel(r->launches[i].kernel);
    }
    for (size_t i = 0; i < r->held_count; ++i) clReleaseMemObject(r->held[i]);
    if (r->queue != NULL) clReleaseCommandQueue(r->queue);
}
