/* operator.c - making and unmaking an operator. */
#include "op/operator.h"

#include "base/process.h"
#include "base/status.h"
#include "op/kernels.h"
#include "op/stages.h"

#include <stdlib.h>
#include <string.h>

void lmsi_operator_list(lmsi_operator *op, size_t first, const lmsi_buffer *buffers,
                        size_t count)
{
    memcpy(&op->buffers[first], buffers, count * sizeof *buffers);
    op->buffer_count = first + count;
}

uint32_t lmsi_operator_team(const lmsi_operator *op, size_t kernel)
{
    return op->programs[op->kernel_table[kernel].program].shape.team;
}

lms_status lmsi_operator_set(lmsi_operator *op, size_t first, size_t last, const void *record)
{
    lms_status status = LMS_OK;
    const lmsi_origin from = {op->mem, op->buffer_count, record, op->ctx->set_pointer};
    for (size_t k = first; k <= last && status == LMS_OK; ++k) {
        if (op->kernels[k] == NULL) continue;
        status = lmsi_arguments_set(op->kernels[k], &op->kernel_table[k],
                                    lmsi_operator_team(op, k), &from, &op->values[k]);
    }
    return status;
}

void lmsi_operator_destroy(lmsi_operator *op)
{
    if (op == NULL || lmsi_is_child()) return;
    lmsi_latest_end(&op->latest);
    lmsi_stages_free(op);
    for (size_t program = 0; program < op->program_count; ++program) {
        lmsi_kernels_release(op, program);
    }
    lmsi_memory_release(op->mem, op->buffer_count);
    if (op->class->unmake != NULL) op->class->unmake(op);
    free(op);
}

/* What the shapes need, and whether the device has it. */
static lms_status plan(lmsi_operator *op)
{
    lmsi_plan plan = {"", 0};
    op->class->plan(op, &plan);
    return lmsi_memory_check(op->ctx, plan.asked, op->buffers, op->buffer_count, plan.others,
                             &op->workspace);
}

static lms_status make(lmsi_operator *op, const void *desc)
{
    lms_status status = LMS_OK;
    LMSI_TRY(op->class->describe(op, desc));
    LMSI_TRY(plan(op)); /* before the kernels: they take a while */
    for (size_t program = 0; program < op->program_count; ++program) {
        LMSI_TRY(lmsi_kernels_make(op, program));
    }
    LMSI_TRY(plan(op)); /* for the teams that they take */
    LMSI_TRY(lmsi_memory_make(op->ctx, op->buffers, op->buffer_count, op->mem));
    LMSI_TRY(lmsi_stages_make(op));
    if (op->class->make != NULL) LMSI_TRY(op->class->make(op));
    LMSI_TRY(op->class->dry_run(op));
fail:
    return status;
}

lms_status lmsi_operator_create(const lmsi_class *class, lms_context *ctx, const void *desc,
                                const void *out, lmsi_operator **made)
{
    lms_status status = LMS_OK;
    lmsi_operator *op = NULL;
    *made = NULL;
    LMSI_FAIL_IF(out == NULL, LMS_E_ARGUMENT, "out: is NULL");
    LMSI_TRY(lmsi_child_check());
    LMSI_FAIL_IF(ctx == NULL, LMS_E_ARGUMENT, "ctx: is NULL");
    LMSI_FAIL_IF(desc == NULL, LMS_E_ARGUMENT, "desc: is NULL");
    op = calloc(1, class->size);
    LMSI_FAIL_IF(op == NULL, LMS_E_MEMORY, "out of memory for %s", class->name);
    op->class = class;
    op->ctx = ctx;
    LMSI_TRY(make(op, desc));
    *made = op;
    return LMS_OK;

fail:
    lmsi_operator_destroy(op);
    return status;
}
