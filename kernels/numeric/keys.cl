/* keys.cl - integers in the place of logits (specification, section 1): tokens are in the order
 * of their keys, the largest first, and among equal ones the lowest id first.
 *
 * A key orders like the logit, and no device's treatment of subnormals, of -0 or of NaN can
 * change its comparison. */
#pragma once
#include "numeric/vectors.cl"

/* The key of -inf; dead tokens (NaN, -inf) have it, live ones have larger ones. */
#define LMS_NEVER (-0x7f800000)
#define LMS_KEY_INF 0x7f800000

lms_ints lms_magnitudes(lms_floats x) { return LMS_V(as_int)(x) & 0x7fffffff; }

lms_ints lms_keys(lms_floats x)
{
    const lms_ints sign = LMS_V(as_int)(x) >> 31;
    const lms_ints magnitude = lms_magnitudes(x);
    const lms_ints keys = (magnitude ^ sign) - sign;
    return magnitude > LMS_KEY_INF ? (lms_ints)(LMS_NEVER) : keys;
}

int lms_key(float x)
{
    const int bits = as_int(x);
    const int magnitude = bits & 0x7fffffff;
    if (magnitude > LMS_KEY_INF) return LMS_NEVER;
    return bits < 0 ? -magnitude : magnitude;
}

/* The logit of a key; +0 for 0. */
float lms_logit_of(int key)
{
    return as_float(key < 0 ? (int)(0x80000000u | (uint)-key) : key);
}
lms_floats lms_logits_of(lms_ints key)
{
    const lms_ints sign = key >> 31;
    return LMS_V(as_float)(((key ^ sign) - sign) | (sign & (int)0x80000000));
}
