/* append.c - contexts get hidden states: the appending of a call's, and where it puts them.
 *
 * What a failed call may have written lies behind a context's end, and is not marked as
 * written: a call's last launch marks what all of it has written. */
#include "base/status.h"
#include "contrastive/contrastive.h"

#include <string.h>

/* --- Buffers of pages --------------------------------------------------------------------- */

uint32_t lmsi_buffer_of(const lms_contrastive *c, uint32_t page)
{
    return page / c->pages_per_buffer;
}

void lmsi_use_buffer(const lms_contrastive *c, uint32_t buffer, lmsi_hidden *h)
{
    h->states = c->buffers[buffer].mem[LMSI_PAGE_STATES];
    h->inverses_kept = c->buffers[buffer].mem[LMSI_PAGE_INVERSES];
    h->first_page = buffer * c->pages_per_buffer;
}

void lmsi_places_count(const lms_contrastive *c, uint32_t *firsts, uint32_t slot, uint32_t from)
{
    const lmsi_page_list *const context = &c->slots[slot].context;
    lmsi_span span;
    for (uint32_t at = from; at < context->length; at += span.count) {
        span = lmsi_pages_span(&c->pages, context, at);
        ++firsts[lmsi_buffer_of(c, span.page) + 1];
    }
}

/* From here until lmsi_places_end(), firsts[b] is the next place in buffer b. */
void lmsi_places_begin(const lms_contrastive *c, uint32_t *firsts)
{
    for (uint32_t b = 0; b < c->buffer_count; ++b) firsts[b + 1] += firsts[b];
}

uint32_t lmsi_places_take(const lms_contrastive *c, uint32_t *firsts, uint32_t page)
{
    return firsts[lmsi_buffer_of(c, page)]++;
}

void lmsi_places_end(const lms_contrastive *c, uint32_t *firsts)
{
    memmove(firsts + 1, firsts, c->buffer_count * sizeof *firsts);
    firsts[0] = 0;
}

/* --- Growth ------------------------------------------------------------------------------- */

void lmsi_grow(lms_contrastive *c, uint32_t request, uint32_t slot, uint32_t count,
               uint32_t source)
{
    lmsi_page_list *const context = &c->slots[slot].context;
    c->growths[request] = (lmsi_growth){slot, context->length, source};
    lmsi_pages_grow(&c->pages, context, count);
}

void lmsi_undo_growth(lms_contrastive *c, uint32_t requests)
{
    for (uint32_t r = 0; r < requests; ++r) {
        const lmsi_growth g = c->growths[r];
        lmsi_pages_trim(&c->pages, &c->slots[g.slot].context, g.from);
    }
}

static void place_runs(lms_contrastive *c, lmsi_growth g, lms_context_run *runs)
{
    const lmsi_page_list *const context = &c->slots[g.slot].context;
    lmsi_span span;
    for (uint32_t at = g.from; at < context->length; at += span.count) {
        span = lmsi_pages_span(&c->pages, context, at);
        runs[lmsi_places_take(c, c->first_runs, span.page)] =
            (lms_context_run){g.source + (at - g.from), span.page, span.first, span.count,
                              c->pages.serials[span.page]};
    }
}

void lmsi_list_runs(lms_contrastive *c, uint32_t requests, lms_context_run *runs)
{
    memset(c->first_runs, 0, (c->buffer_count + (size_t)1) * sizeof *c->first_runs);
    for (uint32_t r = 0; r < requests; ++r) {
        lmsi_places_count(c, c->first_runs, c->growths[r].slot, c->growths[r].from);
    }
    lmsi_places_begin(c, c->first_runs);
    for (uint32_t r = 0; r < requests; ++r) place_runs(c, c->growths[r], runs);
    lmsi_places_end(c, c->first_runs);
}

lms_status lmsi_enqueue_runs(const lms_contrastive *c, lmsi_call *call, lmsi_append *append)
{
    lms_status status = LMS_OK;
    const uint32_t *const firsts = c->first_runs, all = firsts[c->buffer_count];
    LMSI_TRY(lmsi_call_write(call, LMSI_CONTRASTIVE_RUNS, 0, all * sizeof(lms_context_run)));
    for (uint32_t b = 0; b < c->buffer_count; ++b) {
        const uint32_t runs = firsts[b + 1] - firsts[b];
        if (runs == 0) continue;
        append->first_run = firsts[b];
        append->marked = firsts[b + 1] == all ? all : 0;
        lmsi_use_buffer(c, b, &append->h);
        LMSI_TRY(lmsi_operator_set(call->op, LMSI_CONTRASTIVE_APPEND, LMSI_CONTRASTIVE_APPEND,
                                   append));
        LMSI_TRY(lmsi_call_launch(call, LMSI_CONTRASTIVE_APPEND, runs, 0));
    }
fail:
    return status;
}

/* --- The call ----------------------------------------------------------------------------- */

static void grow_by_states(lms_contrastive *c, const lms_contrastive_append_args *s)
{
    uint32_t behind = 0; /* the row behind the last request's */
    for (uint32_t r = 0; r < s->requests; ++r) {
        const uint32_t count = s->counts != NULL ? s->counts[r] : 1;
        const uint32_t first = s->first_rows != NULL ? s->first_rows[r] : behind;
        lmsi_grow(c, r, s->slots[r], count, first);
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
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    lmsi_append append;
    lmsi_call call;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_append_check(c, &where, s, &append));
    if (is_empty(s)) return lmsi_call_empty(&where);
    LMSI_TRY(lmsi_call_begin(&call, &c->op, &where, 1));
    grow_by_states(c, s);
    lmsi_list_runs(c, s->requests, lmsi_call_staged(&call, LMSI_CONTRASTIVE_RUNS));
    status = lmsi_call_end(&call, lmsi_enqueue_runs(c, &call, &append));
    if (status != LMS_OK) lmsi_undo_growth(c, s->requests);
fail:
    return status;
}
