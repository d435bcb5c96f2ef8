/* rules/rules.cl - min-p's cut, and top-p's target (specification, section 6). All filters keep a
 * top segment of the same order, so what several keep is the tightest of their cuts. */
#pragma once
#include "numeric/weights.cl"

/* The smallest key whose logit passes. The test is monotone in the logit, because every
 * rounding in it is; so is bisection over keys exact. */
lms_cut lms_min_p(const lms_scaled *scaled, float min_p)
{
    if (scaled->huge || min_p == 1.0f) return lms_cut_at(scaled->max_key, UINT_MAX);
    /* min_p = a * 2^b; a subnormal one has fewer bits in a, and the same b as the smallest
     * normal. */
    const uint bits = as_uint(min_p);
    const uint exponent = max(bits >> 23, 1u);
    const ulong a = bits >> 23 ? (bits & 0x7fffffu) | 0x800000u : bits;
    const long log2_min_p = lms_lg(a) + (((long)exponent - 150) << 32);
    const float lambda = (float)log2_min_p * 0x1p-32f;
    const float z_max = fma(lms_logit_of(scaled->max_key), scaled->s, -scaled->h) - scaled->c;
    long above = scaled->max_key, below = LMS_NEVER; /* passes(above) and not passes(below) */
    while (above - below > 1) {
        const long middle = below + ((above - below) >> 1);
        const float x = lms_logit_of((int)middle);
        const float z = fma(x, scaled->s, -scaled->h) - scaled->c;
        if (z - z_max >= lambda) {
            above = middle;
        } else {
            below = middle;
        }
    }
    return lms_cut_at((int)above, UINT_MAX);
}

/* ceil(p * n) for 0 < p < 1, exactly: a 24-bit times a 64-bit integer, shifted. */
ulong lms_share_of(ulong n, float p)
{
    const uint bits = as_uint(p);
    const ulong a = bits >> 23 ? (bits & 0x7fffffu) | 0x800000u : bits;
    const uint down = 150 - max(bits >> 23, 1u); /* 24 .. 149 */
    const ulong low = a * n, high = mul_hi(a, n);
    ulong whole, rest;
    if (down < 64) {
        whole = high << (64 - down) | low >> down;
        rest = low << (64 - down);
    } else if (down < 128) {
        whole = down == 64 ? high : high >> (down - 64);
        rest = low | (down == 64 ? 0 : high << (128 - down));
    } else {
        whole = 0;
        rest = low | high;
    }
    return whole + (rest != 0);
}
