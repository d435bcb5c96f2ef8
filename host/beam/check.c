/* check.c - what can be wrong with a beam search's description and with a call on it. A message
 * names the argument, its value, the rule. */
#include "base/status.h"
#include "beam/beam.h"
#include "op/filters.h"

#include <math.h>

/* --- Description ------------------------------------------------------------------------- */

uint32_t lmsi_beam_choices(const lms_beam_desc *d)
{
    const uint64_t each = d->max_end_tokens > 1 ? 1 + (uint64_t)d->max_end_tokens : 2;
    const uint64_t all = each * d->max_width;
    return all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
}

lms_status lmsi_beam_desc_check(const lms_beam_desc *d)
{
    lms_status status = LMS_OK;
    const uint64_t beams = (uint64_t)d->max_requests * d->max_width;
    LMSI_FAIL_IF(d->max_width < 1 || d->max_width > LMS_MAX_BEAM_WIDTH, LMS_E_ARGUMENT,
                 "max_width: %u is not in 1..%u", (unsigned)d->max_width, LMS_MAX_BEAM_WIDTH);
    LMSI_FAIL_IF(d->max_requests < 1 || beams > INT32_MAX, LMS_E_ARGUMENT,
                 "max_requests: %u is not in 1..%u, for max_width %u",
                 (unsigned)d->max_requests, (unsigned)INT32_MAX / d->max_width,
                 (unsigned)d->max_width);
    LMSI_FAIL_IF(d->max_length < 1 || d->max_length > LMS_MAX_BEAM_LENGTH, LMS_E_ARGUMENT,
                 "max_length: %u is not in 1..%u", (unsigned)d->max_length,
                 LMS_MAX_BEAM_LENGTH);
    LMSI_FAIL_IF(lmsi_beam_choices(d) > LMS_MAX_BEAM_CANDIDATES, LMS_E_ARGUMENT,
                 "max_end_tokens: %u gives max(2, 1 + %u) * max_width (%u) candidates, more "
                 "than %u",
                 (unsigned)d->max_end_tokens, (unsigned)d->max_end_tokens,
                 (unsigned)d->max_width, LMS_MAX_BEAM_CANDIDATES);
    LMSI_FAIL_IF(d->max_rows > beams || (d->max_rows > 0 && d->max_rows < d->max_width),
                 LMS_E_ARGUMENT,
                 "max_rows: %u is not 0 or from max_width (%u) to max_requests * max_width "
                 "(%llu)",
                 (unsigned)d->max_rows, (unsigned)d->max_width, (unsigned long long)beams);
    LMSI_FAIL_IF(d->reserved[0] != 0 || d->reserved[1] != 0, LMS_E_ARGUMENT,
                 "reserved: is not 0");
fail:
    return status;
}

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

lms_status lmsi_beam_open_check(const lms_beam *b, const lmsi_where *where, uint32_t slot,
                                const lms_beam_params *p, const int32_t *ends)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(b->op.ctx, where->queue));
    LMSI_TRY(lmsi_slot_check(&b->open, "slot", slot, 0));
    LMSI_FAIL_IF(p == NULL, LMS_E_ARGUMENT, "params: is NULL");
    LMSI_TRY(lmsi_filters_check(&p->filters, LMS_E_BEAM_PARAMS));
    LMSI_TRY(width_check(b, p));
    LMSI_TRY(length_check(b, p));
    LMSI_TRY(ends_check(b, p, ends));
    LMSI_TRY(lmsi_wait_check(b->op.ctx, where->num_wait, where->wait_list));
fail:
    return status;
}

/* --- Steps ------------------------------------------------------------------------------- */

uint32_t lmsi_beam_first_row(const lms_beam *b, const lms_beam_step_args *batch,
                             uint32_t request)
{
    return batch->first_rows != NULL ? batch->first_rows[request] : request * b->desc.max_width;
}

/* The rows of a call: *beams have one each, and *rows are in its arrays. */
static lms_status rows_check(const lms_beam *b, const lms_beam_step_args *batch,
                             uint32_t *beams, uint64_t *rows)
{
    lms_status status = LMS_OK;
    uint64_t next = 0, all = 0;
    for (uint32_t r = 0; r < batch->requests; ++r) {
        const uint32_t first = lmsi_beam_first_row(b, batch, r);
        const uint32_t width = b->slots[batch->slots[r]].width;
        LMSI_FAIL_IF(first < next, LMS_E_ARGUMENT,
                     "first_rows[%u]: %u is a row of the request before (the next is %llu)",
                     (unsigned)r, (unsigned)first, (unsigned long long)next);
        next = (uint64_t)first + width;
        all += width;
    }
    *rows = batch->logits_rows != 0 ? batch->logits_rows : next;
    LMSI_FAIL_IF(*rows > (uint64_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %llu is above 2^31", (unsigned long long)*rows);
    LMSI_FAIL_IF(next > *rows, LMS_E_ARGUMENT,
                 "logits_rows: %llu is less than the %llu that slots[%u] needs",
                 (unsigned long long)*rows, (unsigned long long)next,
                 (unsigned)batch->requests - 1);
    LMSI_FAIL_IF(all > b->desc.max_rows, LMS_E_ARGUMENT,
                 "requests: they have %llu beams, more than max_rows (%u)",
                 (unsigned long long)all, (unsigned)b->desc.max_rows);
    *beams = (uint32_t)all;
fail:
    return status;
}

static lms_status step_arrays_check(const lms_beam *b, const lmsi_beam_step *step)
{
    const lms_beam_step_args *const a = &step->args;
    const uint64_t rows = step->rows.logits_rows, requests = a->requests;
    const uint64_t token = lmsi_token_bytes(b->op.desc.tokens);
    const unsigned written = LMSI_WRITTEN, required = LMSI_WRITTEN | LMSI_REQUIRED;
    const lmsi_array arrays[] = {
        lmsi_rows_array(&b->op, &step->rows),
        {"parents", a->parents, rows, 1, 1, 4, required, 0},
        {"tokens", a->tokens, rows, 1, 1, token, required, 0},
        {"scores", a->scores, rows, 1, 1, 4, written, 0},
        {"scores_fixed", a->scores_fixed, rows, 1, 1, 8, written, 0},
        {"done", a->done, requests, 1, 1, 4, required, 0},
        {"status", a->status, requests, 1, 1, 4, written, 0},
    };
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_stride_check("row_stride", step->rows.stride, "vocab", b->desc.vocab));
    LMSI_TRY(lmsi_arrays_check(b->op.ctx, arrays, sizeof arrays / sizeof arrays[0], NULL));
fail:
    return status;
}

/* What the beams' rows name; there is `room` for tables on the host. */
static lms_status requests_check(lms_beam *b, size_t room, lmsi_beam_step *step)
{
    const lms_beam_step_args *const a = &step->args;
    const lmsi_search_rows rows = {
        .tables = a->tables,
        .host = a->row_requests,
        .device = a->row_requests_device,
        .all_rows = step->rows.logits_rows,
        .rows = step->rows.rows,
        .is_listed = 1,
        .logits_rows = step->rows.logits_rows,
        .brought = b->op.mem[LMSI_BEAM_BROUGHT],
        .room = room,
    };
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_search_check(&b->op, &b->requester, &rows, &step->requests));
    for (uint32_t r = 0; a->row_requests != NULL && r < a->requests; ++r) {
        const uint32_t first = lmsi_beam_first_row(b, a, r);
        const uint32_t width = b->slots[a->slots[r]].width;
        for (uint32_t row = first; row < first + width; ++row) {
            LMSI_TRY(lmsi_search_row_check(&b->requester, &step->requests, &rows, row));
        }
    }
fail:
    return status;
}

lms_status lmsi_beam_step_check(lms_beam *b, const lmsi_where *where,
                                const lms_beam_step_args *batch, lmsi_beam_step *step)
{
    lms_status status = LMS_OK;
    uint32_t beams = 0;
    uint64_t rows = 0;
    LMSI_TRY(lmsi_where_check(&b->op, where, batch, "batch"));
    LMSI_TRY(lmsi_slots_check(&b->open, batch->slots, batch->requests));
    if (batch->requests == 0) return LMS_OK;
    LMSI_TRY(rows_check(b, batch, &beams, &rows));
    *step = (lmsi_beam_step){
        .rows = lmsi_rows_of(&b->op, beams, batch->logits, batch->row_stride, rows),
        .args = *batch,
        .turns = b->op.mem[LMSI_BEAM_ENTRIES],
        .first_turn = beams,
        .max_width = b->desc.max_width,
        .max_ends = b->desc.max_end_tokens,
        .max_length = b->desc.max_length,
        .max_candidates = b->max_choices,
        .max_choices = b->max_choices,
    };
    LMSI_TRY(requests_check(b, b->requester.table_bytes, step));
    LMSI_TRY(step_arrays_check(b, step));
fail:
    return status;
}

lms_status lmsi_beam_step_host_check(lms_beam *b, const lms_beam_step_args *batch,
                                     lmsi_beam_step *step)
{
    lms_status status = LMS_OK;
    uint32_t beams = 0;
    uint64_t rows = 0;
    LMSI_TRY(lmsi_slots_check(&b->open, batch->slots, batch->requests));
    LMSI_TRY(rows_check(b, batch, &beams, &rows));
    *step = (lmsi_beam_step){
        .rows = lmsi_rows_of(&b->op, beams, batch->logits, batch->row_stride, rows),
        .args = *batch,
    };
    LMSI_TRY(lmsi_stride_check("row_stride", step->rows.stride, "vocab", b->desc.vocab));
    LMSI_TRY(requests_check(b, SIZE_MAX, step));
fail:
    return status;
}

/* --- Results ----------------------------------------------------------------------------- */

static lms_status room_check(const lms_beam *b, const lms_beam_results_args *o, uint64_t stride)
{
    lms_status status = LMS_OK;
    for (uint32_t r = 0; r < o->requests; ++r) {
        const lmsi_beam_slot *const slot = &b->slots[o->slots[r]];
        LMSI_FAIL_IF(o->max_results < slot->results, LMS_E_ARGUMENT,
                     "max_results: %u is less than the %u results of slots[%u]",
                     (unsigned)o->max_results, (unsigned)slot->results, (unsigned)r);
        LMSI_FAIL_IF(stride < slot->longest, LMS_E_ARGUMENT,
                     "token_stride: %llu is less than the %u tokens that slots[%u] can have",
                     (unsigned long long)stride, (unsigned)slot->longest, (unsigned)r);
    }
    LMSI_FAIL_IF(o->max_results > b->desc.max_width, LMS_E_ARGUMENT,
                 "max_results: %u is above max_width (%u)", (unsigned)o->max_results,
                 (unsigned)b->desc.max_width);
fail:
    return status;
}

lms_status lmsi_beam_results_host_check(lms_beam *b, const lms_beam_results_args *o)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_slots_check(&b->open, o->slots, o->requests));
    LMSI_TRY(room_check(b, o, o->token_stride != 0 ? o->token_stride : b->desc.max_length));
fail:
    return status;
}

/* r->wanted is those of the outputs that are given. */
static lms_status results_arrays_check(const lms_beam *b, lmsi_beam_results *r)
{
    const lms_beam_results_args *const a = &r->args;
    const uint64_t requests = a->requests, all = requests * a->max_results;
    const uint64_t stride = r->stride, columns = r->columns;
    const uint64_t token = lmsi_token_bytes(b->op.desc.tokens);
    const unsigned written = LMSI_WRITTEN, required = LMSI_WRITTEN | LMSI_REQUIRED;
    const lmsi_array arrays[] = {
        {"counts", a->counts, requests, 1, 1, 4, required, 0},
        {"lengths", a->lengths, all, 1, 1, 4, required, 0},
        {"tokens", a->tokens, all, stride, columns, token, required, 0},
        {"scores", a->scores, all, 1, 1, 4, written, LMS_WANT_SCORES},
        {"logprobs", a->logprobs, all, 1, 1, 4, written, LMS_WANT_LOGPROBS},
        {"token_logprobs", a->token_logprobs, all, stride, columns, 4, written,
         LMS_WANT_TOKEN_LOGPROBS},
        {"beams", a->beams, all, stride, columns, 4, written, LMS_WANT_BEAMS},
    };
    return lmsi_arrays_check(b->op.ctx, arrays, sizeof arrays / sizeof arrays[0], &r->wanted);
}

lms_status lmsi_beam_results_check(lms_beam *b, const lmsi_where *where,
                                   const lms_beam_results_args *o, lmsi_beam_results *results)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_where_check(&b->op, where, o, "output"));
    LMSI_TRY(lmsi_slots_check(&b->open, o->slots, o->requests));
    if (o->requests == 0) return LMS_OK;
    const uint32_t longest = b->desc.max_length;
    const uint64_t stride = o->token_stride != 0 ? o->token_stride : longest;
    *results = (lmsi_beam_results){
        .args = *o,
        .turns = b->op.mem[LMSI_BEAM_ENTRIES],
        .max_width = b->desc.max_width,
        .max_length = longest,
        .columns = stride < longest ? (cl_uint)stride : longest,
        .stride = stride,
    };
    LMSI_TRY(room_check(b, o, stride));
    LMSI_TRY(results_arrays_check(b, results));
fail:
    return status;
}
