#include "tune_progress.h"

#include "clock.h"
#include "progress.h"

#include <stdint.h>

static double begin;
static uint64_t total;

void tune_progress_start(double seconds)
{
    begin = clock_seconds();
    total = (uint64_t)seconds;
    progress_start("seconds", total);
}

/* Compilers may take longer than they were given. */
void tune_progress_show(void)
{
    const uint64_t used = (uint64_t)(clock_seconds() - begin);
    progress_show(used < total ? used : total);
}

void tune_progress_end(void) { progress_end(); }
