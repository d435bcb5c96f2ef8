/* contrastive_append.cl - states get to their places: a context's, to positions of its pages,
 * in their own type; the candidates', to the workspace, as floats.
 *
 *   in   hidden [..][stride], `width` of each row; of lms_context_append, runs
 *        lms_context_run[..] and, where the states are choices, chosen int[turns], their rows;
 *        of lms_context_candidates, turns lms_context_turn[..]
 *   out  states [pages][LMS_CONTEXT_PAGE][padded], marks lms_context_mark[pages][..]; or
 *        candidates float[..][padded], those of a block interleaved, and inverses float[..]
 *   run  lms_context_append, lms_context_copy: a work-group of LMS_TEAM for each run, for each
 *        position; lms_context_candidates: 2-D, (crews for the largest k, turns)
 */

void lms_put_own(__global lms_logit *out, lms_own v)
{
#if LMS_TEAM == 1
#if LMS_LOGITS == 1
    vstore16(v, 0, out);
#elif LMS_LOGITS == 2
    vstore_half16(v, 0, out);
#else
    vstore16(convert_ushort16(as_uint16(v) >> 16), 0, out);
#endif
#else
#if LMS_LOGITS == 1
    *out = v;
#elif LMS_LOGITS == 2
    vstore_half(v, 0, out);
#else
    *out = (ushort)(as_uint(v) >> 16);
#endif
#endif
}

void lms_put_own_float(__global float *out, lms_own v)
{
#if LMS_TEAM == 1
    vstore16(v, 0, out);
#else
    *out = v;
#endif
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_append(__global const lms_logit *hidden, ulong offset, ulong stride,
                        uint width, uint padded, __global const lms_context_run *runs,
                        uint first_run, __global const int *chosen, uint has_chosen,
                        __global lms_logit *states, __global lms_context_mark *marks)
{
    __local lms_crew_shared shared;
    const lms_context_run run = runs[first_run + get_group_id(0)];
    const int row = has_chosen ? chosen[run.source] : (int)run.source;
    for (uint from = 0; from < run.count; from += LMS_CREWS) {
        const uint i = from + lms_crew();
        const bool here = i < run.count && row >= 0;
        const uint count = here ? width : 0; /* others meet with nothing */
        const ulong at = (ulong)run.page * LMS_CONTEXT_PAGE + run.first + i;
        __global const lms_logit *const x =
            hidden + offset + (here ? (ulong)row + i : 0) * stride;
        __global lms_logit *const out = states + at * padded;
        const int field = lms_state_field(x, count, &shared);
        lms_own sum = (lms_own)(0.0f);
        for (uint e = lms_chain(); e < (here ? padded : 0); e += LMS_CHAINS) {
            const lms_own v = lms_own_kept(lms_own_at(x, e, width), field);
            lms_put_own(out + lms_place_of(e, 0, 1), v);
            sum = fma(v, v, sum);
        }
        const float inverse = lms_inverse_of_sum(field, lms_crew_sum(sum, &shared));
        if (i < run.count && lms_chain() == 0) {
            marks[at].inverse = inverse;
            marks[at].serial = here ? run.serial : 0;
        }
    }
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_candidates(__global const lms_logit *hidden, ulong offset, ulong stride,
                            uint width, uint padded, __global const lms_context_turn *turns,
                            __global float *candidates, __global float *inverses)
{
    __local lms_crew_shared shared;
    const lms_context_turn turn = turns[get_global_id(1)];
    const uint i = (uint)get_group_id(0) * LMS_CREWS + lms_crew();
    const bool here = i < turn.k;
    __global const lms_logit *const x =
        hidden + offset + ((ulong)turn.first_row + (here ? i : 0)) * stride;
    __global float *const out = candidates + (ulong)turn.first_state * padded;
    const int field = lms_state_field(x, here ? width : 0, &shared);
    lms_own sum = (lms_own)(0.0f);
    for (uint e = lms_chain(); e < (here ? padded : 0); e += LMS_CHAINS) {
        const lms_own v = lms_own_kept(lms_own_at(x, e, width), field);
        lms_put_own_float(out + lms_candidate_place(e, i, turn.k, padded), v);
        sum = fma(v, v, sum);
    }
    const float inverse = lms_inverse_of_sum(field, lms_crew_sum(sum, &shared));
    if (here && lms_chain() == 0) inverses[turn.first_state + i] = inverse;
}

/* The first positions of a page, for another context. */
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_copy(__global const lms_bits *from,
                      __global const lms_context_mark *from_marks, uint from_page,
                      uint from_serial, __global lms_bits *to,
                      __global lms_context_mark *to_marks, uint to_page, uint to_serial,
                      uint padded)
{
    const uint lane = (uint)get_local_id(0);
    const ulong source = (ulong)from_page * LMS_CONTEXT_PAGE + get_group_id(0);
    const ulong target = (ulong)to_page * LMS_CONTEXT_PAGE + get_group_id(0);
    const lms_context_mark mark = from_marks[source];
    if (mark.serial == from_serial) {
        for (uint i = lane; i < padded; i += LMS_TEAM) {
            to[target * padded + i] = from[source * padded + i];
        }
    }
    if (lane != 0) return;
    to_marks[target].inverse = mark.inverse;
    to_marks[target].serial = mark.serial == from_serial ? to_serial : 0;
}
