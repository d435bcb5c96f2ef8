/* extent.h - does a call's data lie where it can: buffers, queue, wait list. */
#ifndef LMSI_EXTENT_H
#define LMSI_EXTENT_H

#include "base/context.h"

/* A view: `rows` rows of `columns` elements, `stride` apart. */
typedef struct lmsi_extent {
    const char *name;
    lms_view view;
    uint64_t rows;
    uint64_t stride;
    uint64_t columns;
    uint64_t element;
    int written;
} lmsi_extent;

/* Is it a buffer of the context that is large enough, and made for that use? */
lms_status lmsi_extent_check(const lms_context *ctx, const lmsi_extent *e);

/* An array that a call writes or reads, and whether it must be there. */
typedef struct lmsi_array {
    lmsi_extent e;
    int required;
} lmsi_array;

lms_status lmsi_arrays_check(const lms_context *ctx, const lmsi_array *arrays, size_t count);

/* Also: is the process one that OpenCL works in? First among the checks of a call. */
lms_status lmsi_queue_check(const lms_context *ctx, cl_command_queue queue);

lms_status lmsi_wait_check(cl_uint num_wait, const cl_event *wait_list);

#endif
