/* probe.cl - does the device lay out records and round as it should?
 *
 *   in   three float operands that no compiler can fold
 *   out  results uint[LMS_PROBE_RESULTS]; host/probe.c knows the right ones
 *   run  one work-item
 */
#define LMS_PROBE_RESULTS 16u

__kernel void lms_probe(__global const float *in, __global uint *results)
{
    const float a = in[0], b = in[1], c = in[2]; /* 1 + 2^-12, 1 - 2^-12, -1 - 2^-11 */
    lms_row_params p;
    const lms_scaled scaled = lms_at_scale(lms_scale(a), lms_key(b));
    const lms_unit unit = lms_unit_of(&scaled, lms_key(b));
    const ulong lg = (ulong)lms_lg((ulong)as_uint(a) << 7);
    results[0] = (uint)sizeof(lms_row_params);
    results[1] = (uint)((__private char *)&p.temperature - (__private char *)&p);
    results[2] = (uint)((__private char *)&p.flags - (__private char *)&p);
    results[3] = as_uint(fma(a, a, c));  /* 2^-24: a fused operation keeps it */
    results[4] = as_uint(a * a + c);     /* 0: a product rounded on its own */
    results[5] = as_uint((a + 0x1p+23f) - 0x1p+23f); /* 1: no reassociation */
    results[6] = as_uint(lms_scale(a));
    results[7] = as_uint(lms_reciprocal(b));
    results[8] = (uint)lg;
    results[9] = (uint)(lg >> 32);
    results[10] = (uint)lms_weight(unit, c);
    results[11] = (uint)lms_weight(unit, c * 5.0f);
    results[12] = (uint)lms_key(c);
    results[13] = lms_attempt_words(1, 2, 3).x;
    results[14] = as_uint((float)(lg | 1ul << 63));
    results[15] = (uint)(lms_share_of(lg, b) >> 8);
}
