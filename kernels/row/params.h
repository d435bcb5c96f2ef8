/* params.h - which row parameters are good: one check for those on the host and those on the
 * device, compiled by both compilers. The record's layout is in include/lms_abi.h. */
#ifndef LMS_PARAMS_H
#define LMS_PARAMS_H

#include "lms_abi.h"
#include "row/filters.h"

/* 0 or the LMS_FIELD_... of the first field out of range. */
static lms_u32 lms_bad_field(const lms_row_params p)
{
    const lms_u32 field = lms_bad_filter(p.filters);
    if (field) return field;
    if (p.slot) return LMS_FIELD_SLOT;
    if (p.edits) return LMS_FIELD_EDITS;
    if (p.wants) return LMS_FIELD_WANTS;
    if (p.reserved[0] | p.reserved[1] | p.reserved[2]) return LMS_FIELD_RESERVED;
    return 0;
}

#endif /* LMS_PARAMS_H */
