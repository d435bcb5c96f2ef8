/* fixed.cl - scores in 64-bit fixed point, in units of 2^-32 nat: sections 12, 15 and 16 of the
 * specification. Integers but for one float subtraction, so sums are exact and ranks total. */
#pragma once
#include "numeric/logarithm.cl"

#define LMS_SCORE_FLOOR (-(1l << 62))
#define LMS_NO_SCORE LONG_MIN
#define LMS_LN2 0xB17217F7D1CF79ABul /* ln 2 * 2^64 */
#define LMS_LOG2E 0xB8AA3B295C17F0BCul /* log2(e) * 2^63 */
#define LMS_GAP_MOST (1ul << 61)

/* For root() of section 16: 2^(2^-i) * 2^63 less its first bit, times 2, for i = 1 .. 32. */
__constant ulong lms_roots[32] = {
    0x6A09E667F3BCC908ul, 0x306FE0A31B7152DEul, 0x172B83C7D517ADCCul,
    0x0B5586CF9890F628ul, 0x059B0D31585743AEul, 0x02C9A3E778060EE6ul,
    0x0163DA9FB33356D8ul, 0x00B1AFA5ABCBED60ul, 0x0058C86DA1C09EA0ul,
    0x002C605E2E8CEC50ul, 0x00162F3904051FA0ul, 0x000B175EFFDC76BAul,
    0x00058BA01FB9F96Cul, 0x0002C5CC37DA9490ul, 0x000162E525EE0546ul,
    0x0000B17255775C04ul, 0x000058B91B5BC9AEul, 0x00002C5C89D5EC6Cul,
    0x0000162E43F4F830ul, 0x00000B1721BCFC98ul, 0x0000058B90CF1E6Cul,
    0x000002C5C863B73Eul, 0x00000162E430E5A0ul, 0x000000B172183550ul,
    0x00000058B90C0B48ul, 0x0000002C5C8601CCul, 0x000000162E42FFF0ul,
    0x0000000B17217FBAul, 0x000000058B90BFCCul, 0x00000002C5C85FE2ul,
    0x0000000162E42FF0ul, 0x00000000B17217F8ul,
};

/* 1 / x = q * 2^(-63 - b) */
typedef struct lms_inverse {
    ulong q;
    int b;
} lms_inverse;

lms_inverse lms_inverse_of(float x)
{
    const uint bits = as_uint(x);
    lms_inverse inverse;
    inverse.q = (1ul << 63) / ((bits & 0x7fffffu) | 0x800000u);
    inverse.b = (int)(bits >> 23) - 150;
    return inverse;
}

/* How far a logit is below the row's largest, m, over the temperature. Monotone in x. */
ulong lms_gap(lms_inverse inverse, float m, float x)
{
    const uint bits = as_uint(m - x);
    if (bits >= 0x7f800000u) return LMS_GAP_MOST;
    if (bits < 0x00800000u) return 0; /* even at the smallest temperature */
    const int down = inverse.b + 181 - (int)(bits >> 23);
    const ulong product = ((bits & 0x7fffffu) | 0x800000u) * inverse.q; /* at least 2^62 */
    if (down < 1) return LMS_GAP_MOST;
    return down > 63 ? 0 : min(product >> down, LMS_GAP_MOST);
}

/* A logprob or a score for people. */
float lms_nats(long score) { return (float)score * 0x1p-32f; }

float lms_score_or_none(long score)
{
    return score == LMS_NO_SCORE ? -INFINITY : lms_nats(score);
}

/* A number of nats >= 0 in units. */
ulong lms_fixed(float nats)
{
    const uint bits = as_uint(nats) & 0x7fffffffu; /* -0 is 0 */
    const int up = (int)(bits >> 23) - 118; /* a * 2^(exponent - 150 + 32) */
    const ulong a = (bits & 0x7fffffu) | 0x800000u;
    if (bits < 0x00800000u) return 0;
    if (up >= 0) return up > 37 ? LMS_GAP_MOST : min(a << up, LMS_GAP_MOST);
    return -up > 63 ? 0 : a >> -up;
}

/* root(f) of section 16: 2^(f / 2^32) * 2^63. */
ulong lms_root_of(uint f)
{
    ulong e = 1ul << 63;
    for (uint j = 0; j < 32; ++j) {
        /* e * r / 2^63 = e + e * (r - 2^63) / 2^63 */
        if (f >> (31 - j) & 1) e += mul_hi(e, lms_roots[j]);
    }
    return e;
}

/* -ln of a uniform in (0, 1], from 64 random bits. */
ulong lms_exponential(ulong word)
{
    const ulong octaves = (1ul << 38) - (ulong)lms_lg(max(word, 1ul));
    return max(mul_hi(octaves, LMS_LN2), 1ul);
}

/* trunc(n * factor / 2^64) of a signed number. */
long lms_scaled_down(long n, ulong factor)
{
    return n < 0 ? -(long)mul_hi((ulong)-n, factor) : (long)mul_hi((ulong)n, factor);
}

/* ln of a mass relative to that of the row's maximum, which is a part of it. */
long lms_norm(const lms_scaled *r, ulong mass)
{
    return (long)mul_hi((ulong)lms_lg_mass(r, mass), LMS_LN2);
}

/* e^d for |d| of at most 32 nats. */
float lms_exp(long d)
{
    const long z = lms_scaled_down(clamp(d, -(1l << 37), 1l << 37) * 2, LMS_LOG2E);
    const uint mantissa = (uint)(lms_root_of((uint)z) >> 40);
    return as_float((uint)((int)(z >> 32) + 127) << 23 | (mantissa & 0x7fffffu));
}

/* ln x of a positive normal x. */
long lms_ln(float x)
{
    const uint bits = as_uint(x);
    const ulong a = (bits & 0x7fffffu) | 0x800000u;
    return lms_scaled_down(lms_lg(a) + ((long)((int)(bits >> 23) - 150) << 32), LMS_LN2);
}
