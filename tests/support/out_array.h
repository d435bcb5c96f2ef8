/* An output: what the device has and what it should have, the gaps between included. */
#ifndef LMSAMPLE_TESTS_OUT_ARRAY_H
#define LMSAMPLE_TESTS_OUT_ARRAY_H

#include "lmsample.h"

#include <stdbool.h>

#define OUT_ARRAY_MARGIN 3u /* elements behind an array */

typedef struct out_array {
    const char *name;
    cl_mem mem; /* NULL: not wanted; nothing is expected of it */
    unsigned char *want;
    size_t element, offset, count;
    bool floats;
} out_array;

/* Filled with a pattern, on the device and in what is expected. */
void out_array_new(lms_context *ctx, out_array *a, const char *name, size_t element,
                   size_t offset, size_t elements);
lms_view out_array_view(const out_array *a);
/* The device gets what is expected so far: an input, which a call must not change. */
void out_array_upload(cl_command_queue queue, const out_array *a);

/* What is expected at [offset + i]. */
void out_array_i32(out_array *a, size_t i, int32_t value);
void out_array_i64(out_array *a, size_t i, int64_t value);
void out_array_f32(out_array *a, size_t i, float value);     /* NaN: any NaN */
void out_array_token(out_array *a, size_t i, int32_t value); /* of either type */

/* Reads it from the device, compares all of it and frees it; false, with a message, if it is
 * not as wanted. */
bool out_array_check(cl_command_queue queue, out_array *a);

#endif
