/* host_arrays.h - calls for callers that have arrays on the host: which arrays a call has, and
 * the buffers that stand for them until it is over. */
#ifndef LMSI_HOST_ARRAYS_H
#define LMSI_HOST_ARRAYS_H

#include "lmsample.h"
#include "base/context.h"

/* One array of the caller and the buffer that stands for it during the call. */
typedef struct lmsi_host_array {
    const char *name;
    void *host; /* NULL: not given */
    lms_view *view;
    size_t rows;
    size_t row;    /* bytes of a row that count */
    size_t stride; /* bytes from row to row in the caller's array */
    unsigned use;  /* LMSI_HOST_... */
} lmsi_host_array;

enum {
    LMSI_HOST_READ,
    LMSI_HOST_WRITTEN,            /* of every row */
    LMSI_HOST_WRITTEN_IF_SAMPLED, /* not of skipped rows */
    LMSI_HOST_WRITTEN_IN_SPANS,   /* of the rows that spans name */
    LMSI_HOST_WRITTEN_AND_LAST,   /* of every row; read back when all others are */
    LMSI_HOST_REQUIRED = 8        /* with one of them: it has to be given */
};

/* No array of C has more bytes. */
#define LMSI_LARGEST_ARRAY ((size_t)PTRDIFF_MAX)

/* Does an array of so many rows, `stride` elements apart, each of `columns`, have more bytes
 * than there can be? `what` is a row's elements, in the message. */
lms_status lmsi_host_stride_check(const char *name, const char *what, size_t rows,
                                  size_t stride, size_t columns, size_t element);

/* Makes the buffer that stands for an array, if that is given. Inputs in shared memory are used
 * where they are. */
lms_status lmsi_host_array_make(const lms_context *ctx, const lmsi_host_array *a);

/* Reads rows of an output back, on the context's queue. What lies between the rows in the
 * caller's array stays as it is. */
lms_status lmsi_host_array_read(const lms_context *ctx, const lmsi_host_array *a, size_t first,
                                size_t rows);

void lmsi_host_array_release(const lmsi_host_array *a);

/* --- Calls that are done in one piece --------------------------------------------------- */

/* Rows, one behind the other. */
typedef struct lmsi_host_span {
    size_t first;
    size_t rows;
} lmsi_host_span;

/* Rows behind those that are there: joined to the last span where they are its next ones. */
void lmsi_host_span_add(lmsi_host_span *spans, size_t *count, size_t first, size_t rows);

/* Is what has to be there given, does each array fit a buffer? Then it makes them. Where it
 * fails there is nothing to end. */
lms_status lmsi_host_begin(const lms_context *ctx, const lmsi_host_array *arrays, size_t count);

/* The end of a call on the context's queue that has come to `status`, which it returns: reads
 * the outputs back, waits, and gives the buffers back. */
lms_status lmsi_host_end(const lms_context *ctx, const lmsi_host_array *arrays, size_t count,
                         const lmsi_host_span *spans, size_t span_count, lms_status status);

/* The end of one without arrays, which has given `event` if it has not failed: waits. */
lms_status lmsi_host_wait(cl_event event, lms_status status);

#endif
