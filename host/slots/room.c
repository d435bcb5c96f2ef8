/* room.c - pages and slots: which are free, who has which, and the sweep. */
#include "base/status.h"
#include "slots/sequences.h"

#include <string.h>

lmsi_sequence *lmsi_sequence_of(const lms_slots *s, uint64_t name)
{
    return &s->sequences[(name & ((1u << LMS_SLOT_NAME_BITS) - 1)) - 1];
}

uint32_t lmsi_slot_pages(uint32_t tokens)
{
    return tokens / LMS_SLOT_PAGE + (tokens % LMS_SLOT_PAGE != 0);
}

uint32_t lmsi_pages_lacking(const lmsi_sequence *q, uint32_t count)
{
    const uint32_t pages = lmsi_slot_pages(q->length + count);
    const uint32_t held = q->pages.length / LMS_SLOT_PAGE;
    return pages > held ? pages - held : 0;
}

static uint32_t parked_pages(const lms_slots *s) { return s->parked.length / LMS_SLOT_PAGE; }

lms_status lmsi_slots_room_check(const lms_slots *s, uint64_t pages, uint32_t slots)
{
    lms_status status = LMS_OK;
    const uint32_t free_slots = s->free_count + s->closed_count;
    const uint32_t free_pages = s->pages.free_count + parked_pages(s);
    LMSI_FAIL_IF(slots > free_slots, LMS_E_CONTEXT_FULL,
                 "count: %u slots are needed; %u of max_slots (%u) are free", (unsigned)slots,
                 (unsigned)free_slots, (unsigned)s->desc.max_slots);
    LMSI_FAIL_IF(pages > free_pages, LMS_E_CONTEXT_FULL,
                 "names: %llu pages of %u tokens are needed; %u of %u are free (max_tokens: "
                 "%llu)",
                 (unsigned long long)pages, LMS_SLOT_PAGE, (unsigned)free_pages,
                 (unsigned)s->pages.count, (unsigned long long)s->desc.max_tokens);
fail:
    return status;
}

uint64_t lms_slots_room(const lms_slots *s)
{
    if (s == NULL) return 0;
    return ((uint64_t)s->pages.free_count + parked_pages(s)) * LMS_SLOT_PAGE;
}

uint32_t lmsi_take_pages(lms_slots *s, uint32_t count)
{
    const uint32_t first = s->taken.length / LMS_SLOT_PAGE;
    lmsi_pages_grow(&s->pages, &s->taken, count * LMS_SLOT_PAGE);
    return first;
}

static void move_pages(lmsi_page_list *to, const uint32_t *pages, uint32_t count)
{
    memcpy(to->pages + to->length / LMS_SLOT_PAGE, pages, count * sizeof *pages);
    to->length += count * LMS_SLOT_PAGE;
}

void lmsi_give_pages(lms_slots *s, lmsi_sequence *q, uint32_t first, uint32_t count)
{
    if (count > 0) move_pages(&q->pages, s->taken.pages + first, count);
}

void lmsi_park_pages(lms_slots *s, lmsi_sequence *q)
{
    if (q->sweep == LMSI_SWEPT) s->dirty[s->dirty_count++] = (uint32_t)(q - s->sequences);
    q->sweep = LMSI_UNSWEPT;
    move_pages(&s->parked, q->pages.pages, q->pages.length / LMS_SLOT_PAGE);
    q->pages.length = 0;
}

/* --- The sweep ---------------------------------------------------------------------------- */

/* The latest sweep is over. */
static void forget_sweep(lms_slots *s)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < s->dirty_count; ++i) {
        lmsi_sequence *const q = &s->sequences[s->dirty[i]];
        if (q->sweep == LMSI_SWEEPING) {
            q->sweep = LMSI_SWEPT;
        } else {
            s->dirty[left++] = s->dirty[i];
        }
    }
    s->dirty_count = left;
}

/* What has come of it? While it is not over, all that is enqueued waits for it, and is
 * terminated if it is. */
static lms_status look_at_sweep(lms_slots *s)
{
    lms_status status = LMS_OK;
    cl_int state = CL_COMPLETE;
    if (s->swept == NULL) return LMS_OK;
    LMSI_CL(clGetEventInfo(s->swept, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state,
                           NULL));
    if (state > CL_COMPLETE) return LMS_OK;
    clReleaseEvent(s->swept);
    s->swept = NULL;
    s->must_sweep = state < 0;
    if (!s->must_sweep) forget_sweep(s);
fail:
    return status;
}

/* One is enqueued: what was parked and closed is free. */
static void free_swept(lms_slots *s, cl_event sweep)
{
    for (uint32_t i = 0; i < s->dirty_count; ++i) {
        lmsi_sequence *const q = &s->sequences[s->dirty[i]];
        if (q->sweep == LMSI_UNSWEPT && q->name == 0) s->free[s->free_count++] = s->dirty[i];
        q->sweep = LMSI_SWEEPING;
    }
    s->closed_count = 0;
    lmsi_pages_trim(&s->pages, &s->parked, 0);
    if (s->swept != NULL) clReleaseEvent(s->swept);
    s->swept = clRetainEvent(sweep) == CL_SUCCESS ? sweep : NULL;
    s->must_sweep = s->swept == NULL && clWaitForEvents(1, &sweep) != CL_SUCCESS;
    if (s->swept == NULL && !s->must_sweep) forget_sweep(s);
}

lms_status lmsi_slots_must_sweep(lms_slots *s, uint64_t pages, uint32_t slots, int *must)
{
    lms_status status = LMS_OK;
    *must = 0;
    if (pages == 0 && slots == 0) return LMS_OK;
    LMSI_TRY(look_at_sweep(s));
    *must = s->must_sweep || pages > s->pages.free_count || slots > s->free_count;
fail:
    return status;
}

lms_status lmsi_slots_sweep(lms_slots *s, lmsi_call *call)
{
    lms_status status = LMS_OK;
    const lmsi_slots_call record = {.sweep_count = s->dirty_count};
    const size_t team = lmsi_operator_team(&s->op, LMSI_SLOTS_SWEEP);
    lms_slot_sweep *const list = lmsi_call_staged(call, LMSI_SLOTS_SWEEPS);
    for (uint32_t i = 0; i < s->dirty_count; ++i) {
        const lmsi_sequence *const q = &s->sequences[s->dirty[i]];
        list[i] = (lms_slot_sweep){q->name, q->version, s->dirty[i]};
    }
    LMSI_TRY(lmsi_operator_set(&s->op, LMSI_SLOTS_SWEEP, LMSI_SLOTS_SWEEP, &record));
    LMSI_TRY(lmsi_call_write(call, LMSI_SLOTS_SWEEPS, 0, s->dirty_count * sizeof *list));
    LMSI_TRY(lmsi_call_launch(call, LMSI_SLOTS_SWEEP, (s->dirty_count + team - 1) / team, 0));
    free_swept(s, call->events[0]);
fail:
    return status;
}

lms_status lmsi_slots_make_free(lms_slots *s, lmsi_call *call, uint64_t pages, uint32_t slots)
{
    lms_status status = LMS_OK;
    int must = 0;
    LMSI_TRY(lmsi_slots_must_sweep(s, pages, slots, &must));
    if (must) LMSI_TRY(lmsi_slots_sweep(s, call));
fail:
    return status;
}
