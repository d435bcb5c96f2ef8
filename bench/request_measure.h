/* request_measure.h - times steps whose rows have requests, in turn with steps of the same rows
 * that have none. */
#ifndef BENCH_REQUEST_MEASURE_H
#define BENCH_REQUEST_MEASURE_H

#include "measure.h"

/* Adds the results of one setting; of what was measured, if interrupted. */
void measure_requests(stage *on, const pool *logits, const request_setting *what, const pace *p,
                      const char *label, results *out);

#endif
