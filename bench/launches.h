/* launches.h - watches the kernels that somebody else's code launches. The linker sends
 * clEnqueueNDRangeKernel here (-Wl,--wrap). */
#ifndef BENCH_LAUNCHES_H
#define BENCH_LAUNCHES_H

/* Counts launches, and keeps their events, until launches_end(). */
void launches_begin(void);

/* To be called when the queue is finished. Returns how many there were. If the queue had
 * profiling, *seconds is the time from the first one's start to the last one's end; NAN
 * otherwise. */
unsigned launches_end(double *seconds);

#endif
