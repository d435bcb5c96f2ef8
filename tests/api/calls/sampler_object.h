/* sampler_object.h - a sampler for the tests of the calls: batches of rows that are sampled in
 * all ways, by both doors, each into buffers of its own. */
#ifndef LMS_TEST_SAMPLER_OBJECT_H
#define LMS_TEST_SAMPLER_OBJECT_H

#include "object.h"

enum {
    SAMPLER_VOCAB = 300,
    SAMPLER_ROWS = 6,
    SAMPLER_ATTEMPTS = 64,
    SAMPLER_CALLS = 6,
    /* Calls of the scenario. */
    SAMPLER_HOST = 0,     /* records and indices on the host */
    SAMPLER_DEVICE = 1,   /* ... and on the device, and uniforms */
    SAMPLER_SMALL = 2,    /* records on the host, no index, token and status only */
    SAMPLER_UNIFORMS = 3, /* records and uniforms on the device, indices on the host */
    SAMPLER_PLAIN = 4,    /* records on the device, no index */
    SAMPLER_AGAIN = 5     /* as SAMPLER_HOST, with other rows */
};

/* What the batches write. */
typedef struct sampler_trace {
    int64_t tokens[SAMPLER_CALLS][SAMPLER_ROWS];
    uint32_t status[SAMPLER_CALLS][SAMPLER_ROWS];
    float logprob_raw[SAMPLER_CALLS][SAMPLER_ROWS];
    float logprob[SAMPLER_CALLS][SAMPLER_ROWS];
    int32_t kept[SAMPLER_CALLS][SAMPLER_ROWS];
    float probs[SAMPLER_CALLS][SAMPLER_ROWS * SAMPLER_VOCAB];
} sampler_trace;

typedef struct sampler_rig {
    object_rig base;
    lms_row_params records[SAMPLER_CALLS][SAMPLER_ROWS];
    int32_t order[SAMPLER_ROWS];
    cl_mem logits; /* [SAMPLER_CALLS][SAMPLER_ROWS][vocab] */
    cl_mem params; /* `records` */
    cl_mem index;  /* `order` */
    cl_mem uniforms;
    cl_mem tokens, status, logprob_raw, logprob, kept, probs;
    sampler_trace expected;
} sampler_rig;

int sampler_setup(void **state); /* *state is a sampler_rig */

lms_sampler_run_args sampler_run_args(const sampler_rig *r, unsigned call);

extern const call_type sampler_host_type, sampler_device_type;
/* Of a description. */
enum {
    SAMPLER_DESC_LISTS = 1
};
extern const refusals sampler_desc_refusals[SAMPLER_DESC_LISTS];

#endif
