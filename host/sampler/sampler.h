/* sampler.h - lms_sampler from the inside. */
#ifndef LMSI_SAMPLER_H
#define LMSI_SAMPLER_H

#include "base/context.h"
#include "op/enqueue.h"
#include "op/shape.h"

/* Host records on their way to the device. They may be overwritten when `done` has
 * completed. */
typedef struct lmsi_stage {
    cl_event done;
    lms_row_params *params; /* [max_rows] */
    int32_t *index;         /* [max_rows] */
} lmsi_stage;

struct lms_sampler {
    lms_context *ctx;
    lms_sampler_desc desc;
    uint32_t tiles;
    uint32_t chunks;
    uint32_t places; /* of rows in the workspace */
    lmsi_shape shape;
    cl_kernel tile_kernel;
    cl_kernel sample_kernel;
    cl_kernel report_kernel; /* NULL without outputs, and in teams of one */
    cl_mem groups;
    cl_mem tile_keys;
    cl_mem seen;
    cl_mem list;
    cl_mem sums;
    cl_mem outcomes;
    cl_mem params; /* where host records go */
    cl_mem index;
    size_t workspace;
    lmsi_stage *stages; /* [desc.max_in_flight] */
    uint32_t next_stage;
    lmsi_latest last; /* calls: the memory above is free when they are over */
};

/* Everything that can be wrong with a call, before anything is enqueued. */
lms_status lmsi_batch_check(const lms_sampler *s, cl_command_queue queue,
                            const lms_sampler_run_args *batch, cl_uint num_wait,
                            const cl_event *wait_list);

/* The part of it that looks at the host's records and indices, either of which may be NULL. */
lms_status lmsi_rows_check(const lms_row_params *params, const int32_t *index, uint32_t rows,
                           uint64_t logits_rows);

#endif
