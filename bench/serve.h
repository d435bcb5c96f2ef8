/* serve.h - a simulation of continuous batching: requests come and go, and every step samples
 * all that are there in one call, beside steps of beam search and of contrastive search. */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include "run.h"

/* Fails the program if a call fails, a row has no token, a request gets other tokens than
 * alone, or memory grows. */
void serve(run *r);

#endif
