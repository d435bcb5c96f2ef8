/* trace.h - what a list of calls writes: each output in a buffer that a rig has, and all of
 * them, read back, in a record with fields of the same names. */
#ifndef LMS_TEST_TRACE_H
#define LMS_TEST_TRACE_H

#include "rig.h"

typedef struct trace_field {
    const char *name;
    size_t buffer; /* where in the rig its cl_mem is */
    size_t record; /* where in the record its values are, */
    size_t bytes;  /* how many bytes of them, */
    bool is_token; /* and whether they may be narrower in the buffer */
} trace_field;
#define TRACE_FIELD(rig, record, name, is_token)                                               \
    {                                                                                          \
#name, offsetof(rig, name), offsetof(record, name), sizeof(((record *)NULL)->name),    \
            (is_token)                                                                         \
    }

typedef struct trace {
    const trace_field *fields;
    size_t count;
    size_t record_bytes;
    const void *rig; /* whose buffers they are */
    cl_command_queue queue;
    bool narrow; /* tokens are int32 in the buffers; int64 in the record in any case */
} trace;

/* `owner` is t->rig, to write the buffers into. */
void trace_make(const trace *t, void *owner, cl_context context);
void trace_release(const trace *t);
void trace_assert_poisoned(const trace *t);

/* These are for any thread: OpenCL's code, and no assertion. */
cl_int trace_poison(const trace *t);
cl_int trace_read(const trace *t, void *record);
/* The field that differs first, or NULL. */
const char *trace_difference(const trace_field *fields, size_t count, const void *a,
                             const void *b);

#endif
