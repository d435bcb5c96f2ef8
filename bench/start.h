/* start.h - how long it takes from nothing to the first token, in processes of their own. */
#ifndef BENCH_START_H
#define BENCH_START_H

#include "options.h"

/* With empty caches of compiled kernels, and again. NAN if that cannot be measured. */
void measure_start(const char *device, uint32_t work_items, double *cold, double *warm);

/* In the child: opens the device, samples one row and prints the seconds. Returns the exit
 * status. */
int start_of_child(const options *o);

#endif
