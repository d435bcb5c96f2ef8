/* contrastive_check.c - what can be wrong with a call on a contrastive search. A message names
 * the argument, its value, the rule. */
#include "contrastive/contrastive.h"
#include "base/extent.h"
#include "op/filters.h"
#include "base/status.h"

lms_status lmsi_contrastive_params_check(const lms_contrastive *c,
                                         const lms_contrastive_params *p)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(p == NULL, LMS_E_ARGUMENT, "params: is NULL");
    LMSI_FAIL_IF(!(p->alpha >= 0.0f && p->alpha <= 1.0f), LMS_E_CONTRASTIVE_PARAMS,
                 "params.alpha: %g is not in [0, 1]", (double)p->alpha);
    LMSI_FAIL_IF(p->k < 1 || p->k > c->desc.max_k, LMS_E_CONTRASTIVE_PARAMS,
                 "params.k: %u is not in 1..max_k (%u)", (unsigned)p->k,
                 (unsigned)c->desc.max_k);
    LMSI_TRY(lmsi_filters_check(&p->filters, LMS_E_CONTRASTIVE_PARAMS));
    LMSI_FAIL_IF(p->edits != 0, LMS_E_CONTRASTIVE_PARAMS, "params.edits: %u is not 0",
                 (unsigned)p->edits);
    for (size_t i = 0; i < sizeof p->reserved / sizeof p->reserved[0]; ++i) {
        LMSI_FAIL_IF(p->reserved[i] != 0, LMS_E_CONTRASTIVE_PARAMS,
                     "params.reserved: is not 0");
    }
fail:
    return status;
}

/* --- Room ------------------------------------------------------------------------------- */

static lms_status room_check(const lms_contrastive *c, const uint32_t *slots,
                             const uint32_t *counts, uint32_t requests)
{
    lms_status status = LMS_OK;
    uint64_t pages = 0;
    for (uint32_t r = 0; r < requests; ++r) {
        const uint32_t count = counts != NULL ? counts[r] : 1,
                       length = c->slots[slots[r]].length;
        LMSI_FAIL_IF(count > c->desc.max_length - length, LMS_E_CONTEXT_FULL,
                     "slots[%u]: a context of %u positions and %u more are above max_length "
                     "(%u)",
                     (unsigned)r, (unsigned)length, (unsigned)count,
                     (unsigned)c->desc.max_length);
        pages += lmsi_pages_for((uint64_t)length + count) - lmsi_pages_for(length);
    }
    LMSI_FAIL_IF(pages > c->pages.free_count, LMS_E_CONTEXT_FULL,
                 "slots: %llu pages of %u positions are needed; %u of %u are free "
                 "(max_positions: %llu)",
                 (unsigned long long)pages, LMS_CONTEXT_PAGE, (unsigned)c->pages.free_count,
                 (unsigned)c->pages.count, (unsigned long long)c->desc.max_positions);
fail:
    return status;
}

/* --- Appending -------------------------------------------------------------------------- */

/* The rows that a call reads: how many the buffer needs. */
static uint64_t states_rows(const lms_contrastive_append_args *s)
{
    uint64_t behind = 0, end = 0;
    for (uint32_t r = 0; r < s->requests; ++r) {
        const uint64_t first = s->first_rows != NULL ? s->first_rows[r] : behind;
        const uint64_t count = s->counts != NULL ? s->counts[r] : 1;
        behind = first + count;
        if (count > 0 && behind > end) end = behind;
    }
    return end;
}

lms_status lmsi_contrastive_states_check(lms_contrastive *c, cl_command_queue queue,
                                         const lms_contrastive_append_args *s, cl_uint num_wait,
                                         const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(c->ctx, queue));
    LMSI_FAIL_IF(s == NULL, LMS_E_ARGUMENT, "states: is NULL");
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
    LMSI_TRY(lmsi_slots_check(&c->open, s->slots, s->requests));
    if (s->requests == 0) return LMS_OK;
    const uint64_t needed = states_rows(s), rows = s->hidden_rows ? s->hidden_rows : needed;
    const uint64_t width = c->desc.width, stride = s->row_stride ? s->row_stride : width;
    const lmsi_array hidden = {
        {"hidden", s->hidden, rows, stride, width, c->desc.hidden == LMS_FLOAT32 ? 4 : 2, 0},
        needed > 0};
    LMSI_FAIL_IF(rows > (uint64_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "hidden_rows: %llu is above 2^31", (unsigned long long)rows);
    LMSI_FAIL_IF(needed > rows, LMS_E_ARGUMENT,
                 "hidden_rows: %llu is less than the %llu that the requests need",
                 (unsigned long long)rows, (unsigned long long)needed);
    LMSI_FAIL_IF(stride < width, LMS_E_ARGUMENT, "row_stride: %llu is less than width (%u)",
                 (unsigned long long)stride, (unsigned)c->desc.width);
    LMSI_TRY(lmsi_arrays_check(c->ctx, &hidden, 1));
    LMSI_TRY(room_check(c, s->slots, s->counts, s->requests));
fail:
    return status;
}

/* --- Candidates ------------------------------------------------------------------------- */

uint32_t lmsi_candidate_row(const lms_contrastive *c, const uint32_t *first_rows,
                            uint32_t request)
{
    return first_rows != NULL ? first_rows[request] : request * c->desc.max_k;
}

/* Has each slot of a select been proposed to, since its context has been as it is? */
static lms_status proposed_check(const lms_contrastive *c, const uint32_t *slots,
                                 uint32_t requests)
{
    lms_status status = LMS_OK;
    for (uint32_t r = 0; r < requests; ++r) {
        const lmsi_contrastive_slot *const s = &c->slots[slots[r]];
        LMSI_FAIL_IF(s->proposed.name == 0, LMS_E_SLOT,
                     "slots[%u]: %u has no proposal, and each select needs one before it",
                     (unsigned)r, (unsigned)slots[r]);
        LMSI_FAIL_IF(s->proposed.length != s->length, LMS_E_SLOT,
                     "slots[%u]: %u has a proposal for a context of %u positions; it has %u "
                     "now, and each select needs one before it",
                     (unsigned)r, (unsigned)slots[r], (unsigned)s->proposed.length,
                     (unsigned)s->length);
    }
fail:
    return status;
}

/* Candidate rows of a call, and how many its arrays have: *rows, the caller's number or 0. A
 * select's are those that were proposed. */
static lms_status candidates_check(const lms_contrastive *c, const uint32_t *slots,
                                   const uint32_t *first_rows, uint32_t requests, int selects,
                                   uint64_t *rows)
{
    lms_status status = LMS_OK;
    uint64_t next = 0, candidates = 0;
    for (uint32_t r = 0; r < requests; ++r) {
        const uint32_t first = lmsi_candidate_row(c, first_rows, r);
        const lmsi_contrastive_slot *const s = &c->slots[slots[r]];
        const uint32_t k = selects ? s->proposed.params.k : s->params.k;
        LMSI_FAIL_IF(first < next, LMS_E_ARGUMENT,
                     "first_rows[%u]: %u is a row of the request before (the next is %llu)",
                     (unsigned)r, (unsigned)first, (unsigned long long)next);
        next = (uint64_t)first + k;
        candidates += k;
    }
    if (*rows == 0) *rows = next;
    LMSI_FAIL_IF(*rows > (uint64_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "candidate_rows: %llu is above 2^31", (unsigned long long)*rows);
    LMSI_FAIL_IF(next > *rows, LMS_E_ARGUMENT,
                 "candidate_rows: %llu is less than the %llu that the requests need",
                 (unsigned long long)*rows, (unsigned long long)next);
    LMSI_FAIL_IF(candidates > c->desc.max_rows, LMS_E_ARGUMENT,
                 "requests: they have %llu candidates, more than max_rows (%u)",
                 (unsigned long long)candidates, (unsigned)c->desc.max_rows);
fail:
    return status;
}

static lms_status index_check(const lms_contrastive_propose_args *p, uint64_t logits_rows)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(logits_rows > (uint64_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %llu is above 2^31", (unsigned long long)logits_rows);
    LMSI_FAIL_IF(p->index != NULL && p->index_device.buffer != NULL, LMS_E_ARGUMENT,
                 "index, index_device: at most one of them is given");
    for (uint32_t r = 0; p->index != NULL && r < p->requests; ++r) {
        const int32_t i = p->index[r];
        LMSI_FAIL_IF(i != LMS_SKIP_ROW && (i < 0 || (uint64_t)i >= logits_rows),
                     LMS_E_ROW_INDEX, "index[%u]: %d is not LMS_SKIP_ROW or in 0..%llu",
                     (unsigned)r, (int)i, (unsigned long long)logits_rows - 1);
    }
    LMSI_FAIL_IF(
        p->index == NULL && p->index_device.buffer == NULL && logits_rows < p->requests,
        LMS_E_ARGUMENT, "logits_rows: %llu is less than requests (%u) without an index",
        (unsigned long long)logits_rows, (unsigned)p->requests);
fail:
    return status;
}

lms_status lmsi_contrastive_proposal_check(lms_contrastive *c, cl_command_queue queue,
                                           const lms_contrastive_propose_args *p,
                                           cl_uint num_wait, const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(c->ctx, queue));
    LMSI_FAIL_IF(p == NULL, LMS_E_ARGUMENT, "proposal: is NULL");
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
    LMSI_TRY(lmsi_slots_check(&c->open, p->slots, p->requests));
    if (p->requests == 0) return LMS_OK;
    const uint64_t requests = p->requests, v = c->desc.vocab;
    const uint64_t stride = p->row_stride ? p->row_stride : v;
    const uint64_t logits_rows = p->logits_rows ? p->logits_rows : requests;
    const uint64_t logit = c->desc.logits == LMS_FLOAT32 ? 4 : 2;
    const uint64_t token = c->desc.tokens == LMS_INT64 ? 8 : 4;
    uint64_t rows = p->candidate_rows;
    LMSI_TRY(candidates_check(c, p->slots, p->first_rows, p->requests, 0, &rows));
    LMSI_TRY(index_check(p, logits_rows));
    const lmsi_array arrays[] = {
        {{"logits", p->logits, logits_rows, stride, v, logit, 0}, 1},
        {{"index_device", p->index_device, requests, 1, 1, 4, 0}, 0},
        {{"tokens", p->tokens, rows, 1, 1, token, 1}, 1},
        {{"probs", p->probs, rows, 1, 1, 4, 1}, 1},
        {{"status", p->status, requests, 1, 1, 4, 1}, 0},
    };
    LMSI_FAIL_IF(stride < v, LMS_E_ARGUMENT, "row_stride: %llu is less than vocab (%u)",
                 (unsigned long long)stride, (unsigned)c->desc.vocab);
    LMSI_TRY(lmsi_arrays_check(c->ctx, arrays, sizeof arrays / sizeof arrays[0]));
fail:
    return status;
}

lms_status lmsi_contrastive_batch_check(lms_contrastive *c, cl_command_queue queue,
                                        const lms_contrastive_select_args *b, cl_uint num_wait,
                                        const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(c->ctx, queue));
    LMSI_FAIL_IF(b == NULL, LMS_E_ARGUMENT, "batch: is NULL");
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
    LMSI_TRY(lmsi_slots_check(&c->open, b->slots, b->requests));
    if (b->requests == 0) return LMS_OK;
    const uint64_t requests = b->requests, width = c->desc.width;
    const uint64_t stride = b->row_stride ? b->row_stride : width;
    const uint64_t element = c->desc.hidden == LMS_FLOAT32 ? 4 : 2;
    const uint64_t token = c->desc.tokens == LMS_INT64 ? 8 : 4;
    uint64_t rows = b->candidate_rows;
    LMSI_TRY(proposed_check(c, b->slots, b->requests));
    LMSI_TRY(candidates_check(c, b->slots, b->first_rows, b->requests, 1, &rows));
    const lmsi_array arrays[] = {
        {{"hidden", b->hidden, rows, stride, width, element, 0}, 1},
        {{"tokens", b->tokens, rows, 1, 1, token, 0}, 1},
        {{"probs", b->probs, rows, 1, 1, 4, 0}, 1},
        {{"next", b->next, requests, 1, 1, token, 1}, 1},
        {{"rows", b->rows, requests, 1, 1, 4, 1}, 1},
        {{"scores", b->scores, requests, 1, 1, 4, 1}, 0},
        {{"penalties", b->penalties, requests, 1, 1, 4, 1}, 0},
        {{"row_scores", b->row_scores, rows, 1, 1, 4, 1}, 0},
        {{"row_penalties", b->row_penalties, rows, 1, 1, 4, 1}, 0},
        {{"status", b->status, requests, 1, 1, 4, 1}, 0},
    };
    LMSI_FAIL_IF(stride < width, LMS_E_ARGUMENT, "row_stride: %llu is less than width (%u)",
                 (unsigned long long)stride, (unsigned)c->desc.width);
    LMSI_TRY(lmsi_arrays_check(c->ctx, arrays, sizeof arrays / sizeof arrays[0]));
    LMSI_TRY(room_check(c, b->slots, NULL, b->requests));
fail:
    return status;
}
