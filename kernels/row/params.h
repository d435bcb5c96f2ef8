/* params.h - which row parameters are good: one check for those on the host and those on the
 * device, compiled by both compilers. The record's layout is in include/lms_abi.h. */
#ifndef LMS_PARAMS_H
#define LMS_PARAMS_H

#include "lms_abi.h"
#include "row/filters.h"

/* What a row may name; zeros where a sampler has no requests. */
typedef struct lms_row_limits {
    lms_u64 logits_rows;
    lms_u32 edits;
    lms_u32 masks;
    lms_u32 wants;
    lms_u32 vocab;
    lms_u32 is_slot_open; /* the slot that the row names is */
} lms_row_limits;

/* 0 or the LMS_FIELD_... of the first field of a request out of range. */
static lms_u32 lms_bad_request(const lms_request r, const lms_row_limits limits)
{
    if (r.slot && !limits.is_slot_open) return LMS_FIELD_SLOT;
    if (r.edits > limits.edits) return LMS_FIELD_EDITS;
    if (r.mask > limits.masks) return LMS_FIELD_MASK;
    if (r.unconditional > limits.logits_rows) return LMS_FIELD_UNCONDITIONAL;
    return 0;
}

/* 0 or the LMS_FIELD_... of the first field out of range. */
static lms_u32 lms_bad_row(const lms_row_params p, const lms_row_limits limits)
{
    lms_u32 field = lms_bad_filter(p.filters);
    if (!field) field = lms_bad_request(p.request, limits);
    if (field) return field;
    if (p.wants > limits.wants) return LMS_FIELD_WANTS;
    if (p.target > limits.vocab) return LMS_FIELD_TARGET;
    if (p.step == LMS_STEP_OF_SLOT && !p.request.slot) return LMS_FIELD_STEP;
    if (p.request.reserved | p.reserved[0] | p.reserved[1]) return LMS_FIELD_RESERVED;
    return 0;
}

#ifdef __OPENCL_VERSION__
/* The same, of a sampler without requests. */
static lms_u32 lms_bad_field(const lms_row_params p)
{
    lms_row_limits none;
    none.logits_rows = 0;
    none.edits = 0;
    none.masks = 0;
    none.wants = 0;
    none.vocab = 0;
    none.is_slot_open = 0;
    return lms_bad_row(p, none);
}
#endif

#endif /* LMS_PARAMS_H */
