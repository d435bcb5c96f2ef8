/* beam_measure.h - times steps of beam search, each beside a read of as many logits and a top-k
 * step of the same rows. */
#ifndef BENCH_BEAM_MEASURE_H
#define BENCH_BEAM_MEASURE_H

#include "measure.h"

/* Adds the results of one setting; of what was measured, if interrupted. */
void measure_beams(stage *on, const pool *logits, const beam_setting *what, const pace *p,
                   const char *label, results *out);

/* What requests cost that are done, or narrower than what the search was made for: beside a
 * step of the live beams alone. */
void measure_beam_parts(stage *on, const pool *logits, const pace *p, results *out);
/* The rows that the logits of these need. */
size_t beam_parts_rows(void);

#endif
