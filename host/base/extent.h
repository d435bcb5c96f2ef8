/* extent.h - are the buffers, queue and wait list that a call is given good for it? */
#ifndef LMSI_EXTENT_H
#define LMSI_EXTENT_H

#include "base/context.h"

/* How a call uses an array. */
enum {
    LMSI_READ = 0,
    LMSI_WRITTEN = 1,
    LMSI_REQUIRED = 2
};

static inline int lmsi_is_given(lms_view v) { return v.buffer != NULL || v.svm != NULL; }

/* An array that a call may be given: `rows` rows of `columns` elements, `stride` apart. */
typedef struct lmsi_array {
    const char *name;
    lms_view view;
    uint64_t rows;
    uint64_t stride;
    uint64_t columns;
    uint64_t element; /* bytes */
    unsigned use;
    uint32_t bit; /* tells a kernel that the array is given, or 0 */
} lmsi_array;

/* Is each that is given a buffer of the context that is large enough, and made for that use?
 * *given (may be NULL) gets the bits of those. */
lms_status lmsi_arrays_check(const lms_context *ctx, const lmsi_array *arrays, size_t count,
                             uint32_t *given);

/* Is a stride, which the caller calls `name`, at least `least`, which `what` is the name of? */
lms_status lmsi_stride_check(const char *name, uint64_t stride, const char *what,
                             uint32_t least);

/* Is the queue one of the context and its device, and the process one that OpenCL works in?
 * First among the checks of a call. */
lms_status lmsi_queue_check(const lms_context *ctx, cl_command_queue queue);

lms_status lmsi_wait_check(const lms_context *ctx, cl_uint num_wait, const cl_event *wait_list);

#endif
