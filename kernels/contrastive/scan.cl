/* contrastive/scan.cl - reads the context, once: the largest product of each candidate with the
 * positions of a piece (specification, section 22).
 *
 *   in   pieces lms_context_piece[..], turns lms_context_turn[..], candidates as
 *        lms_context_candidates leaves them; states and inverses of one buffer of pages, from
 *        `first_page` on; pages lms_context_page[..], all
 *   out  best float[..][max_pieces], of a turn's candidate and piece: m but for other pieces,
 *        -inf where no position takes part; seen uint[..], LMS_CHOICE_... of the piece
 *   run  a work-group of LMS_TEAM for each piece
 */
#pragma once
#include "contrastive/best.cl"

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_context_scan(__global const lms_context_piece *pieces, uint first_piece,
                      __global const lms_context_turn *turns, uint padded,
                      __global const float *candidates, __global const lms_element *states,
                      __global const float *inverses_kept, uint first_page,
                      __global const lms_context_page *pages, __global float *best,
                      uint max_pieces, __global uint *seen)
{
    __local lms_best_shared shared;
    const lms_context_piece piece = pieces[first_piece + get_group_id(0)];
    const lms_context_turn turn = turns[piece.turn];
    const uint each = lms_candidates_each(turn.k);
    const ulong page = (ulong)(piece.page - first_page) * LMS_CONTEXT_PAGE + piece.first;
    const uint written = lms_written(pages[piece.page], piece.serial) >> piece.first;
    const uint lane = (uint)get_local_id(0);
    lms_dots d;
    float inverses[LMS_POSITIONS];
    uint own_seen = 0;
    d.candidates = candidates + (ulong)turn.first_state * padded;
    d.k = turn.k;
    d.padded = padded;
    for (uint c = lane; c < turn.k * LMS_BEST_EACH; c += LMS_TEAM) shared.best[c] = -INFINITY;
#if LMS_TEAM > 1
    if (lane == 0) shared.seen = 0;
#endif
    lms_crews_meet();
    for (uint at = 0; at < piece.count; at += LMS_POSITIONS * LMS_CREWS) {
        for (uint i = 0; i < LMS_POSITIONS; ++i) {
            /* Behind the last one, that one again: the largest stays the same. */
            const uint p = min(at + i * LMS_CREWS + lms_crew(), piece.count - 1);
            d.x[i] = states + (page + p) * padded;
            inverses[i] = lms_inverse_of_position(inverses_kept + page + p, written >> p & 1,
                                                  &own_seen);
        }
        lms_dots_tile(&d);
        for (uint c = 0; c < turn.k; c += each) {
            const uint count = min(each, turn.k - c);
            lms_dots_block(&d, c, count);
            lms_best_add(&d, inverses, c, count, &shared);
        }
    }
#if LMS_TEAM > 1
    if (own_seen) atomic_or(&shared.seen, own_seen);
    lms_crews_meet();
    own_seen = shared.seen;
#endif
    for (uint c = lane; c < turn.k; c += LMS_TEAM) {
        best[(ulong)(turn.first_state + c) * max_pieces + piece.piece] =
            lms_best_of(&shared, c);
    }
    if (lane == 0) seen[turn.first_piece + piece.piece] = own_seen;
}
