/* slots.c - opening and closing slots, and the check of a call's. */
#include "slots/slots.h"

#include "base/status.h"

#include <stdlib.h>

lms_status lmsi_slots_make(lmsi_slots *s, uint32_t count)
{
    *s = (lmsi_slots){count, 0, 0, calloc(count, sizeof *s->states)};
    if (s->states != NULL) return LMS_OK;
    return lmsi_fail(LMS_E_MEMORY, "out of memory for %u slots", (unsigned)count);
}

void lmsi_slots_free(lmsi_slots *s) { free(s->states); }

uint64_t lmsi_slots_names(lmsi_slots *s, uint32_t count)
{
    const uint64_t first = s->last_name + 1;
    s->last_name += count;
    return first;
}

lms_status lmsi_slot_check(const lmsi_slots *s, const char *what, uint32_t slot, int is_open)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(slot >= s->count, LMS_E_SLOT, "%s: %u is not below max_requests (%u)", what,
                 (unsigned)slot, (unsigned)s->count);
    LMSI_FAIL_IF((s->states[slot].name != 0) != is_open, LMS_E_SLOT, "%s: %u is %s", what,
                 (unsigned)slot, is_open ? "not open" : "open already");
fail:
    return status;
}

void lmsi_slot_open(lmsi_slots *s, uint32_t slot, uint64_t name)
{
    s->states[slot].name = name;
}

lms_status lmsi_slot_close(lmsi_slots *s, uint32_t slot)
{
    const lms_status status = lmsi_slot_check(s, "slot", slot, 1);
    if (status == LMS_OK) s->states[slot].name = 0;
    return status;
}

static lms_status request_check(lmsi_slots *s, uint32_t request, uint32_t slot)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(slot >= s->count, LMS_E_SLOT, "slots[%u]: %u is not below max_requests (%u)",
                 (unsigned)request, (unsigned)slot, (unsigned)s->count);
    lmsi_slot_state *const state = &s->states[slot];
    LMSI_FAIL_IF(state->name == 0, LMS_E_SLOT, "slots[%u]: %u is not open", (unsigned)request,
                 (unsigned)slot);
    LMSI_FAIL_IF(state->seen == s->checks, LMS_E_SLOT, "slots[%u]: %u is there twice",
                 (unsigned)request, (unsigned)slot);
    state->seen = s->checks;
fail:
    return status;
}

lms_status lmsi_slots_check(lmsi_slots *s, const uint32_t *slots, uint32_t requests)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(requests > s->count, LMS_E_ARGUMENT, "requests: %u is above max_requests (%u)",
                 (unsigned)requests, (unsigned)s->count);
    LMSI_FAIL_IF(requests > 0 && slots == NULL, LMS_E_ARGUMENT, "slots: is NULL");
    ++s->checks;
    for (uint32_t r = 0; r < requests; ++r) LMSI_TRY(request_check(s, r, slots[r]));
fail:
    return status;
}
