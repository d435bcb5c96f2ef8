/* host.c - the calls on a beam search for callers that have arrays on the host: buffers for the
 * arrays, the call on the context's queue, and the outputs back. */
#include "base/process.h"
#include "base/status.h"
#include "beam/beam.h"
#include "op/host_arrays.h"

#include <stdlib.h>

lms_status lms_beam_open_host(lms_beam *b, uint32_t slot, const lms_beam_params *params,
                              const int32_t *end_tokens)
{
    cl_event event = NULL;
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    return lmsi_host_wait(
        event, lms_beam_open(b, b->op.ctx->queue, slot, params, end_tokens, 0, NULL, &event));
}

/* --- Steps -------------------------------------------------------------------------------- */

enum {
    STEP_ARRAYS = 7
};

static void list_step(const lms_beam *b, const lms_beam_step_host_args *h,
                      const lmsi_beam_step *step, lms_beam_step_args *call,
                      lmsi_host_array arrays[STEP_ARRAYS])
{
    const size_t rows = (size_t)step->rows.logits_rows, requests = h->requests;
    const size_t element = (size_t)lmsi_dtype_bytes(b->desc.logits);
    const size_t row = b->desc.vocab * element, stride = (size_t)step->rows.stride * element;
    const size_t token = (size_t)lmsi_token_bytes(b->op.desc.tokens);
    const unsigned in = LMSI_HOST_READ | LMSI_HOST_REQUIRED, out = LMSI_HOST_WRITTEN_IN_SPANS;
    const unsigned required = out | LMSI_HOST_REQUIRED, whole = LMSI_HOST_WRITTEN;
    const unsigned last = LMSI_HOST_WRITTEN_AND_LAST | LMSI_HOST_REQUIRED;
    void *const logits = (void *)(uintptr_t)h->logits;
    const lmsi_host_array all[STEP_ARRAYS] = {
        {"logits", logits, &call->logits, rows, row, stride, in},
        {"parents", h->parents, &call->parents, rows, 4, 4, required},
        {"tokens", h->tokens, &call->tokens, rows, token, token, required},
        {"scores", h->scores, &call->scores, rows, 4, 4, out},
        {"scores_fixed", h->scores_fixed, &call->scores_fixed, rows, 8, 8, out},
        {"status", h->status, &call->status, requests, 4, 4, whole},
        {"done", h->done, &call->done, requests, 4, 4, last},
    };
    for (int i = 0; i < STEP_ARRAYS; ++i) arrays[i] = all[i];
}

/* The rows of a call's requests. */
static lms_status list_spans(const lms_beam *b, const lms_beam_step_args *call,
                             lmsi_host_span **spans, size_t *count)
{
    lms_status status = LMS_OK;
    *spans = malloc(call->requests * sizeof **spans);
    LMSI_FAIL_IF(*spans == NULL, LMS_E_MEMORY, "out of memory for the rows of %u requests",
                 (unsigned)call->requests);
    for (uint32_t r = 0; r < call->requests; ++r) {
        lmsi_host_span_add(*spans, count, lmsi_beam_first_row(b, call, r),
                           b->slots[call->slots[r]].width);
    }
fail:
    return status;
}

static lms_status step_host(lms_beam *b, const lms_beam_step_host_args *h,
                            const lmsi_beam_step *step, lms_beam_step_args *call)
{
    const lms_context *const ctx = b->op.ctx;
    lms_status status = LMS_OK;
    lmsi_host_array arrays[STEP_ARRAYS];
    lmsi_host_span *spans = NULL;
    size_t count = 0;
    list_step(b, h, step, call, arrays);
    LMSI_TRY(lmsi_host_stride_check("row_stride", "logits", arrays[0].rows, step->rows.stride,
                                    b->desc.vocab, (size_t)lmsi_dtype_bytes(b->desc.logits)));
    LMSI_TRY(list_spans(b, call, &spans, &count));
    LMSI_TRY(lmsi_host_begin(ctx, arrays, STEP_ARRAYS));
    status = lmsi_host_end(ctx, arrays, STEP_ARRAYS, spans, count,
                           lms_beam_step(b, ctx->queue, call, 0, NULL, NULL));
fail:
    free(spans);
    return status;
}

lms_status lms_beam_step_host(lms_beam *b, const lms_beam_step_host_args *h)
{
    lms_status status = LMS_OK;
    lmsi_beam_step step;
    lms_tables made;
    cl_mem tables[LMSI_TABLE_PARTS] = {NULL};
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    if (h == NULL) return lmsi_fail(LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_TRY(lmsi_child_check());
    if (h->requests == 0) return LMS_OK;
    lms_beam_step_args call = {
        .requests = h->requests,
        .slots = h->slots,
        .first_rows = h->first_rows,
        .row_stride = h->row_stride,
        .logits_rows = h->logits_rows,
        .tables = h->tables,
        .row_requests = h->row_requests,
    };
    LMSI_TRY(lmsi_beam_step_host_check(b, &call, &step));
    if (step.requests.bytes > b->requester.table_bytes) {
        LMSI_TRY(lmsi_tables_make(&b->op, h->tables, &step.requests, &made, tables));
        call.tables = &made;
    }
    LMSI_TRY(step_host(b, h, &step, &call));
fail:
    lmsi_memory_release(tables, LMSI_TABLE_PARTS);
    return status;
}

/* --- Results ------------------------------------------------------------------------------ */

enum {
    RESULT_ARRAYS = 7
};

static void list_results(const lms_beam *b, const lms_beam_results_host_args *h,
                         lms_beam_results_args *call, lmsi_host_array arrays[RESULT_ARRAYS])
{
    const size_t requests = h->requests, all = requests * h->max_results;
    const size_t longest = b->desc.max_length, token = lmsi_token_bytes(b->op.desc.tokens);
    const size_t stride = h->token_stride != 0 ? h->token_stride : longest;
    const size_t columns = stride < longest ? stride : longest;
    const unsigned out = LMSI_HOST_WRITTEN, required = out | LMSI_HOST_REQUIRED;
    const unsigned last = LMSI_HOST_WRITTEN_AND_LAST | LMSI_HOST_REQUIRED;
    const lmsi_host_array list[RESULT_ARRAYS] = {
        {"lengths", h->lengths, &call->lengths, all, 4, 4, required},
        {"tokens", h->tokens, &call->tokens, all, columns * token, stride * token, required},
        {"scores", h->scores, &call->scores, all, 4, 4, out},
        {"logprobs", h->logprobs, &call->logprobs, all, 4, 4, out},
        {"token_logprobs", h->token_logprobs, &call->token_logprobs, all, columns * 4,
         stride * 4, out},
        {"beams", h->beams, &call->beams, all, columns * 4, stride * 4, out},
        {"counts", h->counts, &call->counts, requests, 4, 4, last},
    };
    for (int i = 0; i < RESULT_ARRAYS; ++i) arrays[i] = list[i];
    call->token_stride = columns; /* outputs' buffers have no gaps */
}

lms_status lms_beam_results_host(lms_beam *b, const lms_beam_results_host_args *o)
{
    lms_status status = LMS_OK;
    lmsi_host_array arrays[RESULT_ARRAYS];
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    if (o == NULL) return lmsi_fail(LMS_E_ARGUMENT, "output: is NULL");
    LMSI_TRY(lmsi_child_check());
    if (o->requests == 0) return LMS_OK;
    const lms_context *const ctx = b->op.ctx;
    lms_beam_results_args call = {
        .requests = o->requests,
        .slots = o->slots,
        .max_results = o->max_results,
        .token_stride = o->token_stride,
    };
    LMSI_TRY(lmsi_beam_results_host_check(b, &call));
    LMSI_TRY(lmsi_host_stride_check(
        "token_stride", "tokens", (size_t)o->requests * o->max_results, o->token_stride, 0, 8));
    list_results(b, o, &call, arrays);
    LMSI_TRY(lmsi_host_begin(ctx, arrays, RESULT_ARRAYS));
    status = lmsi_host_end(ctx, arrays, RESULT_ARRAYS, NULL, 0,
                           lms_beam_results(b, ctx->queue, &call, 0, NULL, NULL));
fail:
    return status;
}
