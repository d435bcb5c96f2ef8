/* beam/probe.cl - does the device lay out the records of a beam search, and compute its scores,
 * as specified? rules/probe.cl asks the same about rows.
 *
 *   in   two float operands that no compiler can fold
 *   out  results ulong[]; host/beam/probe.c knows the right ones
 *   run  one work-item
 */
#pragma once
#include "beam/rating.cl"
#include "numeric/tell.cl"

__kernel void lms_beam_probe(__global const float *in, __global ulong *results)
{
    const float a = in[0], b = in[1]; /* 1.75, 0.3 */
    uint n = 0;
    LMS_BEAM_RECORDS(LMS_TELL)
    const lms_rating less = lms_rate(-12345678901234l, 17, b);
    const lms_rating more = lms_rate(-12345678901234l, 17, -a);
    results[n++] = lms_gap(lms_inverse_of(b), a, b);
    results[n++] = less.digits;
    results[n++] = (ulong)(uint)less.octave << 32 | (uint)more.octave;
    results[n++] = more.digits;
    results[n++] = as_uint(lms_rating_nats(less));
    results[n++] = lms_root_of(0xdeadbeefu);
    results[n++] = (ulong)lms_ln(lms_exp((long)lms_exponential(1ul << 62)));
}
