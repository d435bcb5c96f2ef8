/* stages.c - one piece of memory for all stages of an operator. */
#include "op/stages.h"

#include "base/status.h"

#include <stdlib.h>

#define LMSI_STAGE_LINE 64u /* arrays begin at a multiple of it */

/* Pinned memory is taken from the machine whether it is used or not; large stages are hardly
 * ever full. */
#define LMSI_MOST_PINNED ((uint64_t)32 << 20)

static uint64_t array_bytes(const lmsi_buffer *buffer)
{
    const uint64_t bytes = lmsi_product(buffer->staged, buffer->bytes);
    return lmsi_sum(bytes, LMSI_STAGE_LINE - 1) / LMSI_STAGE_LINE * LMSI_STAGE_LINE;
}

static uint64_t all_bytes(const lmsi_operator *op)
{
    uint64_t bytes = 0;
    for (size_t b = 0; b < op->buffer_count; ++b) {
        bytes = lmsi_sum(bytes, array_bytes(&op->buffers[b]));
    }
    return lmsi_product(bytes, op->desc.max_in_flight);
}

/* A device with memory of its own fetches by itself what is pinned; of other memory the driver
 * makes a copy first. A buffer of the host's memory that stays mapped is how OpenCL has pinned
 * memory: no command uses the buffer, only the memory. Where there is none, any other does. */
static void pin(lmsi_operator *op, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    op->pinned = clCreateBuffer(op->ctx->context, CL_MEM_READ_ONLY | CL_MEM_ALLOC_HOST_PTR,
                                bytes, NULL, &code);
    if (code != CL_SUCCESS) op->pinned = NULL;
    if (op->pinned == NULL) return;
    op->staging = clEnqueueMapBuffer(op->ctx->queue, op->pinned, CL_TRUE, CL_MAP_WRITE, 0,
                                     bytes, 0, NULL, NULL, &code);
    if (code == CL_SUCCESS && op->staging != NULL) return;
    op->staging = NULL;
    clReleaseMemObject(op->pinned);
    op->pinned = NULL;
}

lms_status lmsi_stages_make(lmsi_operator *op)
{
    lms_status status = LMS_OK;
    const uint64_t bytes = all_bytes(op);
    const uint32_t count = op->desc.max_in_flight;
    op->stages = calloc(count, sizeof *op->stages);
    LMSI_FAIL_IF(op->stages == NULL, LMS_E_MEMORY, "out of memory for %u calls",
                 (unsigned)count);
    if (!op->ctx->device.unified && bytes <= LMSI_MOST_PINNED) pin(op, (size_t)bytes);
    if (op->staging == NULL && bytes <= SIZE_MAX) op->staging = calloc((size_t)bytes, 1);
    LMSI_FAIL_IF(op->staging == NULL, LMS_E_MEMORY,
                 "out of memory for staging %u calls: %llu bytes", (unsigned)count,
                 (unsigned long long)bytes);
    char *at = op->staging;
    for (uint32_t i = 0; i < count; ++i) {
        for (size_t b = 0; b < op->buffer_count; ++b) {
            if (op->buffers[b].staged == 0) continue;
            op->stages[i].arrays[b] = at;
            at += array_bytes(&op->buffers[b]);
        }
    }
fail:
    return status;
}

void lmsi_stages_free(lmsi_operator *op)
{
    for (uint32_t i = 0; op->stages != NULL && i < op->desc.max_in_flight; ++i) {
        lmsi_stage *const stage = &op->stages[i];
        if (stage->done == NULL) continue;
        clWaitForEvents(1, &stage->done);
        clReleaseEvent(stage->done);
    }
    free(op->stages);
    if (op->pinned != NULL) {
        /* The command holds the buffer, and has it for as long as it needs. */
        clEnqueueUnmapMemObject(op->ctx->queue, op->pinned, op->staging, 0, NULL, NULL);
        clFlush(op->ctx->queue);
        clReleaseMemObject(op->pinned);
    } else {
        free(op->staging);
    }
}
