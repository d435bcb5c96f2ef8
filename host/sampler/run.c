/* run.c - one call of a sampler: check everything, then enqueue what the host brings, at most
 * three kernels and no wait. */
#include "base/status.h"
#include "sampler/sampler.h"

#include <string.h>

/* Brings a call's arrays of the host to the buffer for them, in one write: records, and then
 * indices. */
static lms_status bring(lmsi_call *call, const lms_sampler_run_args *b)
{
    const size_t params = b->params != NULL ? b->rows * sizeof *b->params : 0;
    const size_t index = b->index != NULL ? b->rows * sizeof *b->index : 0;
    if (params + index == 0) return LMS_OK;
    char *const staged = lmsi_call_staged(call, LMSI_SAMPLER_BROUGHT);
    if (params > 0) memcpy(staged, b->params, params);
    if (index > 0) memcpy(staged + params, b->index, index);
    return lmsi_call_write(call, LMSI_SAMPLER_BROUGHT, 0, params + index);
}

/* Is there a third kernel? */
static int reports(const lmsi_operator *op, const lmsi_sampler_run *run)
{
    return op->kernels[LMSI_SAMPLER_REPORT] != NULL && run->wanted != 0;
}

lms_status lmsi_sampler_enqueue(lmsi_call *call, const lms_sampler_run_args *b,
                                const lmsi_sampler_run *run)
{
    lms_status status = LMS_OK;
    LMSI_TRY(bring(call, b));
    LMSI_TRY(lmsi_rows_launch(call, &run->rows));
    if (reports(call->op, run)) {
        LMSI_TRY(lmsi_call_launch(call, LMSI_SAMPLER_REPORT, b->rows, 0));
    }
fail:
    return status;
}

lms_status lms_sampler_run(lms_sampler *s, cl_command_queue queue,
                           const lms_sampler_run_args *batch, cl_uint num_wait,
                           const cl_event *wait_list, cl_event *event)
{
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    lmsi_sampler_run run;
    lmsi_call call;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    LMSI_TRY(lmsi_sampler_run_check(s, &where, batch, &run));
    if (batch->rows == 0) return lmsi_call_empty(&where);
    LMSI_TRY(lmsi_operator_set(&s->op, lmsi_rows_first(&run.rows),
                               reports(&s->op, &run) ? LMSI_SAMPLER_REPORT : LMSI_ROWS, &run));
    LMSI_TRY(
        lmsi_call_begin(&call, &s->op, &where, batch->params != NULL || batch->index != NULL));
    LMSI_TRY(lmsi_call_end(&call, lmsi_sampler_enqueue(&call, batch, &run)));
    s->rows = batch->rows;
fail:
    return status;
}
