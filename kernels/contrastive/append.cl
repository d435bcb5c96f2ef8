/* contrastive/append.cl - states get to their places: a context's, to positions of its pages,
 * in their own type; the candidates', to the workspace, as floats.
 *
 *   in   hidden [..][stride], `width` of each row; of lms_context_append, runs
 *        lms_context_run[..] and, where the states are choices, chosen int[turns], their rows;
 *        of lms_context_candidates, turns lms_context_turn[..]
 *   out  states [pages][LMS_CONTEXT_PAGE][padded], inverses_kept float[pages][..] of a buffer
 *        of pages, from `first_page` on; pages lms_context_page[..], all; or candidates
 *        float[..][padded], those of a block interleaved, and inverses float[..]
 *   run  lms_context_append, lms_context_copy: a work-group of LMS_TEAM for each run, for each
 *        position; lms_context_candidates: 2-D, (crews for the largest k, turns)
 */
#pragma once
#include "contrastive/blocks.cl"

/* Stored elements as bits: half has no arithmetic, but its pointers do. Larger teams copy a run
 * of them at once. */
#if LMS_TEAM > 1
typedef uint4 lms_bits;
#elif LMS_ELEMENTS == 1
typedef uint lms_bits;
#else
typedef ushort lms_bits;
#endif

/* The bits of the first positions of a page. */
uint lms_first_bits(uint count)
{
    return count < LMS_CONTEXT_PAGE ? (1u << count) - 1 : 0xffffffffu;
}

/* Tells that a run's positions are written, or that they stay empty for want of a choice. */
void lms_mark_run(const lms_context_run *run, bool here, __global lms_context_page *pages)
{
    const uint before = lms_written(pages[run->page], run->serial);
    pages[run->page].serial = run->serial;
    pages[run->page].written = before | (here ? lms_first_bits(run->count) << run->first : 0);
}

/* The last launch of a call marks the runs of all of them, `marked`; for the others it is 0. */
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_append(LMS_HIDDEN_ARGUMENTS, __global const lms_context_run *runs,
                        uint first_run, uint marked, __global const int *chosen,
                        uint has_chosen, __global lms_element *states,
                        __global float *inverses_kept, uint first_page,
                        __global lms_context_page *pages)
{
    __local lms_crew_shared shared;
    const lms_context_run run = runs[first_run + get_group_id(0)];
    const int row = has_chosen ? chosen[run.row_or_turn] : (int)run.row_or_turn;
    for (uint from = 0; from < run.count; from += LMS_CREWS) {
        const uint i = from + lms_crew();
        const bool here = i < run.count && row >= 0;
        const uint count = here ? width : 0, end = here ? padded : 0; /* others just meet */
        const ulong at = (ulong)(run.page - first_page) * LMS_CONTEXT_PAGE + run.first + i;
        __global const lms_element *const x =
            hidden + hidden_offset + (here ? (ulong)row + i : 0) * stride;
        __global lms_element *const out = states + at * padded;
        const int field = lms_state_field(x, count, &shared);
        lms_own_sum sum = lms_own_zero();
        for (uint e = lms_dot_lane(); e < end; e += LMS_OWN_STEP) {
            const lms_own v = lms_own_kept(lms_own_at(x, e, width), field);
            lms_put_own(out + lms_place_of(e, LMS_RUN, 0, 1), v);
            sum = lms_own_fma(v, v, sum);
        }
        const float inverse = lms_inverse_of_sum(field, lms_crew_sum(sum, &shared));
        if (here && lms_dot_lane() == 0) inverses_kept[at] = inverse;
    }
    for (uint r = (uint)get_global_id(0); r < marked; r += (uint)get_global_size(0)) {
        const lms_context_run other = runs[r];
        lms_mark_run(&other, !has_chosen || chosen[other.row_or_turn] >= 0, pages);
    }
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_candidates(LMS_HIDDEN_ARGUMENTS, __global const lms_context_turn *turns,
                            __global float *candidates, __global float *inverses)
{
    __local lms_crew_shared shared;
    const lms_context_turn turn = turns[get_global_id(1)];
    const uint i = (uint)get_group_id(0) * LMS_CREWS + lms_crew();
    const bool here = i < turn.k;
    const uint count = here ? width : 0, end = here ? padded : 0; /* others just meet */
    __global const lms_element *const x =
        hidden + hidden_offset + ((ulong)turn.first_row + (here ? i : 0)) * stride;
    __global float *const out = candidates + (ulong)turn.first_state * padded;
    const int field = lms_state_field(x, count, &shared);
    lms_own_sum sum = lms_own_zero();
    for (uint e = lms_dot_lane(); e < end; e += LMS_OWN_STEP) {
        const lms_own v = lms_own_kept(lms_own_at(x, e, width), field);
        lms_put_candidate(out, e, i, turn.k, padded, v);
        sum = lms_own_fma(v, v, sum);
    }
    const float inverse = lms_inverse_of_sum(field, lms_crew_sum(sum, &shared));
    if (here && lms_dot_lane() == 0) inverses[turn.first_state + i] = inverse;
}

/* Copies the first positions of a page, as many as there are work-groups, to another context's
 * page. */
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_copy(__global const lms_bits *from, __global const float *from_inverses,
                      uint from_first, uint from_page, uint from_serial,
                      __global lms_bits *to, __global float *to_inverses, uint to_first,
                      uint to_page, uint to_serial, uint padded,
                      __global lms_context_page *pages)
{
    const uint position = (uint)get_group_id(0);
    const ulong from_at = (ulong)(from_page - from_first) * LMS_CONTEXT_PAGE + position;
    const ulong to_at = (ulong)(to_page - to_first) * LMS_CONTEXT_PAGE + position;
    const uint written = lms_written(pages[from_page], from_serial);
    if (written >> position & 1) {
        const uint count = padded / LMS_RUN;
        for (uint i = lms_item(); i < count; i += LMS_TEAM) {
            to[to_at * count + i] = from[from_at * count + i];
        }
        if (lms_item() == 0) to_inverses[to_at] = from_inverses[from_at];
    }
    if (position != 0 || lms_item() != 0) return;
    pages[to_page].serial = to_serial;
    pages[to_page].written = written & lms_first_bits((uint)get_num_groups(0));
}
