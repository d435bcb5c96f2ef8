/* summary.h - the few lines that a reader wants first. */
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include "results.h"

/* To standard output: nothing where nothing was measured. */
void print_summary(const results *all);

#endif
