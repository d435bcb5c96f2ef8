/* kernels.c - from programs to kernels, with teams that the device takes. */
#include "op/kernels.h"

#include "base/program.h"
#include "base/status.h"

#include <stdio.h>
#include <string.h>

static int has_kernel(const lmsi_operator *op, size_t program, size_t kernel)
{
    const lmsi_kernel *const k = &op->kernel_table[kernel];
    return k->program == program && !(k->in_teams && op->programs[program].shape.team == 1);
}

void lmsi_kernels_release(lmsi_operator *op, size_t program)
{
    for (size_t i = 0; i < op->kernel_count; ++i) {
        if (op->kernel_table[i].program != program || op->kernels[i] == NULL) continue;
        clReleaseKernel(op->kernels[i]);
        op->kernels[i] = NULL;
        memset(op->values[i].known, 0, sizeof op->values[i].known);
    }
}

/* *limit is the largest team that all of the kernels take: with fewer registers than they would
 * like it may be smaller than the device's. */
static lms_status make(lmsi_operator *op, size_t program, size_t *limit)
{
    lms_status status = LMS_OK;
    const lmsi_use *const use = &op->programs[program];
    cl_int code = CL_SUCCESS;
    cl_program built = NULL;
    char what[64];
    const lmsi_variant variant = {use->kind, use->data, op->desc.tokens, use->shape.team,
                                  use->shape.lanes};
    LMSI_TRY(lmsi_program_get(op->ctx, &variant, &built));
    for (size_t i = 0; use->probes[i] != NULL; ++i) {
        LMSI_TRY(lmsi_probe_ask(op->ctx, built, use->probes[i]));
    }
    *limit = LMSI_MAX_TEAM;
    for (size_t i = 0; i < op->kernel_count; ++i) {
        size_t own = 0;
        if (!has_kernel(op, program, i)) continue;
        op->kernels[i] = clCreateKernel(built, op->kernel_table[i].name, &code);
        snprintf(what, sizeof what, "clCreateKernel for %s", op->kernel_table[i].name);
        LMSI_CL_NAMED(code, what);
        LMSI_CL(clGetKernelWorkGroupInfo(op->kernels[i], op->ctx->id, CL_KERNEL_WORK_GROUP_SIZE,
                                         sizeof own, &own, NULL));
        if (own < *limit) *limit = own;
    }
fail:
    return status;
}

static lms_status check(const lmsi_operator *op, size_t program)
{
    lms_status status = LMS_OK;
    const uint32_t team = op->programs[program].shape.team;
    for (size_t i = 0; i < op->kernel_count; ++i) {
        if (!has_kernel(op, program, i)) continue;
        LMSI_TRY(lmsi_arguments_check(op->kernels[i], &op->kernel_table[i], team, op->buffers));
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

lms_status lmsi_kernels_make(lmsi_operator *op, size_t program)
{
    lms_status status = LMS_OK;
    lmsi_use *const use = &op->programs[program];
    const uint32_t asked = op->desc.work_items;
    for (;;) {
        size_t limit = 0;
        uint32_t *const team = &use->shape.team;
        const int may_halve = asked == 0 && *team > 1;
        status = make(op, program, &limit);
        if (status == LMS_OK && *team <= limit) return check(op, program);
        LMSI_FAIL_IF(status == LMS_OK && !may_halve, LMS_E_UNSUPPORTED,
                     "work_items: %u is above the %zu that the kernels can have on %s",
                     (unsigned)*team, limit, op->ctx->device.name);
        if (status != LMS_OK && !(may_halve && is_about_the_team(status))) goto fail;
        *team = *team / 2 < use->least_team ? 1 : *team / 2;
        lmsi_kernels_release(op, program);
    }
fail:
    if (asked > 1 && is_about_the_team(status)) {
        char message[LMSI_MESSAGE_BYTES];
        snprintf(message, sizeof message, "%s", lms_error_message());
        return lmsi_fail(status, "work_items: %u (0 leaves it to the library): %s",
                         (unsigned)asked, message);
    }
    return status;
}
