/* stage.h - a device, and the batches of logits on it. */
#ifndef BENCH_STAGE_H
#define BENCH_STAGE_H

#include "cases.h"
#include "crew.h"
#include "lms_tuning.h"
#include "lmsample.h"
#include "pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The device, for the whole run. */
typedef struct stage {
    lms_context *ctx;
    lms_device device;
    cl_command_queue queue;
    cl_command_queue profiled; /* NULL: the device has no such queue */
    cl_program program;        /* of the read on the device */
    cl_kernel read;
    cl_mem sink;
    crew *all;
    size_t cache_bytes;   /* of the last level: the host's or the device's */
    bool reads_on_device; /* the limit is a kernel's read, not the host threads' */
    uint32_t work_items;
} stage;

void stage_open(stage *s, const char *device, bool read_on_device, uint32_t work_items);
void stage_close(stage *s);

/* One setting's batches: consecutive rows of the pool, as buffers of the device. */
typedef struct batches {
    stage *on;
    const pool *logits;
    setting what;
    size_t count;
    size_t bytes; /* of one batch */
    cl_mem *buffers;
    size_t buffer_count;
    size_t per_buffer;
    void *fresh; /* if not rotated: the batch that is written before every step */
    lms_sampler *sampler;
    lms_row_params *params;
    uint64_t step;
    cl_mem tokens;
    int32_t *drawn; /* the tokens of the last step */
    lms_row_effort *efforts;
} batches;

void batches_open(batches *b, stage *on, const pool *logits, const setting *what);
/* The logits alone, for what is no sampler. */
void batches_open_logits(batches *b, stage *on, const pool *logits, const setting *what);
void batches_close(batches *b);

/* What comes before a step and is not timed: parameters, and fresh logits. */
void batches_prepare(batches *b, unsigned subject, size_t which);
const void *batch_address(const batches *b, size_t which);
lms_view batch_logits(const batches *b, size_t which);

/* One call, until its tokens are in b->drawn. */
void batch_sample(batches *b, size_t which, cl_command_queue queue);

/* One call of rows of the first buffer, which has `logits_rows`, until its tokens are in
 * b->drawn. */
void batch_sample_rows(batches *b, const int32_t *index, size_t logits_rows);

/* What the last step's rows took: b->efforts. */
void batch_efforts(batches *b);

/* The limit: one read of a batch. */
void batch_read(batches *b, size_t which, cl_command_queue queue);

#endif
