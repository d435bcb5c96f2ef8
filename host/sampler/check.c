/* check.c - what can be wrong with a sampler's description and with a call. A message names
 * the argument, its value, the rule. */
#include "kernels/row/params.h"

#include "base/status.h"
#include "op/filters.h"
#include "sampler/sampler.h"

#include <stdio.h>

lms_status lmsi_sampler_desc_check(const lms_sampler_desc *d)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(d->max_rows < 1 || d->max_rows > INT32_MAX, LMS_E_ARGUMENT,
                 "max_rows: %u is not in 1..2^31-1", (unsigned)d->max_rows);
    LMSI_FAIL_IF(d->outputs & ~LMS_OUT_ALL, LMS_E_ARGUMENT,
                 "outputs: 0x%x has bits other than 0x%x", (unsigned)d->outputs,
                 (unsigned)LMS_OUT_ALL);
    LMSI_FAIL_IF((d->outputs & ~LMS_OUT_OLD) && d->requests == 0, LMS_E_ARGUMENT,
                 "outputs: 0x%x has bits above 0xf, which need requests", (unsigned)d->outputs);
    LMSI_FAIL_IF(d->reserved[0] != 0 || d->reserved[1] != 0, LMS_E_ARGUMENT,
                 "reserved: is not 0");
fail:
    return status;
}

uint32_t lms_row_params_check(const lms_row_params *params)
{
    /* What it names is for a call to say. */
    static const lms_row_limits any = {UINT64_MAX, UINT32_MAX, UINT32_MAX,
                                       UINT32_MAX, UINT32_MAX, 1};
    return params == NULL ? LMS_FIELD_RESERVED : lms_bad_row(*params, any);
}

lms_status lmsi_params_check(const lms_sampler *s, const lmsi_requests *requests,
                             uint64_t logits_rows, const lms_row_params *params, uint32_t rows,
                             cl_uint *has_request)
{
    lms_status status = LMS_OK;
    *has_request = 0;
    for (uint32_t r = 0; params != NULL && r < rows; ++r) {
        LMSI_TRY(lmsi_row_check(&s->requester, requests, logits_rows, &params[r], r));
        if (lmsi_row_has_request(requests, &params[r])) *has_request = 1;
    }
fail:
    return status;
}

lms_status lmsi_sampler_append_check(const lms_sampler *s, uint32_t append,
                                     const lms_row_params *params, uint32_t rows)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(append > 1, LMS_E_ARGUMENT, "append: %u is not 0 or 1", (unsigned)append);
    if (append == 0) return LMS_OK;
    LMSI_FAIL_IF(params == NULL, LMS_E_ARGUMENT, "append: needs params on the host");
    LMSI_FAIL_IF(s->desc.slots == NULL, LMS_E_ARGUMENT, "append: there are no slots");
    const lmsi_appended appended = lmsi_sampler_appended(params, rows);
    LMSI_TRY(lmsi_slots_appended_check(s->desc.slots, "params.request.slot", &appended));
fail:
    return status;
}

/* Room for what slots get is told behind everything else. */
static void place_growths(const lms_sampler *s, const lms_sampler_run_args *b,
                          lmsi_sampler_run *run)
{
    const size_t each = sizeof(lms_slot_growth);
    run->requests.append = 1;
    run->requests.growths.buffer = s->op.mem[LMSI_SAMPLER_BROUGHT];
    run->requests.growths.offset = (run->brought_bytes + each - 1) / each;
    run->brought_bytes = (run->requests.growths.offset + b->rows) * each;
}

static lms_status doors_check(lms_sampler *s, const lms_sampler_run_args *b,
                              lmsi_sampler_run *run, size_t behind)
{
    const lmsi_rows *const rows = &run->rows;
    const lmsi_table_place place = {s->op.mem[LMSI_SAMPLER_BROUGHT], behind,
                                    s->requester.table_bytes};
    cl_uint has_request = 0;
    lms_status status = LMS_OK;
    LMSI_FAIL_IF((b->params != NULL) == lmsi_is_given(b->params_device), LMS_E_ARGUMENT,
                 "params, params_device: exactly one of them is given, not %s",
                 b->params != NULL ? "both" : "none");
    LMSI_FAIL_IF(lmsi_is_given(b->uniforms) != (b->uniforms_per_row != 0), LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is not 0 exactly when uniforms is not given",
                 (unsigned)b->uniforms_per_row);
    LMSI_FAIL_IF(b->uniforms_per_row > INT32_MAX, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is above 2^31-1", (unsigned)b->uniforms_per_row);
    LMSI_TRY(lmsi_tables_check(&s->op, &s->requester, b->tables, &place, &run->requests));
    LMSI_TRY(lmsi_params_check(s, &run->requests, rows->logits_rows, b->params, b->rows,
                               &has_request));
    run->brought_bytes = behind + run->requests.bytes;
    LMSI_TRY(lmsi_sampler_append_check(s, b->append, b->params, b->rows));
    if (b->append) place_growths(s, b, run);
    /* What records on the device have is seen by the kernel that prepares rows. */
    if (b->params == NULL) has_request = 1;
    run->requests.has_prepared = s->requester.bits != 0 && has_request;
    LMSI_TRY(lmsi_index_check(rows, "rows", b->index, b->index_device));
fail:
    return status;
}

/* The arrays of a call; run->wanted is those of its outputs that are given. */
static lms_status arrays_check(const lms_sampler *s, const lms_sampler_run_args *b,
                               lmsi_sampler_run *run)
{
    const uint64_t rows = b->rows, v = s->desc.vocab, attempts = b->uniforms_per_row;
    const uint64_t token = lmsi_token_bytes(s->op.desc.tokens), stride = run->probs_stride;
    const uint64_t top = run->top_stride, named = run->named_stride;
    const unsigned written = LMSI_WRITTEN;
    const lmsi_array arrays[] = {
        lmsi_rows_array(&s->op, &run->rows),
        {"params_device", b->params_device, rows, 1, 1, sizeof(lms_row_params), LMSI_READ, 0},
        {"index_device", b->index_device, rows, 1, 1, 4, LMSI_READ, 0},
        {"uniforms", b->uniforms, rows, attempts, attempts, 16, LMSI_READ, 0},
        {"tokens", b->tokens, rows, 1, 1, token, written | LMSI_REQUIRED, 0},
        {"status", b->status, rows, 1, 1, 4, written, 0},
        {"logprob_raw", b->logprob_raw, rows, 1, 1, 4, written, LMS_OUT_LOGPROB_RAW},
        {"logprob", b->logprob, rows, 1, 1, 4, written, LMS_OUT_LOGPROB},
        {"kept", b->kept, rows, 1, 1, 4, written, LMS_OUT_KEPT},
        {"probs", b->probs, rows, stride, v, 4, written, LMS_OUT_PROBS},
        {"logprob_edited", b->logprob_edited, rows, 1, 1, 4, written, LMS_OUT_LOGPROB_EDITED},
        {"rank_raw", b->rank_raw, rows, 1, 1, 4, written, LMS_OUT_RANK_RAW},
        {"rank_edited", b->rank_edited, rows, 1, 1, 4, written, LMS_OUT_RANK_EDITED},
        {"entropy_raw", b->entropy_raw, rows, 1, 1, 4, written, LMS_OUT_ENTROPY_RAW},
        {"entropy", b->entropy, rows, 1, 1, 4, written, LMS_OUT_ENTROPY},
        {"top_tokens", b->top_tokens, rows, top, top, 4, written, LMS_OUT_TOP},
        {"top_values", b->top_values, rows, top, top, 4, written, LMS_OUT_TOP},
        {"named_values", b->named_values, rows, named, named, 4, written, LMS_OUT_NAMED},
    };
    const size_t count = sizeof arrays / sizeof arrays[0];
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_stride_check("row_stride", run->rows.stride, "vocab", s->desc.vocab));
    if (lmsi_is_given(b->probs))
        LMSI_TRY(lmsi_stride_check("probs_stride", stride, "vocab", s->desc.vocab));
    LMSI_FAIL_IF(top > s->requester.max_top && lmsi_is_given(b->top_tokens), LMS_E_ARGUMENT,
                 "top_stride: %llu is above max_top (%u)", (unsigned long long)top,
                 (unsigned)s->requester.max_top);
    LMSI_FAIL_IF(named > LMS_MAX_NAMED, LMS_E_ARGUMENT, "named_stride: %llu is above %u",
                 (unsigned long long)named, LMS_MAX_NAMED);
    LMSI_FAIL_IF(lmsi_is_given(b->top_tokens) != lmsi_is_given(b->top_values), LMS_E_ARGUMENT,
                 "top_tokens, top_values: one of them is given");
    for (size_t i = 0; i < count; ++i) {
        LMSI_FAIL_IF(lmsi_is_given(arrays[i].view) && (arrays[i].bit & ~s->desc.outputs),
                     LMS_E_ARGUMENT, "%s: the sampler was made without this output",
                     arrays[i].name);
    }
    LMSI_TRY(lmsi_arrays_check(s->op.ctx, arrays, count, &run->wanted));
    run->wants_cut = (run->wanted & LMS_OUT_OF_KEPT) != 0 ? LMS_CUT_WANTED : 0;
    if (run->wanted & (LMS_OUT_TOP | LMS_OUT_NAMED)) run->wants_cut |= LMS_CUT_BY_WANTS;
fail:
    return status;
}

lms_status lmsi_sampler_run_check(lms_sampler *s, const lmsi_where *where,
                                  const lms_sampler_run_args *b, lmsi_sampler_run *run)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_where_check(&s->op, where, b, "batch"));
    LMSI_FAIL_IF(b->rows > s->desc.max_rows, LMS_E_ARGUMENT, "rows: %u is above max_rows (%u)",
                 (unsigned)b->rows, (unsigned)s->desc.max_rows);
    LMSI_FAIL_IF(b->logits_rows > (size_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %llu is above 2^31", (unsigned long long)b->logits_rows);
    if (b->rows == 0) return LMS_OK;
    cl_mem brought = s->op.mem[LMSI_SAMPLER_BROUGHT];
    const size_t behind =
        b->params != NULL ? b->rows * sizeof *b->params / sizeof *b->index : 0;
    const size_t indices = b->index != NULL ? b->rows * sizeof *b->index : 0;
    *run = (lmsi_sampler_run){
        .rows = lmsi_rows_of(&s->op, b->rows, b->logits, b->row_stride, b->logits_rows),
        .args = *b,
        .index = b->index != NULL ? (lms_view){brought, behind, NULL} : b->index_device,
        .params = b->params != NULL ? (lms_view){brought, 0, NULL} : b->params_device,
        .probs_stride = b->probs_stride ? b->probs_stride : s->desc.vocab,
        .top_stride = b->top_stride ? b->top_stride : s->requester.max_top,
        .named_stride = b->named_stride ? b->named_stride : LMS_MAX_NAMED,
    };
    LMSI_TRY(doors_check(s, b, run, behind * sizeof *b->index + indices));
    LMSI_TRY(arrays_check(s, b, run));
fail:
    return status;
}
