/* check.c - what can be wrong with a contrastive search's description and with a call on it. A
 * message names the argument, its value, the rule. */
#include "base/status.h"
#include "contrastive/contrastive.h"
#include "op/filters.h"

lms_status lmsi_contrastive_desc_check(const lms_contrastive_desc *d)
{
    const uint64_t rows = (uint64_t)d->max_requests * d->max_k;
    lms_status status = LMS_OK;
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
    LMSI_TRY(lmsi_dtype_check("hidden", d->hidden));
    LMSI_FAIL_IF(d->reserved != 0, LMS_E_ARGUMENT, "reserved: is not 0");
fail:
    return status;
}

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
                       length = c->slots[slots[r]].context.length;
        LMSI_FAIL_IF(count > c->desc.max_length - length, LMS_E_CONTEXT_FULL,
                     "slots[%u]: a context of %u positions and %u more are above max_length "
                     "(%u)",
                     (unsigned)r, (unsigned)length, (unsigned)count,
                     (unsigned)c->desc.max_length);
        pages += lmsi_pages_needed(&c->pages, length, count);
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

/* What kernels on hidden states are told, but for the buffers of pages. */
static lmsi_hidden resolve_hidden(const lms_contrastive *c, lms_view hidden, size_t row_stride)
{
    return (lmsi_hidden){
        .hidden = hidden,
        .stride = row_stride != 0 ? row_stride : c->desc.width,
        .width = c->desc.width,
        .padded = c->padded,
    };
}

lms_status lmsi_states_check(lms_contrastive *c, const lms_contrastive_append_args *s,
                             lmsi_states *states)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_slots_check(&c->open, s->slots, s->requests));
    if (s->requests == 0) return LMS_OK;
    *states = (lmsi_states){.needed = states_rows(s)};
    states->rows = s->hidden_rows != 0 ? s->hidden_rows : states->needed;
    states->stride = s->row_stride != 0 ? s->row_stride : c->desc.width;
    LMSI_FAIL_IF(states->rows > (uint64_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "hidden_rows: %llu is above 2^31", (unsigned long long)states->rows);
    LMSI_FAIL_IF(states->needed > states->rows, LMS_E_ARGUMENT,
                 "hidden_rows: %llu is less than the %llu that the requests need",
                 (unsigned long long)states->rows, (unsigned long long)states->needed);
    LMSI_TRY(lmsi_stride_check("row_stride", states->stride, "width", c->desc.width));
fail:
    return status;
}

lms_status lmsi_append_check(lms_contrastive *c, const lmsi_where *where,
                             const lms_contrastive_append_args *s, lmsi_append *append)
{
    lms_status status = LMS_OK;
    lmsi_states states;
    LMSI_TRY(lmsi_where_check(&c->op, where, s, "states"));
    LMSI_TRY(lmsi_states_check(c, s, &states));
    if (s->requests == 0) return LMS_OK;
    *append = (lmsi_append){.h = resolve_hidden(c, s->hidden, s->row_stride),
                            .chosen = c->op.mem[LMSI_CONTRASTIVE_CHOSEN]};
    const lmsi_array hidden = {"hidden",
                               s->hidden,
                               states.rows,
                               states.stride,
                               c->desc.width,
                               lmsi_dtype_bytes(c->desc.hidden),
                               LMSI_READ | (states.needed > 0 ? LMSI_REQUIRED : 0u),
                               0};
    LMSI_TRY(lmsi_arrays_check(c->op.ctx, &hidden, 1, NULL));
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
        LMSI_FAIL_IF(s->proposed.length != s->context.length, LMS_E_SLOT,
                     "slots[%u]: %u has a proposal for a context of %u positions; it has %u "
                     "now, and each select needs one before it",
                     (unsigned)r, (unsigned)slots[r], (unsigned)s->proposed.length,
                     (unsigned)s->context.length);
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

static lms_status propose_arrays_check(const lms_contrastive *c, uint64_t rows,
                                       const lmsi_propose *p)
{
    const lms_contrastive_propose_args *const a = &p->args;
    const uint64_t requests = a->requests, token = lmsi_token_bytes(c->op.desc.tokens);
    const unsigned required = LMSI_WRITTEN | LMSI_REQUIRED;
    const lmsi_array arrays[] = {
        lmsi_rows_array(&c->op, &p->rows),
        {"index_device", a->index_device, requests, 1, 1, 4, LMSI_READ, 0},
        {"tokens", a->tokens, rows, 1, 1, token, required, 0},
        {"probs", a->probs, rows, 1, 1, 4, required, 0},
        {"status", a->status, requests, 1, 1, 4, LMSI_WRITTEN, 0},
    };
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_stride_check("row_stride", p->rows.stride, "vocab", c->desc.vocab));
    LMSI_TRY(lmsi_arrays_check(c->op.ctx, arrays, sizeof arrays / sizeof arrays[0], NULL));
fail:
    return status;
}

/* What the rows of logits name; there is `room` for tables on the host. */
static lms_status requests_check(lms_contrastive *c, size_t room, lmsi_propose *p)
{
    const lms_contrastive_propose_args *const a = &p->args;
    const lmsi_search_rows rows = {
        .tables = a->tables,
        .host = a->row_requests,
        .device = a->row_requests_device,
        .all_rows = a->requests,
        .rows = a->requests,
        .logits_rows = p->rows.logits_rows,
        .brought = c->op.mem[LMSI_CONTRASTIVE_BROUGHT],
        .room = room,
    };
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_search_check(&c->op, &c->requester, &rows, &p->requests));
    for (uint32_t r = 0; a->row_requests != NULL && r < a->requests; ++r) {
        LMSI_TRY(lmsi_search_row_check(&c->requester, &p->requests, &rows, r));
    }
fail:
    return status;
}

/* All but the arrays, of which *rows are the candidates'. */
static lms_status proposal_check(lms_contrastive *c, const lms_contrastive_propose_args *p,
                                 size_t room, uint64_t *rows, lmsi_propose *propose)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_slots_check(&c->open, p->slots, p->requests));
    if (p->requests == 0) return LMS_OK;
    *rows = p->candidate_rows;
    LMSI_TRY(candidates_check(c, p->slots, p->first_rows, p->requests, 0, rows));
    *propose = (lmsi_propose){
        .rows = lmsi_rows_of(&c->op, p->requests, p->logits, p->row_stride, p->logits_rows),
        .args = *p};
    LMSI_FAIL_IF(propose->rows.logits_rows > (uint64_t)INT32_MAX + 1, LMS_E_ARGUMENT,
                 "logits_rows: %llu is above 2^31",
                 (unsigned long long)propose->rows.logits_rows);
    LMSI_TRY(lmsi_index_check(&propose->rows, "requests", p->index, p->index_device));
    LMSI_TRY(requests_check(c, room, propose));
fail:
    return status;
}

lms_status lmsi_propose_check(lms_contrastive *c, const lmsi_where *where,
                              const lms_contrastive_propose_args *p, lmsi_propose *propose)
{
    lms_status status = LMS_OK;
    uint64_t rows = 0;
    LMSI_TRY(lmsi_where_check(&c->op, where, p, "proposal"));
    LMSI_TRY(proposal_check(c, p, c->requester.table_bytes, &rows, propose));
    if (p->requests == 0) return LMS_OK;
    LMSI_TRY(propose_arrays_check(c, rows, propose));
fail:
    return status;
}

lms_status lmsi_propose_host_check(lms_contrastive *c, const lms_contrastive_propose_args *p,
                                   uint64_t *candidate_rows, lmsi_propose *propose)
{
    lms_status status = LMS_OK;
    LMSI_TRY(proposal_check(c, p, SIZE_MAX, candidate_rows, propose));
    LMSI_TRY(lmsi_stride_check("row_stride", propose->rows.stride, "vocab", c->desc.vocab));
fail:
    return status;
}

/* --- The choice --------------------------------------------------------------------------- */

/* s->wanted is those of the outputs that are given. */
static lms_status select_arrays_check(const lms_contrastive *c, uint64_t rows, lmsi_select *s)
{
    const lms_contrastive_select_args *const a = &s->args;
    const uint64_t stride = s->h.stride, width = s->h.width, requests = a->requests;
    const uint64_t element = lmsi_dtype_bytes(c->desc.hidden);
    const uint64_t token = lmsi_token_bytes(c->op.desc.tokens);
    const unsigned in = LMSI_READ | LMSI_REQUIRED, out = LMSI_WRITTEN | LMSI_REQUIRED;
    const unsigned written = LMSI_WRITTEN;
    const lmsi_array arrays[] = {
        {"hidden", a->hidden, rows, stride, width, element, in, 0},
        {"tokens", a->tokens, rows, 1, 1, token, in, 0},
        {"probs", a->probs, rows, 1, 1, 4, in, 0},
        {"next", a->next, requests, 1, 1, token, out, 0},
        {"rows", a->rows, requests, 1, 1, 4, out, 0},
        {"scores", a->scores, requests, 1, 1, 4, written, LMS_WANT_CHOICE_SCORES},
        {"penalties", a->penalties, requests, 1, 1, 4, written, LMS_WANT_CHOICE_PENALTIES},
        {"row_scores", a->row_scores, rows, 1, 1, 4, written, LMS_WANT_ROW_SCORES},
        {"row_penalties", a->row_penalties, rows, 1, 1, 4, written, LMS_WANT_ROW_PENALTIES},
        {"status", a->status, requests, 1, 1, 4, written, LMS_WANT_CHOICE_STATUS},
    };
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_stride_check("row_stride", s->h.stride, "width", c->desc.width));
    LMSI_TRY(
        lmsi_arrays_check(c->op.ctx, arrays, sizeof arrays / sizeof arrays[0], &s->wanted));
fail:
    return status;
}

/* Slots, and candidate rows. */
static lms_status selected_check(lms_contrastive *c, const lms_contrastive_select_args *b,
                                 uint64_t *rows)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_slots_check(&c->open, b->slots, b->requests));
    *rows = b->candidate_rows;
    LMSI_TRY(proposed_check(c, b->slots, b->requests));
    LMSI_TRY(candidates_check(c, b->slots, b->first_rows, b->requests, 1, rows));
fail:
    return status;
}

lms_status lmsi_select_check(lms_contrastive *c, const lmsi_where *where,
                             const lms_contrastive_select_args *b, lmsi_select *select)
{
    lms_status status = LMS_OK;
    uint64_t rows = 0;
    LMSI_TRY(lmsi_where_check(&c->op, where, b, "batch"));
    LMSI_TRY(selected_check(c, b, &rows));
    if (b->requests == 0) return LMS_OK;
    *select = (lmsi_select){.h = resolve_hidden(c, b->hidden, b->row_stride),
                            .args = *b,
                            .max_pieces = c->pages_each};
    LMSI_TRY(select_arrays_check(c, rows, select));
    LMSI_TRY(room_check(c, b->slots, NULL, b->requests));
fail:
    return status;
}

lms_status lmsi_select_host_check(lms_contrastive *c, const lms_contrastive_select_args *b,
                                  lmsi_states *candidates)
{
    lms_status status = LMS_OK;
    LMSI_TRY(selected_check(c, b, &candidates->rows));
    candidates->needed = candidates->rows;
    candidates->stride = b->row_stride != 0 ? b->row_stride : c->desc.width;
    LMSI_TRY(lmsi_stride_check("row_stride", candidates->stride, "width", c->desc.width));
fail:
    return status;
}
