/* record.c - a call of a sampler that is recorded, and run again and again. */
#include "base/process.h"
#include "base/status.h"
#include "op/recording.h"
#include "sampler/sampler.h"

#include <stdlib.h>

struct lms_recording {
    lmsi_recording base;
    lms_sampler *sampler;
    uint32_t rows;
};

static lms_status hold_buffers(lmsi_recording *r, const lms_sampler_run_args *b,
                               const lmsi_requests *q)
{
    const lms_view *const views[] = {
        &b->logits,       &b->params_device, &b->index_device,   &b->uniforms,    &b->tokens,
        &b->status,       &b->logprob_raw,   &b->logprob,        &b->kept,        &b->probs,
        &b->rank_raw,     &b->rank_edited,   &b->logprob_edited, &b->entropy_raw, &b->entropy,
        &b->top_tokens,   &b->top_values,    &b->named_values,   &q->edits,       &q->wants,
        &q->list_offsets, &q->list_ids,      &q->list_values,    &q->masks};
    _Static_assert(sizeof views / sizeof views[0] <= LMSI_MOST_HELD, "there is room for them");
    lms_status status = LMS_OK;
    for (size_t i = 0; i < sizeof views / sizeof views[0]; ++i) {
        LMSI_TRY(lmsi_recording_hold(r, views[i]));
    }
fail:
    return status;
}

static lms_status make(lms_recording *r, const lmsi_where *where, const lms_sampler_run_args *b,
                       const lmsi_sampler_run *run)
{
    lms_status status = LMS_OK;
    lmsi_call call = {.op = &r->sampler->op, .where = where, .recording = &r->base};
    LMSI_CL(clRetainCommandQueue(where->queue));
    r->base.queue = where->queue;
    LMSI_TRY(hold_buffers(&r->base, b, &run->requests));
    r->base.record = run;
    LMSI_TRY(lmsi_sampler_enqueue(&call, b, run));
    lmsi_recording_finish(&r->base);
fail:
    return status;
}

static void unmake(lms_recording *r)
{
    if (r != NULL) lmsi_recording_release(&r->base);
    free(r);
}

lms_status lms_sampler_record(lms_sampler *s, cl_command_queue queue,
                              const lms_sampler_run_args *batch, lms_recording **out)
{
    const lmsi_where where = lmsi_where_of(queue, 0, NULL, NULL);
    lms_status status = LMS_OK;
    lmsi_sampler_run run;
    lms_recording *r = NULL;
    if (out == NULL) return lmsi_fail(LMS_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    LMSI_TRY(lmsi_sampler_run_check(s, &where, batch, &run));
    LMSI_FAIL_IF(batch->rows == 0, LMS_E_ARGUMENT, "rows: 0 rows are nothing to record");
    LMSI_FAIL_IF(batch->params != NULL, LMS_E_ARGUMENT,
                 "params: a recording has them on the device, in params_device");
    LMSI_FAIL_IF(batch->index != NULL, LMS_E_ARGUMENT,
                 "index: a recording has it on the device, in index_device");
    LMSI_FAIL_IF(run.requests.bytes > 0, LMS_E_ARGUMENT,
                 "tables: a recording has them on the device");
    r = calloc(1, sizeof *r);
    LMSI_FAIL_IF(r == NULL, LMS_E_MEMORY, "out of memory for a recording");
    r->base.op = &s->op;
    r->sampler = s;
    r->rows = batch->rows;
    LMSI_TRY(make(r, &where, batch, &run));
    *out = r;
    return LMS_OK;

fail:
    unmake(r);
    return status;
}

lms_status lms_recording_run(lms_recording *r, cl_uint num_wait, const cl_event *wait_list,
                             cl_event *event)
{
    const lmsi_where where =
        lmsi_where_of(r != NULL ? r->base.queue : NULL, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    lmsi_call call;
    if (r == NULL) return lmsi_fail(LMS_E_ARGUMENT, "recording: is NULL");
    LMSI_TRY(lmsi_where_check(r->base.op, &where, r, "recording"));
    LMSI_TRY(lmsi_call_begin(&call, r->base.op, &where, 0));
    LMSI_TRY(lmsi_call_end(&call, lmsi_recording_enqueue(&r->base, &call)));
    r->sampler->rows = r->rows;
fail:
    return status;
}

uint32_t lms_recording_commands(const lms_recording *r)
{
    if (r == NULL) return 0;
    return r->base.commands.buffer != NULL ? 1 : (uint32_t)r->base.count;
}

void lms_recording_destroy(lms_recording *r)
{
    if (!lmsi_is_child()) unmake(r);
}
