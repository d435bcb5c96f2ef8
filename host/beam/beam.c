/* beam.c - making and unmaking a beam search: kernels, state, workspace, and one dry run. */
#include "beam/beam.h"

#include "op/desc.h"
#include "op/kernels.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lmsi_kernels list_kernels(lms_beam *b)
{
    return (lmsi_kernels){
        LMSI_BEAM,
        b->desc.logits,
        b->desc.tokens,
        b->desc.work_items,
        4,
        4,
        {"lms_beam_tiles", "lms_beam_rows", "lms_beam_advance", "lms_beam_results"},
        {&b->tile_kernel, &b->rows_kernel, &b->advance_kernel, &b->results_kernel}};
}

enum {
    BUFFERS = 18
};

/* Every buffer. */
static void list_buffers(lms_beam *b, lmsi_buffer out[BUFFERS])
{
    const uint64_t rows = b->row_slots, beams = b->desc.max_rows, slots = b->desc.max_requests;
    const uint64_t width = b->desc.max_width, tiles = b->tiles, choices = b->max_choices;
    const uint64_t links = width * b->desc.max_length, ends = b->desc.max_end_tokens;
    const lmsi_buffer all[BUFFERS] = {
        {"group maxima", &b->groups, rows, tiles * 8 * sizeof(cl_int)},
        {"tile maxima", &b->tile_keys, rows, tiles * sizeof(cl_int)},
        {"flags", &b->seen, rows, b->chunks * sizeof(cl_uint)},
        {"candidates of a row", &b->list, rows, LMS_LIST * LMS_LIST_BYTES},
        {"tile sums", &b->sums, rows, tiles * sizeof(cl_ulong)},
        {"beams of a step", &b->entries, beams + slots, sizeof(lms_beam_entry)},
        {"candidates", &b->candidates, beams, b->max_choices * sizeof(lms_candidate)},
        {"offers", &b->offers, beams, sizeof(lms_beam_offer)},
        {"states", &b->states, slots, sizeof(lms_beam_state)},
        {"end tokens", &b->ends, slots, (ends > 0 ? ends : 1) * sizeof(cl_int)},
        {"groups", &b->beam_groups, slots, width * sizeof(lms_beam_group)},
        {"live beams", &b->live, slots, width * sizeof(lms_beam_live)},
        {"back pointers", &b->links, slots, links * sizeof(lms_beam_link)},
        {"finished sequences", &b->pool, slots, width * sizeof(lms_hypothesis)},
        {"choices", &b->choices, slots, choices * sizeof(lms_choice)},
        {"sequences that finish", &b->finished, slots, 2 * choices * sizeof(lms_hypothesis)},
        {"merged sequences", &b->merged, slots, width * sizeof(lms_hypothesis)},
        {"entrants", &b->entrants, slots, 2 * width * sizeof(lms_beam_entrant)},
    };
    memcpy(out, all, sizeof all);
}

static void free_stages(lms_beam *b)
{
    for (uint32_t i = 0; b->stages != NULL && i < b->desc.max_in_flight; ++i) {
        if (b->stages[i].done != NULL) {
            clWaitForEvents(1, &b->stages[i].done);
            clReleaseEvent(b->stages[i].done);
        }
        free(b->stages[i].entries);
        free(b->stages[i].ends);
    }
    free(b->stages);
}

void lms_beam_destroy(lms_beam *b)
{
    if (b == NULL || lmsi_is_child()) return;
    lmsi_buffer buffers[BUFFERS];
    const lmsi_kernels kernels = list_kernels(b);
    lmsi_latest_end(&b->last);
    free_stages(b);
    lmsi_kernels_release(&kernels);
    list_buffers(b, buffers);
    lmsi_memory_release(buffers, BUFFERS);
    free(b->open.states);
    free(b->slots);
    free(b);
}

static uint32_t choices_of(const lms_beam_desc *d)
{
    const uint64_t each = d->max_end_tokens > 1 ? 1 + (uint64_t)d->max_end_tokens : 2;
    const uint64_t all = each * d->max_width;
    return all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
}

static lms_status desc_check(const lms_context *ctx, const lms_beam_desc *d)
{
    const lmsi_desc common = {d->logits, d->tokens, d->max_in_flight, d->work_items};
    lms_status status = LMS_OK;
    const uint64_t beams = (uint64_t)d->max_requests * d->max_width;
    LMSI_FAIL_IF(d->vocab < 1 || d->vocab > LMS_MAX_VOCAB, LMS_E_ARGUMENT,
                 "vocab: %u is not in 1..%u", (unsigned)d->vocab, LMS_MAX_VOCAB);
    LMSI_FAIL_IF(d->max_width < 1 || d->max_width > LMS_MAX_BEAM_WIDTH, LMS_E_ARGUMENT,
                 "max_width: %u is not in 1..%u", (unsigned)d->max_width, LMS_MAX_BEAM_WIDTH);
    LMSI_FAIL_IF(d->max_requests < 1 || beams > INT32_MAX, LMS_E_ARGUMENT,
                 "max_requests: %u is not in 1..%u, for max_width %u",
                 (unsigned)d->max_requests, (unsigned)INT32_MAX / d->max_width,
                 (unsigned)d->max_width);
    LMSI_FAIL_IF(d->max_length < 1 || d->max_length > LMS_MAX_BEAM_LENGTH, LMS_E_ARGUMENT,
                 "max_length: %u is not in 1..%u", (unsigned)d->max_length,
                 LMS_MAX_BEAM_LENGTH);
    LMSI_FAIL_IF(choices_of(d) > LMS_MAX_BEAM_CANDIDATES, LMS_E_ARGUMENT,
                 "max_end_tokens: %u gives max(2, 1 + %u) * max_width (%u) candidates, more "
                 "than %u",
                 (unsigned)d->max_end_tokens, (unsigned)d->max_end_tokens,
                 (unsigned)d->max_width, LMS_MAX_BEAM_CANDIDATES);
    LMSI_FAIL_IF(d->max_rows > beams || (d->max_rows > 0 && d->max_rows < d->max_width),
                 LMS_E_ARGUMENT,
                 "max_rows: %u is not 0 or from max_width (%u) to max_requests * max_width "
                 "(%llu)",
                 (unsigned)d->max_rows, (unsigned)d->max_width, (unsigned long long)beams);
    LMSI_TRY(lmsi_desc_check(ctx, &common));
    LMSI_FAIL_IF(d->reserved[0] != 0 || d->reserved[1] != 0, LMS_E_ARGUMENT,
                 "reserved: is not 0");
fail:
    return status;
}

/* What the shape needs, and whether the device has it. */
static lms_status plan_workspace(lms_beam *b)
{
    char asked[160];
    lmsi_buffer buffers[BUFFERS];
    b->row_slots = lmsi_shape_places(&b->shape, b->ctx->device.units, b->desc.max_rows);
    list_buffers(b, buffers);
    snprintf(asked, sizeof asked,
             "max_requests: %u requests of %u beams (at most %u in a step) of at most %u "
             "tokens out of %u",
             (unsigned)b->desc.max_requests, (unsigned)b->desc.max_width,
             (unsigned)b->desc.max_rows, (unsigned)b->desc.max_length, (unsigned)b->desc.vocab);
    return lmsi_memory_check(b->ctx, asked, buffers, BUFFERS, 0, &b->workspace);
}

static lms_status make_stages(lms_beam *b)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_slots_make(&b->open, b->desc.max_requests));
    b->slots = calloc(b->desc.max_requests, sizeof *b->slots);
    b->stages = calloc(b->desc.max_in_flight, sizeof *b->stages);
    LMSI_FAIL_IF(b->slots == NULL || b->stages == NULL, LMS_E_MEMORY,
                 "out of memory for %u slots", (unsigned)b->desc.max_requests);
    for (uint32_t i = 0; i < b->desc.max_in_flight; ++i) {
        lmsi_beam_stage *const stage = &b->stages[i];
        stage->entries =
            calloc((size_t)b->desc.max_rows + b->desc.max_requests, sizeof *stage->entries);
        stage->ends = calloc((size_t)b->desc.max_end_tokens + 1, sizeof *stage->ends);
        LMSI_FAIL_IF(stage->entries == NULL || stage->ends == NULL, LMS_E_MEMORY,
                     "out of memory for staging %u beams", (unsigned)b->desc.max_rows);
    }
fail:
    return status;
}

static lms_status make_workspace(lms_beam *b)
{
    lms_status status = LMS_OK;
    lmsi_buffer buffers[BUFFERS];
    list_buffers(b, buffers);
    LMSI_TRY(lmsi_memory_make(b->ctx, buffers, BUFFERS));
    LMSI_TRY(make_stages(b));
fail:
    return status;
}

/* One step and the results of a search that is done: runtimes compile or link a kernel when it
 * is first enqueued, and a step must not wait for that. */
static lms_status dry_run(lms_beam *b)
{
    lms_beam_params params = LMS_BEAM_PARAMS_INIT(1);
    const uint32_t slot = 0;
    const cl_uint zero = 0;
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    lms_beam_step_args batch = {.requests = 1, .slots = &slot};
    lms_beam_results_args output = {.requests = 1, .slots = &slot, .max_results = 1};
    cl_mem logits = NULL, results = NULL;
    params.max_length = 1;
    logits = clCreateBuffer(b->ctx->context, CL_MEM_READ_ONLY, b->desc.vocab * sizeof(cl_float),
                            NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    results = clCreateBuffer(b->ctx->context, CL_MEM_READ_WRITE,
                             (b->desc.max_length + (size_t)2) * sizeof(cl_long), NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    batch.logits.buffer = logits;
    batch.parents = output.counts = (lms_view){results, 0};
    batch.done = output.lengths = (lms_view){results, 1};
    batch.tokens = output.tokens = (lms_view){results, 2};
    /* A slot whose state never comes has the serial 0, which no request has. */
    LMSI_CL(clEnqueueFillBuffer(b->ctx->queue, b->states, &zero, sizeof zero, 0,
                                b->desc.max_requests * sizeof(lms_beam_state), 0, NULL, NULL));
    LMSI_CL(clFinish(b->ctx->queue));
    LMSI_TRY(
        lmsi_beam_open(b, b->ctx->queue, slot, &params, NULL, LMS_BEAM_DONE, 0, NULL, NULL));
    LMSI_CL(clFinish(b->ctx->queue)); /* one call may be all that can be in flight */
    LMSI_TRY(lms_beam_step(b, b->ctx->queue, &batch, 0, NULL, NULL));
    LMSI_CL(clFinish(b->ctx->queue));
    LMSI_TRY(lms_beam_results(b, b->ctx->queue, &output, 0, NULL, NULL));
    LMSI_CL(clFinish(b->ctx->queue));
    LMSI_TRY(lms_beam_close(b, slot));
fail:
    if (logits != NULL) clReleaseMemObject(logits);
    if (results != NULL) clReleaseMemObject(results);
    return status;
}

lms_status lms_beam_create(lms_context *ctx, const lms_beam_desc *desc, lms_beam **out)
{
    lms_status status = LMS_OK;
    lms_beam *b = NULL;
    if (out == NULL) return lmsi_fail(LMS_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    LMSI_TRY(lmsi_child_check());
    LMSI_FAIL_IF(ctx == NULL, LMS_E_ARGUMENT, "ctx: is NULL");
    LMSI_FAIL_IF(desc == NULL, LMS_E_ARGUMENT, "desc: is NULL");
    LMSI_TRY(desc_check(ctx, desc));
    b = calloc(1, sizeof *b);
    LMSI_FAIL_IF(b == NULL, LMS_E_MEMORY, "out of memory for a beam search");
    b->ctx = ctx;
    b->desc = *desc;
    if ((int)b->desc.tokens == 0) b->desc.tokens = LMS_INT32;
    if (b->desc.max_in_flight == 0) b->desc.max_in_flight = LMSI_DEFAULT_IN_FLIGHT;
    if (b->desc.max_rows == 0) b->desc.max_rows = desc->max_requests * desc->max_width;
    LMSI_TRY(lmsi_shape_for(ctx, desc->logits, desc->vocab, desc->work_items, &b->shape, NULL));
    b->tiles = (desc->vocab + LMS_TILE - 1) / LMS_TILE;
    b->chunks = (b->tiles + b->shape.chunk - 1) / b->shape.chunk;
    b->max_choices = choices_of(desc);
    LMSI_TRY(plan_workspace(b)); /* before the kernels: they take a while */
    const lmsi_kernels kernels = list_kernels(b);
    LMSI_TRY(lmsi_kernels_make(ctx, &kernels, &b->shape));
    LMSI_TRY(plan_workspace(b)); /* for the team that they take */
    LMSI_TRY(make_workspace(b));
    LMSI_TRY(dry_run(b));
    *out = b;
    return LMS_OK;

fail:
    lms_beam_destroy(b);
    return status;
}

size_t lms_beam_workspace(const lms_beam *b) { return b == NULL ? 0 : b->workspace; }
