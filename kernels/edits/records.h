/* records.h - what is prepared for a row that has a request, before its logits are looked at:
 * one layout on the host, which makes room for it, and in the kernels. */
#ifndef LMS_PREPARED_H
#define LMS_PREPARED_H

#include "lms_abi.h"

typedef struct lms_prepared {
    lms_u64 step;     /* of the draw */
    lms_u32 status;   /* LMS_ROW_OK, or LMS_ROW_BAD_PARAMS and its field */
    lms_u32 slot;     /* 1 + the number of the slot, or 0 */
    lms_u32 has_bans; /* there are ban words: bit t % 32 of word t / 32 is 1 if t is allowed */
    lms_u32 has_values; /* logits are edited */
    lms_u32 has_dry;    /* `repeats` tells of each distinct entry whether DRY applies: 0, or
                           1 + n - dry_allowed_length */
    lms_u32 generated;  /* G */
    lms_f32 top_p;      /* in the place of the filters' */
    lms_u32 edits;      /* as in the row's request, ... */
    lms_u32 unconditional;
    lms_u32 mask; /* 1 + the row of the masks that the ban words are; 0: its own */
} lms_prepared;

/* X(record, its last field): as LMS_SAMPLER_RECORDS in row/records.h. */
#define LMS_REQUEST_RECORDS(X)                                                                 \
    X(lms_request, reserved)                                                                   \
    X(lms_row_edits, reserved)                                                                 \
    X(lms_row_wants, reserved)                                                                 \
    X(lms_prepared, mask)

#endif /* LMS_PREPARED_H */
