/* beam.h - lms_beam from the inside. */
#ifndef LMSI_BEAM_H
#define LMSI_BEAM_H

#include "op/operator.h"
#include "op/rows.h"
#include "requests/requests.h"
#include "slots/slots.h"

#include "kernels/beam/records.h"

/* Its buffers, behind those for rows: what a call is about, ... */
enum {
    LMSI_BEAM_ENTRIES =
        LMSI_ROW_BUFFERS, /* beams of a call, then its requests, lms_beam_turn */
    LMSI_BEAM_CANDIDATES,
    LMSI_BEAM_OFFERS,
    /* ... and what the slots hold. */
    LMSI_BEAM_STATES,
    LMSI_BEAM_ENDS,
    LMSI_BEAM_GROUPS,
    LMSI_BEAM_LIVE,
    LMSI_BEAM_LINKS,
    LMSI_BEAM_POOL,
    LMSI_BEAM_CHOICES,
    LMSI_BEAM_FINISHED,
    LMSI_BEAM_MERGED,
    LMSI_BEAM_ENTRANTS,
    /* With requests: those of a call on the host, or which they are; then tables. */
    LMSI_BEAM_BROUGHT,
    LMSI_BEAM_OF_REQUESTS, /* the first one of the requests' */
    LMSI_BEAM_BUFFERS = LMSI_BEAM_OF_REQUESTS + LMSI_REQUEST_BUFFERS
};

enum {
    LMSI_BEAM_ADVANCE = LMSI_ROW_KERNELS,
    LMSI_BEAM_RESULTS,
    LMSI_BEAM_PREPARE, /* from here on with requests */
    LMSI_BEAM_PATCH,   /* in teams of more than one */
    LMSI_BEAM_KERNELS
};

/* What the host knows of a request in a slot. */
typedef struct lmsi_beam_slot {
    uint32_t width;
    uint32_t results;
    uint32_t longest; /* tokens that a sequence of it can have so far */
    uint32_t max_length;
} lmsi_beam_slot;

struct lms_beam {
    lmsi_operator op;
    lms_beam_desc desc;
    lmsi_requester requester;
    uint32_t max_choices; /* candidates of a step, and entries of a beam's list */
    lmsi_slots open;
    lmsi_beam_slot *slots; /* [desc.max_requests] */
};

/* What the kernels of a step are told. */
typedef struct lmsi_beam_step {
    lmsi_rows rows; /* its beams */
    lms_beam_step_args args;
    cl_mem turns; /* the buffer of entries: its requests are behind the beams */
    cl_uint first_turn;
    cl_uint max_width;
    cl_uint max_ends;
    cl_uint max_length;
    cl_uint max_candidates;
    cl_uint max_choices;
    lmsi_requests requests;
} lmsi_beam_step;

/* What the kernel that gathers results is told. */
typedef struct lmsi_beam_results {
    lms_beam_results_args args;
    cl_mem turns;
    cl_uint max_width;
    cl_uint max_length;
    cl_uint columns;
    cl_ulong stride;
    cl_uint wanted; /* LMS_WANT_... */
} lmsi_beam_results;

lms_status lmsi_beam_desc_check(const lms_beam_desc *d);

/* Candidates of a step. */
uint32_t lmsi_beam_choices(const lms_beam_desc *d);

/* Everything that can be wrong with a call, before anything is enqueued, and what it comes to
 * if there are requests. */
lms_status lmsi_beam_open_check(const lms_beam *b, const lmsi_where *where, uint32_t slot,
                                const lms_beam_params *p, const int32_t *ends);
lms_status lmsi_beam_step_check(lms_beam *b, const lmsi_where *where,
                                const lms_beam_step_args *batch, lmsi_beam_step *step);
lms_status lmsi_beam_results_check(lms_beam *b, const lmsi_where *where,
                                   const lms_beam_results_args *o, lmsi_beam_results *results);

/* For calls on arrays: what can be wrong beside the arrays. A step has room for any tables. */
lms_status lmsi_beam_step_host_check(lms_beam *b, const lms_beam_step_args *batch,
                                     lmsi_beam_step *step);
lms_status lmsi_beam_results_host_check(lms_beam *b, const lms_beam_results_args *o);

/* lms_beam_open with a status to begin with. */
lms_status lmsi_beam_open(lms_beam *b, const lmsi_where *where, uint32_t slot,
                          const lms_beam_params *params, const int32_t *ends,
                          uint32_t beam_status);

/* A request's first row in a call. */
uint32_t lmsi_beam_first_row(const lms_beam *b, const lms_beam_step_args *batch,
                             uint32_t request);

/* What a device computes for beams. */
extern const lmsi_probe lmsi_beam_probe;

#endif
