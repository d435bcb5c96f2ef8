/* lines.h - how the time of a step grows with the size of its batch. */
#ifndef BENCH_LINES_H
#define BENCH_LINES_H

#include "results.h"
#include "stage.h"

/* Times batches of many sizes in turn, so that what disturbs the machine disturbs them alike,
 * and fits a line for each strategy. The logits are of a shape whose tokens are independent. */
void measure_lines(stage *on, const pool *logits, uint32_t subjects, unsigned rounds,
                   results *out);

#endif
