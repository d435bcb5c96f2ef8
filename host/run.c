/* run.c - one call: check everything, then enqueue an upload, two or three kernels and no
 * wait. */
#include "sampler.h"
#include "status.h"

#include <string.h>

/* Sets a kernel's arguments one after the other and remembers the first failure. */
typedef struct lmsi_arguments {
    cl_kernel kernel;
    cl_uint next;
    cl_int code;
} lmsi_arguments;

static void set(lmsi_arguments *a, size_t size, const void *value)
{
    const cl_int code = clSetKernelArg(a->kernel, a->next++, size, value);
    if (a->code == CL_SUCCESS) a->code = code;
}

static void set_uint(lmsi_arguments *a, cl_uint value) { set(a, sizeof value, &value); }
static void set_ulong(lmsi_arguments *a, cl_ulong value) { set(a, sizeof value, &value); }

/* A buffer that is not given is replaced: some runtimes refuse NULL. */
static void set_mem(lmsi_arguments *a, cl_mem mem, cl_mem otherwise)
{
    if (mem == NULL) mem = otherwise;
    set(a, sizeof mem, &mem);
}

/* A call with both doors resolved to buffers. */
typedef struct lmsi_call {
    const lms_batch *batch;
    lms_view params;
    lms_view index;
    cl_ulong stride;
    cl_ulong logits_rows;
} lmsi_call;

static void set_logits(const lms_sampler *s, lmsi_arguments *a, const lmsi_call *c)
{
    set_mem(a, c->batch->logits.buffer, NULL);
    set_ulong(a, c->batch->logits.offset);
    set_ulong(a, c->stride);
    set_ulong(a, c->logits_rows);
    set_uint(a, s->desc.vocab);
    set_mem(a, c->index.buffer, s->index);
    set_ulong(a, c->index.offset);
    set_uint(a, c->index.buffer != NULL);
}

static cl_int set_tile(const lms_sampler *s, const lmsi_call *c)
{
    lmsi_arguments a = {s->tile_kernel, 0, CL_SUCCESS};
    set_logits(s, &a, c);
    set_mem(&a, c->params.buffer, NULL);
    set_ulong(&a, c->params.offset);
    set_mem(&a, s->groups, NULL);
    set_mem(&a, s->tile_keys, NULL);
    set_mem(&a, s->sums, NULL);
    set_mem(&a, s->seen, NULL);
    return a.code;
}

/* With enough rows for every core, a row's tiles and the rest of it are one launch. */
static int is_fused(const lms_sampler *s, const lms_batch *b)
{
    return s->shape.team == 1 && b->rows >= s->shape.fuse_from;
}

static cl_uint wanted_outputs(const lms_batch *b)
{
    return (b->logprob_raw.buffer != NULL ? LMS_OUT_LOGPROB_RAW : 0) |
           (b->logprob.buffer != NULL ? LMS_OUT_LOGPROB : 0) |
           (b->kept.buffer != NULL ? LMS_OUT_KEPT : 0) |
           (b->probs.buffer != NULL ? LMS_OUT_PROBS : 0);
}

/* How many teams sample the batch. Work-items that do whole rows share them out in runs: each
 * keeps its workspace in its core's cache. What is reported on must keep each row's. */
static size_t teams_of(const lms_sampler *s, const lms_batch *b)
{
    const size_t most = 8 * (size_t)s->ctx->device.units;
    return is_fused(s, b) && wanted_outputs(b) == 0 && most < b->rows ? most : b->rows;
}

static cl_int set_sample(const lms_sampler *s, const lmsi_call *c)
{
    const lms_batch *const b = c->batch;
    lmsi_arguments a = {s->sample_kernel, 0, CL_SUCCESS};
    set_logits(s, &a, c);
    set_mem(&a, c->params.buffer, NULL);
    set_ulong(&a, c->params.offset);
    set_mem(&a, b->uniforms.buffer, s->seen);
    set_ulong(&a, b->uniforms.offset);
    set_uint(&a, b->uniforms_per_row);
    set_uint(&a, b->rows);
    set_mem(&a, s->groups, NULL);
    set_mem(&a, s->tile_keys, NULL);
    set_mem(&a, s->seen, NULL);
    set_uint(&a, s->chunks);
    set_uint(&a, is_fused(s, b) ? 1 : 0);
    set_uint(&a, teams_of(s, b) == b->rows ? 1 : 0);
    set_mem(&a, s->list, NULL);
    set_mem(&a, s->sums, NULL);
    set_mem(&a, s->outcomes, NULL);
    set_mem(&a, b->tokens.buffer, NULL);
    set_ulong(&a, b->tokens.offset);
    set_mem(&a, b->status.buffer, s->seen);
    set_ulong(&a, b->status.offset);
    set_uint(&a, b->status.buffer != NULL);
    return a.code;
}

static cl_int set_report(const lms_sampler *s, const lmsi_call *c)
{
    const lms_batch *const b = c->batch;
    lmsi_arguments a = {s->report_kernel, 0, CL_SUCCESS};
    set_mem(&a, b->logits.buffer, NULL);
    set_ulong(&a, b->logits.offset);
    set_ulong(&a, c->stride);
    set_uint(&a, s->desc.vocab);
    set_mem(&a, c->params.buffer, NULL);
    set_ulong(&a, c->params.offset);
    set_mem(&a, s->groups, NULL);
    set_mem(&a, s->tile_keys, NULL);
    set_mem(&a, s->outcomes, NULL);
    set_uint(&a, wanted_outputs(b));
    set_mem(&a, b->logprob_raw.buffer, s->seen);
    set_ulong(&a, b->logprob_raw.offset);
    set_mem(&a, b->logprob.buffer, s->seen);
    set_ulong(&a, b->logprob.offset);
    set_mem(&a, b->kept.buffer, s->seen);
    set_ulong(&a, b->kept.offset);
    set_mem(&a, b->probs.buffer, s->seen);
    set_ulong(&a, b->probs.offset);
    set_ulong(&a, b->probs_stride ? b->probs_stride : s->desc.vocab);
    return a.code;
}

/* The stage whose turn it is, if its last upload is over. */
static lms_status take_stage(lms_sampler *s, lmsi_stage **out)
{
    lms_status status = LMS_OK;
    lmsi_stage *const stage = &s->stages[s->next_stage];
    cl_int state = CL_COMPLETE;
    if (stage->done != NULL) {
        LMSI_CL(clGetEventInfo(stage->done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                               &state, NULL));
        LMSI_FAIL_IF(state > CL_COMPLETE, LMS_E_BUSY,
                     "max_in_flight: %u calls with host records are unfinished",
                     (unsigned)s->desc.max_in_flight);
        clReleaseEvent(stage->done);
        stage->done = NULL;
    }
    *out = stage;
fail:
    return status;
}

/* What the next command of a call in the making waits for. */
typedef struct lmsi_chain {
    cl_event events[2];
    cl_uint count;
    cl_event owned; /* the one of them to release, if any */
    int begun;      /* a command that uses the sampler's memory has been enqueued */
} lmsi_chain;

static const cl_event *chain_list(const lmsi_chain *chain)
{
    return chain->count > 0 ? chain->events : NULL;
}

/* From now on, the next command waits for `event` alone: the last one enqueued, which waited
 * for all before. It stays the caller's unless `owned`. */
static void chain_only(lmsi_chain *chain, cl_event event, int owned)
{
    if (chain->owned != NULL) clReleaseEvent(chain->owned);
    chain->owned = owned ? event : NULL;
    chain->events[0] = event;
    chain->count = 1;
    chain->begun = 1;
}

/* Later calls wait for what this one has enqueued, even if it failed half-way. */
static void chain_end(lms_sampler *s, lmsi_chain *chain)
{
    if (chain->begun && chain->owned == NULL) {
        /* A second reference, or else there is no way to wait later. */
        if (clRetainEvent(chain->events[0]) == CL_SUCCESS) {
            chain->owned = chain->events[0];
        } else {
            clWaitForEvents(1, chain->events);
        }
    }
    if (chain->begun && chain->owned != NULL) {
        if (s->last != NULL) clReleaseEvent(s->last);
        s->last = chain->owned;
    } else if (chain->owned != NULL) {
        clReleaseEvent(chain->owned);
    }
    chain->owned = NULL;
}

/* The call's wait list and the sampler's previous call, as one short list. */
static lms_status chain_start(lms_sampler *s, cl_command_queue queue, cl_uint num_wait,
                              const cl_event *wait_list, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    cl_int state = CL_COMPLETE;
    /* A call that was terminated, say by an event of its wait list, must not take all later
     * ones with it. One that is complete stays: to ask for its state is no synchronization
     * point. */
    if (s->last != NULL) {
        LMSI_CL(clGetEventInfo(s->last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state,
                               NULL));
        if (state < 0) {
            clReleaseEvent(s->last);
            s->last = NULL;
        }
    }
    if (num_wait > 0) {
        LMSI_CL(clEnqueueMarkerWithWaitList(queue, num_wait, wait_list, &chain->owned));
        chain->events[chain->count++] = chain->owned;
    }
    if (s->last != NULL) chain->events[chain->count++] = s->last;
fail:
    return status;
}

/* One write from the stage, which is taken from then on until the write is done. */
static lms_status upload_one(cl_command_queue queue, cl_mem to, size_t size, const void *from,
                             lmsi_stage *stage, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    cl_event done = NULL;
    LMSI_CL(clEnqueueWriteBuffer(queue, to, CL_FALSE, 0, size, from, chain->count,
                                 chain_list(chain), &done));
    chain_only(chain, done, 0);
    if (stage->done != NULL) clReleaseEvent(stage->done);
    stage->done = done;
fail:
    return status;
}

/* Uploads host records and indices from the stage. */
static lms_status upload(lms_sampler *s, cl_command_queue queue, const lms_batch *b,
                         lmsi_stage *stage, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    s->next_stage = (s->next_stage + 1) % s->desc.max_in_flight;
    if (b->params != NULL) {
        const size_t size = b->rows * sizeof *stage->params;
        memcpy(stage->params, b->params, size);
        LMSI_TRY(upload_one(queue, s->params, size, stage->params, stage, chain));
    }
    if (b->index != NULL) {
        const size_t size = b->rows * sizeof *stage->index;
        memcpy(stage->index, b->index, size);
        LMSI_TRY(upload_one(queue, s->index, size, stage->index, stage, chain));
    }
fail:
    return status;
}

static lms_status launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                         const size_t *global, const size_t *local, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    cl_event done = NULL;
    LMSI_CL(clEnqueueNDRangeKernel(queue, kernel, dimensions, NULL, global, local, chain->count,
                                   chain_list(chain), &done));
    chain_only(chain, done, 1);
fail:
    return status;
}

static lms_status launch_all(const lms_sampler *s, cl_command_queue queue, const lms_batch *b,
                             lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    const size_t local[2] = {s->shape.team, 1};
    const size_t tile_global[2] = {(size_t)s->chunks * s->shape.team, b->rows};
    const size_t row_global[1] = {(size_t)b->rows * s->shape.team};
    const size_t sample_global[1] = {teams_of(s, b) * s->shape.team};
    if (!is_fused(s, b)) LMSI_TRY(launch(queue, s->tile_kernel, 2, tile_global, local, chain));
    LMSI_TRY(launch(queue, s->sample_kernel, 1, sample_global, local, chain));
    if (wanted_outputs(b) != 0) {
        LMSI_TRY(launch(queue, s->report_kernel, 1, row_global, local, chain));
    }
fail:
    return status;
}

static lms_status run_empty(cl_command_queue queue, cl_uint num_wait, const cl_event *wait_list,
                            cl_event *event)
{
    lms_status status = LMS_OK;
    cl_event marker = NULL;
    LMSI_CL(clEnqueueMarkerWithWaitList(queue, num_wait, wait_list, &marker));
    LMSI_CL(clFlush(queue));
    if (event != NULL) {
        *event = marker;
        marker = NULL;
    }
fail:
    if (marker != NULL) clReleaseEvent(marker);
    return status;
}

lms_status lms_sampler_run(lms_sampler *s, cl_command_queue queue, const lms_batch *batch,
                           cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {{NULL, NULL}, 0, NULL, 0};
    lmsi_stage *stage = NULL;
    if (event != NULL) *event = NULL;
    if (s == NULL) return lmsi_fail(LMS_E_ARGUMENT, "sampler: is NULL");
    LMSI_TRY(lmsi_batch_check(s, queue, batch, num_wait, wait_list));
    if (batch->rows == 0) {
        LMSI_TRY(run_empty(queue, num_wait, wait_list, event));
        return LMS_OK;
    }

    lmsi_call call = {batch, batch->params_device, batch->index_device, 0, 0};
    call.stride = batch->row_stride ? batch->row_stride : s->desc.vocab;
    call.logits_rows = batch->logits_rows ? batch->logits_rows : batch->rows;
    if (batch->params != NULL) call.params = (lms_view){s->params, 0};
    if (batch->index != NULL) call.index = (lms_view){s->index, 0};
    LMSI_CL_NAMED(set_tile(s, &call), "clSetKernelArg of lms_tile_maxima");
    LMSI_CL_NAMED(set_sample(s, &call), "clSetKernelArg of lms_sample");
    if (wanted_outputs(batch) != 0) {
        LMSI_CL_NAMED(set_report(s, &call), "clSetKernelArg of lms_report");
    }
    const int uploads = batch->params != NULL || batch->index != NULL;
    if (uploads) LMSI_TRY(take_stage(s, &stage));

    LMSI_TRY(chain_start(s, queue, num_wait, wait_list, &chain));
    if (uploads) LMSI_TRY(upload(s, queue, batch, stage, &chain));
    LMSI_TRY(launch_all(s, queue, batch, &chain));
    /* Another queue that waits for this one's events needs them submitted. */
    LMSI_CL(clFlush(queue));
    if (event != NULL) {
        LMSI_CL(clRetainEvent(chain.events[0]));
        *event = chain.events[0];
    }
    chain_end(s, &chain);
    return LMS_OK;

fail:
    if (chain.begun) clFlush(queue);
    chain_end(s, &chain);
    return status;
}
