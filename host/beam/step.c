/* step.c - the calls on a beam search that launch kernels. A step: LMSI_TILES (unless the next
 * one does its work) and LMSI_ROWS by lmsi_rows_launch(), then LMSI_BEAM_ADVANCE; before them,
 * where rows have requests, LMSI_BEAM_PREPARE and LMSI_BEAM_PATCH. The gathering of results:
 * LMSI_BEAM_RESULTS. beam.c has the kernels' names and arguments. */
#include "base/status.h"
#include "beam/beam.h"

#include <string.h>

_Static_assert(sizeof(lms_beam_turn) == sizeof(lms_beam_entry), "they share a list");

/* A request's place in a call. */
static void put_turn(const lms_beam *b, uint32_t slot, uint32_t row, uint32_t entry,
                     lms_beam_entry *to)
{
    const lms_beam_turn turn = {b->open.states[slot].name, slot, row, entry,
                                b->slots[slot].width};
    memcpy(to, &turn, sizeof turn);
}

/* Lists the beams of a call and, behind them, its requests. */
static void list_entries(const lms_beam *b, const lms_beam_step_args *batch, uint32_t beams,
                         lms_beam_entry *entries)
{
    uint32_t first = 0;
    for (uint32_t r = 0; r < batch->requests; ++r) {
        const uint32_t slot = batch->slots[r], width = b->slots[slot].width;
        const uint32_t row = lmsi_beam_first_row(b, batch, r);
        for (uint32_t beam = 0; beam < width; ++beam) {
            entries[first + beam] =
                (lms_beam_entry){b->open.states[slot].name, slot, beam, row + beam, 0};
        }
        put_turn(b, slot, row, first, &entries[beams + r]);
        first += width;
    }
}

/* Brings what the host has of the requests of a call's beams: `entries`. */
static lms_status bring_requests(lmsi_call *call, const lms_beam_step_args *batch,
                                 const lmsi_beam_step *step, const lms_beam_entry *entries)
{
    const lmsi_requests *const q = &step->requests;
    const uint32_t beams = step->rows.rows;
    if (q->before + q->bytes == 0) return LMS_OK;
    char *const staged = lmsi_call_staged(call, LMSI_BEAM_BROUGHT);
    for (uint32_t i = 0; i < beams && batch->row_requests != NULL; ++i) {
        ((lms_request *)staged)[i] = batch->row_requests[entries[i].row];
    }
    for (uint32_t i = 0; i < beams && lmsi_is_given(batch->row_requests_device); ++i) {
        ((cl_uint *)staged)[i] = entries[i].row;
    }
    lmsi_tables_stage(batch->tables, q, staged);
    return lmsi_call_write(call, LMSI_BEAM_BROUGHT, 0, q->before + q->bytes);
}

/* Prepares the rows that have requests. */
static lms_status enqueue_requests(lmsi_call *call, const lmsi_beam_step *step)
{
    lms_status status = LMS_OK;
    if (!step->requests.has_prepared) return LMS_OK;
    LMSI_TRY(lmsi_call_launch(call, LMSI_BEAM_PREPARE, step->rows.rows, 0));
    if (call->op->kernels[LMSI_BEAM_PATCH] != NULL) {
        LMSI_TRY(lmsi_call_launch(call, LMSI_BEAM_PATCH, step->rows.rows, 0));
    }
fail:
    return status;
}

/* The state changes in the last kernel alone: a step that fails before has changed nothing. */
static lms_status enqueue_step(const lms_beam *b, lmsi_call *call,
                               const lms_beam_step_args *batch, const lmsi_beam_step *step)
{
    lms_status status = LMS_OK;
    const uint32_t beams = step->rows.rows;
    lms_beam_entry *const entries = lmsi_call_staged(call, LMSI_BEAM_ENTRIES);
    list_entries(b, batch, beams, entries);
    LMSI_TRY(lmsi_call_write(call, LMSI_BEAM_ENTRIES, 0,
                             (beams + (size_t)batch->requests) * sizeof *entries));
    LMSI_TRY(bring_requests(call, batch, step, entries));
    LMSI_TRY(enqueue_requests(call, step));
    LMSI_TRY(lmsi_rows_launch(call, &step->rows));
    LMSI_TRY(lmsi_call_launch(call, LMSI_BEAM_ADVANCE, batch->requests, 0));
fail:
    return status;
}

lms_status lms_beam_step(lms_beam *b, cl_command_queue queue, const lms_beam_step_args *batch,
                         cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    lmsi_beam_step step;
    lmsi_call call;
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    LMSI_TRY(lmsi_beam_step_check(b, &where, batch, &step));
    if (batch->requests == 0) return lmsi_call_empty(&where);
    LMSI_TRY(lmsi_operator_set(&b->op, lmsi_rows_first(&step.rows), LMSI_BEAM_ADVANCE, &step));
    if (step.requests.has_prepared) {
        LMSI_TRY(lmsi_operator_set(&b->op, LMSI_BEAM_PREPARE, LMSI_BEAM_PATCH, &step));
    }
    LMSI_TRY(lmsi_call_begin(&call, &b->op, &where, 1));
    LMSI_TRY(lmsi_call_end(&call, enqueue_step(b, &call, batch, &step)));
    for (uint32_t r = 0; r < batch->requests; ++r) {
        lmsi_beam_slot *const slot = &b->slots[batch->slots[r]];
        slot->longest += slot->longest < slot->max_length;
    }
fail:
    return status;
}

static lms_status enqueue_results(const lms_beam *b, lmsi_call *call,
                                  const lms_beam_results_args *o)
{
    lms_status status = LMS_OK;
    lms_beam_entry *const turns = lmsi_call_staged(call, LMSI_BEAM_ENTRIES);
    for (uint32_t r = 0; r < o->requests; ++r) put_turn(b, o->slots[r], 0, 0, &turns[r]);
    LMSI_TRY(lmsi_call_write(call, LMSI_BEAM_ENTRIES, 0, o->requests * sizeof *turns));
    LMSI_TRY(lmsi_call_launch(call, LMSI_BEAM_RESULTS, o->requests, 0));
fail:
    return status;
}

lms_status lms_beam_results(lms_beam *b, cl_command_queue queue, const lms_beam_results_args *o,
                            cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    lmsi_beam_results results;
    lmsi_call call;
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    LMSI_TRY(lmsi_beam_results_check(b, &where, o, &results));
    if (o->requests == 0) return lmsi_call_empty(&where);
    LMSI_TRY(lmsi_operator_set(&b->op, LMSI_BEAM_RESULTS, LMSI_BEAM_RESULTS, &results));
    LMSI_TRY(lmsi_call_begin(&call, &b->op, &where, 1));
    LMSI_TRY(lmsi_call_end(&call, enqueue_results(b, &call, o)));
fail:
    return status;
}
