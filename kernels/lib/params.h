/* params.h - which row parameters are good: one check for both doors, compiled by the host's
 * compiler and by the device's. */
#ifndef LMS_PARAMS_H
#define LMS_PARAMS_H

#ifndef __OPENCL_VERSION__ /* a device program has it already */
#include "lms_abi.h"
#endif

/* 0 or the LMS_FIELD_... of the first field out of range. The comparisons are written so that
 * NaN fails them. */
static lms_u32 lms_bad_field(const lms_row_params p)
{
    const lms_f32 t = p.temperature;
    if (!(t == 0.0f || (t >= 0x1p-64f && t <= 0x1p+64f))) return LMS_FIELD_TEMPERATURE;
    if (p.top_p != p.top_p) return LMS_FIELD_TOP_P;
    if (!(p.min_p <= 1.0f)) return LMS_FIELD_MIN_P;
    if (p.flags & ~LMS_ROW_FLAGS) return LMS_FIELD_FLAGS;
    if (p.reserved[0] | p.reserved[1] | p.reserved[2]) return LMS_FIELD_RESERVED;
    return 0;
}

#endif /* LMS_PARAMS_H */
