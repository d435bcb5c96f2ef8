/* open.c - a request gets a slot of a beam search, and gives it back. */
#include "base/status.h"
#include "beam/beam.h"

#include <string.h>

static lms_status enqueue(lmsi_call *call, uint32_t slot, const lms_beam_state *state,
                          const int32_t *ends)
{
    lms_status status = LMS_OK;
    const size_t each = (size_t)call->op->buffers[LMSI_BEAM_ENDS].bytes;
    const size_t size = state->p.end_tokens * sizeof *ends;
    memcpy(lmsi_call_staged(call, LMSI_BEAM_STATES), state, sizeof *state);
    if (size > 0) {
        memcpy(lmsi_call_staged(call, LMSI_BEAM_ENDS), ends, size);
        LMSI_TRY(lmsi_call_write(call, LMSI_BEAM_ENDS, slot * each, size));
    }
    /* The state comes last: with its serial, all of the slot is the new request's. */
    LMSI_TRY(lmsi_call_write(call, LMSI_BEAM_STATES, slot * sizeof *state, sizeof *state));
fail:
    return status;
}

lms_status lmsi_beam_open(lms_beam *b, const lmsi_where *where, uint32_t slot,
                          const lms_beam_params *params, const int32_t *ends,
                          uint32_t beam_status)
{
    lms_status status = LMS_OK;
    lmsi_call call;
    LMSI_TRY(lmsi_call_begin(&call, &b->op, where, 1));
    const lms_beam_state state = {*params, lmsi_slots_names(&b->open, 1), 0, beam_status};
    status = lmsi_call_end(&call, enqueue(&call, slot, &state, ends));
    if (status != LMS_OK) goto fail;
    lmsi_slot_open(&b->open, slot, state.serial);
    b->slots[slot] = (lmsi_beam_slot){params->width, params->results, 0, params->max_length};
fail:
    return status;
}

lms_status lms_beam_open(lms_beam *b, cl_command_queue queue, uint32_t slot,
                         const lms_beam_params *params, const int32_t *end_tokens,
                         cl_uint num_wait, const cl_event *wait_list, cl_event *event)
{
    const lmsi_where where = lmsi_where_of(queue, num_wait, wait_list, event);
    lms_status status = LMS_OK;
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    LMSI_TRY(lmsi_beam_open_check(b, &where, slot, params, end_tokens));
    LMSI_TRY(lmsi_beam_open(b, &where, slot, params, end_tokens, 0));
fail:
    return status;
}

lms_status lms_beam_close(lms_beam *b, uint32_t slot)
{
    if (b == NULL) return lmsi_fail(LMS_E_ARGUMENT, "beam: is NULL");
    return lmsi_slot_close(&b->open, slot);
}
