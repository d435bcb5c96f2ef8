/* searches.c - requests of rows that have no lms_row_params, as those of searches. */
#include "requests/requests.h"

#include "base/status.h"

void lmsi_search_plan(lmsi_operator *op, const lmsi_requester *q, size_t brought)
{
    const uint64_t tables = lmsi_sum(q->table_bytes, LMSI_TABLE_SLACK);
    const uint64_t records = (uint64_t)q->max_rows * sizeof(lms_request);
    const lmsi_buffer buffer = {"brought", "requests", 1, lmsi_sum(records, tables), 1};
    lmsi_operator_list(op, brought, &buffer, 1);
}

lms_status lmsi_search_check(const lmsi_operator *op, lmsi_requester *q,
                             const lmsi_search_rows *s, lmsi_requests *requests)
{
    lms_status status = LMS_OK;
    const int on_host = s->host != NULL, on_device = lmsi_is_given(s->device);
    const int is_listed = on_device && s->is_listed;
    const size_t each = on_host ? sizeof *s->host : is_listed ? sizeof(cl_uint) : 0;
    const lmsi_table_place place = {s->brought, s->rows * each, s->room};
    const lmsi_array array = {
        "row_requests_device", s->device, s->all_rows, 1, 1, sizeof *s->host, LMSI_READ, 0};
    LMSI_FAIL_IF((on_host || on_device) && q->bits == 0, LMS_E_ARGUMENT,
                 "row_requests: are given, but the object was made without requests");
    LMSI_FAIL_IF(on_host && on_device, LMS_E_ARGUMENT,
                 "row_requests, row_requests_device: at most one of them is given");
    LMSI_TRY(lmsi_tables_check(op, q, s->tables, &place, requests));
    LMSI_TRY(lmsi_arrays_check(op->ctx, &array, 1, NULL));
    requests->row_requests = on_host ? (lms_view){s->brought, 0, NULL} : s->device;
    if (is_listed) requests->row_numbers = (lms_view){s->brought, 0, NULL};
    requests->before = place.behind;
    requests->has_prepared = on_device ? 1 : 0; /* seen by the kernel that prepares rows */
fail:
    return status;
}

/* What records on the host have that is not for searches. */
static lms_status decay_check(const lms_tables *t, const lms_request *p, uint32_t r)
{
    if (p->edits == 0 || t->edits == NULL) return LMS_OK;
    const float decay = t->edits[p->edits - 1].top_p_decay;
    if (decay == 0.0f) return LMS_OK;
    return lmsi_fail(LMS_E_ROW_PARAMS,
                     "row_requests[%u].edits: tables.edits[%u].top_p_decay is %g, not 0 as "
                     "it must be in a search",
                     (unsigned)r, (unsigned)p->edits - 1, (double)decay);
}

lms_status lmsi_search_row_check(const lmsi_requester *q, lmsi_requests *requests,
                                 const lmsi_search_rows *s, uint32_t r)
{
    const lms_request *const p = &s->host[r];
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_request_check(q, requests, s->logits_rows, p, r));
    if (lmsi_has_request(p)) requests->has_prepared = 1;
    if (s->tables != NULL) LMSI_TRY(decay_check(s->tables, p, r));
fail:
    return status;
}
