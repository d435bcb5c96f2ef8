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

#include "base/extent.h"
#include "base/memory.h"

#include <stddef.h>

typedef enum lmsi_argument_kind {
    LMSI_BUFFER, /* __global NAME: a buffer of the operator */
    LMSI_MEM, /* __global NAME: a cl_mem of the record, which is there as long as the kernel */
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

/* What a kernel's parameters were set to last: setting them again is a good part of a call's
 * cost on the host.
 *
 * Kept are numbers, and buffers that live as long as the kernel. A caller's buffer is set in
 * every call, also if it has the handle of the one before: that may be another buffer, made
 * when the one before was released. Its handle may be the same, but the runtime may have looked
 * behind it when the parameter was set (OpenCL promises nothing else of a kernel, which does
 * not retain its buffers either, and the library keeps none of a caller's). */
#define LMSI_MOST_PARAMETERS 128u
typedef struct lmsi_values {
    uint8_t known[LMSI_MOST_PARAMETERS]; /* is this parameter's value kept? */
    uint64_t list[LMSI_MOST_PARAMETERS];
} lmsi_values;

/* Is the table right for the kernel? Where the runtime does not tell names and types, only the
 * number of parameters is compared. `team` is the one that the kernel was built for. */
lms_status lmsi_arguments_check(cl_kernel kernel, const lmsi_kernel *k, uint32_t team,
                                const lmsi_buffer *buffers);

/* Where a kernel's arguments come from: the operator's `count` buffers, and a call's record. */
typedef struct lmsi_origin {
    const cl_mem *mem;
    size_t count;
    const void *record;
    lmsi_set_pointer set_pointer; /* of the context */
} lmsi_origin;

/* Sets those that are not what they should be, and keeps `values` true, also where it fails.
 * Some runtimes refuse NULL: mem[0] stands for a view that is not given. */
lms_status lmsi_arguments_set(cl_kernel kernel, const lmsi_kernel *k, uint32_t team,
                              const lmsi_origin *from, lmsi_values *values);

#endif
