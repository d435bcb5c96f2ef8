/* contrastive_verify.h - holds contrastive search against its definition, in double. */
#ifndef BENCH_CONTRASTIVE_VERIFY_H
#define BENCH_CONTRASTIVE_VERIFY_H

#include "contrasts.h"

/* Two steps of a set's requests, the second with the same candidates, of which the chosen one
 * is now in the context. Fails the program if a penalty, a score or a choice of the first or
 * the last request is wrong. Returns how many candidates it looked at. */
unsigned verify_contrasts(contrasts *c, uint32_t set);

/* Of the last propose: candidates and probabilities. `first` is the pool's row that its logits
 * began with. */
unsigned verify_proposal(const contrasts *c, const pool *logits, size_t first);

#endif
