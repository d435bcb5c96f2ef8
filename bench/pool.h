/* pool.h - the logits that a benchmark goes round over: many rows of one shape, vocabulary and
 * type, several times what the last-level cache holds. */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "crew.h"
#include "lmsample.h"
#include "rows_file.h"
#include "shapes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct pool {
    char *memory; /* on a page's boundary */
    size_t bytes; /* of the mapping; of use are row_bytes * rows */
    bench_shape shape;
    uint32_t vocab;
    lms_dtype dtype;
    size_t row_bytes;
    size_t rows;
} pool;

typedef struct pool_wish {
    bench_shape shape;
    uint32_t vocab;
    lms_dtype dtype;
    size_t bytes;      /* at least, if memory_most allows */
    size_t least_rows; /* at least, in any case           */
    size_t memory_most;
    bool huge_pages;
    const char *model;
    const rows_file *real; /* of SHAPE_REAL */
} pool_wish;

const char *dtype_name(lms_dtype dtype);
size_t dtype_size(lms_dtype dtype);

/* Makes the wished rows, unless they are there. Begin with a pool of zeros. */
void pool_fill(pool *p, crew *all, const pool_wish *wish);
void pool_free(pool *p);

/* The same logits as rows of another length: of shapes whose logits are independent of each
 * other. Not to be freed. */
pool pool_as(const pool *p, uint32_t vocab);

/* A row as floats, as the sampler reads it. */
void pool_row(const pool *p, size_t row, float *out);

#endif
