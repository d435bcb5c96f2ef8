/* contrastive_slots.c - contexts as the host has them: open, update, close, their pages. */
#include "contrastive/contrastive.h"
#include "base/status.h"

uint32_t lmsi_buffer_of(const lms_contrastive *c, uint32_t page)
{
    return page / c->pages_per_buffer;
}

void lmsi_context_grow(lms_contrastive *c, uint32_t slot, uint32_t count)
{
    lmsi_contrastive_slot *const s = &c->slots[slot];
    const uint32_t end = lmsi_pages_for((uint64_t)s->length + count);
    for (uint32_t i = lmsi_pages_for(s->length); i < end; ++i) {
        s->pages[i] = lmsi_page_take(&c->pages);
    }
    s->length += count;
}

void lmsi_context_trim(lms_contrastive *c, uint32_t slot, uint32_t length)
{
    lmsi_contrastive_slot *const s = &c->slots[slot];
    for (uint32_t i = lmsi_pages_for(s->length); i > lmsi_pages_for(length); --i) {
        lmsi_page_drop(&c->pages, s->pages[i - 1]);
    }
    s->length = length;
}

lms_status lms_contrastive_open(lms_contrastive *c, uint32_t slot,
                                const lms_contrastive_params *params)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(c == NULL, LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_slot_check(&c->open, "slot", slot, 0));
    LMSI_TRY(lmsi_contrastive_params_check(c, params));
    c->open.states[slot].is_open = 1;
    c->slots[slot].params = *params;
    c->slots[slot].proposed.name = 0;
    c->slots[slot].length = 0;
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
    LMSI_TRY(lmsi_slot_check(&c->open, "slot", slot, 1));
    lmsi_context_trim(c, slot, 0);
    c->open.states[slot].is_open = 0;
fail:
    return status;
}

lms_status lms_contrastive_length(const lms_contrastive *c, uint32_t slot, uint32_t *length)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(c == NULL, LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_FAIL_IF(length == NULL, LMS_E_ARGUMENT, "length: is NULL");
    LMSI_TRY(lmsi_slot_check(&c->open, "slot", slot, 1));
    *length = c->slots[slot].length;
fail:
    return status;
}

uint64_t lms_contrastive_room(const lms_contrastive *c)
{
    return c == NULL ? 0 : (uint64_t)c->pages.free_count * LMS_CONTEXT_PAGE;
}
