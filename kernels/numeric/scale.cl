/* scale.cl - log2(e) / temperature, reciprocals and rounding to integers (specification,
 * section 2).
 *
 * Only operations that OpenCL rounds correctly (+ - * fma and conversions) and integers: a
 * device's division, exp2 or log2 would differ from another's. */
#pragma once
#include "numeric/keys.cl"
#pragma OPENCL FP_CONTRACT OFF

/* numerator * 2^-63 / x for a positive normal x, rounded to 24 bits, ties up. */
LMS_APART
float lms_quotient(ulong numerator, float x)
{
    const uint bits = as_uint(x);
    const int b = (int)(bits >> 23) - 150; /* x = a * 2^b, a of 24 bits */
    const ulong q = numerator / ((bits & 0x7fffffu) | 0x800000u);
    const int h = 40 - (int)clz(q);
    ulong c = (q + (1ul << (h - 1))) >> h;
    int exponent = h - 63 - b;
    if (c >> 24) {
        c >>= 1;
        ++exponent;
    }
    return as_float((uint)((exponent + 150) << 23) | ((uint)c & 0x7fffffu));
}

/* log2(e) / temperature; log2(e) = L * 2^-63. */
float lms_scale(float temperature) { return lms_quotient(0xB8AA3B295C17F0BCul, temperature); }
float lms_reciprocal(float x) { return lms_quotient(1ul << 63, x); }

/* Nearest integer, ties to even. Adding and subtracting 2^23 rounds below 2^23; from there on
 * every float is an integer. (The builtin is many instructions on some CPUs.) */
float lms_rint(float x)
{
    const float magnitude = fabs(x);
    const float rounded = (magnitude + 0x1p+23f) - 0x1p+23f;
    return magnitude < 0x1p+23f ? (x < 0.0f ? -rounded : rounded) : x;
}
lms_floats lms_rints(lms_floats x)
{
    const lms_floats magnitude = LMS_V(as_float)(lms_magnitudes(x));
    const lms_floats rounded = (magnitude + 0x1p+23f) - 0x1p+23f;
    return magnitude < 0x1p+23f ? (x < 0.0f ? -rounded : rounded) : x;
}
