/* check.c - what can be wrong with a call. A message names the argument, its value, the
 * rule. */
#include "kernels/row/params.h"

#include "base/extent.h"
#include "base/status.h"
#include "op/filters.h"
#include "sampler/sampler.h"

#include <stdio.h>

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

lms_status lmsi_rows_check(const lms_row_params *params, const int32_t *index, uint32_t rows,
                           uint64_t logits_rows)
{
    lms_status status = LMS_OK;
    for (uint32_t r = 0; params != NULL && r < rows; ++r) {
        const uint32_t field = lms_bad_field(params[r]);
        if (field) return params_fail(r, &params[r], field);
    }
    for (uint32_t r = 0; index != NULL && r < rows; ++r) {
        const int32_t i = index[r];
        LMSI_FAIL_IF(i != LMS_SKIP_ROW && (i < 0 || (uint64_t)i >= logits_rows),
                     LMS_E_ROW_INDEX, "index[%u]: %d is not LMS_SKIP_ROW or in 0..%llu",
                     (unsigned)r, (int)i, (unsigned long long)logits_rows - 1);
    }
fail:
    return status;
}

static lms_status doors_check(const lms_sampler_run_args *b)
{
    lms_status status = LMS_OK;
    const uint64_t logits_rows = b->logits_rows ? b->logits_rows : b->rows;
    LMSI_FAIL_IF((b->params != NULL) == (b->params_device.buffer != NULL), LMS_E_ARGUMENT,
                 "params, params_device: exactly one of them is given, not %s",
                 b->params != NULL ? "both" : "none");
    LMSI_FAIL_IF(b->index != NULL && b->index_device.buffer != NULL, LMS_E_ARGUMENT,
                 "index, index_device: at most one of them is given");
    LMSI_FAIL_IF((b->uniforms.buffer != NULL) != (b->uniforms_per_row != 0), LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is not 0 exactly when uniforms is not given",
                 (unsigned)b->uniforms_per_row);
    LMSI_FAIL_IF(b->uniforms_per_row > INT32_MAX, LMS_E_ARGUMENT,
                 "uniforms_per_row: %u is above 2^31-1", (unsigned)b->uniforms_per_row);
    LMSI_TRY(lmsi_rows_check(b->params, b->index, b->rows, logits_rows));
    LMSI_FAIL_IF(b->index == NULL && b->index_device.buffer == NULL && logits_rows < b->rows,
                 LMS_E_ARGUMENT, "logits_rows: %llu is less than rows (%u) without an index",
                 (unsigned long long)logits_rows, (unsigned)b->rows);
fail:
    return status;
}

static lms_status extents_check(const lms_sampler *s, const lms_sampler_run_args *b)
{
    const uint64_t rows = b->rows, v = s->desc.vocab;
    const uint64_t logits_rows = b->logits_rows ? b->logits_rows : rows;
    const uint64_t stride = b->row_stride ? b->row_stride : v;
    const uint64_t probs_stride = b->probs_stride ? b->probs_stride : v;
    const uint64_t attempts = b->uniforms_per_row;
    const uint64_t token = s->desc.tokens == LMS_INT64 ? 8 : 4;
    const uint64_t logit = s->desc.logits == LMS_FLOAT32 ? 4 : 2;
    const struct {
        lmsi_extent e;
        int required;
        uint32_t output; /* LMS_OUT_ bit it needs */
    } all[] = {
        {{"logits", b->logits, logits_rows, stride, v, logit, 0}, 1, 0},
        {{"params_device", b->params_device, rows, 1, 1, sizeof(lms_row_params), 0}, 0, 0},
        {{"index_device", b->index_device, rows, 1, 1, 4, 0}, 0, 0},
        {{"uniforms", b->uniforms, rows, attempts, attempts, 16, 0}, 0, 0},
        {{"tokens", b->tokens, rows, 1, 1, token, 1}, 1, 0},
        {{"status", b->status, rows, 1, 1, 4, 1}, 0, 0},
        {{"logprob_raw", b->logprob_raw, rows, 1, 1, 4, 1}, 0, LMS_OUT_LOGPROB_RAW},
        {{"logprob", b->logprob, rows, 1, 1, 4, 1}, 0, LMS_OUT_LOGPROB},
        {{"kept", b->kept, rows, 1, 1, 4, 1}, 0, LMS_OUT_KEPT},
        {{"probs", b->probs, rows, probs_stride, v, 4, 1}, 0, LMS_OUT_PROBS},
    };
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(stride < v, LMS_E_ARGUMENT, "row_stride: %llu is less than vocab (%u)",
                 (unsigned long long)stride, (unsigned)s->desc.vocab);
    LMSI_FAIL_IF(b->probs.buffer != NULL && probs_stride < v, LMS_E_ARGUMENT,
                 "probs_stride: %llu is less than vocab (%u)", (unsigned long long)probs_stride,
                 (unsigned)s->desc.vocab);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
        const lmsi_extent *const e = &all[i].e;
        LMSI_FAIL_IF(all[i].required && e->view.buffer == NULL, LMS_E_ARGUMENT, "%s: is NULL",
                     e->name);
        if (e->view.buffer == NULL) continue;
        LMSI_FAIL_IF(all[i].output & ~s->desc.outputs, LMS_E_ARGUMENT,
                     "%s: the sampler was made without this output", e->name);
        LMSI_TRY(lmsi_extent_check(s->ctx, e));
    }
fail:
    return status;
}

lms_status lmsi_batch_check(const lms_sampler *s, cl_command_queue queue,
                            const lms_sampler_run_args *b, cl_uint num_wait,
                            const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(s->ctx, queue));
    LMSI_FAIL_IF(b == NULL, LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
    LMSI_FAIL_IF(b->rows > s->desc.max_rows, LMS_E_ARGUMENT, "rows: %u is above max_rows (%u)",
                 (unsigned)b->rows, (unsigned)s->desc.max_rows);
    LMSI_FAIL_IF(b->logits_rows > (size_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %llu is above 2^31", (unsigned long long)b->logits_rows);
    if (b->rows == 0) return LMS_OK;
    LMSI_TRY(doors_check(b));
    LMSI_TRY(extents_check(s, b));
fail:
    return status;
}
