/* measure.h - times the subjects of a setting in turn, each beside a read of as many logits. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "results.h"
#include "stage.h"

typedef struct pace {
    unsigned repeats;
    bool repeats_given;  /* else: more for small batches */
    double case_seconds; /* after so many a case gets no further repeat, but the first few */
} pace;

/* So many that a case is of 1000 draws and more. */
unsigned repeats_for(const pace *p, uint32_t rows);

/* Adds the results of one setting; of what was measured, if interrupted. */
void measure_setting(stage *on, const pool *logits, const setting *what, const pace *p,
                     const char *label, results *out);

#endif
