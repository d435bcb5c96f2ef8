/* probe.cl - does the device lay out records and round as it should?
 *
 *   in   three float operands that no compiler can fold
 *   out  results ulong[]; host/op/probe.c knows the right ones
 *   run  one work-item
 */
#pragma once
#include "numeric/logarithm.cl"
#include "numeric/philox.cl"
#include "numeric/tell.cl"
#include "row/records.h"
#include "rules/top_p.cl"

__kernel void lms_probe(__global const float *in, __global ulong *results)
{
    const float a = in[0], b = in[1], c = in[2]; /* 1 + 2^-12, 1 - 2^-12, -1 - 2^-11 */
    uint n = 0;
    const lms_scaled scaled = lms_at_scale(lms_scale(a), lms_key(b));
    const lms_unit unit = lms_unit_of(&scaled, lms_key(b));
    const ulong lg = (ulong)lms_lg((ulong)as_uint(a) << 7);
    LMS_SAMPLER_RECORDS(LMS_TELL)
    results[n++] = as_uint(fma(a, a, c)); /* 2^-24: a fused operation keeps it */
    results[n++] = as_uint(a * a + c);    /* 0: a product rounded on its own */
    results[n++] = as_uint((a + 0x1p+23f) - 0x1p+23f); /* 1: no reassociation */
    results[n++] = as_uint(lms_scale(a));
    results[n++] = as_uint(lms_reciprocal(b));
    results[n++] = lg;
    results[n++] = (uint)lms_weight(unit, c);
    results[n++] = (uint)lms_weight(unit, c * 5.0f);
    results[n++] = (uint)lms_key(c);
    results[n++] = lms_attempt_words(1, 2, 3).x;
    results[n++] = as_uint((float)(lg | 1ul << 63));
    results[n++] = (uint)(lms_share_of(lg, b) >> 8);
}
