/* Batches whose filters cut next to a token: top-p at or beside the share that is before it,
 * min-p beside its weight, top-k at its rank, on rows of edge.h. */
#ifndef LMSAMPLE_TESTS_EDGE_BATCH_H
#define LMSAMPLE_TESTS_EDGE_BATCH_H

#include "batch.h"

/* Sets what the filters of a row of these logits cut at, those that the parameters have. */
void edge_aim(lms_filters *f, const float *x, uint32_t vocab, uint64_t *state);

/* So many words of the caller's for each row. */
void edge_give_words(batch *b, uint32_t attempts, uint64_t *state);

/* With all sets of filters and flags in turn, from *turn on. `attempts` > 0: as many words of
 * the caller's for each row. */
batch *edge_batch(uint32_t vocab, uint32_t rows, lms_dtype dtype, uint32_t attempts,
                  uint32_t *turn, uint64_t *state);

/* Top-p of what top-k keeps, which are a few tokens, with all sets of flags: heads, and below
 * them equal tokens, one a group, of which the k-th is one. All logits but those of some heads
 * are negative. vocab >= 256. */
batch *small_bases_batch(uint32_t vocab, uint32_t rows, uint32_t logits_rows, uint64_t *state);

#endif
