/* min_p.cl - min-p keeps the tokens that are at least min_p times as probable as the most
 * probable one (specification, section 6). It needs the row's maximum and nothing else. */
#pragma once
#include "lms_filters.h"
#include "numeric/logarithm.cl"
#include "row/cut.cl"

/* By bits, subnormals included: as integers, negative floats are negative. */
bool lms_has_min_p(const lms_filters *f) { return as_int(f->min_p) > 0; }

/* The cut at the smallest key whose logit passes. The test is monotone in the logit, because
 * every rounding in it is; so bisection over keys is exact. */
lms_cut lms_min_p_cut(const lms_scaled *scaled, float min_p)
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
