/* run.c - one call of a sampler: check everything, then enqueue what the host brings, at most
 * five kernels and no wait. */
#include "base/status.h"
#include "sampler/sampler.h"

#include <string.h>

/* Brings a call's arrays of the host to the buffer for them, in one write: records, indices,
 * tables, and what slots get. */
static lms_status bring(lmsi_call *call, const lms_sampler_run_args *b,
                        const lmsi_sampler_run *run)
{
    const lms_sampler *const s = (const lms_sampler *)call->op;
    const size_t params = b->params != NULL ? b->rows * sizeof *b->params : 0;
    const size_t index = b->index != NULL ? b->rows * sizeof *b->index : 0;
    const size_t growths = sizeof *s->requester.growths;
    if (run->brought_bytes == 0) return LMS_OK;
    char *const staged = lmsi_call_staged(call, LMSI_SAMPLER_BROUGHT);
    if (params > 0) memcpy(staged, b->params, params);
    if (index > 0) memcpy(staged + params, b->index, index);
    lmsi_tables_stage(b->tables, &run->requests, staged);
    if (b->append) {
        memcpy(staged + run->requests.growths.offset * growths, s->requester.growths,
               b->rows * growths);
    }
    return lmsi_call_write(call, LMSI_SAMPLER_BROUGHT, 0, run->brought_bytes);
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
    LMSI_TRY(bring(call, b, run));
    if (run->requests.has_prepared) {
        LMSI_TRY(lmsi_call_launch(call, LMSI_SAMPLER_PREPARE, b->rows, 0));
        call->has_grown = 1;
        if (call->op->kernels[LMSI_SAMPLER_PATCH] != NULL) {
            LMSI_TRY(lmsi_call_launch(call, LMSI_SAMPLER_PATCH, b->rows, 0));
        }
    }
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
    lmsi_appended appended = {NULL, 0, 0};
    int has_reserved = 0;
    lmsi_call call = {.has_grown = 0};
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    LMSI_TRY(lmsi_sampler_run_check(s, &where, batch, &run));
    if (batch->rows == 0) return lmsi_call_empty(&where);
    run.report_appends = batch->append && reports(&s->op, &run);
    run.sample_appends = batch->append && !run.report_appends;
    LMSI_TRY(lmsi_operator_set(&s->op, lmsi_rows_first(&run.rows),
                               reports(&s->op, &run) ? LMSI_SAMPLER_REPORT : LMSI_ROWS, &run));
    if (run.requests.has_prepared) {
        LMSI_TRY(lmsi_operator_set(&s->op, LMSI_SAMPLER_PREPARE, LMSI_SAMPLER_PATCH, &run));
    }
    if (batch->append) {
        appended = lmsi_sampler_appended(batch->params, batch->rows);
        LMSI_TRY(lmsi_slots_reserve(s->desc.slots, &where, &appended, s->requester.growths));
        has_reserved = 1;
    }
    LMSI_TRY(lmsi_call_begin(&call, &s->op, &where, run.brought_bytes > 0));
    LMSI_TRY(lmsi_call_end(&call, lmsi_sampler_enqueue(&call, batch, &run)));
    s->rows = batch->rows;
    return LMS_OK;

fail:
    if (has_reserved) {
        lmsi_slots_unreserve(s->desc.slots, &appended, s->requester.growths, call.has_grown);
    }
    return status;
}
