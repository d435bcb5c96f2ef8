/* request_run.h - runs the plan of requests. */
#ifndef BENCH_REQUEST_RUN_H
#define BENCH_REQUEST_RUN_H

#include "run.h"

void measure_all_requests(run *r);

#endif
