/* beam_check.c - what can be wrong with a call on a beam search. A message names the argument,
 * its value, the rule. */
#include "beam/beam.h"
#include "base/extent.h"
#include "op/filters.h"
#include "base/status.h"

#include <math.h>

/* --- Opening ---------------------------------------------------------------------------- */

static lms_status width_check(const lms_beam *b, const lms_beam_params *p)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(p->mode >= LMS_BEAM_MODES, LMS_E_BEAM_PARAMS,
                 "params.mode: %u is not LMS_BEAM_SEARCH, _STOCHASTIC or _SAMPLE",
                 (unsigned)p->mode);
    LMSI_FAIL_IF(p->width < 1 || p->width > b->desc.max_width, LMS_E_BEAM_PARAMS,
                 "params.width: %u is not in 1..max_width (%u)", (unsigned)p->width,
                 (unsigned)b->desc.max_width);
    LMSI_FAIL_IF(p->groups < 1 || p->width % p->groups != 0, LMS_E_BEAM_PARAMS,
                 "params.groups: %u does not divide the width (%u)", (unsigned)p->groups,
                 (unsigned)p->width);
    LMSI_FAIL_IF(p->groups > 1 && p->mode != LMS_BEAM_SEARCH, LMS_E_BEAM_PARAMS,
                 "params.groups: %u is not 1, which it must be unless mode is LMS_BEAM_SEARCH",
                 (unsigned)p->groups);
    LMSI_FAIL_IF(!isfinite(p->diversity_penalty) || p->diversity_penalty < 0.0f,
                 LMS_E_BEAM_PARAMS, "params.diversity_penalty: %g is not finite and >= 0",
                 (double)p->diversity_penalty);
    LMSI_FAIL_IF(
        p->groups > 1 && p->diversity_penalty < 0x1p-32f, LMS_E_BEAM_PARAMS,
        "params.diversity_penalty: %g is below 2^-32, so that the %u groups would find "
        "the same",
        (double)p->diversity_penalty, (unsigned)p->groups);
    LMSI_FAIL_IF(p->results < 1 || p->results > p->width, LMS_E_BEAM_PARAMS,
                 "params.results: %u is not in 1..width (%u)", (unsigned)p->results,
                 (unsigned)p->width);
fail:
    return status;
}

static lms_status length_check(const lms_beam *b, const lms_beam_params *p)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(!isfinite(p->length_penalty), LMS_E_BEAM_PARAMS,
                 "params.length_penalty: %g is not finite", (double)p->length_penalty);
    LMSI_FAIL_IF(p->length_counts >= LMS_BEAM_LENGTHS, LMS_E_BEAM_PARAMS,
                 "params.length_counts: %u is not an LMS_BEAM_LENGTH_...",
                 (unsigned)p->length_counts);
    LMSI_FAIL_IF(p->early_stopping >= LMS_BEAM_EARLIES, LMS_E_BEAM_PARAMS,
                 "params.early_stopping: %u is not an LMS_BEAM_EARLY_...",
                 (unsigned)p->early_stopping);
    LMSI_FAIL_IF(p->flags & ~LMS_BEAM_FLAGS, LMS_E_BEAM_PARAMS,
                 "params.flags: 0x%x has bits other than 0x%x", (unsigned)p->flags,
                 LMS_BEAM_FLAGS);
    LMSI_FAIL_IF(p->prompt_length > INT32_MAX, LMS_E_BEAM_PARAMS,
                 "params.prompt_length: %u is above 2^31-1", (unsigned)p->prompt_length);
    LMSI_FAIL_IF(p->max_length < 1 || p->max_length > b->desc.max_length, LMS_E_BEAM_PARAMS,
                 "params.max_length: %u is not in 1..%u, which is lms_beam_desc.max_length",
                 (unsigned)p->max_length, (unsigned)b->desc.max_length);
    LMSI_FAIL_IF(p->edits != 0, LMS_E_BEAM_PARAMS, "params.edits: %u is not 0",
                 (unsigned)p->edits);
    for (size_t i = 0; i < sizeof p->reserved / sizeof p->reserved[0]; ++i) {
        LMSI_FAIL_IF(p->reserved[i] != 0, LMS_E_BEAM_PARAMS, "params.reserved: is not 0");
    }
fail:
    return status;
}

static lms_status ends_check(const lms_beam *b, const lms_beam_params *p, const int32_t *ends)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(p->end_tokens > b->desc.max_end_tokens, LMS_E_BEAM_PARAMS,
                 "params.end_tokens: %u is above max_end_tokens (%u)", (unsigned)p->end_tokens,
                 (unsigned)b->desc.max_end_tokens);
    LMSI_FAIL_IF(p->end_tokens > 0 && ends == NULL, LMS_E_ARGUMENT,
                 "end_tokens: is NULL, and params.end_tokens is %u", (unsigned)p->end_tokens);
    for (uint32_t i = 0; i < p->end_tokens; ++i) {
        LMSI_FAIL_IF(ends[i] < 0 || (uint32_t)ends[i] >= b->desc.vocab, LMS_E_BEAM_PARAMS,
                     "end_tokens[%u]: %d is not in 0..%u", (unsigned)i, (int)ends[i],
                     (unsigned)b->desc.vocab - 1);
    }
fail:
    return status;
}

lms_status lmsi_beam_open_check(const lms_beam *b, cl_command_queue queue, uint32_t slot,
                                const lms_beam_params *p, const int32_t *ends, cl_uint num_wait,
                                const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(b->ctx, queue));
    LMSI_TRY(lmsi_slot_check(&b->open, "slot", slot, 0));
    LMSI_FAIL_IF(p == NULL, LMS_E_ARGUMENT, "params: is NULL");
    LMSI_TRY(lmsi_filters_check(&p->filters, LMS_E_BEAM_PARAMS));
    LMSI_TRY(width_check(b, p));
    LMSI_TRY(length_check(b, p));
    LMSI_TRY(ends_check(b, p, ends));
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
fail:
    return status;
}

lms_status lms_beam_close(lms_beam *b, uint32_t slot)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(b == NULL, LMS_E_ARGUMENT, "beam: is NULL");
    LMSI_TRY(lmsi_slot_check(&b->open, "slot", slot, 1));
    b->open.states[slot].is_open = 0;
fail:
    return status;
}

/* --- Steps ------------------------------------------------------------------------------ */

uint32_t lmsi_beam_first_row(const lms_beam *b, const lms_beam_step_args *batch,
                             uint32_t request)
{
    return batch->first_rows != NULL ? batch->first_rows[request] : request * b->desc.max_width;
}

uint64_t lmsi_beam_rows(const lms_beam *b, const lms_beam_step_args *batch)
{
    const uint32_t last = batch->requests - 1;
    if (batch->logits_rows != 0) return batch->logits_rows;
    return (uint64_t)lmsi_beam_first_row(b, batch, last) + b->slots[batch->slots[last]].width;
}

static lms_status rows_check(const lms_beam *b, const lms_beam_step_args *batch)
{
    lms_status status = LMS_OK;
    uint64_t next = 0, beams = 0;
    for (uint32_t r = 0; r < batch->requests; ++r) {
        const uint32_t first = lmsi_beam_first_row(b, batch, r);
        const uint32_t width = b->slots[batch->slots[r]].width;
        LMSI_FAIL_IF(first < next, LMS_E_ARGUMENT,
                     "first_rows[%u]: %u is a row of the request before (the next is %llu)",
                     (unsigned)r, (unsigned)first, (unsigned long long)next);
        next = (uint64_t)first + width;
        beams += width;
    }
    const uint64_t rows = lmsi_beam_rows(b, batch);
    LMSI_FAIL_IF(rows > (uint64_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %llu is above 2^31", (unsigned long long)rows);
    LMSI_FAIL_IF(next > rows, LMS_E_ARGUMENT,
                 "logits_rows: %llu is less than the %llu that slots[%u] needs",
                 (unsigned long long)rows, (unsigned long long)next,
                 (unsigned)batch->requests - 1);
    LMSI_FAIL_IF(beams > b->desc.max_rows, LMS_E_ARGUMENT,
                 "requests: they have %llu beams, more than max_rows (%u)",
                 (unsigned long long)beams, (unsigned)b->desc.max_rows);
fail:
    return status;
}

static lms_status batch_views_check(const lms_beam *b, const lms_beam_step_args *batch)
{
    const uint64_t rows = lmsi_beam_rows(b, batch), requests = batch->requests;
    const uint64_t v = b->desc.vocab, stride = batch->row_stride ? batch->row_stride : v;
    const uint64_t token = b->desc.tokens == LMS_INT64 ? 8 : 4;
    const uint64_t logit = b->desc.logits == LMS_FLOAT32 ? 4 : 2;
    const lmsi_array arrays[] = {
        {{"logits", batch->logits, rows, stride, v, logit, 0}, 1},
        {{"parents", batch->parents, rows, 1, 1, 4, 1}, 1},
        {{"tokens", batch->tokens, rows, 1, 1, token, 1}, 1},
        {{"scores", batch->scores, rows, 1, 1, 4, 1}, 0},
        {{"scores_fixed", batch->scores_fixed, rows, 1, 1, 8, 1}, 0},
        {{"done", batch->done, requests, 1, 1, 4, 1}, 1},
        {{"status", batch->status, requests, 1, 1, 4, 1}, 0},
    };
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(stride < v, LMS_E_ARGUMENT, "row_stride: %llu is less than vocab (%u)",
                 (unsigned long long)stride, (unsigned)b->desc.vocab);
    LMSI_TRY(lmsi_arrays_check(b->ctx, arrays, sizeof arrays / sizeof arrays[0]));
fail:
    return status;
}

lms_status lmsi_beam_batch_check(lms_beam *b, cl_command_queue queue,
                                 const lms_beam_step_args *batch, cl_uint num_wait,
                                 const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(b->ctx, queue));
    LMSI_FAIL_IF(batch == NULL, LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
    LMSI_TRY(lmsi_slots_check(&b->open, batch->slots, batch->requests));
    if (batch->requests == 0) return LMS_OK;
    LMSI_TRY(rows_check(b, batch));
    LMSI_TRY(batch_views_check(b, batch));
fail:
    return status;
}

/* --- Results ---------------------------------------------------------------------------- */

static lms_status results_check(const lms_beam *b, const lms_beam_results_args *o)
{
    lms_status status = LMS_OK;
    const size_t stride = o->token_stride ? o->token_stride : b->desc.max_length;
    for (uint32_t r = 0; r < o->requests; ++r) {
        const lmsi_beam_slot *const slot = &b->slots[o->slots[r]];
        LMSI_FAIL_IF(o->max_results < slot->results, LMS_E_ARGUMENT,
                     "max_results: %u is less than the %u results of slots[%u]",
                     (unsigned)o->max_results, (unsigned)slot->results, (unsigned)r);
        LMSI_FAIL_IF(stride < slot->longest, LMS_E_ARGUMENT,
                     "token_stride: %zu is less than the %u tokens that slots[%u] can have",
                     stride, (unsigned)slot->longest, (unsigned)r);
    }
    LMSI_FAIL_IF(o->max_results > b->desc.max_width, LMS_E_ARGUMENT,
                 "max_results: %u is above max_width (%u)", (unsigned)o->max_results,
                 (unsigned)b->desc.max_width);
fail:
    return status;
}

static lms_status output_views_check(const lms_beam *b, const lms_beam_results_args *o)
{
    const uint64_t requests = o->requests, sequences = requests * o->max_results;
    const uint64_t most = b->desc.max_length;
    const uint64_t stride = o->token_stride ? o->token_stride : most;
    const uint64_t columns = stride < most ? stride : most;
    const uint64_t token = b->desc.tokens == LMS_INT64 ? 8 : 4;
    const lmsi_array arrays[] = {
        {{"counts", o->counts, requests, 1, 1, 4, 1}, 1},
        {{"lengths", o->lengths, sequences, 1, 1, 4, 1}, 1},
        {{"tokens", o->tokens, sequences, stride, columns, token, 1}, 1},
        {{"scores", o->scores, sequences, 1, 1, 4, 1}, 0},
        {{"logprobs", o->logprobs, sequences, 1, 1, 4, 1}, 0},
        {{"token_logprobs", o->token_logprobs, sequences, stride, columns, 4, 1}, 0},
        {{"beams", o->beams, sequences, stride, columns, 4, 1}, 0},
    };
    return lmsi_arrays_check(b->ctx, arrays, sizeof arrays / sizeof arrays[0]);
}

lms_status lmsi_beam_output_check(lms_beam *b, cl_command_queue queue,
                                  const lms_beam_results_args *o, cl_uint num_wait,
                                  const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(b->ctx, queue));
    LMSI_FAIL_IF(o == NULL, LMS_E_ARGUMENT, "output: is NULL");
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
    LMSI_TRY(lmsi_slots_check(&b->open, o->slots, o->requests));
    if (o->requests == 0) return LMS_OK;
    LMSI_TRY(results_check(b, o));
    LMSI_TRY(output_views_check(b, o));
fail:
    return status;
}
