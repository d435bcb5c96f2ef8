/* An array on the device: `offset` elements, rows of `columns`, `stride` apart, a margin. */
#ifndef LMSAMPLE_TESTS_BATCH_ARRAY_H
#define LMSAMPLE_TESTS_BATCH_ARRAY_H

#include "lmsample.h"

#define BATCH_MARGIN 3u /* elements behind an array */

typedef struct batch_array {
    cl_mem mem;          /* NULL: there is none */
    unsigned char *host; /* what the buffer held before the call, then after it */
    size_t element, offset, rows, columns, stride, count;
} batch_array;

/* With `data` an input, poisoned outside of it; with NULL an output, filled with a pattern. */
batch_array batch_array_new(lms_context *ctx, const void *data, size_t element, size_t offset,
                            size_t rows, size_t columns, size_t stride);
void batch_array_free(batch_array *a);
/* From a row on. */
lms_view batch_array_view(const batch_array *a, size_t first);
/* Reads the array back into `out`; fails the test if anything outside its rows was written. */
void batch_array_read(lms_context *ctx, batch_array *a, void *out, const char *name);

#endif
