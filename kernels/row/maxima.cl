/* maxima.cl - the tile pass of a row, by whichever of its two forms the team is for: chunk by
 * chunk in a kernel of its own, or all of the row before what follows. */
#pragma once
#include "row/blocks.cl"
#include "row/teams.cl"

/* The tile pass as a kernel of its own has a work-group for each chunk of a row. In teams of
 * one, which read ahead, work-groups in turn do chunks of one row; else rows are along the
 * first dimension, because CUDA devices take 65,535 work-groups along others. */
#if LMS_TEAM == 1
#define LMS_CHUNKS_ALONG 0
#define LMS_ROWS_ALONG 1
#else
#define LMS_CHUNKS_ALONG 1
#define LMS_ROWS_ALONG 0
#endif

/* The row of a work-group. */
ulong lms_row_of_group(void) { return get_group_id(LMS_ROWS_ALONG); }

/* Is the scale of the sums this work-item's to find out? In teams of 32 and more one does it
 * for all. */
bool lms_finds_scale(void) { return LMS_TEAM < 32 || lms_item() == 0; }

/* The chunk of a row's tiles that is this work-group's, which are `chunk` tiles; its place in
 * `seen` gets what was seen in it. */
#if LMS_TEAM == 1
LMS_APART
#else
LMS_INLINE
#endif
void lms_do_chunk(const lms_logits *x, const lms_workspace *w, ulong row, float scale,
                  uint chunk, __local lms_tile_shared *shared)
{
    const ulong chunks = get_num_groups(LMS_CHUNKS_ALONG);
    const uint place = (uint)get_group_id(LMS_CHUNKS_ALONG);
    const uint first = place * chunk;
    const uint last = min(first + chunk, lms_tiles_of(x->vocab));
    const lms_tiles tiles = lms_tiles_at(w, row, x->vocab, scale);
    __global uint *const seen = w->seen + row * chunks + place;
#if LMS_TEAM == 1
    *seen = lms_do_tiles(x, first, last, &tiles, shared);
#else
    if (lms_item() == 0) shared->seen = 0;
#if LMS_TEAM < 32 /* else there is a barrier in the tile pass */
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
    const uint own = lms_do_tiles(x, first, last, &tiles, shared);
    if (own) atomic_or(&shared->seen, own);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lms_item() == 0) *seen = shared->seen;
#endif
}

/* What the tile pass has seen in row r, if it was a kernel of its own. */
uint lms_seen(const lms_workspace *w, ulong r)
{
    uint seen = 0;
#if LMS_TEAM > 1
#pragma unroll 16 /* many chunks where rows are few: not one wait for each */
#endif
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
