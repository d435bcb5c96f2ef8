/* slots.c - contexts in slots: open, update, close, fork, and how long they are. */
#include "base/status.h"
#include "contrastive/contrastive.h"

/* A slot gets what it holds. */
static void open_slot(lms_contrastive *c, uint32_t slot, const lms_contrastive_params *params)
{
    lmsi_contrastive_slot *const s = &c->slots[slot];
    s->params = *params;
    s->proposed.name = 0;
    lmsi_slot_open(&c->open, slot, lmsi_slots_names(&c->open, 1));
}

lms_status lms_contrastive_open(lms_contrastive *c, uint32_t slot,
                                const lms_contrastive_params *params)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(c == NULL, LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_slot_check(&c->open, "slot", slot, 0));
    LMSI_TRY(lmsi_contrastive_params_check(c, params));
    c->slots[slot].context.length = 0;
    open_slot(c, slot, params);
fail:
    return status;
}

lms_status lms_contrastive_update(lms_contrastive *c, uint32_t slot,
                                  const lms_contrastive_params *params)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(c == NULL, LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_slot_check(&c->open, "slot", slot, 1));
    LMSI_TRY(lmsi_contrastive_params_check(c, params));
    c->slots[slot].params = *params;
fail:
    return status;
}

lms_status lms_contrastive_close(lms_contrastive *c, uint32_t slot)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(c == NULL, LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_slot_close(&c->open, slot));
    lmsi_pages_trim(&c->pages, &c->slots[slot].context, 0);
fail:
    return status;
}

lms_status lms_contrastive_length(const lms_contrastive *c, uint32_t slot, uint32_t *length)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(c == NULL, LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_FAIL_IF(length == NULL, LMS_E_ARGUMENT, "length: is NULL");
    LMSI_TRY(lmsi_slot_check(&c->open, "slot", slot, 1));
    *length = c->slots[slot].context.length;
fail:
    return status;
}

uint64_t lms_contrastive_room(const lms_contrastive *c)
{
    return c == NULL ? 0 : (uint64_t)c->pages.free_count * LMS_CONTEXT_PAGE;
}

/* --- Fork --------------------------------------------------------------------------------- */

static lms_status fork_check(const lms_contrastive *c, const lmsi_where *where, uint32_t from,
                             uint32_t to, const lms_contrastive_params *params)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(c->op.ctx, where->queue));
    LMSI_TRY(lmsi_slot_check(&c->open, "from", from, 1));
    LMSI_TRY(lmsi_slot_check(&c->open, "to", to, 0));
    if (params != NULL) LMSI_TRY(lmsi_contrastive_params_check(c, params));
    LMSI_TRY(lmsi_wait_check(c->op.ctx, where->num_wait, where->wait_list));
    const uint32_t length = c->slots[from].context.length;
    LMSI_FAIL_IF(length % LMS_CONTEXT_PAGE != 0 && c->pages.free_count == 0, LMS_E_CONTEXT_FULL,
                 "from: the last page of a context of %u positions is to be copied; 0 of %u "
                 "pages are free (max_positions: %llu)",
                 (unsigned)length, (unsigned)c->pages.count,
                 (unsigned long long)c->desc.max_positions);
fail:
    return status;
}

/* Copies the first `positions` of a page. */
static lms_status copy_page(lms_contrastive *c, const lmsi_where *where, uint32_t from,
                            uint32_t to, uint32_t positions)
{
    const uint32_t each = c->pages_per_buffer;
    const uint32_t from_buffer = lmsi_buffer_of(c, from), to_buffer = lmsi_buffer_of(c, to);
    const cl_mem *const source = c->buffers[from_buffer].mem;
    const cl_mem *const target = c->buffers[to_buffer].mem;
    const lmsi_copy copy = {
        .from = source[LMSI_PAGE_STATES],
        .from_inverses = source[LMSI_PAGE_INVERSES],
        .from_first = from_buffer * each,
        .from_page = from,
        .from_serial = c->pages.serials[from],
        .to = target[LMSI_PAGE_STATES],
        .to_inverses = target[LMSI_PAGE_INVERSES],
        .to_first = to_buffer * each,
        .to_page = to,
        .to_serial = c->pages.serials[to],
        .padded = c->padded,
    };
    lms_status status = LMS_OK;
    lmsi_call call;
    LMSI_TRY(lmsi_operator_set(&c->op, LMSI_CONTRASTIVE_COPY, LMSI_CONTRASTIVE_COPY, &copy));
    LMSI_TRY(lmsi_call_begin(&call, &c->op, where, 0));
    status = lmsi_call_end(&call, lmsi_call_launch(&call, LMSI_CONTRASTIVE_COPY, positions, 0));
fail:
    return status;
}

lms_status lms_contrastive_fork(lms_contrastive *c, cl_command_queue queue, uint32_t from,
                                uint32_t to, const lms_contrastive_params *params,
                                cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(fork_check(c, &where, from, to, params));
    const lmsi_page_list *const source = &c->slots[from].context;
    lmsi_page_list *const target = &c->slots[to].context;
    const uint32_t whole = source->length / LMS_CONTEXT_PAGE;
    const uint32_t rest = source->length % LMS_CONTEXT_PAGE;
    lmsi_pages_share(&c->pages, source, target);
    lmsi_pages_grow(&c->pages, target, rest);
    status = rest == 0 ? lmsi_call_empty(&where)
                       : copy_page(c, &where, source->pages[whole], target->pages[whole], rest);
    if (status == LMS_OK) {
        open_slot(c, to, params != NULL ? params : &c->slots[from].params);
    } else {
        lmsi_pages_trim(&c->pages, target, 0);
    }
fail:
    return status;
}
