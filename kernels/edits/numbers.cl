/* numbers.cl - floats of edits, as every device has them: section 25 of the specification. */
#pragma once
#include "numeric/vectors.cl"
#pragma OPENCL FP_CONTRACT OFF

/* Below 2^-64 it is 0: so no product of two gets where devices differ without being seen. */
float lms_tidy(float x)
{
    return (as_uint(x) & 0x7fffffffu) < 0x1f800000u ? 0.0f : x;
}

/* base ^ exponent, bit by bit from the highest one down, tidy at each step. */
LMS_APART
float lms_power(float base, uint exponent)
{
    float y = 1.0f;
    for (uint bits = 32 - clz(exponent); bits > 0; --bits) {
        y = lms_tidy(y * y);
        if (exponent >> (bits - 1) & 1) y = lms_tidy(y * base);
    }
    return as_uint(y) == 0x7f800000u ? FLT_MAX : y;
}
