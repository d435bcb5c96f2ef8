/* operator.h - what every operator has (a sampler, a beam search, ...), and its one life cycle.
 *
 * An operator's own record begins with an lmsi_operator. Its class says what it is: which
 * description it takes, which programs, kernels and buffers follow from that. All the rest is
 * here: memory is checked before the kernels are built, which takes a while; a team that the
 * compiler or a kernel does not take is halved, and memory checked again; buffers and stages
 * are made; a dry run has the runtime compile what it compiles late. */
#ifndef LMSI_OPERATOR_H
#define LMSI_OPERATOR_H

#include "base/context.h"
#include "base/memory.h"
#include "op/arguments.h"
#include "op/call.h"
#include "op/desc.h"
#include "op/probe.h"
#include "op/shape.h"

#define LMSI_MOST_PROGRAMS 3
#define LMSI_MOST_KERNELS 9
#define LMSI_MOST_BUFFERS 32

typedef struct lmsi_operator lmsi_operator;

/* What memory is for, and how much of it is not in the table of buffers. */
typedef struct lmsi_plan {
    char asked[200]; /* "max_rows: 4 rows" */
    uint64_t others;
} lmsi_plan;

typedef struct lmsi_class {
    const char *name; /* "a sampler" */
    size_t size;      /* of the record that begins with the lmsi_operator */
    /* Checks the description and keeps it: desc, programs, kernels. */
    lms_status (*describe)(lmsi_operator *op, const void *desc);
    /* Lists the buffers, for the programs' shapes. */
    void (*plan)(lmsi_operator *op, lmsi_plan *plan);
    /* Makes what is no buffer of the list and no stage. Or NULL. */
    lms_status (*make)(lmsi_operator *op);
    /* Enqueues each kernel once, with nothing to do: runtimes compile or link a kernel when it
     * is first enqueued, and a call must not wait for that. */
    lms_status (*dry_run)(lmsi_operator *op);
    /* Gives back what `make` may have made. Or NULL. */
    void (*unmake)(lmsi_operator *op);
} lmsi_class;

/* A program and the shape it is built in. */
typedef struct lmsi_use {
    lmsi_kind kind;
    lms_dtype data;                  /* type of the logits, or of the hidden states */
    uint32_t least_team;             /* a smaller team is one work-item */
    const lmsi_probe *const *probes; /* NULL behind the last */
    lmsi_shape shape;
} lmsi_use;

/* What a call brings from the host. It may be overwritten when `done` has completed. */
typedef struct lmsi_stage {
    cl_event done;
    void *arrays[LMSI_MOST_BUFFERS]; /* by the buffers' numbers */
} lmsi_stage;

struct lmsi_operator {
    const lmsi_class *class;
    lms_context *ctx;
    lmsi_desc desc;
    lmsi_use programs[LMSI_MOST_PROGRAMS];
    size_t program_count;
    const lmsi_kernel *kernel_table;
    size_t kernel_count;
    lmsi_buffer buffers[LMSI_MOST_BUFFERS];
    size_t buffer_count;
    size_t workspace;                      /* bytes of the device */
    cl_kernel kernels[LMSI_MOST_KERNELS];  /* NULL: the team does without it */
    lmsi_values values[LMSI_MOST_KERNELS]; /* of their parameters */
    cl_mem mem[LMSI_MOST_BUFFERS];
    lmsi_stage *stages; /* [desc.max_in_flight] */
    void *staging;      /* the memory of their arrays, */
    cl_mem pinned;      /* which is this buffer's, or NULL: any other */
    uint32_t next_stage;
    lmsi_latest latest; /* calls: the memory above is free when they are over */
    /* Those of the slots that it was made with, among which its own calls are; or NULL. */
    lmsi_latest *company;
};

/* `out` is where the caller wants it: only whether it is NULL counts. */
lms_status lmsi_operator_create(const lmsi_class *class, lms_context *ctx, const void *desc,
                                const void *out, lmsi_operator **made);

/* Accepts NULL. Waits for the calls in flight. */
void lmsi_operator_destroy(lmsi_operator *op);

/* Lists `count` buffers, the first of which is number `first`, the last one the operator's. */
void lmsi_operator_list(lmsi_operator *op, size_t first, const lmsi_buffer *buffers,
                        size_t count);

/* The team that a kernel was built for. */
uint32_t lmsi_operator_team(const lmsi_operator *op, size_t kernel);

/* Sets the arguments of kernels first .. last, from the operator's buffers and the record of a
 * call. */
lms_status lmsi_operator_set(lmsi_operator *op, size_t first, size_t last, const void *record);

#endif
