/* propose.c - the first half of a step: enqueues what finds candidates. */
#include "base/status.h"
#include "contrastive/contrastive.h"

#include <string.h>

static void list_entries(const lms_contrastive *c, const lms_contrastive_propose_args *p,
                         uint64_t first_name, lms_proposal_entry *entries)
{
    for (uint32_t r = 0; r < p->requests; ++r) {
        const lms_contrastive_params *const own = &c->slots[p->slots[r]].params;
        entries[r] = (lms_proposal_entry){first_name + r,
                                          p->slots[r],
                                          lmsi_candidate_row(c, p->first_rows, r),
                                          own->k,
                                          p->index != NULL ? p->index[r] : (int32_t)r,
                                          own->filters};
    }
}

/* The call has succeeded. */
static void keep_proposals(lms_contrastive *c, const lms_contrastive_propose_args *p,
                           uint64_t first_name)
{
    for (uint32_t r = 0; r < p->requests; ++r) {
        lmsi_contrastive_slot *const s = &c->slots[p->slots[r]];
        s->proposed = (lmsi_proposed){first_name + r, s->context.length, s->params};
    }
}

/* Brings what the host has of the rows' requests, and prepares those rows. */
static lms_status enqueue_requests(lmsi_call *call, const lms_contrastive_propose_args *p,
                                   const lmsi_requests *q)
{
    lms_status status = LMS_OK;
    if (q->before + q->bytes > 0) {
        char *const staged = lmsi_call_staged(call, LMSI_CONTRASTIVE_BROUGHT);
        if (p->row_requests != NULL) memcpy(staged, p->row_requests, q->before);
        lmsi_tables_stage(p->tables, q, staged);
        LMSI_TRY(lmsi_call_write(call, LMSI_CONTRASTIVE_BROUGHT, 0, q->before + q->bytes));
    }
    if (!q->has_prepared) return LMS_OK;
    LMSI_TRY(lmsi_call_launch(call, LMSI_CONTRASTIVE_PREPARE, p->requests, 0));
    if (call->op->kernels[LMSI_CONTRASTIVE_PATCH] != NULL) {
        LMSI_TRY(lmsi_call_launch(call, LMSI_CONTRASTIVE_PATCH, p->requests, 0));
    }
fail:
    return status;
}

static lms_status enqueue(const lms_contrastive *c, lmsi_call *call,
                          const lms_contrastive_propose_args *p, const lmsi_propose *propose,
                          uint64_t first_name)
{
    lms_status status = LMS_OK;
    lms_proposal_entry *const entries = lmsi_call_staged(call, LMSI_CONTRASTIVE_ENTRIES);
    list_entries(c, p, first_name, entries);
    LMSI_TRY(lmsi_call_write(call, LMSI_CONTRASTIVE_ENTRIES, 0, p->requests * sizeof *entries));
    LMSI_TRY(enqueue_requests(call, p, &propose->requests));
    LMSI_TRY(lmsi_rows_launch(call, &propose->rows));
fail:
    return status;
}

lms_status lms_contrastive_propose(lms_contrastive *c, cl_command_queue queue,
                                   const lms_contrastive_propose_args *p, cl_uint num_wait,
                                   const cl_event *wait_list, cl_event *event)
{
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    lmsi_propose propose;
    lmsi_call call;
    if (c == NULL) return lmsi_fail(LMS_E_ARGUMENT, "contrastive: is NULL");
    LMSI_TRY(lmsi_propose_check(c, &where, p, &propose));
    if (p->requests == 0) return lmsi_call_empty(&where);
    LMSI_TRY(lmsi_operator_set(&c->op, lmsi_rows_first(&propose.rows), LMSI_ROWS, &propose));
    if (propose.requests.has_prepared) {
        LMSI_TRY(lmsi_operator_set(&c->op, LMSI_CONTRASTIVE_PREPARE, LMSI_CONTRASTIVE_PATCH,
                                   &propose));
    }
    LMSI_TRY(lmsi_call_begin(&call, &c->op, &where, 1));
    const uint64_t first_name = lmsi_slots_names(&c->open, p->requests);
    LMSI_TRY(lmsi_call_end(&call, enqueue(c, &call, p, &propose, first_name)));
    keep_proposals(c, p, first_name);
fail:
    return status;
}
