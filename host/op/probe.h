/* probe.h - does the device compute, and lay out records, as specified? */
#ifndef LMSI_PROBE_H
#define LMSI_PROBE_H

#include "base/context.h"

/* A right answer. */
typedef struct lmsi_answer {
    const char *what;
    uint64_t value;
} lmsi_answer;

/* What a probe tells of a record: its size and where its last field is, as kernels/ has it. */
#define LMSI_RECORD(type, field)                                                               \
    {"sizeof " #type ", offset of " #field,                                                    \
     (uint64_t)sizeof(type) << 32 | offsetof(type, field)},

#define LMSI_MOST_ANSWERS 32

/* A kernel of one work-item that gives answers, each a ulong, for operands. */
typedef struct lmsi_probe {
    const char *kernel;
    const char *decides; /* what would differ: "tokens" */
    float operands[3];
    const lmsi_answer *answers;
    size_t count; /* at most LMSI_MOST_ANSWERS */
} lmsi_probe;

/* What all programs that read rows of logits need. */
extern const lmsi_probe lmsi_row_probe;

/* Has the device the right answers? */
lms_status lmsi_probe_ask(lms_context *ctx, cl_program program, const lmsi_probe *probe);

#endif
