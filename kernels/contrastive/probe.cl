/* contrastive/probe.cl - does the device lay out and compute what a context needs as specified?
 *
 *   in   three float operands that no compiler can fold
 *   out  results ulong[]; host/contrastive/probe.c knows the right ones
 *   run  one work-item
 */
#pragma once
#include "contrastive/choose.cl"
#include "numeric/tell.cl"

__kernel void lms_context_probe(__global const float *in, __global ulong *results)
{
    const float a = in[0], b = in[1], c = in[2]; /* 1 + 2^-12, 1 - 2^-12, -(1 + 2^-11) */
    uint n = 0;
    LMS_CONTEXT_RECORDS(LMS_TELL)
    results[n++] = as_uint(fma(a, a, c)); /* fused: 2^-24 */
    results[n++] = as_uint(a * a + c);    /* rounded on its own: 0 */
    results[n++] = as_uint((0x1p+23f + b) - 0x1p+23f);
    results[n++] = as_uint(lms_inverse_norm(a * 3.0f));
    results[n++] = as_uint(lms_choice_score(b, a * 0.5f, b));
    results[n++] = as_uint(lms_penalty_of(b * 0x1p-30f, a * 0x1p-30f));
}
