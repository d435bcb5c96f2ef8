/* run.h - a run of the benchmark: what its parts share. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "measure.h"
#include "options.h"
#include "results.h"
#include "rows_file.h"
#include "stage.h"
#include "write.h"

enum {
    RUN_CACHES = 4, /* times the last-level cache that is rotated over */
    RUN_BATCHES_LEAST = 4,
    RUN_BATCHES_NEEDED = 2, /* where memory is short */
    RUN_MEMORY_SHARE = 3    /* logits take at most one part in so many of what is free */
};

/* How thorough a run is. */
typedef struct effort {
    unsigned repeats;
    double case_seconds;
    unsigned line_rounds;
} effort;

typedef struct run {
    options o;
    stage on;
    plan what;
    beam_plan beams;
    contrastive_plan contrasts;
    request_plan requests;
    rows_file real;
    pool logits; /* or hidden states */
    size_t memory_most;
    results all;
} run;

const effort *run_effort(const run *r);
pace run_pace(const run *r);

/* False if they would take more memory than they may. */
bool make_logits(run *r, bench_shape shape, uint32_t vocab, lms_dtype dtype, size_t rows);

/* Says that they would. */
void leave_out(const run *r, bench_shape shape, uint32_t rows, uint32_t vocab, lms_dtype dtype);

#endif
