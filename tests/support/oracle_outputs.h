/* The oracle's outputs of a row with a request: section 28 of the specification. */
#ifndef LMSAMPLE_TESTS_ORACLE_OUTPUTS_H
#define LMSAMPLE_TESTS_ORACLE_OUTPUTS_H

#include "oracle_edits.h"

/* Which row a value is of. */
typedef enum oracle_of {
    ORACLE_RAW,
    ORACLE_EDITED,
    ORACLE_PROCESSED
} oracle_of;

/* A row as it came and as it is edited, both prepared. `raw` has temperature 1, no filters. */
typedef struct oracle_both {
    const float *stored;
    const float *edited_logits;
    oracle_row *raw;
    oracle_row *edited; /* with the row's parameters */
} oracle_both;

/* value(t). `logits`: as with LMS_WANT_LOGITS. */
float oracle_value(const oracle_both *row, oracle_of of, uint32_t token, bool logits);
/* The rank of a token, in the raw or the edited row. */
uint32_t oracle_rank(const oracle_both *row, oracle_of of, uint32_t token, bool from_0);
float oracle_entropy(const oracle_both *both, oracle_of of); /* raw or processed */
/* The best tokens and their values, `capacity` of each; what is behind the last is none. */
void oracle_top(const oracle_both *row, const lms_row_wants *wants, uint32_t capacity,
                int32_t *tokens, float *values);
void oracle_named(const oracle_both *row, const lms_row_wants *wants, const oracle_list *list,
                  uint32_t capacity, float *values);

#endif
