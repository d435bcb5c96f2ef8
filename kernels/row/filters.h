/* filters.h - which filter records are good: one check for all objects, and for records on the
 * host and on the device, compiled by both compilers. include/lms_filters.h has the layout. */
#ifndef LMS_BAD_FILTER_H
#define LMS_BAD_FILTER_H

#include "row/bits.h"

/* 0 or the LMS_FIELD_... of the first field out of range. By bit patterns: a device that
 * flushes subnormals would take the smallest temperatures for 0. */
static lms_u32 lms_bad_filter(const lms_filters f)
{
    const lms_u32 t = lms_bits_of(f.temperature);
    const lms_u32 min_p = lms_bits_of(f.min_p);
    const lms_u32 magnitude = 0x7fffffffu, infinity = 0x7f800000u;
    const int in_range = t >= 0x1f800000u && t <= 0x5f800000u; /* 2^-64, 2^64 */
    if ((t & magnitude) != 0 && !in_range) return LMS_FIELD_TEMPERATURE;
    if ((lms_bits_of(f.top_p) & magnitude) > infinity) return LMS_FIELD_TOP_P;
    if ((min_p & magnitude) > infinity) return LMS_FIELD_MIN_P;
    if (min_p <= magnitude && min_p > 0x3f800000u) return LMS_FIELD_MIN_P; /* above 1 */
    if (f.flags & ~LMS_FILTER_FLAGS) return LMS_FIELD_FLAGS;
    if (f.rules) return LMS_FIELD_RULES;
    return 0;
}

#endif /* LMS_BAD_FILTER_H */
