/* verify.h - checks results against the oracle, before they are timed. What differs ends the
 * program. */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include "arithmetic.h"
#include "stage.h"

/* Tokens and attempts of some rows of the batch that was just sampled; returns how many. */
unsigned verify_tokens(batches *b, unsigned subject, size_t which);

/* The same of a batch whose rows are these of the pool. */
unsigned verify_rows(batches *b, const int32_t *index);

/* Some rows of what plain C has computed. */
unsigned verify_arithmetic(batches *b, unsigned subject, size_t which, const arithmetic *a);

#endif
