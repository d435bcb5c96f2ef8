/* heavy.h - small batches of which one row takes much longer than the others. */
#ifndef BENCH_HEAVY_H
#define BENCH_HEAVY_H

#include "measure.h"

/* What the logits must have: three times the largest batches of a round. */
#define HEAVY_ROWS_LEAST ((size_t)144)

/* Batches of peaked rows but for a flat one, beside batches of peaked rows and of flat ones.
 * The logits are of SHAPE_HALF_FLAT. */
void measure_heavy(stage *on, const pool *logits, const pace *p, results *out);

#endif
