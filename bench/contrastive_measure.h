/* contrastive_measure.h - times contrastive search, beside a read of as many bytes. */
#ifndef BENCH_CONTRASTIVE_MEASURE_H
#define BENCH_CONTRASTIVE_MEASURE_H

#include "contrastive_cases.h"
#include "measure.h"

/* Adds the result of one setting's select, or of the appending of its contexts; of what was
 * measured, if interrupted. `states` are hidden states of this width. */
void measure_contrasts(stage *on, const pool *states, const contrastive_setting *what,
                       contrastive_call call, const pace *p, const char *label, results *out);
/* The same of propose: rows of these logits. */
void measure_propose(stage *on, const pool *logits, const contrastive_setting *what,
                     const pace *p, results *out);

#endif
