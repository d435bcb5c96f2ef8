/* memory.h - the device memory that an object holds: a table of its buffers, checked as a whole
 * before any of them is made. */
#ifndef LMSI_MEMORY_H
#define LMSI_MEMORY_H

#include "base/context.h"

typedef struct lmsi_buffer {
    const char *name; /* of kernels' parameters */
    const char *what; /* in messages */
    uint64_t count;   /* elements, ... */
    uint64_t bytes;   /* ... each of so many bytes */
    uint64_t staged;  /* elements that a call may bring from the host, 0 if none does */
} lmsi_buffer;

/* Sum and product, or UINT64_MAX if they are above that. */
uint64_t lmsi_sum(uint64_t a, uint64_t b);
uint64_t lmsi_product(uint64_t a, uint64_t b);

/* Each buffer against the device's largest one, and all of them, with `others` bytes that are
 * not in the table, against its memory. `asked` is what needs them, the begin of a message:
 * "max_rows: 4 rows". *total gets the bytes. */
lms_status lmsi_memory_check(const lms_context *ctx, const char *asked,
                             const lmsi_buffer *buffers, size_t count, uint64_t others,
                             size_t *total);

/* Makes what was checked: mem[i] is buffers[i]. On failure some are made, and all others are as
 * they were. */
lms_status lmsi_memory_make(const lms_context *ctx, const lmsi_buffer *buffers, size_t count,
                            cl_mem *mem);

/* Fills all `bytes` of a buffer, a multiple of 4, with zeros, and waits for it. */
lms_status lmsi_memory_clear(const lms_context *ctx, cl_mem mem, size_t bytes);

/* Releases those that are not NULL. */
void lmsi_memory_release(const cl_mem *mem, size_t count);

#endif
