/* sampler.c - making and unmaking a sampler: kernels, workspace, and one dry run. */
#include "sampler/sampler.h"

#include "op/desc.h"
#include "op/kernels.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUFFERS = 8
};

/* Every buffer. Rows that are sampled at once have a place each. */
static void list_buffers(lms_sampler *s, lmsi_buffer out[BUFFERS])
{
    const uint64_t places = s->places, rows = s->desc.max_rows, tiles = s->tiles;
    const lmsi_buffer all[BUFFERS] = {
        {"group maxima", &s->groups, places, tiles * 8 * sizeof(cl_int)},
        {"tile maxima", &s->tile_keys, places, tiles * sizeof(cl_int)},
        {"flags", &s->seen, places, s->chunks * sizeof(cl_uint)},
        {"candidates", &s->list, places, LMS_LIST * LMS_LIST_BYTES},
        {"tile sums", &s->sums, places, tiles * sizeof(cl_ulong)},
        {"outcomes", &s->outcomes, rows, sizeof(lms_outcome)},
        {"parameters", &s->params, rows, sizeof(lms_row_params)},
        {"indices", &s->index, rows, sizeof(cl_int)},
    };
    memcpy(out, all, sizeof all);
}

static lmsi_kernels list_kernels(lms_sampler *s)
{
    const int report = s->desc.outputs != 0;
    return (lmsi_kernels){report ? LMSI_SAMPLE_AND_REPORT : LMSI_SAMPLE,
                          s->desc.logits,
                          s->desc.tokens,
                          s->desc.work_items,
                          report ? 3 : 2,
                          2,
                          {"lms_tile_maxima", "lms_sample", "lms_report"},
                          {&s->tile_kernel, &s->sample_kernel, &s->report_kernel}};
}

void lms_sampler_destroy(lms_sampler *s)
{
    lmsi_buffer buffers[BUFFERS];
    if (s == NULL || lmsi_is_child()) return;
    const lmsi_kernels kernels = list_kernels(s);
    lmsi_latest_end(&s->last);
    for (uint32_t i = 0; s->stages != NULL && i < s->desc.max_in_flight; ++i) {
        if (s->stages[i].done != NULL) {
            clWaitForEvents(1, &s->stages[i].done);
            clReleaseEvent(s->stages[i].done);
        }
        free(s->stages[i].params);
        free(s->stages[i].index);
    }
    free(s->stages);
    lmsi_kernels_release(&kernels);
    list_buffers(s, buffers);
    lmsi_memory_release(buffers, BUFFERS);
    free(s);
}

static lms_status desc_check(const lms_context *ctx, const lms_sampler_desc *d)
{
    const lmsi_desc common = {d->logits, d->tokens, d->max_in_flight, d->work_items};
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(d->vocab < 1 || d->vocab > LMS_MAX_VOCAB, LMS_E_ARGUMENT,
                 "vocab: %u is not in 1..%u", (unsigned)d->vocab, LMS_MAX_VOCAB);
    LMSI_FAIL_IF(d->max_rows < 1 || d->max_rows > INT32_MAX, LMS_E_ARGUMENT,
                 "max_rows: %u is not in 1..2^31-1", (unsigned)d->max_rows);
    LMSI_FAIL_IF(d->outputs > 15, LMS_E_ARGUMENT, "outputs: 0x%x has bits other than 0xf",
                 (unsigned)d->outputs);
    LMSI_TRY(lmsi_desc_check(ctx, &common));
    LMSI_FAIL_IF(d->reserved != 0, LMS_E_ARGUMENT, "reserved: is not 0");
fail:
    return status;
}

/* What the shape needs, and whether the device has it. */
static lms_status plan_workspace(lms_sampler *s)
{
    char asked[80];
    lmsi_buffer buffers[BUFFERS];
    s->places = lmsi_shape_places(&s->shape, s->ctx->device.units, s->desc.max_rows);
    list_buffers(s, buffers);
    snprintf(asked, sizeof asked, "max_rows: %u rows of %u logits", (unsigned)s->desc.max_rows,
             (unsigned)s->desc.vocab);
    return lmsi_memory_check(s->ctx, asked, buffers, BUFFERS, 0, &s->workspace);
}

static lms_status make_workspace(lms_sampler *s)
{
    lms_status status = LMS_OK;
    lmsi_buffer buffers[BUFFERS];
    list_buffers(s, buffers);
    LMSI_TRY(lmsi_memory_make(s->ctx, buffers, BUFFERS));
    s->stages = calloc(s->desc.max_in_flight, sizeof *s->stages);
    LMSI_FAIL_IF(s->stages == NULL, LMS_E_MEMORY, "out of memory for staging");
    for (uint32_t i = 0; i < s->desc.max_in_flight; ++i) {
        s->stages[i].params = calloc(s->desc.max_rows, sizeof *s->stages[i].params);
        s->stages[i].index = calloc(s->desc.max_rows, sizeof *s->stages[i].index);
        LMSI_FAIL_IF(s->stages[i].params == NULL || s->stages[i].index == NULL, LMS_E_MEMORY,
                     "out of memory for staging %u rows", (unsigned)s->desc.max_rows);
    }
fail:
    return status;
}

static void release_mem(cl_mem mem)
{
    if (mem != NULL) clReleaseMemObject(mem);
}

/* One skipped row: runtimes compile or link a kernel when it is first enqueued, and run must
 * not wait for that. */
static lms_status dry_run(lms_sampler *s)
{
    static const lms_row_params params = LMS_ROW_PARAMS_INIT;
    static const int32_t skip = LMS_SKIP_ROW;
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    lms_sampler_run_args batch;
    cl_mem logits = NULL, tokens = NULL, probs = NULL;
    memset(&batch, 0, sizeof batch);
    logits = clCreateBuffer(s->ctx->context, CL_MEM_READ_ONLY, s->desc.vocab * sizeof(cl_float),
                            NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    tokens = clCreateBuffer(s->ctx->context, CL_MEM_READ_WRITE, sizeof(cl_long), NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    batch.rows = 1;
    batch.logits.buffer = logits;
    batch.tokens.buffer = tokens;
    batch.params = &params;
    batch.index = &skip;
    if (s->desc.outputs & LMS_OUT_LOGPROB_RAW) batch.logprob_raw.buffer = tokens;
    if (s->desc.outputs & LMS_OUT_LOGPROB) batch.logprob.buffer = tokens;
    if (s->desc.outputs & LMS_OUT_KEPT) batch.kept.buffer = tokens;
    if (s->desc.outputs & LMS_OUT_PROBS) {
        probs = clCreateBuffer(s->ctx->context, CL_MEM_READ_WRITE,
                               s->desc.vocab * sizeof(cl_float), NULL, &code);
        LMSI_CL_NAMED(code, "clCreateBuffer");
        batch.probs.buffer = probs;
    }
    LMSI_TRY(lms_sampler_run(s, s->ctx->queue, &batch, 0, NULL, NULL));
    LMSI_CL(clFinish(s->ctx->queue));
fail:
    release_mem(logits);
    release_mem(tokens);
    release_mem(probs);
    return status;
}

lms_status lms_sampler_create(lms_context *ctx, const lms_sampler_desc *desc, lms_sampler **out)
{
    lms_status status = LMS_OK;
    lms_sampler *s = NULL;
    if (out == NULL) return lmsi_fail(LMS_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    LMSI_TRY(lmsi_child_check());
    LMSI_FAIL_IF(ctx == NULL, LMS_E_ARGUMENT, "ctx: is NULL");
    LMSI_FAIL_IF(desc == NULL, LMS_E_ARGUMENT, "desc: is NULL");
    LMSI_TRY(desc_check(ctx, desc));
    s = calloc(1, sizeof *s);
    LMSI_FAIL_IF(s == NULL, LMS_E_MEMORY, "out of memory for a sampler");
    s->ctx = ctx;
    s->desc = *desc;
    if ((int)s->desc.tokens == 0) s->desc.tokens = LMS_INT32;
    if (s->desc.max_in_flight == 0) s->desc.max_in_flight = LMSI_DEFAULT_IN_FLIGHT;
    LMSI_TRY(lmsi_shape_for(ctx, desc->logits, desc->vocab, desc->work_items, &s->shape, NULL));
    s->tiles = (desc->vocab + LMS_TILE - 1) / LMS_TILE;
    s->chunks = (s->tiles + s->shape.chunk - 1) / s->shape.chunk;
    LMSI_TRY(plan_workspace(s)); /* before the kernels: they take a while */
    const lmsi_kernels kernels = list_kernels(s);
    LMSI_TRY(lmsi_kernels_make(ctx, &kernels, &s->shape));
    LMSI_TRY(plan_workspace(s)); /* for the team that they take */
    LMSI_TRY(make_workspace(s));
    LMSI_TRY(dry_run(s));
    *out = s;
    return LMS_OK;

fail:
    lms_sampler_destroy(s);
    return status;
}

size_t lms_sampler_workspace(const lms_sampler *s) { return s == NULL ? 0 : s->workspace; }
