/* contrastive.c - making and unmaking a contrastive search: kernels, pages, workspace, and one
 * dry run. */
#include "contrastive/contrastive.h"

#include "op/desc.h"
#include "op/kernels.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those of one of the two programs. */
static lmsi_kernels list_kernels(lms_contrastive *c, lmsi_kind kind)
{
    const lmsi_kernels propose = {kind,
                                  c->desc.logits,
                                  c->desc.tokens,
                                  c->desc.work_items,
                                  2,
                                  2,
                                  {"lms_contrastive_tiles", "lms_contrastive_rows"},
                                  {&c->tile_kernel, &c->rows_kernel}};
    const lmsi_kernels context = {kind,
                                  c->desc.hidden,
                                  c->desc.tokens,
                                  c->desc.work_items,
                                  5,
                                  5,
                                  {"lms_context_append", "lms_context_copy",
                                   "lms_context_candidates", "lms_context_scan",
                                   "lms_context_choose"},
                                  {&c->append_kernel, &c->copy_kernel, &c->candidates_kernel,
                                   &c->scan_kernel, &c->choose_kernel}};
    return kind == LMSI_PROPOSE ? propose : context;
}

enum {
    BUFFERS = 17,
    PAGE_BUFFERS = 2
};

/* Every buffer but the pages'. */
static void list_buffers(lms_contrastive *c, lmsi_buffer out[BUFFERS])
{
    const uint64_t rows = c->row_slots, tiles = c->tiles, requests = c->desc.max_requests;
    const uint64_t states = c->desc.max_rows, pieces = c->max_pieces;
    const lmsi_buffer all[BUFFERS] = {
        {"group maxima", &c->groups, rows, tiles * 8 * sizeof(cl_int)},
        {"tile maxima", &c->tile_keys, rows, tiles * sizeof(cl_int)},
        {"flags", &c->flags, rows, c->chunks * sizeof(cl_uint)},
        {"candidates of a row", &c->list, rows, LMS_LIST * LMS_LIST_BYTES},
        {"tile sums", &c->sums, rows, tiles * sizeof(cl_ulong)},
        {"picks", &c->picks, rows, 2 * LMS_MAX_CONTRASTIVE_K * sizeof(lms_pick)},
        {"rows of a call", &c->entries, requests, sizeof(lms_proposal_entry)},
        {"requests of a call", &c->turns, requests, sizeof(lms_context_turn)},
        {"pieces of contexts", &c->pieces, pieces, sizeof(lms_context_piece)},
        {"runs of states", &c->runs, c->max_runs, sizeof(lms_context_run)},
        {"candidates' states", &c->candidates, states, c->padded * sizeof(cl_float)},
        {"candidates' norms", &c->inverses, states, sizeof(cl_float)},
        {"cosines", &c->best, states, c->pages_each * sizeof(cl_float)},
        {"flags of pieces", &c->seen, pieces, sizeof(cl_uint)},
        {"choices", &c->chosen, requests, sizeof(cl_int)},
        {"proposals", &c->proposals, requests, sizeof(cl_ulong)},
        {"pages", &c->written, c->pages.count, sizeof(lms_context_page)},
    };
    memcpy(out, all, sizeof all);
}

static void free_stages(lms_contrastive *c)
{
    for (uint32_t i = 0; c->stages != NULL && i < c->desc.max_in_flight; ++i) {
        lmsi_contrastive_stage *const stage = &c->stages[i];
        if (stage->done != NULL) {
            clWaitForEvents(1, &stage->done);
            clReleaseEvent(stage->done);
        }
        free(stage->entries);
        free(stage->turns);
        free(stage->pieces);
        free(stage->runs);
    }
    free(c->stages);
}

static void release_pages(lms_contrastive *c)
{
    for (uint32_t i = 0; c->buffers != NULL && i < c->buffer_count; ++i) {
        if (c->buffers[i].states != NULL) clReleaseMemObject(c->buffers[i].states);
        if (c->buffers[i].inverses != NULL) clReleaseMemObject(c->buffers[i].inverses);
    }
    free(c->buffers);
    free(c->firsts);
    lmsi_pages_free(&c->pages);
}

void lms_contrastive_destroy(lms_contrastive *c)
{
    if (c == NULL || lmsi_is_child()) return;
    lmsi_buffer buffers[BUFFERS];
    const lmsi_kernels propose = list_kernels(c, LMSI_PROPOSE);
    const lmsi_kernels context = list_kernels(c, LMSI_CONTEXT);
    lmsi_latest_end(&c->last);
    free_stages(c);
    lmsi_kernels_release(&propose);
    lmsi_kernels_release(&context);
    list_buffers(c, buffers);
    lmsi_memory_release(buffers, BUFFERS);
    release_pages(c);
    if (c->slots != NULL) free(c->slots[0].pages);
    free(c->slots);
    free(c->open.states);
    free(c->growths);
    free(c);
}

/* --- What it is for --------------------------------------------------------------------- */

static lms_status desc_check(const lms_context *ctx, const lms_contrastive_desc *d)
{
    const lmsi_desc common = {d->logits, d->tokens, d->max_in_flight, d->work_items};
    const uint64_t rows = (uint64_t)d->max_requests * d->max_k;
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(d->vocab < 1 || d->vocab > LMS_MAX_VOCAB, LMS_E_ARGUMENT,
                 "vocab: %u is not in 1..%u", (unsigned)d->vocab, LMS_MAX_VOCAB);
    LMSI_FAIL_IF(d->width < 1 || d->width > LMS_MAX_HIDDEN_WIDTH, LMS_E_ARGUMENT,
                 "width: %u is not in 1..%u", (unsigned)d->width, LMS_MAX_HIDDEN_WIDTH);
    LMSI_FAIL_IF(d->max_k < 1 || d->max_k > LMS_MAX_CONTRASTIVE_K, LMS_E_ARGUMENT,
                 "max_k: %u is not in 1..%u", (unsigned)d->max_k, LMS_MAX_CONTRASTIVE_K);
    LMSI_FAIL_IF(d->max_requests < 1 || rows > INT32_MAX, LMS_E_ARGUMENT,
                 "max_requests: %u is not in 1..%u, for max_k %u", (unsigned)d->max_requests,
                 (unsigned)INT32_MAX / d->max_k, (unsigned)d->max_k);
    LMSI_FAIL_IF(d->max_length < 1 || d->max_length > LMS_MAX_CONTEXT_LENGTH, LMS_E_ARGUMENT,
                 "max_length: %u is not in 1..%u", (unsigned)d->max_length,
                 LMS_MAX_CONTEXT_LENGTH);
    LMSI_FAIL_IF(d->max_rows > rows || (d->max_rows > 0 && d->max_rows < d->max_k),
                 LMS_E_ARGUMENT,
                 "max_rows: %u is not 0 or from max_k (%u) to max_requests * max_k (%llu)",
                 (unsigned)d->max_rows, (unsigned)d->max_k, (unsigned long long)rows);
    LMSI_FAIL_IF(d->hidden != LMS_FLOAT32 && d->hidden != LMS_FLOAT16 &&
                     d->hidden != LMS_BFLOAT16,
                 LMS_E_ARGUMENT, "hidden: %d is not an lms_dtype", (int)d->hidden);
    LMSI_TRY(lmsi_desc_check(ctx, &common));
    LMSI_FAIL_IF(d->reserved != 0, LMS_E_ARGUMENT, "reserved: is not 0");
fail:
    return status;
}

/* Of a page. */
static uint64_t state_bytes(const lms_contrastive *c)
{
    const uint64_t element = c->desc.hidden == LMS_FLOAT32 ? 4 : 2;
    return LMS_CONTEXT_PAGE * c->padded * element;
}

/* Pages: how many of them, and how many to a buffer. */
static lms_status count_pages(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    const lms_contrastive_desc *const d = &c->desc;
    const uint64_t page = state_bytes(c);
    const uint64_t device = c->ctx->device.max_alloc_bytes;
    const uint64_t pieces = (uint64_t)d->max_requests * c->pages_each;
    const uint64_t most =
        d->max_buffer_bytes > 0 && d->max_buffer_bytes < device ? d->max_buffer_bytes : device;
    uint64_t pages = pieces; /* more can never be in use */
    if (d->max_positions > 0 && (d->max_positions - 1) / LMS_CONTEXT_PAGE < pieces) {
        pages = (d->max_positions - 1) / LMS_CONTEXT_PAGE + 1;
    }
    LMSI_FAIL_IF(pieces > INT32_MAX, LMS_E_ARGUMENT,
                 "max_requests: %u contexts of %u positions have more than %u pages",
                 (unsigned)d->max_requests, (unsigned)d->max_length, (unsigned)INT32_MAX);
    LMSI_FAIL_IF(page > most, LMS_E_BUFFER_SIZE,
                 "max_buffer_bytes: a page of %u positions has %llu bytes, more than %llu",
                 LMS_CONTEXT_PAGE, (unsigned long long)page, (unsigned long long)most);
    const uint64_t each = most / page < pages ? most / page : pages;
    c->pages_per_buffer = (uint32_t)each;
    c->buffer_count = (uint32_t)((pages + each - 1) / each);
    c->max_pieces = (uint32_t)pieces;
    c->max_runs =
        (uint32_t)(pages + d->max_requests < pieces ? pages + d->max_requests : pieces);
    c->pages.count = (uint32_t)pages;
fail:
    return status;
}

/* --- Memory ----------------------------------------------------------------------------- */

/* The buffers of `pages` pages. */
static void list_pages(const lms_contrastive *c, uint64_t pages, lmsi_page_buffer *mem,
                       lmsi_buffer out[PAGE_BUFFERS])
{
    out[0] = (lmsi_buffer){"hidden states", &mem->states, pages, state_bytes(c)};
    out[1] = (lmsi_buffer){"norms", &mem->inverses, pages, LMS_CONTEXT_PAGE * sizeof(cl_float)};
}

/* What the shapes need, and whether the device has it. No buffer of pages is too large. */
static lms_status plan_workspace(lms_contrastive *c)
{
    const lms_contrastive_desc *const d = &c->desc;
    char asked[200];
    lmsi_buffer buffers[BUFFERS];
    lmsi_page_buffer mem;
    lmsi_buffer pages[PAGE_BUFFERS];
    c->row_slots = lmsi_shape_places(&c->shape, c->ctx->device.units, d->max_requests);
    list_buffers(c, buffers);
    list_pages(c, c->pages.count, &mem, pages);
    snprintf(asked, sizeof asked,
             "max_requests: %u requests of %u candidates (at most %u in a step) and %llu "
             "positions of %u elements (at most %u in a context)",
             (unsigned)d->max_requests, (unsigned)d->max_k, (unsigned)d->max_rows,
             (unsigned long long)c->pages.count * LMS_CONTEXT_PAGE, (unsigned)d->width,
             (unsigned)d->max_length);
    return lmsi_memory_check(c->ctx, asked, buffers, BUFFERS,
                             c->pages.count * (pages[0].bytes + pages[1].bytes), &c->workspace);
}

/* Nothing is proposed, and nothing marked as written. */
static lms_status clear_marks(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    const cl_uint zero = 0;
    cl_command_queue queue = c->ctx->queue;
    LMSI_CL(clEnqueueFillBuffer(queue, c->proposals, &zero, sizeof zero, 0,
                                c->desc.max_requests * sizeof(cl_ulong), 0, NULL, NULL));
    LMSI_CL(clEnqueueFillBuffer(queue, c->written, &zero, sizeof zero, 0,
                                c->pages.count * sizeof(lms_context_page), 0, NULL, NULL));
    LMSI_CL(clFinish(queue));
fail:
    return status;
}

static lms_status make_pages(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_pages_make(&c->pages, c->pages.count));
    c->buffers = calloc(c->buffer_count, sizeof *c->buffers);
    c->firsts = calloc((size_t)c->buffer_count + 1, sizeof *c->firsts);
    LMSI_FAIL_IF(c->buffers == NULL || c->firsts == NULL, LMS_E_MEMORY,
                 "out of memory for %u buffers of pages", (unsigned)c->buffer_count);
    for (uint32_t i = 0; i < c->buffer_count; ++i) {
        const uint32_t left = c->pages.count - i * c->pages_per_buffer;
        const uint32_t pages = left < c->pages_per_buffer ? left : c->pages_per_buffer;
        lmsi_buffer list[PAGE_BUFFERS];
        list_pages(c, pages, &c->buffers[i], list);
        LMSI_TRY(lmsi_memory_make(c->ctx, list, PAGE_BUFFERS));
    }
fail:
    return status;
}

static lms_status make_slots(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    const size_t requests = c->desc.max_requests;
    LMSI_TRY(lmsi_slots_make(&c->open, c->desc.max_requests));
    c->slots = calloc(requests, sizeof *c->slots);
    c->growths = calloc(requests, sizeof *c->growths);
    LMSI_FAIL_IF(c->slots == NULL || c->growths == NULL, LMS_E_MEMORY,
                 "out of memory for %u slots", (unsigned)requests);
    uint32_t *const pages = calloc(c->max_pieces, sizeof *pages);
    LMSI_FAIL_IF(pages == NULL, LMS_E_MEMORY, "out of memory for %u times %u pages",
                 (unsigned)requests, (unsigned)c->pages_each);
    for (size_t i = 0; i < requests; ++i) c->slots[i].pages = pages + i * c->pages_each;
fail:
    return status;
}

static lms_status make_stages(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    const size_t requests = c->desc.max_requests;
    c->stages = calloc(c->desc.max_in_flight, sizeof *c->stages);
    LMSI_FAIL_IF(c->stages == NULL, LMS_E_MEMORY, "out of memory for %u calls",
                 (unsigned)c->desc.max_in_flight);
    for (uint32_t i = 0; i < c->desc.max_in_flight; ++i) {
        lmsi_contrastive_stage *const stage = &c->stages[i];
        stage->entries = calloc(requests, sizeof *stage->entries);
        stage->turns = calloc(requests, sizeof *stage->turns);
        stage->pieces = calloc(c->max_pieces, sizeof *stage->pieces);
        stage->runs = calloc(c->max_runs, sizeof *stage->runs);
        LMSI_FAIL_IF(stage->entries == NULL || stage->turns == NULL || stage->pieces == NULL ||
                         stage->runs == NULL,
                     LMS_E_MEMORY, "out of memory for staging %u pages",
                     (unsigned)c->max_pieces);
    }
fail:
    return status;
}

static lms_status make_workspace(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    lmsi_buffer buffers[BUFFERS];
    list_buffers(c, buffers);
    LMSI_TRY(lmsi_memory_make(c->ctx, buffers, BUFFERS));
    LMSI_TRY(clear_marks(c));
    LMSI_TRY(make_pages(c));
    LMSI_TRY(make_slots(c));
    LMSI_TRY(make_stages(c));
fail:
    return status;
}

/* --- Dry run ---------------------------------------------------------------------------- */

/* A request without candidates, twice if its context may be so long: its second choice has a
 * context to read. */
static lms_status dry_steps(lms_contrastive *c, cl_mem data)
{
    static const uint32_t slot = 0;
    static const int32_t none = LMS_SKIP_ROW;
    lms_status status = LMS_OK;
    cl_command_queue queue = c->ctx->queue;
    const lms_contrastive_propose_args proposal = {.requests = 1,
                                                   .slots = &slot,
                                                   .logits = {data, 0},
                                                   .index = &none,
                                                   .tokens = {data, 0},
                                                   .probs = {data, 2}};
    const lms_contrastive_select_args batch = {.requests = 1,
                                               .slots = &slot,
                                               .hidden = {data, 0},
                                               .tokens = {data, 0},
                                               .probs = {data, 2},
                                               .next = {data, 2},
                                               .rows = {data, 6}};
    for (uint32_t i = 0; i < 2 && i < c->desc.max_length; ++i) {
        LMSI_TRY(lms_contrastive_propose(c, queue, &proposal, 0, NULL, NULL));
        LMSI_CL(clFinish(queue)); /* one call may be all that can be in flight */
        LMSI_TRY(lms_contrastive_select(c, queue, &batch, 0, NULL, NULL));
        LMSI_CL(clFinish(queue));
    }
fail:
    return status;
}

/* Runtimes compile or link a kernel when it is first enqueued, and a step must not wait for
 * that. */
static lms_status dry_run(lms_contrastive *c)
{
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 1);
    const cl_uint zero = 0;
    lms_status status = LMS_OK;
    cl_int code = CL_SUCCESS;
    cl_mem data = NULL;
    const size_t elements = c->desc.vocab > c->desc.width ? c->desc.vocab : c->desc.width;
    const size_t bytes = (elements + 16) * sizeof(cl_float);
    data = clCreateBuffer(c->ctx->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    LMSI_CL_NAMED(code, "clCreateBuffer");
    LMSI_CL(
        clEnqueueFillBuffer(c->ctx->queue, data, &zero, sizeof zero, 0, bytes, 0, NULL, NULL));
    LMSI_CL(clFinish(c->ctx->queue));
    LMSI_TRY(lms_contrastive_open(c, 0, &params));
    LMSI_TRY(dry_steps(c, data));
    if (c->desc.max_requests > 1 && c->pages.free_count > 0) {
        LMSI_TRY(lms_contrastive_fork(c, c->ctx->queue, 0, 1, NULL, 0, NULL, NULL));
        LMSI_CL(clFinish(c->ctx->queue));
        LMSI_TRY(lms_contrastive_close(c, 1));
    }
    LMSI_TRY(lms_contrastive_close(c, 0));
fail:
    if (data != NULL) clReleaseMemObject(data);
    return status;
}

static lms_status make(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    const lms_contrastive_desc *const d = &c->desc;
    const lmsi_kernels propose = list_kernels(c, LMSI_PROPOSE);
    const lmsi_kernels context = list_kernels(c, LMSI_CONTEXT);
    LMSI_TRY(lmsi_shape_for(c->ctx, d->logits, d->vocab, d->work_items, &c->shape, NULL));
    LMSI_TRY(
        lmsi_shape_for(c->ctx, d->hidden, d->width, d->work_items, &c->context_shape, NULL));
    if (c->context_shape.team < 32) c->context_shape.team = 1;
    c->tiles = (d->vocab + LMS_TILE - 1) / LMS_TILE;
    c->chunks = (c->tiles + c->shape.chunk - 1) / c->shape.chunk;
    c->padded = (d->width + LMS_STATE_ALIGN - 1) / LMS_STATE_ALIGN * LMS_STATE_ALIGN;
    c->pages_each = lmsi_pages_for(d->max_length);
    LMSI_TRY(count_pages(c));
    LMSI_TRY(plan_workspace(c)); /* before the kernels: they take a while */
    LMSI_TRY(lmsi_kernels_make(c->ctx, &propose, &c->shape));
    LMSI_TRY(lmsi_kernels_make(c->ctx, &context, &c->context_shape));
    LMSI_TRY(plan_workspace(c)); /* for the teams that they take */
    LMSI_TRY(make_workspace(c));
    LMSI_TRY(dry_run(c));
fail:
    return status;
}

lms_status lms_contrastive_create(lms_context *ctx, const lms_contrastive_desc *desc,
                                  lms_contrastive **out)
{
    lms_status status = LMS_OK;
    lms_contrastive *c = NULL;
    if (out == NULL) return lmsi_fail(LMS_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    LMSI_TRY(lmsi_child_check());
    LMSI_FAIL_IF(ctx == NULL, LMS_E_ARGUMENT, "ctx: is NULL");
    LMSI_FAIL_IF(desc == NULL, LMS_E_ARGUMENT, "desc: is NULL");
    LMSI_TRY(desc_check(ctx, desc));
    c = calloc(1, sizeof *c);
    LMSI_FAIL_IF(c == NULL, LMS_E_MEMORY, "out of memory for a contrastive search");
    c->ctx = ctx;
    c->desc = *desc;
    if ((int)c->desc.tokens == 0) c->desc.tokens = LMS_INT32;
    if (c->desc.max_in_flight == 0) c->desc.max_in_flight = LMSI_DEFAULT_IN_FLIGHT;
    if (c->desc.max_rows == 0) c->desc.max_rows = desc->max_requests * desc->max_k;
    LMSI_TRY(make(c));
    *out = c;
    return LMS_OK;

fail:
    lms_contrastive_destroy(c);
    return status;
}

size_t lms_contrastive_workspace(const lms_contrastive *c)
{
    return c == NULL ? 0 : c->workspace;
}
