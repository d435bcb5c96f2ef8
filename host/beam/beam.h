/* beam.h - lms_beam from the inside. */
#ifndef LMSI_BEAM_H
#define LMSI_BEAM_H

#include "base/context.h"
#include "op/enqueue.h"
#include "op/shape.h"
#include "slots/slots.h"

#include "kernels/beam/records.h"

/* Data on its way to the device. It may be overwritten when `done` has completed. */
typedef struct lmsi_beam_stage {
    cl_event done;
    lms_beam_entry *entries; /* beams of a call, then its requests, lms_beam_turn */
    lms_beam_state state;
    int32_t *ends; /* [max_end_tokens] */
} lmsi_beam_stage;

/* What the host knows of a slot. */
typedef struct lmsi_beam_slot {
    uint64_t serial; /* of the request in it */
    uint32_t width;
    uint32_t results;
    uint32_t longest; /* tokens that a sequence of it can have so far */
    uint32_t max_length;
} lmsi_beam_slot;

struct lms_beam {
    lms_context *ctx;
    lms_beam_desc desc;
    lmsi_shape shape;
    uint32_t tiles;
    uint32_t chunks;
    uint32_t max_choices; /* candidates of a step, and entries of a beam's list */
    uint32_t row_slots;   /* rows that the rows' workspace is for */
    cl_kernel tile_kernel;
    cl_kernel rows_kernel;
    cl_kernel advance_kernel;
    cl_kernel results_kernel;
    /* Rows. */
    cl_mem groups;
    cl_mem tile_keys;
    cl_mem seen;
    cl_mem list;
    cl_mem sums;
    /* Beams of a call. */
    cl_mem entries;
    cl_mem candidates;
    cl_mem offers;
    /* Slots. */
    cl_mem states;
    cl_mem ends;
    cl_mem beam_groups;
    cl_mem live;
    cl_mem links;
    cl_mem pool;
    cl_mem choices;
    cl_mem finished;
    cl_mem merged;
    cl_mem entrants;
    size_t workspace;
    lmsi_slots open;
    uint64_t serial;         /* of the latest request */
    lmsi_beam_slot *slots;   /* [desc.max_requests] */
    lmsi_beam_stage *stages; /* [desc.max_in_flight] */
    uint32_t next_stage;
    lmsi_latest last; /* calls */
};

/* Everything that can be wrong with a call, before anything is enqueued. */
lms_status lmsi_beam_open_check(const lms_beam *b, cl_command_queue queue, uint32_t slot,
                                const lms_beam_params *p, const int32_t *ends, cl_uint num_wait,
                                const cl_event *wait_list);
lms_status lmsi_beam_batch_check(lms_beam *b, cl_command_queue queue,
                                 const lms_beam_step_args *batch, cl_uint num_wait,
                                 const cl_event *wait_list);
lms_status lmsi_beam_output_check(lms_beam *b, cl_command_queue queue,
                                  const lms_beam_results_args *o, cl_uint num_wait,
                                  const cl_event *wait_list);

/* lms_beam_open with a status to begin with. */
lms_status lmsi_beam_open(lms_beam *b, cl_command_queue queue, uint32_t slot,
                          const lms_beam_params *params, const int32_t *ends,
                          uint32_t beam_status, cl_uint num_wait, const cl_event *wait_list,
                          cl_event *event);

/* A request's place in a call, and where its rows begin. */
uint32_t lmsi_beam_first_row(const lms_beam *b, const lms_beam_step_args *batch,
                             uint32_t request);

/* The rows that a call's requests need. */
uint64_t lmsi_beam_rows(const lms_beam *b, const lms_beam_step_args *batch);

#endif
