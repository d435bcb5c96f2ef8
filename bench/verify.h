/* verify.h - checks results against the oracle, before they are timed. What differs ends the
 * program. */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include "arithmetic.h"
#include "stage.h"

/* Some rows of the batch that was just sampled; returns how many. */
unsigned verify_tokens(const batches *b, unsigned subject, size_t which);

/* Some rows of what plain C has computed. */
unsigned verify_arithmetic(const batches *b, unsigned subject, size_t which,
                           const arithmetic *a);

#endif
