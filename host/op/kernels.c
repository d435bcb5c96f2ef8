#include "op/kernels.h"

#include "op/probe.h"
#include "base/program.h"
#include "base/status.h"

#include <stdio.h>

void lmsi_kernels_release(const lmsi_kernels *k)
{
    for (size_t i = 0; i < k->count; ++i) {
        if (*k->kernels[i] != NULL) clReleaseKernel(*k->kernels[i]);
        *k->kernels[i] = NULL;
    }
}

static lms_status probe(lms_context *ctx, lmsi_kind kind, cl_program program)
{
    lms_status status = LMS_OK;
    if (kind == LMSI_CONTEXT) return lmsi_contrastive_probe(ctx, program);
    LMSI_TRY(lmsi_probe(ctx, program));
    if (kind == LMSI_BEAM) LMSI_TRY(lmsi_beam_probe(ctx, program));
fail:
    return status;
}

/* *limit is the largest team that all of the kernels take: with fewer registers than they would
 * like it may be smaller than the device's. */
static lms_status make(lms_context *ctx, const lmsi_kernels *k, const lmsi_shape *shape,
                       size_t *limit)
{
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    cl_program program = NULL;
    char what[64];
    LMSI_TRY(lmsi_program_get(ctx, k->logits, k->tokens, shape, k->kind, &program));
    LMSI_TRY(probe(ctx, k->kind, program));
    *limit = LMSI_MAX_TEAM;
    for (size_t i = 0; i < (shape->team == 1 ? k->alone : k->count); ++i) {
        size_t own = 0;
        *k->kernels[i] = clCreateKernel(program, k->names[i], &code);
        snprintf(what, sizeof what, "clCreateKernel for %s", k->names[i]);
        LMSI_CL_NAMED(code, what);
        LMSI_CL(clGetKernelWorkGroupInfo(*k->kernels[i], ctx->id, CL_KERNEL_WORK_GROUP_SIZE,
                                         sizeof own, &own, NULL));
        if (own < *limit) *limit = own;
    }
fail:
    return status;
}

/* May a smaller team do better? A compiler says no to a required work-group size with a build
 * that fails, like to an error; some only say so of a kernel. */
static int is_about_the_team(lms_status status)
{
    return status == LMS_E_BUILD || status == CL_OUT_OF_RESOURCES ||
           status == CL_INVALID_WORK_GROUP_SIZE;
}

lms_status lmsi_kernels_make(lms_context *ctx, const lmsi_kernels *k, lmsi_shape *shape)
{
    lms_status status = LMS_OK;
    for (;;) {
        size_t limit = 0;
        const int may_halve = k->work_items == 0 && shape->team > 1;
        status = make(ctx, k, shape, &limit);
        if (status == LMS_OK && shape->team <= limit) return LMS_OK;
        LMSI_FAIL_IF(status == LMS_OK && !may_halve, LMS_E_UNSUPPORTED,
                     "work_items: %u is above the %zu that the kernels can have on %s",
                     (unsigned)shape->team, limit, ctx->device.name);
        if (status != LMS_OK && !(may_halve && is_about_the_team(status))) goto fail;
        /* A context has teams of 32 and more, or of one. */
        shape->team = k->kind == LMSI_CONTEXT && shape->team == 32 ? 1 : shape->team / 2;
        lmsi_kernels_release(k);
    }
fail:
    if (k->work_items > 1 && is_about_the_team(status)) {
        char message[LMSI_MESSAGE_BYTES];
        snprintf(message, sizeof message, "%s", lms_error_message());
        return lmsi_fail(status, "work_items: %u (0 leaves it to the library): %s",
                         (unsigned)k->work_items, message);
    }
    return status;
}
