/* context.c - a caller's context and device, with a queue, and what is built for them. */
#include "base/context.h"

#include "base/cache.h"
#include "base/process.h"
#include "base/status.h"

#include <stdlib.h>

void lms_context_destroy(lms_context *ctx)
{
    if (ctx == NULL || lmsi_is_child()) return;
    while (ctx->programs != NULL) {
        lmsi_program *const next = ctx->programs->next;
        clReleaseProgram(ctx->programs->program);
        free(ctx->programs);
        ctx->programs = next;
    }
    if (ctx->queue != NULL) clReleaseCommandQueue(ctx->queue);
    if (ctx->id != NULL) clReleaseDevice(ctx->id);
    if (ctx->context != NULL) clReleaseContext(ctx->context);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx->cache_dir);
    free(ctx);
}

/* A context of sub-devices lists them, or, as pocl has it, the devices that they are of.
 * Whether a sub-device of a listed one can be used is the runtime's to say, when it gets a
 * queue. */
static lms_status check_member(cl_context context, cl_device_id device)
{
    lms_status status = LMS_OK;
    cl_device_id *ids = NULL;
    size_t bytes = 0;
    int member = 0;
    LMSI_CL(clGetContextInfo(context, CL_CONTEXT_DEVICES, 0, NULL, &bytes));
    ids = malloc(bytes + 1);
    LMSI_FAIL_IF(ids == NULL, LMS_E_MEMORY, "out of memory for a list of devices");
    LMSI_CL(clGetContextInfo(context, CL_CONTEXT_DEVICES, bytes, ids, NULL));
    for (size_t i = 0; i < bytes / sizeof *ids; ++i)
        member |= lmsi_device_is_of(device, ids[i]);
    LMSI_FAIL_IF(!member, LMS_E_ARGUMENT,
                 "device: is not one of the context's %zu devices, or of their sub-devices",
                 bytes / sizeof *ids);
fail:
    free(ids);
    return status;
}

static uint64_t last_serial; /* guarded as what follows */

/* Between lmsi_runtime_enter() and lmsi_runtime_leave(). */
static lms_status create(cl_context context, cl_device_id device, lms_context **out)
{
    lms_status status = LMS_OK;
    lms_context *ctx = NULL;
    cl_int code = CL_SUCCESS;
    LMSI_FAIL_IF(context == NULL, LMS_E_ARGUMENT, "context: is NULL");
    LMSI_FAIL_IF(device == NULL, LMS_E_ARGUMENT, "device: is NULL");
    LMSI_TRY(check_member(context, device));
    ctx = calloc(1, sizeof *ctx);
    LMSI_FAIL_IF(ctx == NULL, LMS_E_MEMORY, "out of memory for a context");
    ctx->serial = ++last_serial;
    pthread_mutex_init(&ctx->lock, NULL);
    LMSI_TRY(lmsi_device_query(device, &ctx->device));
    LMSI_CL(clRetainContext(context));
    ctx->context = context;
    LMSI_CL(clRetainDevice(device));
    ctx->id = device;
    ctx->queue = clCreateCommandQueue(context, device, 0, &code);
    LMSI_CL_NAMED(code, "clCreateCommandQueue");
    ctx->set_pointer = lmsi_pointers_of(device);
    LMSI_TRY(lmsi_cache_dir(&ctx->device, &ctx->cache_dir));
    *out = ctx;
    return LMS_OK;

fail:
    lms_context_destroy(ctx);
    return status;
}

lms_status lms_context_create(cl_context context, cl_device_id device, lms_context **out)
{
    lms_status status = LMS_OK;
    if (out == NULL) return lmsi_fail(LMS_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    LMSI_TRY(lmsi_runtime_enter());
    status = create(context, device, out);
    lmsi_runtime_leave();
fail:
    return status;
}

static lms_status open_device(const char *device, lms_context **out)
{
    lms_status status = LMS_OK;
    cl_device_id id = NULL;
    cl_context context = NULL;
    cl_int code = CL_SUCCESS;
    LMSI_TRY(lmsi_device_pick(device, &id));
    context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    LMSI_CL_NAMED(code, "clCreateContext");
    LMSI_TRY(create(context, id, out));
fail:
    if (context != NULL) clReleaseContext(context);
    return status;
}

lms_status lms_context_open(const char *device, lms_context **out)
{
    lms_status status = LMS_OK;
    if (out == NULL) return lmsi_fail(LMS_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    LMSI_TRY(lmsi_runtime_enter());
    status = open_device(device, out);
    lmsi_runtime_leave();
fail:
    return status;
}

cl_context lms_context_cl_context(const lms_context *ctx)
{
    return ctx == NULL ? NULL : ctx->context;
}

cl_device_id lms_context_device(const lms_context *ctx) { return ctx == NULL ? NULL : ctx->id; }

cl_command_queue lms_context_queue(const lms_context *ctx)
{
    return ctx == NULL ? NULL : ctx->queue;
}

const char *lms_context_log(const lms_context *ctx)
{
    return ctx == NULL ? "" : lmsi_log_of(ctx->serial);
}
