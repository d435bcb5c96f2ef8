/* select.c - the second half of a step: enqueues the choice among candidates, and appends what
 * is chosen. All that its kernels are told is planned before anything is enqueued. */
#include "base/status.h"
#include "contrastive/contrastive.h"

#include <string.h>

/* The first position that takes part for a context. */
static uint32_t range_begin(const lmsi_contrastive_slot *s)
{
    const lms_contrastive_params *const own = &s->proposed.params;
    const uint32_t window = own->context_window, length = s->context.length;
    const uint32_t latest = window > 0 && window < length ? length - window : 0;
    return own->context_begin > latest ? own->context_begin : latest;
}

/* Returns how many the turn has. */
static uint32_t place_pieces(lms_contrastive *c, uint32_t slot, uint32_t turn,
                             lms_context_piece *pieces)
{
    const lmsi_contrastive_slot *const s = &c->slots[slot];
    uint32_t piece = 0;
    lmsi_span span;
    for (uint32_t at = range_begin(s); at < s->context.length; at += span.count) {
        span = lmsi_pages_span(&c->pages, &s->context, at);
        pieces[lmsi_places_take(c, c->first_pieces, span.page)] = (lms_context_piece){
            turn, piece++, span.page, span.first, span.count, c->pages.serials[span.page]};
    }
    return piece;
}

/* Lists the turns and pieces of a call; returns the largest k. */
static uint32_t list_turns(lms_contrastive *c, const lms_contrastive_select_args *b,
                           lms_context_turn *turns, lms_context_piece *pieces)
{
    uint32_t state = 0, piece = 0, largest = 0;
    memset(c->first_pieces, 0, (c->buffer_count + (size_t)1) * sizeof *c->first_pieces);
    for (uint32_t r = 0; r < b->requests; ++r) {
        const uint32_t slot = b->slots[r];
        lmsi_places_count(c, c->first_pieces, slot, range_begin(&c->slots[slot]));
    }
    lmsi_places_begin(c, c->first_pieces);
    for (uint32_t r = 0; r < b->requests; ++r) {
        const lmsi_proposed *const proposed = &c->slots[b->slots[r]].proposed;
        const lms_contrastive_params *const own = &proposed->params;
        const uint32_t count = place_pieces(c, b->slots[r], r, pieces);
        turns[r] = (lms_context_turn){
            proposed->name, b->slots[r], lmsi_candidate_row(c, b->first_rows, r),
            own->k,         state,       piece,
            count,          own->alpha,  0};
        state += own->k;
        piece += count;
        if (own->k > largest) largest = own->k;
    }
    lmsi_places_end(c, c->first_pieces);
    return largest;
}

static lms_status launch_scan(const lms_contrastive *c, lmsi_call *call, lmsi_select *select)
{
    lms_status status = LMS_OK;
    const uint32_t *const firsts = c->first_pieces;
    for (uint32_t b = 0; b < c->buffer_count; ++b) {
        const uint32_t pieces = firsts[b + 1] - firsts[b];
        if (pieces == 0) continue;
        select->first_piece = firsts[b];
        lmsi_use_buffer(c, b, &select->h);
        LMSI_TRY(
            lmsi_operator_set(call->op, LMSI_CONTRASTIVE_SCAN, LMSI_CONTRASTIVE_SCAN, select));
        LMSI_TRY(lmsi_call_launch(call, LMSI_CONTRASTIVE_SCAN, pieces, 0));
    }
fail:
    return status;
}

/* Candidates, scan and choice, which change no context; and what appends the chosen. */
static lms_status enqueue(const lms_contrastive *c, lmsi_call *call, uint32_t requests,
                          uint32_t largest, lmsi_select *select)
{
    lms_status status = LMS_OK;
    const uint32_t team = lmsi_operator_team(&c->op, LMSI_CONTRASTIVE_OWN);
    const size_t crews = team == 1 ? 1 : team / LMS_DOT_LANES;
    const uint32_t pieces = c->first_pieces[c->buffer_count];
    lmsi_append append = {
        .h = select->h, .chosen = c->op.mem[LMSI_CONTRASTIVE_CHOSEN], .has_chosen = 1};
    LMSI_TRY(
        lmsi_call_write(call, LMSI_CONTRASTIVE_TURNS, 0, requests * sizeof(lms_context_turn)));
    if (pieces > 0) {
        LMSI_TRY(lmsi_call_write(call, LMSI_CONTRASTIVE_PIECES, 0,
                                 pieces * sizeof(lms_context_piece)));
    }
    LMSI_TRY(
        lmsi_call_launch(call, LMSI_CONTRASTIVE_OWN, (largest + crews - 1) / crews, requests));
    LMSI_TRY(launch_scan(c, call, select));
    LMSI_TRY(lmsi_call_launch(call, LMSI_CONTRASTIVE_CHOOSE, requests, 0));
    LMSI_TRY(lmsi_enqueue_runs(c, call, &append));
fail:
    return status;
}

lms_status lms_contrastive_select(lms_contrastive *c, cl_command_queue queue,
                                  const lms_contrastive_select_args *b, cl_uint num_wait,
                                  const cl_event *wait_list, cl_event *event)
{
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    lmsi_select select;
    lmsi_call call;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_select_check(c, &where, b, &select));
    if (b->requests == 0) return lmsi_call_empty(&where);
    LMSI_TRY(lmsi_operator_set(&c->op, LMSI_CONTRASTIVE_OWN, LMSI_CONTRASTIVE_CHOOSE, &select));
    LMSI_TRY(lmsi_call_begin(&call, &c->op, &where, 1));
    const uint32_t largest = list_turns(c, b, lmsi_call_staged(&call, LMSI_CONTRASTIVE_TURNS),
                                        lmsi_call_staged(&call, LMSI_CONTRASTIVE_PIECES));
    for (uint32_t r = 0; r < b->requests; ++r) lmsi_grow(c, r, b->slots[r], 1, r);
    lmsi_list_runs(c, b->requests, lmsi_call_staged(&call, LMSI_CONTRASTIVE_RUNS));
    status = lmsi_call_end(&call, enqueue(c, &call, b->requests, largest, &select));
    if (status != LMS_OK) lmsi_undo_growth(c, b->requests);
fail:
    return status;
}
