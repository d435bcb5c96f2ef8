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
    LMSI_FAIL_IF(d->outputs > 15, LMS_E_ARGUMENT, "outputs: 0x%x has bits other than 0xf",
                 (unsigned)d->outputs);
    LMSI_FAIL_IF(d->reserved != 0, LMS_E_ARGUMENT, "reserved: is not 0");
fail:
    return status;
}

uint32_t lms_row_params_check(const lms_row_params *params)
{
    return params == NULL ? LMS_FIELD_RESERVED : lms_bad_field(*params);
}

static lms_status params_fail(uint32_t row, const lms_row_params *p, uint32_t field)
{
    char name[64];
    switch (field) {
    case LMS_FIELD_SLOT:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].slot: %u is not 0", (unsigned)row,
                         (unsigned)p->slot);
    case LMS_FIELD_EDITS:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].edits: %u is not 0", (unsigned)row,
                         (unsigned)p->edits);
    case LMS_FIELD_WANTS:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].wants: %u is not 0", (unsigned)row,
                         (unsigned)p->wants);
    case LMS_FIELD_RESERVED:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].reserved: is not 0", (unsigned)row);
    default:
        snprintf(name, sizeof name, "params[%u].filters", (unsigned)row);
        return lmsi_filters_fail(LMS_E_ROW_PARAMS, name, &p->filters, field);
    }
}

lms_status lmsi_params_check(const lms_row_params *params, uint32_t rows)
{
    for (uint32_t r = 0; params != NULL && r < rows; ++r) {
        const uint32_t field = lms_bad_field(params[r]);
        if (field) return params_fail(r, &params[r], field);
    }
    return LMS_OK;
}

static lms_status doors_check(const lms_sampler_run_args *b, const lmsi_rows *rows)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF((b->params != NULL) == (b->params_device.buffer != NULL), LMS_E_ARGUMENT,
                 "params, params_device: exactly one of them is given, not %s",
                 b->params != NULL ? "both" : "none");
    LMSI_FAIL_IF((b->uniforms.buffer != NULL) != (b->uniforms_per_row != 0), LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is not 0 exactly when uniforms is not given",
                 (unsigned)b->uniforms_per_row);
    LMSI_FAIL_IF(b->uniforms_per_row > INT32_MAX, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is above 2^31-1", (unsigned)b->uniforms_per_row);
    LMSI_TRY(lmsi_params_check(b->params, b->rows));
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
    };
    const size_t count = sizeof arrays / sizeof arrays[0];
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_stride_check("row_stride", run->rows.stride, "vocab", s->desc.vocab));
    if (b->probs.buffer != NULL)
        LMSI_TRY(lmsi_stride_check("probs_stride", stride, "vocab", s->desc.vocab));
    for (size_t i = 0; i < count; ++i) {
        LMSI_FAIL_IF(arrays[i].view.buffer != NULL && (arrays[i].bit & ~s->desc.outputs),
                     LMS_E_ARGUMENT, "%s: the sampler was made without this output",
                     arrays[i].name);
    }
    LMSI_TRY(lmsi_arrays_check(s->op.ctx, arrays, count, &run->wanted));
    run->wants_cut = (run->wanted & (LMS_OUT_LOGPROB | LMS_OUT_KEPT | LMS_OUT_PROBS)) != 0;
fail:
    return status;
}

lms_status lmsi_sampler_run_check(const lms_sampler *s, const lmsi_where *where,
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
    *run = (lmsi_sampler_run){
        .rows = lmsi_rows_of(&s->op, b->rows, b->logits, b->row_stride, b->logits_rows),
        .args = *b,
        .index = b->index != NULL ? (lms_view){brought, behind} : b->index_device,
        .params = b->params != NULL ? (lms_view){brought, 0} : b->params_device,
        .probs_stride = b->probs_stride ? b->probs_stride : s->desc.vocab,
    };
    LMSI_TRY(doors_check(b, &run->rows));
    LMSI_TRY(arrays_check(s, b, run));
fail:
    return status;
}
