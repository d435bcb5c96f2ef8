/* contrastive/scan.cl - reads the context, once: the largest product of each candidate with the
 * positions of a piece (specification, section 22).
 *
 *   in   pieces lms_context_piece[..], turns lms_context_turn[..], candidates as
 *        lms_context_candidates leaves them; states and inverses of one buffer of pages, from
 *        `first_page` on; pages lms_context_page[..], all
 *   out  best float[..][max_pieces], the largest product of a turn's candidate with a piece, or
 *        -inf where no position takes part; piece_status uint[..], LMS_CHOICE_...
 *   run  a work-group of LMS_TEAM for each piece
 */
#pragma once
#include "contrastive/best.cl"

/* AMD's compiler would take up to 136 registers, which hides less of the memory's latency: five
 * waves at a time can have 96 each. */
#if defined(__AMDGCN__) && defined(__clang__)
#define LMS_SCAN_WAVES __attribute__((amdgpu_waves_per_eu(5)))
#else
#define LMS_SCAN_WAVES
#endif

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1))) LMS_SCAN_WAVES
void lms_context_scan(__global const lms_context_piece *pieces, uint first_piece,
                      __global const lms_context_turn *turns, uint padded,
                      __global const float *candidates, __global const lms_element *states,
                      __global const float *inverses_kept, uint first_page,
                      __global const lms_context_page *pages, __global float *best,
                      uint max_pieces, __global uint *piece_status)
{
    __local lms_best_shared shared;
    const lms_context_piece piece = pieces[first_piece + get_group_id(0)];
    const lms_context_turn turn = turns[piece.turn];
    const uint each = lms_candidates_each(turn.k);
    const ulong page = (ulong)(piece.page - first_page) * LMS_CONTEXT_PAGE + piece.first;
    const uint written = lms_written(pages[piece.page], piece.serial) >> piece.first;
    const uint item = lms_item();
    lms_dots d;
    float inverses[LMS_POSITIONS];
    uint status = 0;
    d.candidates = candidates + (ulong)turn.first_state * padded;
    d.k = turn.k;
    d.padded = padded;
    const uint bests = turn.k * LMS_BEST_EACH;
    for (uint c = item; c < bests; c += LMS_TEAM) shared.best[c] = -INFINITY;
#if LMS_TEAM > 1
    if (item == 0) shared.status = 0;
#endif
    lms_crews_meet();
    for (uint at = 0; at < piece.count; at += LMS_POSITIONS * LMS_CREWS) {
        for (uint i = 0; i < LMS_POSITIONS; ++i) {
            /* Past the last one it comes again: the largest stays the same. */
            const uint p = min(at + i * LMS_CREWS + lms_crew(), piece.count - 1);
            d.x[i] = states + (page + p) * padded;
            inverses[i] = lms_inverse_of_position(inverses_kept + page + p, written >> p & 1,
                                                  &status);
        }
        lms_dots_tile(&d);
        for (uint c = 0; c < turn.k; c += each) {
            const uint count = min(each, turn.k - c);
            lms_dots_block(&d, c, count);
            lms_best_add(&d, inverses, c, count, &shared);
        }
    }
#if LMS_TEAM > 1
    if (status) atomic_or(&shared.status, status);
    lms_crews_meet();
    status = shared.status;
#endif
    for (uint c = item; c < turn.k; c += LMS_TEAM) {
        best[(ulong)(turn.first_state + c) * max_pieces + piece.piece] =
            lms_best_of(&shared, c);
    }
    if (item == 0) piece_status[turn.first_piece + piece.piece] = status;
}
