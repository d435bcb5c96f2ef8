/* contrastive_context.c - the calls that enqueue something on contexts: append, fork, select.
 * Each plans what its kernels are told, buffer by buffer, and only then enqueues; lengths and
 * pages change with the plan and change back if the call fails. What a failed call may have
 * written lies behind a context's end, and is not marked as written: a call's last launch marks
 * what all of it has written. */
#include "contrastive/contrastive.h"
#include "base/extent.h"
#include "base/status.h"

#include <string.h>

/* --- What each buffer gets -------------------------------------------------------------- */

/* The pieces, or runs, of a call are sorted by their buffers: counted first, then placed. */
static void count_none(lms_contrastive *c)
{
    memset(c->firsts, 0, (c->buffer_count + (size_t)1) * sizeof *c->firsts);
}

static void count_one(lms_contrastive *c, uint32_t page)
{
    ++c->firsts[lmsi_buffer_of(c, page) + 1];
}

/* From here until places_end(), firsts[b] is the next place in buffer b. */
static void places_begin(lms_contrastive *c)
{
    for (uint32_t b = 0; b < c->buffer_count; ++b) c->firsts[b + 1] += c->firsts[b];
}

static uint32_t place_one(lms_contrastive *c, uint32_t page)
{
    return c->firsts[lmsi_buffer_of(c, page)]++;
}

static void places_end(lms_contrastive *c)
{
    memmove(c->firsts + 1, c->firsts, c->buffer_count * sizeof *c->firsts);
    c->firsts[0] = 0;
}

static uint32_t count_in(const lms_contrastive *c, uint32_t buffer)
{
    return c->firsts[buffer + 1] - c->firsts[buffer];
}

static uint32_t count_all(const lms_contrastive *c) { return c->firsts[c->buffer_count]; }

/* --- Appending -------------------------------------------------------------------------- */

/* Neighbouring positions of a context that are in one page. */
typedef struct lmsi_span {
    uint32_t page;
    uint32_t first;
    uint32_t count;
} lmsi_span;

/* Those from `at` on. */
static lmsi_span span_at(const lmsi_contrastive_slot *s, uint32_t at)
{
    const uint32_t first = at % LMS_CONTEXT_PAGE, room = LMS_CONTEXT_PAGE - first;
    const uint32_t left = s->length - at;
    const lmsi_span span = {s->pages[at / LMS_CONTEXT_PAGE], first, left < room ? left : room};
    return span;
}

static void count_spans(lms_contrastive *c, uint32_t slot, uint32_t from)
{
    const lmsi_contrastive_slot *const s = &c->slots[slot];
    lmsi_span span;
    for (uint32_t at = from; at < s->length; at += span.count) {
        span = span_at(s, at);
        count_one(c, span.page);
    }
}

static void place_runs(lms_contrastive *c, lmsi_growth g, lms_context_run *runs)
{
    const lmsi_contrastive_slot *const s = &c->slots[g.slot];
    lmsi_span span;
    for (uint32_t at = g.from; at < s->length; at += span.count) {
        span = span_at(s, at);
        runs[place_one(c, span.page)] =
            (lms_context_run){g.source + (at - g.from), span.page, span.first, span.count,
                              c->pages.serials[span.page]};
    }
}

/* Lists the runs of contexts that have grown already. */
static void list_runs(lms_contrastive *c, uint32_t requests, lms_context_run *runs)
{
    count_none(c);
    for (uint32_t r = 0; r < requests; ++r) {
        count_spans(c, c->growths[r].slot, c->growths[r].from);
    }
    places_begin(c);
    for (uint32_t r = 0; r < requests; ++r) place_runs(c, c->growths[r], runs);
    places_end(c);
}

/* The call has failed. */
static void undo_growth(lms_contrastive *c, uint32_t requests)
{
    for (uint32_t r = 0; r < requests; ++r) {
        lmsi_context_trim(c, c->growths[r].slot, c->growths[r].from);
    }
}

static lms_status launch_append(const lms_contrastive *c, cl_command_queue queue,
                                lms_view hidden, size_t row_stride, cl_mem chosen,
                                lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    const size_t team = c->context_shape.team, local[1] = {team};
    uint32_t left = count_all(c);
    for (uint32_t b = 0; b < c->buffer_count; ++b) {
        lmsi_arguments a = {c->append_kernel, 0, CL_SUCCESS};
        const size_t global[1] = {count_in(c, b) * team};
        if (global[0] == 0) continue;
        left -= count_in(c, b);
        lmsi_set_view(&a, hidden, NULL);
        lmsi_set_ulong(&a, row_stride ? row_stride : c->desc.width);
        lmsi_set_uint(&a, c->desc.width);
        lmsi_set_uint(&a, c->padded);
        lmsi_set_mem(&a, c->runs, NULL);
        lmsi_set_uint(&a, c->firsts[b]);
        lmsi_set_uint(&a, left == 0 ? count_all(c) : 0);
        lmsi_set_mem(&a, chosen, c->chosen);
        lmsi_set_uint(&a, chosen != NULL);
        lmsi_set_mem(&a, c->buffers[b].states, NULL);
        lmsi_set_mem(&a, c->buffers[b].inverses, NULL);
        lmsi_set_uint(&a, b * c->pages_per_buffer);
        lmsi_set_mem(&a, c->written, NULL);
        LMSI_CL_NAMED(a.code, "clSetKernelArg of lms_context_append");
        LMSI_TRY(lmsi_launch(queue, c->append_kernel, 1, global, local, chain));
    }
fail:
    return status;
}

static void grow_by_states(lms_contrastive *c, const lms_contrastive_append_args *s)
{
    uint32_t behind = 0; /* the row behind the last request's */
    for (uint32_t r = 0; r < s->requests; ++r) {
        const uint32_t slot = s->slots[r], count = s->counts != NULL ? s->counts[r] : 1;
        const uint32_t first = s->first_rows != NULL ? s->first_rows[r] : behind;
        c->growths[r] = (lmsi_growth){slot, c->slots[slot].length, first};
        lmsi_context_grow(c, slot, count);
        behind = first + count;
    }
}

static int is_empty(const lms_contrastive_append_args *s)
{
    for (uint32_t r = 0; r < s->requests; ++r) {
        if (s->counts == NULL || s->counts[r] > 0) return 0;
    }
    return 1;
}

lms_status lms_contrastive_append(lms_contrastive *c, cl_command_queue queue,
                                  const lms_contrastive_append_args *s, cl_uint num_wait,
                                  const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    lmsi_contrastive_stage *stage = NULL;
    uint32_t grown = 0;
    if (event != NULL) *event = NULL;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_contrastive_states_check(c, queue, s, num_wait, wait_list));
    if (is_empty(s)) return lmsi_run_empty(queue, num_wait, wait_list, event);
    LMSI_TRY(lmsi_contrastive_take_stage(c, &stage));
    grow_by_states(c, s);
    grown = s->requests;
    list_runs(c, grown, stage->runs);

    LMSI_TRY(lmsi_chain_start(&c->last, queue, num_wait, wait_list, &chain));
    lmsi_contrastive_use_stage(c);
    LMSI_TRY(lmsi_write(queue, c->runs, 0, count_all(c) * sizeof *stage->runs, stage->runs,
                        &stage->done, &chain));
    LMSI_TRY(launch_append(c, queue, s->hidden, s->row_stride, NULL, &chain));
    lmsi_chain_deliver(&c->last, queue, &chain, event);
    return LMS_OK;

fail:
    undo_growth(c, grown);
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&c->last, &chain);
    return status;
}

/* --- Fork ------------------------------------------------------------------------------- */

static lms_status fork_check(const lms_contrastive *c, cl_command_queue queue, uint32_t from,
                             uint32_t to, const lms_contrastive_params *params,
                             cl_uint num_wait, const cl_event *wait_list)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(c->ctx, queue));
    LMSI_TRY(lmsi_slot_check(&c->open, "from", from, 1));
    LMSI_TRY(lmsi_slot_check(&c->open, "to", to, 0));
    if (params != NULL) LMSI_TRY(lmsi_contrastive_params_check(c, params));
    LMSI_TRY(lmsi_wait_check(num_wait, wait_list));
    LMSI_FAIL_IF(c->slots[from].length % LMS_CONTEXT_PAGE != 0 && c->pages.free_count == 0,
                 LMS_E_CONTEXT_FULL,
                 "from: the last page of a context of %u positions is to be copied; 0 of %u "
                 "pages are free (max_positions: %llu)",
                 (unsigned)c->slots[from].length, (unsigned)c->pages.count,
                 (unsigned long long)c->desc.max_positions);
fail:
    return status;
}

static void set_page(const lms_contrastive *c, lmsi_arguments *a, uint32_t page)
{
    const uint32_t b = lmsi_buffer_of(c, page);
    lmsi_set_mem(a, c->buffers[b].states, NULL);
    lmsi_set_mem(a, c->buffers[b].inverses, NULL);
    lmsi_set_uint(a, b * c->pages_per_buffer);
    lmsi_set_uint(a, page);
    lmsi_set_uint(a, c->pages.serials[page]);
}

static cl_int set_copy(const lms_contrastive *c, uint32_t from, uint32_t to)
{
    lmsi_arguments a = {c->copy_kernel, 0, CL_SUCCESS};
    set_page(c, &a, from);
    set_page(c, &a, to);
    lmsi_set_uint(&a, c->padded);
    lmsi_set_mem(&a, c->written, NULL);
    return a.code;
}

lms_status lms_contrastive_fork(lms_contrastive *c, cl_command_queue queue, uint32_t from,
                                uint32_t to, const lms_contrastive_params *params,
                                cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    int forked = 0;
    if (event != NULL) *event = NULL;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(fork_check(c, queue, from, to, params, num_wait, wait_list));
    const lmsi_contrastive_slot *const source = &c->slots[from];
    lmsi_contrastive_slot *const target = &c->slots[to];
    const uint32_t whole = source->length / LMS_CONTEXT_PAGE;
    const uint32_t rest = source->length % LMS_CONTEXT_PAGE;
    memcpy(target->pages, source->pages, whole * sizeof *target->pages);
    for (uint32_t i = 0; i < whole; ++i) lmsi_page_share(&c->pages, target->pages[i]);
    target->length = whole * LMS_CONTEXT_PAGE;
    lmsi_context_grow(c, to, rest);
    forked = 1;
    if (rest == 0) {
        LMSI_TRY(lmsi_run_empty(queue, num_wait, wait_list, event));
    } else {
        const size_t team = c->context_shape.team, global[1] = {rest * team};
        LMSI_CL_NAMED(set_copy(c, source->pages[whole], target->pages[whole]),
                      "clSetKernelArg of lms_context_copy");
        LMSI_TRY(lmsi_chain_start(&c->last, queue, num_wait, wait_list, &chain));
        LMSI_TRY(lmsi_launch(queue, c->copy_kernel, 1, global, &team, &chain));
        lmsi_chain_deliver(&c->last, queue, &chain, event);
    }
    target->params = params != NULL ? *params : source->params;
    target->proposed.name = 0;
    c->open.states[to].is_open = 1;
    return LMS_OK;

fail:
    if (forked) lmsi_context_trim(c, to, 0);
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&c->last, &chain);
    return status;
}

/* --- Select ----------------------------------------------------------------------------- */

/* The first position that takes part for a context. */
static uint32_t range_begin(const lmsi_contrastive_slot *s)
{
    const lms_contrastive_params *const own = &s->proposed.params;
    const uint32_t window = own->context_window;
    const uint32_t latest = window > 0 && window < s->length ? s->length - window : 0;
    return own->context_begin > latest ? own->context_begin : latest;
}

/* Returns how many the turn has. */
static uint32_t place_pieces(lms_contrastive *c, uint32_t slot, uint32_t turn,
                             lms_context_piece *pieces)
{
    const lmsi_contrastive_slot *const s = &c->slots[slot];
    uint32_t piece = 0;
    lmsi_span span;
    for (uint32_t at = range_begin(s); at < s->length; at += span.count) {
        span = span_at(s, at);
        pieces[place_one(c, span.page)] = (lms_context_piece){
            turn, piece++, span.page, span.first, span.count, c->pages.serials[span.page]};
    }
    return piece;
}

/* Lists the turns and pieces of a call; returns the largest k. */
static uint32_t list_turns(lms_contrastive *c, const lms_contrastive_select_args *b,
                           lmsi_contrastive_stage *stage)
{
    uint32_t state = 0, piece = 0, largest = 0;
    count_none(c);
    for (uint32_t r = 0; r < b->requests; ++r) {
        count_spans(c, b->slots[r], range_begin(&c->slots[b->slots[r]]));
    }
    places_begin(c);
    for (uint32_t r = 0; r < b->requests; ++r) {
        const lmsi_contrastive_proposed *const proposed = &c->slots[b->slots[r]].proposed;
        const lms_contrastive_params *const own = &proposed->params;
        const uint32_t pieces = place_pieces(c, b->slots[r], r, stage->pieces);
        stage->turns[r] = (lms_context_turn){
            proposed->name, b->slots[r], lmsi_candidate_row(c, b->first_rows, r),
            own->k,         state,       piece,
            pieces,         own->alpha,  0};
        state += own->k;
        piece += pieces;
        if (own->k > largest) largest = own->k;
    }
    places_end(c);
    return largest;
}

static cl_int set_candidates(const lms_contrastive *c, const lms_contrastive_select_args *b)
{
    lmsi_arguments a = {c->candidates_kernel, 0, CL_SUCCESS};
    lmsi_set_view(&a, b->hidden, NULL);
    lmsi_set_ulong(&a, b->row_stride ? b->row_stride : c->desc.width);
    lmsi_set_uint(&a, c->desc.width);
    lmsi_set_uint(&a, c->padded);
    lmsi_set_mem(&a, c->turns, NULL);
    lmsi_set_mem(&a, c->candidates, NULL);
    lmsi_set_mem(&a, c->inverses, NULL);
    return a.code;
}

static cl_uint wanted(const lms_contrastive_select_args *b)
{
    return (b->scores.buffer != NULL ? LMS_WANT_CHOICE_SCORES : 0) |
           (b->penalties.buffer != NULL ? LMS_WANT_CHOICE_PENALTIES : 0) |
           (b->row_scores.buffer != NULL ? LMS_WANT_ROW_SCORES : 0) |
           (b->row_penalties.buffer != NULL ? LMS_WANT_ROW_PENALTIES : 0) |
           (b->status.buffer != NULL ? LMS_WANT_CHOICE_STATUS : 0);
}

static cl_int set_choose(const lms_contrastive *c, const lms_contrastive_select_args *b)
{
    lmsi_arguments a = {c->choose_kernel, 0, CL_SUCCESS};
    lmsi_set_mem(&a, c->turns, NULL);
    lmsi_set_mem(&a, c->proposals, NULL);
    lmsi_set_mem(&a, c->inverses, NULL);
    lmsi_set_mem(&a, c->best, NULL);
    lmsi_set_uint(&a, c->pages_each);
    lmsi_set_mem(&a, c->seen, NULL);
    lmsi_set_view(&a, b->tokens, NULL);
    lmsi_set_view(&a, b->probs, NULL);
    lmsi_set_uint(&a, wanted(b));
    lmsi_set_mem(&a, c->chosen, NULL);
    lmsi_set_view(&a, b->next, NULL);
    lmsi_set_view(&a, b->rows, NULL);
    lmsi_set_view(&a, b->scores, c->seen);
    lmsi_set_view(&a, b->penalties, c->seen);
    lmsi_set_view(&a, b->row_scores, c->seen);
    lmsi_set_view(&a, b->row_penalties, c->seen);
    lmsi_set_view(&a, b->status, c->seen);
    return a.code;
}

static lms_status launch_scan(const lms_contrastive *c, cl_command_queue queue,
                              lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    const size_t team = c->context_shape.team, local[1] = {team};
    for (uint32_t b = 0; b < c->buffer_count; ++b) {
        lmsi_arguments a = {c->scan_kernel, 0, CL_SUCCESS};
        const size_t global[1] = {count_in(c, b) * team};
        if (global[0] == 0) continue;
        lmsi_set_mem(&a, c->pieces, NULL);
        lmsi_set_uint(&a, c->firsts[b]);
        lmsi_set_mem(&a, c->turns, NULL);
        lmsi_set_uint(&a, c->padded);
        lmsi_set_mem(&a, c->candidates, NULL);
        lmsi_set_mem(&a, c->buffers[b].states, NULL);
        lmsi_set_mem(&a, c->buffers[b].inverses, NULL);
        lmsi_set_uint(&a, b * c->pages_per_buffer);
        lmsi_set_mem(&a, c->written, NULL);
        lmsi_set_mem(&a, c->best, NULL);
        lmsi_set_uint(&a, c->pages_each);
        lmsi_set_mem(&a, c->seen, NULL);
        LMSI_CL_NAMED(a.code, "clSetKernelArg of lms_context_scan");
        LMSI_TRY(lmsi_launch(queue, c->scan_kernel, 1, global, local, chain));
    }
fail:
    return status;
}

/* Candidates, scan and choice: what changes no context. */
static lms_status launch_choice(lms_contrastive *c, cl_command_queue queue,
                                const lms_contrastive_select_args *b,
                                lmsi_contrastive_stage *stage, uint32_t largest,
                                lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    const size_t team = c->context_shape.team, crews = team == 1 ? 1 : team / LMS_DOT_LANES;
    const size_t local[2] = {team, 1};
    const size_t candidates[2] = {(largest + crews - 1) / crews * team, b->requests};
    const size_t turns[1] = {b->requests * team};
    LMSI_TRY(lmsi_write(queue, c->turns, 0, b->requests * sizeof *stage->turns, stage->turns,
                        &stage->done, chain));
    if (count_all(c) > 0) {
        LMSI_TRY(lmsi_write(queue, c->pieces, 0, count_all(c) * sizeof *stage->pieces,
                            stage->pieces, &stage->done, chain));
    }
    LMSI_TRY(lmsi_launch(queue, c->candidates_kernel, 2, candidates, local, chain));
    LMSI_TRY(launch_scan(c, queue, chain));
    LMSI_TRY(lmsi_launch(queue, c->choose_kernel, 1, turns, local, chain));
fail:
    return status;
}

static void grow_by_choices(lms_contrastive *c, const lms_contrastive_select_args *b)
{
    for (uint32_t r = 0; r < b->requests; ++r) {
        c->growths[r] = (lmsi_growth){b->slots[r], c->slots[b->slots[r]].length, r};
        lmsi_context_grow(c, b->slots[r], 1);
    }
}

lms_status lms_contrastive_select(lms_contrastive *c, cl_command_queue queue,
                                  const lms_contrastive_select_args *b, cl_uint num_wait,
                                  const cl_event *wait_list, cl_event *event)
{
    lms_status status = LMS_OK;
    lmsi_chain chain = {0};
    lmsi_contrastive_stage *stage = NULL;
    uint32_t grown = 0;
    if (event != NULL) *event = NULL;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_contrastive_batch_check(c, queue, b, num_wait, wait_list));
    if (b->requests == 0) return lmsi_run_empty(queue, num_wait, wait_list, event);
    LMSI_CL_NAMED(set_candidates(c, b), "clSetKernelArg of lms_context_candidates");
    LMSI_CL_NAMED(set_choose(c, b), "clSetKernelArg of lms_context_choose");
    LMSI_TRY(lmsi_contrastive_take_stage(c, &stage));
    const uint32_t largest = list_turns(c, b, stage);

    LMSI_TRY(lmsi_chain_start(&c->last, queue, num_wait, wait_list, &chain));
    lmsi_contrastive_use_stage(c);
    LMSI_TRY(launch_choice(c, queue, b, stage, largest, &chain));
    grow_by_choices(c, b);
    grown = b->requests;
    list_runs(c, grown, stage->runs);
    LMSI_TRY(lmsi_write(queue, c->runs, 0, count_all(c) * sizeof *stage->runs, stage->runs,
                        &stage->done, &chain));
    LMSI_TRY(launch_append(c, queue, b->hidden, b->row_stride, c->chosen, &chain));
    lmsi_chain_deliver(&c->last, queue, &chain, event);
    return LMS_OK;

fail:
    undo_growth(c, grown);
    if (chain.begun) clFlush(queue);
    lmsi_chain_end(&c->last, &chain);
    return status;
}
