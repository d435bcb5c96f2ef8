/* Elements of logits and hidden states as a buffer has them, in any of the three types. */
#ifndef LMSAMPLE_TESTS_STORED_H
#define LMSAMPLE_TESTS_STORED_H

#include "lmsample.h"

size_t stored_size(lms_dtype dtype); /* of an element */

/* NaN, a huge number and infinities in turn: whoever reads it is noticed. Of 2 or 4 bytes. */
void stored_poison(unsigned char *p, size_t count, size_t element);

/* Stores the nearest values, and has x as it is read back. */
void stored_put(lms_dtype dtype, float *x, uint32_t count, unsigned char *to);

#endif
