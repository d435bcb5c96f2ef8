/* arguments.h - what each kernel is told, as a table in the order of the kernel's parameters.
 * The tables are in sampler/sampler.c, beam/beam.c and contrastive/contrastive.c; entries that
 * readers of logits have in common are in op/rows.h.
 *
 * An entry says where its value comes from: a buffer of the operator, or a member of the record
 * that a call fills with all that its kernels need. Both are named as the kernel's parameter
 * is, and when a kernel is made, the names and types are compared with the compiler's: two
 * values that have changed places are found before anything runs. */
#ifndef LMSI_ARGUMENTS_H
#define LMSI_ARGUMENTS_H

#include "base/memory.h"

#include <stddef.h>

typedef enum lmsi_argument_kind {
    LMSI_BUFFER, /* __global NAME: a buffer of the operator */
    LMSI_MEM,    /* __global NAME: a cl_mem of the record */
    LMSI_UINT,
    LMSI_ULONG,
    LMSI_VIEW,     /* __global NAME, ulong NAME_offset: an lms_view of the record */
    LMSI_OPTIONAL, /* a view, then uint has_NAME: is it given? */
} lmsi_argument_kind;

typedef struct lmsi_argument {
    const char *name;
    lmsi_argument_kind kind;
    size_t from; /* the buffer's number, or the member's offset in the record */
} lmsi_argument;

typedef struct lmsi_arguments {
    const lmsi_argument *list;
    size_t count;
} lmsi_arguments;

/* clang-format off: these braces are no blocks */
#define LMSI_ENTRY(name, kind, from)                                                           \
    {                                                                                          \
        name, kind, from                                                                       \
    }
#define LMSI_ARGUMENTS(table)                                                                  \
    {                                                                                          \
        table, sizeof(table) / sizeof(table)[0]                                                \
    }
/* clang-format on */

/* Entries whose values are members of `record`, or of the caller's record in it. */
#define LMSI_MEMBER(kind, record, name) LMSI_ENTRY(#name, kind, offsetof(record, name))
#define LMSI_GIVEN(kind, record, name) LMSI_ENTRY(#name, kind, offsetof(record, args.name))

typedef struct lmsi_kernel {
    const char *name;
    lmsi_arguments arguments;
    lmsi_arguments alone; /* in teams of one, more of them */
    size_t program;       /* of the operator's */
    int in_teams;         /* a team of one does without the kernel */
} lmsi_kernel;

/* Is the table right for the kernel? Where the runtime does not tell names and types, only the
 * number of parameters is compared. `team` is the one that the kernel was built for. */
lms_status lmsi_arguments_check(cl_kernel kernel, const lmsi_kernel *k, uint32_t team,
                                const lmsi_buffer *buffers);

/* Sets all of them. Some runtimes refuse NULL: mem[0] stands for a view that is not given. */
lms_status lmsi_arguments_set(cl_kernel kernel, const lmsi_kernel *k, uint32_t team,
                              const cl_mem *mem, const void *record);

#endif
