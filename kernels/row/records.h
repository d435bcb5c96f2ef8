/* records.h - sizes and records of the workspace for rows of logits: one layout on the host,
 * which makes room for them, and in the kernels. Included by host/op/shape.h and by every
 * program that reads logits. The records of the caller are in include/lms_abi.h. */
#ifndef LMS_SAMPLER_H
#define LMS_SAMPLER_H

#include "lms_abi.h"

#define LMS_TILE 256u
#define LMS_GROUP 32u
#define LMS_TILE_GROUPS 8u
#define LMS_LIST 2048u     /* tokens that a row's list holds, ... */
#define LMS_LIST_BYTES 16u /* ... each a mass, a key and an id */

/* What lms_sample found out about a row, for lms_report. */
typedef struct lms_outcome {
    lms_i64 logits_row;
    lms_i32 token;
    lms_u32 status;
    lms_i32 max_key;
    lms_i32 cut_key;
    lms_u32 cut_id;
    lms_u32 filtered; /* LMS_FILTERED, LMS_GREEDY */
    lms_u32 attempts; /* lms_row_effort of lms_tuning.h: these two, in this order */
    lms_u32 passes;
} lms_outcome;
#define LMS_FILTERED 1u
#define LMS_GREEDY 2u

/* Whose cuts are to be found, whatever their tokens need (`wants_cut` of the kernels): those of
 * all rows, of rows that want best or named tokens of what is kept. */
#define LMS_CUT_WANTED 1u
#define LMS_CUT_BY_WANTS 2u

/* X(record, its last field): what host and device must lay out alike; the probe asks. */
#define LMS_SAMPLER_RECORDS(X)                                                                 \
    X(lms_filters, rules)                                                                      \
    X(lms_row_params, reserved)                                                                \
    X(lms_outcome, passes)

#endif /* LMS_SAMPLER_H */
