#include "op/enqueue.h"

#include "base/status.h"

#include <string.h>

static void set(lmsi_arguments *a, size_t size, const void *value)
{
    const cl_int code = clSetKernelArg(a->kernel, a->next++, size, value);
    if (a->code == CL_SUCCESS) a->code = code;
}

void lmsi_set_uint(lmsi_arguments *a, cl_uint value) { set(a, sizeof value, &value); }
void lmsi_set_ulong(lmsi_arguments *a, cl_ulong value) { set(a, sizeof value, &value); }

void lmsi_set_mem(lmsi_arguments *a, cl_mem mem, cl_mem otherwise)
{
    if (mem == NULL) mem = otherwise;
    set(a, sizeof mem, &mem);
}

void lmsi_set_view(lmsi_arguments *a, lms_view view, cl_mem otherwise)
{
    lmsi_set_mem(a, view.buffer, otherwise);
    lmsi_set_ulong(a, view.offset);
}

static const cl_event *chain_list(const lmsi_chain *chain)
{
    return chain->count > 0 ? chain->events : NULL;
}

/* From now on, the next command waits for `event` alone: the last one enqueued, which waited
 * for all before. The reference is the chain's, or *lender's. */
static void chain_only(lmsi_chain *chain, cl_event event, cl_event *lender)
{
    if (chain->owned != NULL) clReleaseEvent(chain->owned);
    chain->owned = lender == NULL ? event : NULL;
    chain->lender = lender;
    chain->events[0] = event;
    chain->count = 1;
    chain->begun = 1;
}

/* One more reference to the last command's event. Where OpenCL gives none, the one there is,
 * once the command is over and nobody has to wait for it any more. */
static cl_event take_reference(lmsi_chain *chain)
{
    cl_event *const holder = chain->lender != NULL ? chain->lender : &chain->owned;
    cl_event event = chain->events[0];
    if (clRetainEvent(event) == CL_SUCCESS) return event;
    clWaitForEvents(1, &event);
    *holder = NULL;
    return event;
}

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

/* A call that was terminated, say by an event of its wait list, must not take all later ones
 * with it. One that is complete stays, for to ask for its state is no synchronization point,
 * but those before it are over. */
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

/* What cannot end before the call before it stands for that, too. */
static void add_latest(lmsi_latest *latest, cl_event event, int may_end)
{
    if (latest->count > 0 && !may_end) forget(latest, latest->count - 1, 1);
    if (latest->count == LMSI_LATEST) forget(latest, 0, 1);
    latest->events[latest->count++] = event;
}

void lmsi_chain_end(lmsi_latest *latest, lmsi_chain *chain)
{
    cl_event event = chain->owned;
    if (!chain->begun) {
        if (event != NULL) clReleaseEvent(event);
    } else {
        if (chain->lender != NULL && *chain->lender != NULL) event = take_reference(chain);
        if (event != NULL) add_latest(latest, event, chain->may_end);
    }
    chain->owned = NULL;
}

void lmsi_chain_deliver(lmsi_latest *latest, cl_command_queue queue, lmsi_chain *chain,
                        cl_event *event)
{
    clFlush(queue);
    if (event != NULL) *event = take_reference(chain);
    lmsi_chain_end(latest, chain);
}

lms_status lmsi_chain_start(lmsi_latest *latest, cl_command_queue queue, cl_uint num_wait,
                            const cl_event *wait_list, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    LMSI_TRY(find_latest(latest));
    if (num_wait > 0) {
        LMSI_CL(clEnqueueMarkerWithWaitList(queue, num_wait, wait_list, &chain->owned));
        chain->events[chain->count++] = chain->owned;
        chain->may_end = 1;
    }
    if (latest->count > 0) chain->events[chain->count++] = latest->events[latest->count - 1];
fail:
    return status;
}

lms_status lmsi_take_stage(cl_event *done, uint32_t max_in_flight)
{
    lms_status status = LMS_OK;
    cl_int state = CL_COMPLETE;
    if (*done != NULL) {
        LMSI_CL(clGetEventInfo(*done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state,
                               NULL));
        LMSI_FAIL_IF(state > CL_COMPLETE, LMS_E_BUSY,
                     "max_in_flight: %u calls with host records are unfinished",
                     (unsigned)max_in_flight);
        clReleaseEvent(*done);
        *done = NULL;
    }
fail:
    return status;
}

lms_status lmsi_write(cl_command_queue queue, cl_mem to, size_t offset, size_t size,
                      const void *from, cl_event *done, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    cl_event event = NULL;
    LMSI_CL(clEnqueueWriteBuffer(queue, to, CL_FALSE, offset, size, from, chain->count,
                                 chain_list(chain), &event));
    chain_only(chain, event, done);
    if (*done != NULL) clReleaseEvent(*done);
    *done = event;
fail:
    return status;
}

lms_status lmsi_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                       const size_t *global, const size_t *local, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    cl_event done = NULL;
    LMSI_CL(clEnqueueNDRangeKernel(queue, kernel, dimensions, NULL, global, local, chain->count,
                                   chain_list(chain), &done));
    chain_only(chain, done, NULL);
fail:
    return status;
}

lms_status lmsi_run_empty(cl_command_queue queue, cl_uint num_wait, const cl_event *wait_list,
                          cl_event *event)
{
    lms_status status = LMS_OK;
    LMSI_CL(clEnqueueMarkerWithWaitList(queue, num_wait, wait_list, event));
    clFlush(queue);
fail:
    return status;
}
