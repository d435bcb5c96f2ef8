/* request_verify.h - holds the rows of a case against the oracle. */
#ifndef BENCH_REQUEST_VERIFY_H
#define BENCH_REQUEST_VERIFY_H

#include "asks.h"

/* After a step of a batch: tokens, log-probabilities, ranks, entropies and best tokens of a few
 * rows. Fails the program at a difference. Returns how many rows it looked at: none where
 * the oracle, which goes through a sequence for every token, would take minutes. */
unsigned verify_asks(const asks *a, const batches *b, size_t which);

#endif
