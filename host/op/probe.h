/* probe.h - does the device compute, and lay out records, as specified? */
#ifndef LMSI_PROBE_H
#define LMSI_PROBE_H

#include "base/context.h"

/* What a probe tells of a record: its size, and where its last field is. */
#define LMSI_RECORD(type, field)                                                               \
    {"sizeof " #type, sizeof(type)}, {"offset of " #field " in " #type, offsetof(type, field)},

/* Runs a kernel of one work-item that has answers for operands. */
lms_status lmsi_ask(lms_context *ctx, cl_program program, const char *name,
                    const float *operands, size_t operands_size, void *results,
                    size_t results_size);

/* kernels/probe.cl, in every program. */
lms_status lmsi_probe(lms_context *ctx, cl_program program);

/* kernels/beam_probe.cl, in those of beam searches. */
lms_status lmsi_beam_probe(lms_context *ctx, cl_program program);

/* kernels/contrastive_probe.cl, in those of contexts, in the place of probe.cl. */
lms_status lmsi_contrastive_probe(lms_context *ctx, cl_program program);

#endif
