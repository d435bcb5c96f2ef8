/* reserve.c - room for tokens that somebody else's call appends. */
#include "base/status.h"
#include "slots/sequences.h"

static uint64_t name_at(const lmsi_appended *a, uint32_t i)
{
    return *(const uint64_t *)(const void *)((const char *)a->names + i * a->stride);
}

/* A sweep is a call of its own, whatever becomes of the one that follows. */
static lms_status make_free(lms_slots *s, const lmsi_where *where, uint64_t pages)
{
    const lmsi_where own = {where->queue, where->num_wait, where->wait_list, NULL};
    lms_status status = LMS_OK;
    int must = 0;
    lmsi_call call;
    LMSI_TRY(lmsi_slots_must_sweep(s, pages, 0, &must));
    if (!must) return LMS_OK;
    LMSI_TRY(lmsi_call_begin(&call, &s->op, &own, 1));
    status = lmsi_call_end(&call, lmsi_slots_sweep(s, &call));
fail:
    return status;
}

lms_status lmsi_slots_reserve(lms_slots *s, const lmsi_where *where, const lmsi_appended *a,
                              lms_slot_growth *growths)
{
    lms_status status = LMS_OK;
    uint64_t pages = 0;
    for (uint32_t i = 0; i < a->count; ++i) {
        const uint64_t name = name_at(a, i);
        if (name != 0) pages += lmsi_pages_lacking(lmsi_sequence_of(s, name), 1);
    }
    LMSI_TRY(make_free(s, where, pages));
    for (uint32_t i = 0; i < a->count; ++i) {
        const uint64_t name = name_at(a, i);
        growths[i] = (lms_slot_growth){LMS_SLOT_NO_VERSION, LMS_SLOT_NO_PAGE};
        if (name == 0) continue;
        lmsi_sequence *const q = lmsi_sequence_of(s, name);
        if (lmsi_pages_lacking(q, 1) > 0) {
            lmsi_pages_grow(&s->pages, &q->pages, LMS_SLOT_PAGE);
            growths[i].page = q->pages.pages[q->pages.length / LMS_SLOT_PAGE - 1];
            growths[i].version = ++q->version;
        }
        ++q->length;
    }
fail:
    return status;
}

void lmsi_slots_unreserve(lms_slots *s, const lmsi_appended *a, const lms_slot_growth *growths,
                          int has_grown)
{
    for (uint32_t i = a->count; i-- > 0;) {
        const uint64_t name = name_at(a, i);
        if (name == 0) continue;
        lmsi_sequence *const q = lmsi_sequence_of(s, name);
        --q->length;
        if (growths[i].page == LMS_SLOT_NO_PAGE || has_grown) continue;
        lmsi_pages_trim(&s->pages, &q->pages, q->pages.length - LMS_SLOT_PAGE);
        --q->version;
    }
}
