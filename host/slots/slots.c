#include "slots/slots.h"

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

lms_status lmsi_slots_make(lmsi_slots *s, uint32_t count)
{
    lms_status status = LMS_OK;
    s->count = count;
    s->checks = 0;
    s->states = calloc(count, sizeof *s->states);
    LMSI_FAIL_IF(s->states == NULL, LMS_E_MEMORY, "out of memory for %u slots",
                 (unsigned)count);
fail:
    return status;
}

lms_status lmsi_slot_check(const lmsi_slots *s, const char *what, uint32_t slot, int is_open)
{
    lms_status status = LMS_OK;
    LMSI_FAIL_IF(slot >= s->count, LMS_E_SLOT, "%s: %u is not below max_requests (%u)", what,
                 (unsigned)slot, (unsigned)s->count);
    LMSI_FAIL_IF(s->states[slot].is_open != is_open, LMS_E_SLOT, "%s: %u is %s", what,
                 (unsigned)slot, is_open ? "not open" : "open already");
fail:
    return status;
}

lms_status lmsi_slots_check(lmsi_slots *s, const uint32_t *slots, uint32_t requests)
{
    lms_status status = LMS_OK;
    char what[32];
    LMSI_FAIL_IF(requests > s->count, LMS_E_ARGUMENT, "requests: %u is above max_requests (%u)",
                 (unsigned)requests, (unsigned)s->count);
    LMSI_FAIL_IF(requests > 0 && slots == NULL, LMS_E_ARGUMENT, "slots: is NULL");
    const uint64_t check = ++s->checks;
    for (uint32_t r = 0; r < requests; ++r) {
        snprintf(what, sizeof what, "slots[%u]", (unsigned)r);
        LMSI_TRY(lmsi_slot_check(s, what, slots[r], 1));
        LMSI_FAIL_IF(s->states[slots[r]].seen == check, LMS_E_SLOT, "%s: %u is there twice",
                     what, (unsigned)slots[r]);
        s->states[slots[r]].seen = check;
    }
fail:
    return status;
}
