/* bits.h - a float's bits, for checks that both compilers compile: a device that flushes
 * subnormals would take the smallest floats for 0. */
#ifndef LMS_BITS_H
#define LMS_BITS_H

#include "lms_abi.h"

#ifdef __OPENCL_VERSION__
#define lms_bits_of(x) as_uint(x)
#else
static lms_u32 lms_bits_of(lms_f32 x)
{
    const union {
        lms_f32 x;
        lms_u32 bits;
    } u = {x};
    return u.bits;
}
#endif

#endif /* LMS_BITS_H */
