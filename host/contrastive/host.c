/* host.c - the calls on a contrastive search for callers that have arrays on the host: buffers
 * for the arrays, the call on the context's queue, and the outputs back. */
#include "base/process.h"
#include "base/status.h"
#include "contrastive/contrastive.h"
#include "op/host_arrays.h"

#include <stdlib.h>

/* Is there something to do, in a process that OpenCL works in? */
static lms_status begin_check(const lms_contrastive *c, const void *args, const char *name)
{
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    if (args == NULL) return lmsi_fail(LMS_E_ARGUMENT, "%s: is NULL", name);
    return lmsi_child_check();
}

/* Hidden states, or candidates', as an array of the call. */
static lmsi_host_array hidden_array(const lms_contrastive *c, const void *hidden,
                                    const lmsi_states *states, lms_view *view, unsigned use)
{
    const size_t element = (size_t)lmsi_dtype_bytes(c->desc.hidden);
    return (lmsi_host_array){"hidden",
                             (void *)(uintptr_t)hidden,
                             view,
                             (size_t)states->rows,
                             c->desc.width * element,
                             (size_t)states->stride * element,
                             use};
}

static lms_status hidden_check(const lms_contrastive *c, const lmsi_states *states)
{
    return lmsi_host_stride_check("row_stride", "elements", (size_t)states->rows,
                                  (size_t)states->stride, c->desc.width,
                                  (size_t)lmsi_dtype_bytes(c->desc.hidden));
}

/* The candidates' rows of a call. */
static lms_status list_spans(const lms_contrastive *c, const uint32_t *slots,
                             const uint32_t *first_rows, uint32_t requests, int selects,
                             lmsi_host_span **spans, size_t *count)
{
    lms_status status = LMS_OK;
    *spans = malloc(requests * sizeof **spans);
    LMSI_FAIL_IF(*spans == NULL, LMS_E_MEMORY, "out of memory for the rows of %u requests",
                 (unsigned)requests);
    for (uint32_t r = 0; r < requests; ++r) {
        const lmsi_contrastive_slot *const s = &c->slots[slots[r]];
        lmsi_host_span_add(*spans, count, lmsi_candidate_row(c, first_rows, r),
                           selects ? s->proposed.params.k : s->params.k);
    }
fail:
    return status;
}

lms_status lms_contrastive_fork_host(lms_contrastive *c, uint32_t from, uint32_t to,
                                     const lms_contrastive_params *params)
{
    cl_event event = NULL;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    const lms_status status =
        lms_contrastive_fork(c, c->op.ctx->queue, from, to, params, 0, NULL, &event);
    return lmsi_host_wait(event, status);
}

lms_status lms_contrastive_append_host(lms_contrastive *c,
                                       const lms_contrastive_append_host_args *s)
{
    lms_status status = LMS_OK;
    lmsi_states states;
    LMSI_TRY(begin_check(c, s, "states"));
    if (s->requests == 0) return LMS_OK;
    const lms_context *const ctx = c->op.ctx;
    lms_contrastive_append_args call = {
        .requests = s->requests,
        .slots = s->slots,
        .counts = s->counts,
        .first_rows = s->first_rows,
        .row_stride = s->row_stride,
        .hidden_rows = s->hidden_rows,
    };
    LMSI_TRY(lmsi_states_check(c, &call, &states));
    LMSI_TRY(hidden_check(c, &states));
    if (states.needed == 0) return LMS_OK;
    const lmsi_host_array array =
        hidden_array(c, s->hidden, &states, &call.hidden, LMSI_HOST_READ | LMSI_HOST_REQUIRED);
    LMSI_TRY(lmsi_host_begin(ctx, &array, 1));
    status = lmsi_host_end(ctx, &array, 1, NULL, 0,
                           lms_contrastive_append(c, ctx->queue, &call, 0, NULL, NULL));
fail:
    return status;
}

/* --- Candidates --------------------------------------------------------------------------- */

enum {
    PROPOSE_ARRAYS = 4
};

static lms_status propose_host(lms_contrastive *c, const lms_contrastive_propose_host_args *h,
                               const lmsi_rows *rows, uint64_t candidates,
                               lms_contrastive_propose_args *call)
{
    const lms_context *const ctx = c->op.ctx;
    const size_t element = (size_t)lmsi_dtype_bytes(c->desc.logits), all = (size_t)candidates;
    const size_t row = c->desc.vocab * element, stride = (size_t)rows->stride * element;
    const size_t token = (size_t)lmsi_token_bytes(c->op.desc.tokens);
    const unsigned in = LMSI_HOST_READ | LMSI_HOST_REQUIRED;
    const unsigned required = LMSI_HOST_WRITTEN_IN_SPANS | LMSI_HOST_REQUIRED;
    void *const logits = (void *)(uintptr_t)h->logits;
    const lmsi_host_array arrays[PROPOSE_ARRAYS] = {
        {"logits", logits, &call->logits, (size_t)rows->logits_rows, row, stride, in},
        {"tokens", h->tokens, &call->tokens, all, token, token, required},
        {"probs", h->probs, &call->probs, all, 4, 4, required},
        {"status", h->status, &call->status, h->requests, 4, 4, LMSI_HOST_WRITTEN_AND_LAST},
    };
    lms_status status = LMS_OK;
    lmsi_host_span *spans = NULL;
    size_t count = 0;
    LMSI_TRY(lmsi_host_stride_check("row_stride", "logits", arrays[0].rows,
                                    (size_t)rows->stride, c->desc.vocab, element));
    LMSI_TRY(list_spans(c, call->slots, call->first_rows, call->requests, 0, &spans, &count));
    LMSI_TRY(lmsi_host_begin(ctx, arrays, PROPOSE_ARRAYS));
    status = lmsi_host_end(ctx, arrays, PROPOSE_ARRAYS, spans, count,
                           lms_contrastive_propose(c, ctx->queue, call, 0, NULL, NULL));
fail:
    free(spans);
    return status;
}

lms_status lms_contrastive_propose_host(lms_contrastive *c,
                                        const lms_contrastive_propose_host_args *p)
{
    lms_status status = LMS_OK;
    lmsi_propose propose;
    uint64_t candidates = 0;
    lms_tables made;
    cl_mem tables[LMSI_TABLE_PARTS] = {NULL};
    LMSI_TRY(begin_check(c, p, "proposal"));
    if (p->requests == 0) return LMS_OK;
    lms_contrastive_propose_args call = {
        .requests = p->requests,
        .slots = p->slots,
        .first_rows = p->first_rows,
        .candidate_rows = p->candidate_rows,
        .row_stride = p->row_stride,
        .logits_rows = p->logits_rows,
        .index = p->index,
        .tables = p->tables,
        .row_requests = p->row_requests,
    };
    LMSI_TRY(lmsi_propose_host_check(c, &call, &candidates, &propose));
    if (propose.requests.bytes > c->requester.table_bytes) {
        LMSI_TRY(lmsi_tables_make(&c->op, p->tables, &propose.requests, &made, tables));
        call.tables = &made;
    }
    LMSI_TRY(propose_host(c, p, &propose.rows, candidates, &call));
fail:
    lmsi_memory_release(tables, LMSI_TABLE_PARTS);
    return status;
}

/* --- The choice --------------------------------------------------------------------------- */

enum {
    SELECT_ARRAYS = 10
};

static void list_select(const lms_contrastive *c, const lms_contrastive_select_host_args *h,
                        const lmsi_states *candidates, lms_contrastive_select_args *call,
                        lmsi_host_array arrays[SELECT_ARRAYS])
{
    const size_t rows = (size_t)candidates->rows, requests = h->requests;
    const size_t token = (size_t)lmsi_token_bytes(c->op.desc.tokens);
    const unsigned in = LMSI_HOST_READ | LMSI_HOST_REQUIRED, out = LMSI_HOST_WRITTEN;
    const unsigned required = out | LMSI_HOST_REQUIRED, some = LMSI_HOST_WRITTEN_IN_SPANS;
    const unsigned last = LMSI_HOST_WRITTEN_AND_LAST | LMSI_HOST_REQUIRED;
    void *const tokens = (void *)(uintptr_t)h->tokens, *const probs =
                                                           (void *)(uintptr_t)h->probs;
    const lmsi_host_array all[SELECT_ARRAYS] = {
        hidden_array(c, h->hidden, candidates, &call->hidden, in),
        {"tokens", tokens, &call->tokens, rows, token, token, in},
        {"probs", probs, &call->probs, rows, 4, 4, in},
        {"next", h->next, &call->next, requests, token, token, required},
        {"scores", h->scores, &call->scores, requests, 4, 4, out},
        {"penalties", h->penalties, &call->penalties, requests, 4, 4, out},
        {"row_scores", h->row_scores, &call->row_scores, rows, 4, 4, some},
        {"row_penalties", h->row_penalties, &call->row_penalties, rows, 4, 4, some},
        {"status", h->status, &call->status, requests, 4, 4, out},
        {"rows", h->rows, &call->rows, requests, 4, 4, last},
    };
    for (int i = 0; i < SELECT_ARRAYS; ++i) arrays[i] = all[i];
}

lms_status lms_contrastive_select_host(lms_contrastive *c,
                                       const lms_contrastive_select_host_args *h)
{
    lms_status status = LMS_OK;
    lmsi_states candidates;
    lmsi_host_array arrays[SELECT_ARRAYS];
    lmsi_host_span *spans = NULL;
    size_t count = 0;
    LMSI_TRY(begin_check(c, h, "batch"));
    if (h->requests == 0) return LMS_OK;
    const lms_context *const ctx = c->op.ctx;
    lms_contrastive_select_args call = {
        .requests = h->requests,
        .slots = h->slots,
        .first_rows = h->first_rows,
        .candidate_rows = h->candidate_rows,
        .row_stride = h->row_stride,
    };
    LMSI_TRY(lmsi_select_host_check(c, &call, &candidates));
    LMSI_TRY(hidden_check(c, &candidates));
    LMSI_TRY(list_spans(c, h->slots, h->first_rows, h->requests, 1, &spans, &count));
    list_select(c, h, &candidates, &call, arrays);
    LMSI_TRY(lmsi_host_begin(ctx, arrays, SELECT_ARRAYS));
    status = lmsi_host_end(ctx, arrays, SELECT_ARRAYS, spans, count,
                           lms_contrastive_select(c, ctx->queue, &call, 0, NULL, NULL));
fail:
    free(spans);
    return status;
}
