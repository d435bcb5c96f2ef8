/* call.c - commands of a call, one behind the other, and calls of an operator, one behind the
 * other. */
#include "op/call.h"

#include "base/extent.h"
#include "base/status.h"
#include "op/operator.h"

#include <string.h>

lmsi_where lmsi_where_of(cl_command_queue queue, cl_uint num_wait, const cl_event *wait_list,
                         cl_event *event)
{
    if (event != NULL) *event = NULL;
    return (lmsi_where){queue, num_wait, wait_list, event};
}

lms_status lmsi_where_check(const lmsi_operator *op, const lmsi_where *where, const void *args,
                            const char *name)
{
    lms_status status = LMS_OK;
    LMSI_TRY(lmsi_queue_check(op->ctx, where->queue));
    LMSI_FAIL_IF(args == NULL, LMS_E_ARGUMENT, "%s: is NULL", name);
    LMSI_TRY(lmsi_wait_check(op->ctx, where->num_wait, where->wait_list));
fail:
    return status;
}

/* --- The calls before --------------------------------------------------------------------- */

static void forget(lmsi_latest *latest, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; ++i) clReleaseEvent(latest->events[i]);
    latest->count -= count;
    memmove(&latest->events[first], &latest->events[first + count],
            (latest->count - first) * sizeof *latest->events);
}

void lmsi_latest_end(lmsi_latest *latest)
{
    /* One by one: a list with a terminated event is an error. */
    for (uint32_t i = 0; i < latest->count; ++i) clWaitForEvents(1, &latest->events[i]);
    forget(latest, 0, latest->count);
}

lms_status lmsi_latest_wait(const lmsi_latest *latest)
{
    lms_status status = LMS_OK;
    if (latest->count > 0) LMSI_CL(clWaitForEvents(1, &latest->events[latest->count - 1]));
fail:
    return status;
}

/* Forgets calls that were terminated, say by an event of their wait list: they must not take
 * all later ones with them. If the latest one left is complete, those before it are over, and
 * are forgotten; it stays itself, because asking for its state is no synchronization point. */
static lms_status find_latest(lmsi_latest *latest)
{
    lms_status status = LMS_OK;
    cl_int state = CL_COMPLETE;
    while (latest->count > 0) {
        LMSI_CL(clGetEventInfo(latest->events[latest->count - 1],
                               CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL));
        if (state >= 0) break;
        forget(latest, latest->count - 1, 1);
    }
    if (state == CL_COMPLETE && latest->count > 1) forget(latest, 0, latest->count - 1);
fail:
    return status;
}

static cl_event latest_of(const lmsi_latest *latest)
{
    return latest->count > 0 ? latest->events[latest->count - 1] : NULL;
}

/* A call that cannot end before the previous one stands for that, too, which is forgotten. */
static void add_latest(lmsi_latest *latest, cl_event event, int may_end)
{
    if (latest->count > 0 && !may_end) forget(latest, latest->count - 1, 1);
    if (latest->count == LMSI_LATEST) forget(latest, 0, 1);
    latest->events[latest->count++] = event;
}

/* --- One call ----------------------------------------------------------------------------- */

/* The stage whose turn it is, if its last write to the device is over. */
static lms_status take_stage(lmsi_operator *op, lmsi_stage **out)
{
    lms_status status = LMS_OK;
    cl_int state = CL_COMPLETE;
    lmsi_stage *const stage = &op->stages[op->next_stage];
    if (stage->done != NULL) {
        LMSI_CL(clGetEventInfo(stage->done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                               &state, NULL));
        LMSI_FAIL_IF(state > CL_COMPLETE, LMS_E_BUSY,
                     "max_in_flight: %u calls with host records are unfinished",
                     (unsigned)op->desc.max_in_flight);
        clReleaseEvent(stage->done);
        stage->done = NULL;
    }
    *out = stage;
fail:
    return status;
}

/* The call's wait list and the previous calls as one short list. */
lms_status lmsi_call_begin(lmsi_call *call, lmsi_operator *op, const lmsi_where *where,
                           int is_staged)
{
    lms_status status = LMS_OK;
    lmsi_latest *const latest = &op->latest;
    lmsi_latest *const company = op->company;
    *call = (lmsi_call){.op = op, .where = where};
    if (is_staged) LMSI_TRY(take_stage(op, &call->stage));
    LMSI_TRY(find_latest(latest));
    if (company != NULL) LMSI_TRY(find_latest(company));
    call->may_end = where->num_wait > 0;
    if (where->num_wait > LMSI_FEW) {
        LMSI_CL(clEnqueueMarkerWithWaitList(where->queue, where->num_wait, where->wait_list,
                                            &call->owned));
        call->events[call->count++] = call->owned;
    }
    while (call->count < where->num_wait && call->owned == NULL) {
        call->events[call->count] = where->wait_list[call->count];
        ++call->count;
    }
    if (latest->count > 0) call->events[call->count++] = latest_of(latest);
    if (company != NULL && company->count > 0 && latest_of(company) != latest_of(latest)) {
        call->events[call->count++] = latest_of(company);
        call->may_end |= latest->count > 0;
    }
    if (is_staged) op->next_stage = (op->next_stage + 1) % op->desc.max_in_flight;
fail:
    return status;
}

static const cl_event *wait_list_of(const lmsi_call *call)
{
    return call->count > 0 ? call->events : NULL;
}

/* From now on, the next command waits for `event` alone: the last one enqueued, which waited
 * for all before. The reference is the call's, or *lender's. */
static void wait_only_for(lmsi_call *call, cl_event event, cl_event *lender)
{
    if (call->owned != NULL) clReleaseEvent(call->owned);
    call->owned = lender == NULL ? event : NULL;
    call->lender = lender;
    call->events[0] = event;
    call->count = 1;
    call->begun = 1;
}

void *lmsi_call_staged(const lmsi_call *call, size_t buffer)
{
    return call->stage->arrays[buffer];
}

lms_status lmsi_call_write(lmsi_call *call, size_t buffer, size_t at, size_t bytes)
{
    lms_status status = LMS_OK;
    lmsi_stage *const stage = call->stage;
    cl_event event = NULL;
    LMSI_CL(clEnqueueWriteBuffer(call->where->queue, call->op->mem[buffer], CL_FALSE, at, bytes,
                                 stage->arrays[buffer], call->count, wait_list_of(call),
                                 &event));
    wait_only_for(call, event, &stage->done);
    if (stage->done != NULL) clReleaseEvent(stage->done);
    stage->done = event;
fail:
    return status;
}

lms_status lmsi_call_enqueue(lmsi_call *call, const lmsi_launch *l)
{
    lms_status status = LMS_OK;
    cl_event done = NULL;
    LMSI_CL(clEnqueueNDRangeKernel(call->where->queue, l->kernel, l->dimensions, NULL,
                                   l->global, l->local, call->count, wait_list_of(call),
                                   &done));
    wait_only_for(call, done, NULL);
fail:
    return status;
}

cl_int lmsi_call_commands(lmsi_call *call, const lmsi_commands *commands)
{
    cl_event done = NULL;
    const cl_int code =
        commands->enqueue(0, NULL, commands->buffer, call->count, wait_list_of(call), &done);
    if (code == CL_SUCCESS) wait_only_for(call, done, NULL);
    return code;
}

lms_status lmsi_call_launch(lmsi_call *call, size_t kernel, size_t wide, size_t high)
{
    const lmsi_operator *const op = call->op;
    const size_t team = lmsi_operator_team(op, kernel);
    const lmsi_launch launch = {
        op->kernels[kernel], high > 0 ? 2 : 1, {wide * team, high}, {team, 1}};
    if (call->recording != NULL) return lmsi_recording_add(call->recording, kernel, &launch);
    return lmsi_call_enqueue(call, &launch);
}

/* One more reference to the last command's event. If OpenCL gives none, this waits for the
 * command and gives away the reference there is: nobody has to wait for it any more. */
static cl_event take_reference(lmsi_call *call)
{
    cl_event *const holder = call->lender != NULL ? call->lender : &call->owned;
    cl_event event = call->events[0];
    if (clRetainEvent(event) == CL_SUCCESS) return event;
    clWaitForEvents(1, &event);
    *holder = NULL;
    return event;
}

/* The call is the latest one. If OpenCL gives no further reference for the slots, what would
 * wait for them waits for nothing: the call is over. */
static void be_latest(const lmsi_call *call, cl_event event)
{
    lmsi_latest *const company = call->op->company;
    if (company != NULL) {
        if (clRetainEvent(event) == CL_SUCCESS) {
            add_latest(company, event, call->may_end);
        } else {
            clWaitForEvents(1, &event);
        }
    }
    add_latest(&call->op->latest, event, call->may_end);
}

lms_status lmsi_call_end(lmsi_call *call, lms_status status)
{
    cl_event *const wanted = call->where->event;
    if (call->begun) clFlush(call->where->queue);
    if (status == LMS_OK && wanted != NULL) *wanted = take_reference(call);
    cl_event event = call->owned;
    if (!call->begun) {
        if (event != NULL) clReleaseEvent(event);
    } else {
        if (call->lender != NULL && *call->lender != NULL) event = take_reference(call);
        if (event != NULL) be_latest(call, event);
    }
    return status;
}

lms_status lmsi_call_empty(const lmsi_where *where)
{
    lms_status status = LMS_OK;
    LMSI_CL(clEnqueueMarkerWithWaitList(where->queue, where->num_wait, where->wait_list,
                                        where->event));
    clFlush(where->queue);
fail:
    return status;
}
