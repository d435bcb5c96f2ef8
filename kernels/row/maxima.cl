/* maxima.cl - the tile pass of a row, by whichever of its two forms the team is for: chunk by
 * chunk in a kernel of its own, or all of the row before what follows. */
#pragma once
#include "row/blocks.cl"
#include "row/teams.cl"

#ifndef LMS_CHUNK
#define LMS_CHUNK 32u /* tiles of a work-group */
#endif

/* The chunk of a row's tiles that is this work-group's; its place in `seen` gets what was seen
 * in it. */
LMS_APART
void lms_do_chunk(const lms_logits *x, const lms_workspace *w, ulong row, float scale,
                  __local lms_tile_shared *shared)
{
    const uint chunk = (uint)get_group_id(0), chunks = (uint)get_num_groups(0);
    const uint first = chunk * LMS_CHUNK;
    const uint last = min(first + LMS_CHUNK, lms_tiles_of(x->vocab));
    const lms_tiles tiles = lms_tiles_at(w, row, x->vocab, scale);
    __global uint *const seen = w->seen + row * chunks + chunk;
#if LMS_TEAM == 1
    *seen = lms_do_tiles(x, first, last, &tiles, shared);
#else
    const uint own = lms_do_tiles(x, first, last, &tiles, shared);
    if (get_local_id(0) == 0) shared->seen = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (own) atomic_or(&shared->seen, own);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) == 0) *seen = shared->seen;
#endif
}

/* What the tile pass has seen in row r, if it was a kernel of its own. */
uint lms_seen(const lms_workspace *w, ulong r)
{
    uint seen = 0;
    for (uint i = 0; i < w->chunks; ++i) seen |= w->seen[r * w->chunks + i];
    return seen;
}

/* What was seen in row r of a call: LMS_ROW_NAN_SEEN, or 0. Where the workspace is_fused (teams
 * of one, many rows) the tile pass of the row, which is in `place` of the workspace, is done
 * here; elsewhere a kernel before has done it. */
uint lms_seen_in_row(const lms_row *row, const lms_workspace *w, ulong r, ulong place,
                     float scale)
{
    if (LMS_TEAM == 1 && w->is_fused) {
        const lms_tiles tiles = lms_tiles_at(w, place, row->logits.vocab, scale);
        return lms_do_tiles(&row->logits, 0, row->tiles, &tiles, 0);
    }
    return lms_seen(w, r);
}
