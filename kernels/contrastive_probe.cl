/* contrastive_probe.cl - does the device lay out and compute what a context needs as specified?
 *
 *   in   three float operands that no compiler can fold
 *   out  results uint[LMS_CONTEXT_PROBE_RESULTS]; host/contrastive_probe.c knows the right ones
 *   run  one work-item
 */
#define LMS_CONTEXT_PROBE_RESULTS 12u

__kernel void lms_context_probe(__global const float *in, __global uint *results)
{
    const float a = in[0], b = in[1], c = in[2]; /* 1 + 2^-12, 1 - 2^-12, -(1 + 2^-11) */
    results[0] = sizeof(lms_proposal_entry);
    results[1] = sizeof(lms_pick);
    results[2] = sizeof(lms_context_turn);
    results[3] = sizeof(lms_context_piece);
    results[4] = sizeof(lms_context_run);
    results[5] = sizeof(lms_context_page);
    results[6] = as_uint(fma(a, a, c));       /* fused: 2^-24 */
    results[7] = as_uint(a * a + c);          /* rounded on its own: 0 */
    results[8] = as_uint((0x1p+23f + b) - 0x1p+23f);
    results[9] = as_uint(lms_inverse_norm(a * 3.0f));
    results[10] = as_uint(lms_choice_score(b, a * 0.5f, b));
    results[11] = as_uint(lms_penalty_of(b * 0x1p-30f, a * 0x1p-30f));
}
