/* sampler.h - lms_sampler from the inside. */
#ifndef LMSI_SAMPLER_H
#define LMSI_SAMPLER_H

#include "op/operator.h"
#include "op/rows.h"
#include "requests/requests.h"
#include "slots/sequences.h"

/* Its buffers, behind those for rows, ... */
enum {
    LMSI_SAMPLER_OUTCOMES = LMSI_ROW_BUFFERS,
    LMSI_SAMPLER_BROUGHT,  /* records of the host, behind them indices, then tables */
    LMSI_SAMPLER_REQUESTS, /* the first one of the requests' */
    LMSI_SAMPLER_BUFFERS = LMSI_SAMPLER_REQUESTS + LMSI_REQUEST_BUFFERS
};

/* ... and its other kernels: what samplers with outputs have, in teams of more than one, and
 * what those with requests have: in every team, and in those of more than one. */
enum {
    LMSI_SAMPLER_REPORT = LMSI_ROW_KERNELS,
    LMSI_SAMPLER_PREPARE,
    LMSI_SAMPLER_PATCH,
    LMSI_SAMPLER_KERNELS
};

struct lms_sampler {
    lmsi_operator op;
    lms_sampler_desc desc;
    lmsi_requester requester;
    uint32_t rows; /* of the last call that had some */
};

/* What the kernels of a call are told. */
typedef struct lmsi_sampler_run {
    lmsi_rows rows;
    lms_sampler_run_args args;
    lms_view index;    /* the caller's, or the buffer for those of the host */
    lms_view params;   /* the same */
    cl_uint wanted;    /* LMS_OUT_... */
    cl_uint wants_cut; /* LMS_CUT_...: one of them tells what rows keep */
    cl_ulong probs_stride;
    cl_ulong top_stride;
    cl_ulong named_stride;
    lmsi_requests requests;
    /* A call's last kernel appends tokens: where one before has and the last one fails, what
     * is appended could not be taken back. */
    cl_uint sample_appends;
    cl_uint report_appends;
    size_t brought_bytes; /* from the host */
} lmsi_sampler_run;

lms_status lmsi_sampler_desc_check(const lms_sampler_desc *d);

/* Everything that can be wrong with a call, before anything is enqueued. *run is what the call
 * comes to, if there are rows. */
lms_status lmsi_sampler_run_check(lms_sampler *s, const lmsi_where *where,
                                  const lms_sampler_run_args *b, lmsi_sampler_run *run);

/* The slots of a call that appends. */
static inline lmsi_appended lmsi_sampler_appended(const lms_row_params *params, uint32_t rows)
{
    return (lmsi_appended){&params->request.slot, sizeof *params, rows};
}

/* Can a token of each row be appended to its slot: of all rows of a batch, before the first of
 * its parts? */
lms_status lmsi_sampler_append_check(const lms_sampler *s, uint32_t append,
                                     const lms_row_params *params, uint32_t rows);

/* Enqueues a call, or has it recorded. */
lms_status lmsi_sampler_enqueue(lmsi_call *call, const lms_sampler_run_args *b,
                                const lmsi_sampler_run *run);

/* The host's records; *has_request is whether one of them has one. */
lms_status lmsi_params_check(const lms_sampler *s, const lmsi_requests *requests,
                             uint64_t logits_rows, const lms_row_params *params, uint32_t rows,
                             cl_uint *has_request);

#endif
