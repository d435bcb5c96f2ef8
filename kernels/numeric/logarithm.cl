/* logarithm.cl - logarithms of masses, and shares of them (specification, sections 8 and 9).
 * Only operations as in numeric/scale.cl. */
#pragma once
#include "numeric/weights.cl"

/* log2(n) * 2^32 by repeated squaring of the mantissa; n >= 1. */
LMS_APART
long lms_lg(ulong n)
{
    const int e = 63 - (int)clz(n);
    ulong m = n << (63 - e);
    ulong fraction = 0;
    for (uint i = 0; i < 32; ++i) {
        m = mul_hi(m, m);
        const ulong bit = m >> 63;
        m <<= 1 - bit;
        fraction = fraction << 1 | bit;
    }
    return (long)((ulong)e << 32 | fraction);
}

/* logmass of section 9: log2, times 2^32, of `mass` relative to that of the row's maximum,
 * which is a part of it: never below 0, and 0 where it is all of it. */
long lms_lg_mass(const lms_scaled *r, ulong mass)
{
    const int top = lms_weight(lms_unit_of(r, r->max_key), lms_logit_of(r->max_key));
    return lms_lg(mass) - lms_lg((ulong)top << LMS_GUARD_BITS);
}

/* K of section 9: the natural one. */
float lms_log_mass(const lms_scaled *r, ulong mass)
{
    return (float)lms_lg_mass(r, mass) * 0x1.62e430p-33f;
}

/* A processed probability, `factor` being the reciprocal of `all`: all of it is 1, however
 * that is rounded. */
float lms_share(float mass, float all, float factor)
{
    return mass == all ? 1.0f : mass * factor;
}
lms_floats lms_shares(lms_floats mass, float all, float factor)
{
    return mass == all ? (lms_floats)(1.0f) : mass * factor;
}
