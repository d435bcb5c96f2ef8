/* beam_probe.cl - what probe.cl asks for, of a beam search: records as the host has them, and
 * scores as they are specified.
 *
 *   in   two float operands that no compiler can fold
 *   out  results ulong[LMS_BEAM_PROBE_RESULTS]; host/beam_probe.c knows the right ones
 *   run  one work-item
 */
#define LMS_BEAM_PROBE_RESULTS 12u

__kernel void lms_beam_probe(__global const float *in, __global ulong *results)
{
    const float a = in[0], b = in[1]; /* 1.75, 0.3 */
    lms_beam_params p;
    results[0] = sizeof(lms_beam_params);
    results[1] = (ulong)((__private char *)&p.end_tokens - (__private char *)&p);
    results[2] = sizeof(lms_beam_state);
    results[3] = sizeof(lms_beam_live);
    results[4] = sizeof(lms_hypothesis);
    results[5] = sizeof(lms_candidate);
    results[6] = sizeof(lms_choice);
    results[7] = sizeof(lms_beam_link);
    results[8] = lms_gap(lms_inverse_of(b), a, b);
    results[9] = (ulong)lms_rate(-12345678901234l, 17, b);
    results[10] = lms_root_of(0xdeadbeefu);
    results[11] = (ulong)lms_ln(lms_exp((long)lms_exponential(1ul << 62)));
}
