/* sampler.h - lms_sampler from the inside. */
#ifndef LMSI_SAMPLER_H
#define LMSI_SAMPLER_H

#include "op/operator.h"
#include "op/rows.h"

/* Its buffers, behind those for rows, ... */
enum {
    LMSI_SAMPLER_OUTCOMES = LMSI_ROW_BUFFERS,
    LMSI_SAMPLER_BROUGHT, /* records of the host, and behind them indices */
    LMSI_SAMPLER_BUFFERS
};

/* ... and its third kernel, which samplers with outputs have, in teams of more than one. */
enum {
    LMSI_SAMPLER_REPORT = LMSI_ROW_KERNELS
};

struct lms_sampler {
    lmsi_operator op;
    lms_sampler_desc desc;
    uint32_t rows; /* of the last call that had some */
};

/* What the kernels of a call are told. */
typedef struct lmsi_sampler_run {
    lmsi_rows rows;
    lms_sampler_run_args args;
    lms_view index;    /* the caller's, or the buffer for those of the host */
    lms_view params;   /* the same */
    cl_uint wanted;    /* LMS_OUT_... */
    cl_uint wants_cut; /* one of them tells what rows keep */
    cl_ulong probs_stride;
} lmsi_sampler_run;

lms_status lmsi_sampler_desc_check(const lms_sampler_desc *d);

/* Everything that can be wrong with a call, before anything is enqueued. *run is what the call
 * comes to, if there are rows. */
lms_status lmsi_sampler_run_check(const lms_sampler *s, const lmsi_where *where,
                                  const lms_sampler_run_args *b, lmsi_sampler_run *run);

/* Enqueues a call, or has it recorded. */
lms_status lmsi_sampler_enqueue(lmsi_call *call, const lms_sampler_run_args *b,
                                const lmsi_sampler_run *run);

/* The host's records. */
lms_status lmsi_params_check(const lms_row_params *params, uint32_t rows);

#endif
