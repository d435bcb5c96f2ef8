/* contrastive.c - what a contrastive search is: its programs, its buffers and pages, and one
 * dry run. */
#include "contrastive/contrastive.h"

#include "base/status.h"
#include "op/choice.h"

#include <stdio.h>
#include <stdlib.h>

/* --- Description -------------------------------------------------------------------------- */

_Static_assert(LMS_STATE_BYTES % (16 * LMS_DOT_LANES) == 0 &&
                   LMS_STATE_BYTES / sizeof(cl_float) % LMS_STATE_ALIGN == 0,
               "states, and candidates of as many floats, are vectors of 16 bytes");

/* Elements of a state as it is stored. Kernels of larger teams read what the library owns in
 * vectors of 16 bytes, so every state begins at a multiple of LMS_STATE_BYTES. */
static uint32_t padded_width(const lms_contrastive_desc *d, uint32_t team)
{
    const uint32_t run = LMS_STATE_BYTES / (uint32_t)lmsi_dtype_bytes(d->hidden);
    const uint32_t align = team > 1 ? run : LMS_STATE_ALIGN;
    return (d->width + align - 1) / align * align;
}

/* Bytes of a page of states. */
static uint64_t state_bytes(const lms_contrastive *c)
{
    return (uint64_t)LMS_CONTEXT_PAGE * c->padded * lmsi_dtype_bytes(c->desc.hidden);
}

/* Pages: how many of them, and how many to a buffer. */
static lms_status count_pages(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    const lms_contrastive_desc *const d = &c->desc;
    const uint64_t page = state_bytes(c);
    const uint64_t device = c->op.ctx->device.max_alloc_bytes;
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

/* The program that reads hidden states, in the shape for them. */
static lms_status describe_context(lmsi_operator *op, const lms_contrastive_desc *d)
{
    static const lmsi_probe *const probes[] = {&lmsi_context_probe, NULL};
    lmsi_use *const use = &op->programs[1];
    *use = (lmsi_use){.kind = LMSI_CONTEXT,
                      .data = d->hidden,
                      .least_team = LMS_CONTEXT_TEAM,
                      .probes = probes};
    op->program_count = 2;
    const lms_status status =
        lmsi_shape_for(op->ctx, d->hidden, d->width, d->work_items, &use->shape, NULL);
    if (use->shape.team < LMS_CONTEXT_TEAM) use->shape.team = 1;
    return status;
}

static lms_status describe(lmsi_operator *op, const void *desc)
{
    static const lmsi_probe *const probes[] = {&lmsi_row_probe, NULL};
    lms_contrastive *const c = (lms_contrastive *)op;
    lms_contrastive_desc *const d = &c->desc;
    lms_status status = LMS_OK;
    *d = *(const lms_contrastive_desc *)desc;
    const lmsi_desc common = {d->logits, d->tokens, d->vocab, d->max_in_flight, d->work_items};
    const lmsi_kind kind = d->requests != 0 ? LMSI_PROPOSE_REQUESTS : LMSI_PROPOSE;
    LMSI_TRY(lmsi_rows_describe(op, &common, kind, probes));
    LMSI_TRY(lmsi_contrastive_desc_check(d));
    LMSI_TRY(describe_context(op, d));
    if (d->max_rows == 0) d->max_rows = d->max_requests * d->max_k;
    c->padded = padded_width(d, op->programs[1].shape.team);
    c->pages_each = (d->max_length - 1) / LMS_CONTEXT_PAGE + 1;
    LMSI_TRY(count_pages(c));
    c->requester = (lmsi_requester){
        .bits = d->requests,
        .vocab = d->vocab,
        .max_rows = d->max_requests,
        .max_top = LMS_MAX_TOP,
        .max_lists = d->max_lists,
        .table_bytes = d->table_bytes,
        .slots = d->slots,
        .first = LMSI_CONTRASTIVE_OF_REQUESTS,
    };
    LMSI_TRY(lmsi_requester_describe(op, &c->requester, LMSI_PREPARE_SEARCH));
    op->kernel_table =
        d->requests != 0 ? lmsi_contrastive_request_kernels : lmsi_contrastive_kernels;
    op->kernel_count = d->requests != 0 ? LMSI_CONTRASTIVE_KERNELS : LMSI_CONTRASTIVE_PREPARE;
fail:
    return status;
}

/* --- Memory ------------------------------------------------------------------------------- */

/* The buffers of `pages` pages. */
static void list_pages(const lms_contrastive *c, uint64_t pages,
                       lmsi_buffer out[LMSI_PAGE_BUFFERS])
{
    out[LMSI_PAGE_STATES] = (lmsi_buffer){"states", "hidden states", pages, state_bytes(c), 0};
    out[LMSI_PAGE_INVERSES] =
        (lmsi_buffer){"inverses_kept", "norms", pages, LMS_CONTEXT_PAGE * sizeof(cl_float), 0};
}

/* No buffer of pages is too large. */
static void plan(lmsi_operator *op, lmsi_plan *plan)
{
    const lms_contrastive *const c = (lms_contrastive *)op;
    const lms_contrastive_desc *const d = &c->desc;
    const uint64_t requests = d->max_requests, states = d->max_rows, pieces = c->max_pieces;
    const uint64_t runs = c->max_runs, picks = 2 * LMS_MAX_CONTRASTIVE_K;
    const uint64_t places = lmsi_rows_plan(op, d->max_requests);
    const lmsi_buffer own[] = {
        {"picks", "picks", places, picks * sizeof(lms_pick), 0},
        {"entries", "rows of a call", requests, sizeof(lms_proposal_entry), requests},
        {"turns", "requests of a call", requests, sizeof(lms_context_turn), requests},
        {"pieces", "pieces of contexts", pieces, sizeof(lms_context_piece), pieces},
        {"runs", "runs of states", runs, sizeof(lms_context_run), runs},
        {"candidates", "candidates' states", states, c->padded * sizeof(cl_float), 0},
        {"inverses", "candidates' norms", states, sizeof(cl_float), 0},
        {"best", "cosines", states, c->pages_each * sizeof(cl_float), 0},
        {"piece_status", "flags of pieces", pieces, sizeof(cl_uint), 0},
        {"chosen", "choices", requests, sizeof(cl_int), 0},
        {"proposals", "proposals", requests, sizeof(cl_ulong), 0},
        {"pages", "pages", c->pages.count, sizeof(lms_context_page), 0},
    };
    lmsi_buffer pages[LMSI_PAGE_BUFFERS];
    lmsi_operator_list(op, LMSI_ROW_BUFFERS, own, sizeof own / sizeof own[0]);
    if (c->requester.bits != 0) {
        lmsi_search_plan(op, &c->requester, LMSI_CONTRASTIVE_BROUGHT);
        lmsi_requester_plan(op, &c->requester, places);
    }
    list_pages(c, c->pages.count, pages);
    plan->others =
        c->pages.count * (pages[LMSI_PAGE_STATES].bytes + pages[LMSI_PAGE_INVERSES].bytes);
    snprintf(plan->asked, sizeof plan->asked,
             "max_requests: %u requests of %u candidates (at most %u in a step) and %llu "
             "positions of %u elements (at most %u in a context)",
             (unsigned)d->max_requests, (unsigned)d->max_k, (unsigned)d->max_rows,
             (unsigned long long)c->pages.count * LMS_CONTEXT_PAGE, (unsigned)d->width,
             (unsigned)d->max_length);
}

static lms_status make_pages(lms_contrastive *c)
{
    lms_status status = LMS_OK;
    const size_t places = (size_t)c->buffer_count + 1;
    LMSI_TRY(lmsi_pages_make(&c->pages, c->pages.count, LMS_CONTEXT_PAGE));
    c->buffers = calloc(c->buffer_count, sizeof *c->buffers);
    c->first_pieces = calloc(places, sizeof *c->first_pieces);
    c->first_runs = calloc(places, sizeof *c->first_runs);
    LMSI_FAIL_IF(c->buffers == NULL || c->first_pieces == NULL || c->first_runs == NULL,
                 LMS_E_MEMORY, "out of memory for %u buffers of pages",
                 (unsigned)c->buffer_count);
    for (uint32_t i = 0; i < c->buffer_count; ++i) {
        const uint32_t left = c->pages.count - i * c->pages_per_buffer;
        lmsi_buffer list[LMSI_PAGE_BUFFERS];
        list_pages(c, left < c->pages_per_buffer ? left : c->pages_per_buffer, list);
        LMSI_TRY(lmsi_memory_make(c->op.ctx, list, LMSI_PAGE_BUFFERS, c->buffers[i].mem));
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
    for (size_t i = 0; i < requests; ++i) c->slots[i].context.pages = pages + i * c->pages_each;
fail:
    return status;
}

static lms_status make(lmsi_operator *op)
{
    lms_contrastive *const c = (lms_contrastive *)op;
    lms_status status = LMS_OK;
    /* Nothing is proposed, and nothing marked as written. */
    LMSI_TRY(lmsi_memory_clear(op->ctx, op->mem[LMSI_CONTRASTIVE_PROPOSALS],
                               c->desc.max_requests * sizeof(cl_ulong)));
    LMSI_TRY(lmsi_memory_clear(op->ctx, op->mem[LMSI_CONTRASTIVE_PAGES],
                               c->pages.count * sizeof(lms_context_page)));
    LMSI_TRY(make_pages(c));
    LMSI_TRY(make_slots(c));
    if (c->requester.bits != 0) LMSI_TRY(lmsi_requester_make(op, &c->requester));
fail:
    return status;
}

static void unmake(lmsi_operator *op)
{
    lms_contrastive *const c = (lms_contrastive *)op;
    lmsi_requester_unmake(&c->requester);
    for (uint32_t i = 0; c->buffers != NULL && i < c->buffer_count; ++i) {
        lmsi_memory_release(c->buffers[i].mem, LMSI_PAGE_BUFFERS);
    }
    free(c->buffers);
    free(c->first_pieces);
    free(c->first_runs);
    lmsi_pages_free(&c->pages);
    if (c->slots != NULL) free(c->slots[0].context.pages);
    free(c->slots);
    lmsi_slots_free(&c->open);
    free(c->growths);
}

/* --- Life --------------------------------------------------------------------------------- */

/* A request without candidates, twice if its context may be so long: its second choice has a
 * context to read. */
static lms_status dry_steps(lms_contrastive *c, cl_mem data)
{
    static const uint32_t slot = 0;
    static const int32_t none = LMS_SKIP_ROW;
    static const uint32_t mask = 0;
    static const lms_tables tables = {.mask_count = 1, .mask_columns = 1, .masks = &mask};
    static const lms_request request = {.mask = 1}; /* so that preparing is enqueued, too */
    const int has_requests = c->requester.bits != 0;
    lms_status status = LMS_OK;
    cl_command_queue queue = c->op.ctx->queue;
    const lms_contrastive_propose_args proposal = {.requests = 1,
                                                   .slots = &slot,
                                                   .logits = {data, 0},
                                                   .index = &none,
                                                   .tokens = {data, 0},
                                                   .probs = {data, 2},
                                                   .tables = has_requests ? &tables : NULL,
                                                   .row_requests =
                                                       has_requests ? &request : NULL};
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

static lms_status dry_run(lmsi_operator *op)
{
    lms_contrastive *const c = (lms_contrastive *)op;
    const lms_contrastive_params params = LMS_CONTRASTIVE_PARAMS_INIT(0.5f, 1);
    const uint64_t elements = c->desc.vocab > c->desc.width ? c->desc.vocab : c->desc.width;
    const lmsi_buffer list = {"data", "a row", elements + 16, sizeof(cl_float), 0};
    lms_status status = LMS_OK;
    cl_mem data = NULL;
    LMSI_TRY(lmsi_memory_make(op->ctx, &list, 1, &data));
    LMSI_TRY(lmsi_memory_clear(op->ctx, data, (size_t)(list.count * list.bytes)));
    LMSI_TRY(lms_contrastive_open(c, 0, &params));
    LMSI_TRY(dry_steps(c, data));
    if (c->desc.max_requests > 1 && c->pages.free_count > 0) {
        LMSI_TRY(lms_contrastive_fork(c, op->ctx->queue, 0, 1, NULL, 0, NULL, NULL));
        LMSI_CL(clFinish(op->ctx->queue));
        LMSI_TRY(lms_contrastive_close(c, 1));
    }
    LMSI_TRY(lms_contrastive_close(c, 0));
fail:
    lmsi_memory_release(&data, 1);
    return status;
}

static const lmsi_class contrastive_class = {
    "a contrastive search", sizeof(lms_contrastive), describe, plan, make, dry_run, unmake};

lms_status lms_contrastive_create(lms_context *ctx, const lms_contrastive_desc *desc,
                                  lms_contrastive **out)
{
    lmsi_operator *made = NULL;
    const lms_status status = lmsi_operator_create(&contrastive_class, ctx, desc, out, &made);
    if (out != NULL) *out = (lms_contrastive *)made;
    return status;
}

void lms_contrastive_destroy(lms_contrastive *c) { lmsi_operator_destroy((lmsi_operator *)c); }

size_t lms_contrastive_workspace(const lms_contrastive *c)
{
    return c == NULL ? 0 : c->op.workspace;
}
