/*
 * How many attempts a draw takes (section 7 of docs/reference/specification.md): the number
 * that can be expected of a row, computed and not tried, and what the page says it is at most.
 */
#ifndef LMSAMPLE_TESTS_ATTEMPTS_H
#define LMSAMPLE_TESTS_ATTEMPTS_H

#include "oracle.h"

typedef struct attempts {
    double expected; /* but for ORACLE_ATTEMPTS, which ends one draw in 2^58 at most */
    double bound;    /* the page's */
    double spread;   /* Z / K */
    double first;    /* the probability that an attempt of the first round is accepted */
    uint32_t groups; /* in reach at first */
} attempts;

/*
 * Of a row that has tokens and is not greedy, prepared with `p`. Takes the square of the number
 * of groups in reach. False if memory is out.
 */
bool attempts_expect(const oracle_row *row, const oracle_params *p, attempts *out);

#endif
