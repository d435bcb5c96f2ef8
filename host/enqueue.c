#include "enqueue.h"

#include "status.h"

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

void lmsi_chain_end(cl_event *last, lmsi_chain *chain)
{
    if (chain->begun) {
        if (*last != NULL) clReleaseEvent(*last);
        *last = chain->owned;
        if (chain->lender != NULL && *chain->lender != NULL) *last = take_reference(chain);
    } else if (chain->owned != NULL) {
        clReleaseEvent(chain->owned);
    }
    chain->owned = NULL;
}

void lmsi_chain_deliver(cl_event *last, cl_command_queue queue, lmsi_chain *chain,
                        cl_event *event)
{
    clFlush(queue);
    if (event != NULL) *event = take_reference(chain);
    lmsi_chain_end(last, chain);
}

lms_status lmsi_chain_start(cl_event *last, cl_command_queue queue, cl_uint num_wait,
                            const cl_event *wait_list, lmsi_chain *chain)
{
    lms_status status = LMS_OK;
    cl_int state = CL_COMPLETE;
    /* A call that was terminated, say by an event of its wait list, must not take all later
     * ones with it. One that is complete stays: to ask for its state is no synchronization
     * point. */
    if (*last != NULL) {
        LMSI_CL(clGetEventInfo(*last, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state,
                               NULL));
        if (state < 0) {
            clReleaseEvent(*last);
            *last = NULL;
        }
    }
    if (num_wait > 0) {
        LMSI_CL(clEnqueueMarkerWithWaitList(queue, num_wait, wait_list, &chain->owned));
        chain->events[chain->count++] = chain->owned;
    }
    if (*last != NULL) chain->events[chain->count++] = *last;
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
