/* run.c - one call: check everything, then enqueue an upload, at most three kernels and no
 * wait. */
#include "op/enqueue.h"
#include "sampler/sampler.h"
#include "base/status.h"

#include <string.h>

/* A call with both doors resolved to buffers. */
typedef struct lmsi_call {
    const lms_sampler_run_args *batch;
    lms_view params;
    lms_view index;
    cl_ulong stride;
    cl_ulong logits_rows;
} lmsi_call;

static void set_logits(const lms_sampler *s, lmsi_arguments *a, const lmsi_call *c)
{
    lmsi_set_view(a, c->batch->logits, NULL);
    lmsi_set_ulong(a, c->stride);
    lmsi_set_ulong(a, c->logits_rows);
    lmsi_set_uint(a, s->desc.vocab);
    lmsi_set_view(a, c->index, s->index);
    lmsi_set_uint(a, c->index.buffer != NULL);
}

static cl_int set_tile(const lms_sampler *s, const lmsi_call *c)
{
    lmsi_arguments a = {s->tile_kernel, 0, CL_SUCCESS};
    set_logits(s, &a, c);
    lmsi_set_view(&a, c->params, NULL);
    lmsi_set_mem(&a, s->groups, NULL);
    lmsi_set_mem(&a, s->tile_keys, NULL);
    lmsi_set_mem(&a, s->sums, NULL);
    lmsi_set_mem(&a, s->seen, NULL);
    return a.code;
}

static cl_uint wanted_outputs(const lms_sampler_run_args *b)
{
    return (b->logprob_raw.buffer != NULL ? LMS_OUT_LOGPROB_RAW : 0) |
           (b->logprob.buffer != NULL ? LMS_OUT_LOGPROB : 0) |
           (b->kept.buffer != NULL ? LMS_OUT_KEPT : 0) |
           (b->probs.buffer != NULL ? LMS_OUT_PROBS : 0);
}

static void set_outputs(const lms_sampler *s, lmsi_arguments *a, const lms_sampler_run_args *b)
{
    lmsi_set_uint(a, wanted_outputs(b));
    lmsi_set_view(a, b->logprob_raw, s->seen);
    lmsi_set_view(a, b->logprob, s->seen);
    lmsi_set_view(a, b->kept, s->seen);
    lmsi_set_view(a, b->probs, s->seen);
    lmsi_set_ulong(a, b->probs_stride ? b->probs_stride : s->desc.vocab);
}

static cl_int set_sample(const lms_sampler *s, const lmsi_call *c)
{
    const lms_sampler_run_args *const b = c->batch;
    lmsi_arguments a = {s->sample_kernel, 0, CL_SUCCESS};
    set_logits(s, &a, c);
    lmsi_set_view(&a, c->params, NULL);
    lmsi_set_view(&a, b->uniforms, s->seen);
    lmsi_set_uint(&a, b->uniforms_per_row);
    lmsi_set_uint(&a, b->rows);
    lmsi_set_mem(&a, s->groups, NULL);
    lmsi_set_mem(&a, s->tile_keys, NULL);
    lmsi_set_mem(&a, s->seen, NULL);
    lmsi_set_uint(&a, s->chunks);
    lmsi_set_uint(&a, lmsi_shape_fuses(&s->shape, b->rows) ? 1 : 0);
    lmsi_set_mem(&a, s->list, NULL);
    lmsi_set_mem(&a, s->sums, NULL);
    lmsi_set_mem(&a, s->outcomes, NULL);
    lmsi_set_view(&a, b->tokens, NULL);
    lmsi_set_view(&a, b->status, s->seen);
    lmsi_set_uint(&a, b->status.buffer != NULL);
    if (s->desc.outputs != 0 && s->shape.team == 1) set_outputs(s, &a, b);
    return a.code;
}

static cl_int set_report(const lms_sampler *s, const lmsi_call *c)
{
    const lms_sampler_run_args *const b = c->batch;
    lmsi_arguments a = {s->report_kernel, 0, CL_SUCCESS};
    lmsi_set_view(&a, b->logits, NULL);
    lmsi_set_ulong(&a, c->stride);
    lmsi_set_uint(&a, s->desc.vocab);
    lmsi_set_view(&a, c->params, NULL);
    lmsi_set_mem(&a, s->groups, NULL);
    lmsi_set_mem(&a, s->tile_keys, NULL);
    lmsi_set_mem(&a, s->outcomes, NULL);
    set_outputs(s, &a, b);
    return a.code;
}

/* A team of one reports on a row when it has its token. */
static int reports_apart(const lms_sampler *s, const lms_sampler_run_args *b)
{
    return s->report_kernel != NULL && wanted_outputs(b) != 0;
}

/* Uploads host records and indices from the stage. */
static lms_status upload(lms_sampler *s, cl_command_queue queue, const lms_sampler_run_args *b,
                         lmsi_stage *stage, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    s->next_stage = (s->next_stage + 1) % s->desc.max_in_flight;
    if (b->params != NULL) {
        const size_t size = b->rows * sizeof *stage->params;
        memcpy(stage->params, b->params, size);
        LMSI_TRY(lmsi_write(queue, s->params, 0, size, stage->params, &stage->done, chain));
    }
    if (b->index != NULL) {
        const size_t size = b->rows * sizeof *stage->index;
        memcpy(stage->index, b->index, size);
        LMSI_TRY(lmsi_write(queue, s->index, 0, size, stage->index, &stage->done, chain));
    }
fail:
    return status;
}

static lms_status launch_all(const lms_sampler *s, cl_command_queue queue,
                             const lms_sampler_run_args *b, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    const size_t local[2] = {s->shape.team, 1};
    const size_t tile_global[2] = {(size_t)s->chunks * s->shape.team, b->rows};
    const size_t teams = lmsi_shape_teams(&s->shape, s->ctx->device.units, b->rows);
    const size_t row_global[1] = {teams * s->shape.team};
    if (!lmsi_shape_fuses(&s->shape, b->rows))
        LMSI_TRY(lmsi_launch(queue, s->tile_kernel, 2, tile_global, local, chain));
    LMSI_TRY(lmsi_launch(queue, s->sample_kernel, 1, row_global, local, chain));
    if (reports_apart(s, b)) {
        LMSI_TRY(lmsi_launch(queue, s->report_kernel, 1, row_global, local, chain));
    }
fail:
    return status;
}

lms_status lms_sampler_run(lms_sampler *s, cl_command_queue queue,
                           const lms_sampler_run_args *batch, cl_uint num_wait,
                           const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    if (event != NULL) *event = NULL;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    LMSI_TRY(lmsi_batch_check(s, queue, batch, num_wait, wait_list));
    if (batch->rows == 0) {
        LMSI_TRY(lmsi_run_empty(queue, num_wait, wait_list, event));
        return LMS_OK;
    }

    lmsi_call call = {batch, batch->params_device, batch->index_device, 0, 0};
    call.stride = batch->row_stride ? batch->row_stride : s->desc.vocab;
    call.logits_rows = batch->logits_rows ? batch->logits_rows : batch->rows;
    if (batch->params != NULL) call.params = (lms_view){s->params, 0};
    if (batch->index != NULL) call.index = (lms_view){s->index, 0};
    LMSI_CL_NAMED(set_tile(s, &call), "clSetKernelArg of lms_tile_maxima");
    LMSI_CL_NAMED(set_sample(s, &call), "clSetKernelArg of lms_sample");
    if (reports_apart(s, batch)) {
        LMSI_CL_NAMED(set_report(s, &call), "clSetKernelArg of lms_report");
    }
    const int uploads = batch->params != NULL || batch->index != NULL;
    lmsi_stage *const stage = &s->stages[s->next_stage];
    if (uploads) LMSI_TRY(lmsi_take_stage(&stage->done, s->desc.max_in_flight));

    LMSI_TRY(lmsi_chain_start(&s->last, queue, num_wait, wait_list, &chain));
    if (uploads) LMSI_TRY(upload(s, queue, batch, stage, &chain));
    LMSI_TRY(launch_all(s, queue, batch, &chain));
    lmsi_chain_deliver(&s->last, queue, &chain, event);
    return LMS_OK;

fail:
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&s->last, &chain);
    return status;
}
