/* rows.c - rows that name entries of a call's tables, and slots. */
#include "requests/requests.h"

#include "kernels/row/params.h"

#include "base/status.h"
#include "op/filters.h"
#include "slots/sequences.h"

#include <stdio.h>

void lmsi_slots_arguments(const lmsi_operator *op, const lmsi_requester *q, lmsi_requests *r)
{
    cl_mem none = op->mem[0];
    const lmsi_slots_memory memory = q->slots != NULL
                                         ? lmsi_slots_memory_of(q->slots)
                                         : (lmsi_slots_memory){none, none, none, 1, 0};
    r->slot_pages = memory.pages;
    r->page_tables = memory.page_tables;
    r->slot_states = memory.slot_states;
    r->table_stride = memory.table_stride;
    r->max_slots = memory.max_slots;
    r->max_length = q->max_length;
}

static int is_slot_open(const lmsi_requester *q, uint64_t name)
{
    return q->slots != NULL && lmsi_slots_has(q->slots, name);
}

static lms_row_limits limits_of(const lmsi_requester *q, const lmsi_requests *requests,
                                uint64_t logits_rows, const lms_request *p)
{
    const int has_requests = q->bits != 0;
    return (lms_row_limits){
        .logits_rows = has_requests ? logits_rows : 0,
        .edits = requests->edit_count,
        .masks = requests->mask_count,
        .wants = requests->want_count,
        .vocab = has_requests ? q->vocab : 0,
        .is_slot_open = p->slot != 0 && is_slot_open(q, p->slot),
    };
}

/* Why nothing may be named at all. */
static const char *why_none(const lms_row_limits *limits)
{
    return limits->vocab == 0 ? ": the object was made without requests" : "";
}

/* `name` is the caller's for the request. */
static lms_status request_fail(const char *name, const lms_request *q, uint32_t field,
                               const lms_row_limits *limits)
{
    const char *const why = why_none(limits);
    switch (field) {
    case LMS_FIELD_SLOT:
        return lmsi_fail(LMS_E_ROW_PARAMS, "%s.slot: 0x%llx is no open slot%s", name,
                         (unsigned long long)q->slot, why);
    case LMS_FIELD_EDITS:
        return lmsi_fail(LMS_E_ROW_PARAMS, "%s.edits: %u is above edit_count (%u)%s", name,
                         (unsigned)q->edits, (unsigned)limits->edits, why);
    case LMS_FIELD_MASK:
        return lmsi_fail(LMS_E_ROW_PARAMS, "%s.mask: %u is above mask_count (%u)%s", name,
                         (unsigned)q->mask, (unsigned)limits->masks, why);
    case LMS_FIELD_UNCONDITIONAL:
        return lmsi_fail(LMS_E_ROW_PARAMS, "%s.unconditional: %u is above logits_rows (%llu)%s",
                         name, (unsigned)q->unconditional,
                         (unsigned long long)limits->logits_rows, why);
    default: return lmsi_fail(LMS_E_ROW_PARAMS, "%s.reserved: is not 0", name);
    }
}

static lms_status row_fail(const lms_row_params *p, uint32_t r, uint32_t field,
                           const lms_row_limits *limits)
{
    char name[64];
    switch (field) {
    case LMS_FIELD_SLOT:
    case LMS_FIELD_EDITS:
    case LMS_FIELD_MASK:
    case LMS_FIELD_UNCONDITIONAL:
        snprintf(name, sizeof name, "params[%u].request", (unsigned)r);
        return request_fail(name, &p->request, field, limits);
    case LMS_FIELD_WANTS:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].wants: %u is above want_count (%u)%s",
                         (unsigned)r, (unsigned)p->wants, (unsigned)limits->wants,
                         why_none(limits));
    case LMS_FIELD_TARGET:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].target: %u is above vocab (%u)%s",
                         (unsigned)r, (unsigned)p->target, (unsigned)limits->vocab,
                         why_none(limits));
    case LMS_FIELD_STEP:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].step: LMS_STEP_OF_SLOT without a slot",
                         (unsigned)r);
    default:
        return lmsi_fail(LMS_E_ROW_PARAMS, "params[%u].%sreserved: is not 0", (unsigned)r,
                         p->request.reserved != 0 ? "request." : "");
    }
}

lms_status lmsi_row_check(const lmsi_requester *q, const lmsi_requests *requests,
                          uint64_t logits_rows, const lms_row_params *p, uint32_t r)
{
    char name[64];
    const lms_row_limits limits = limits_of(q, requests, logits_rows, &p->request);
    const uint32_t field = lms_bad_row(*p, limits);
    if (field == 0) return LMS_OK;
    if (field > LMS_FIELD_RULES || field == LMS_FIELD_RESERVED) {
        return row_fail(p, r, field, &limits);
    }
    snprintf(name, sizeof name, "params[%u].filters", (unsigned)r);
    return lmsi_filters_fail(LMS_E_ROW_PARAMS, name, &p->filters, field);
}

lms_status lmsi_request_check(const lmsi_requester *q, const lmsi_requests *requests,
                              uint64_t logits_rows, const lms_request *p, uint32_t r)
{
    char name[64];
    const lms_row_limits limits = limits_of(q, requests, logits_rows, p);
    uint32_t field = lms_bad_request(*p, limits);
    if (field == 0 && p->reserved != 0) field = LMS_FIELD_RESERVED;
    if (field == 0) return LMS_OK;
    snprintf(name, sizeof name, "row_requests[%u]", (unsigned)r);
    return request_fail(name, p, field, &limits);
}

int lmsi_has_request(const lms_request *q)
{
    return q->slot != 0 || q->edits != 0 || q->mask != 0 || q->unconditional != 0;
}

int lmsi_row_has_request(const lmsi_requests *requests, const lms_row_params *p)
{
    return (p->wants != 0 && requests->checks_wants) || lmsi_has_request(&p->request);
}
