/* maxima.cl - the tile pass of a sampler, the one full read of the logits: the largest key of
 * every group of 32 tokens, and, for rows whose mass will be needed, every tile's sum of
 * weights.
 *
 *   in   logits  [logits_rows][stride]; index int[rows] or none; params lms_row_params[rows]
 *   out  groups  int[rows][tiles * 8], keys of the group maxima (LMS_NEVER: no live token)
 *        tile_keys  int[rows][tiles], the largest of each tile
 *        sums    ulong[rows][tiles], S_t at the scale of lms_sums_if_needed(), where that is
 *                not 0
 *        seen    uint[rows][chunks], LMS_ROW_NAN_SEEN where a NaN is in the chunk
 *   run  2-D: (rows * LMS_TEAM, chunks), in teams of one (chunks, rows), in work-groups of
 *        (LMS_TEAM, 1); a chunk is `chunk` tiles of one row
 *   mem  in teams of 32 and more at most 38 bytes local for each work-item, else 4
 *
 * Why the maxima of groups are enough for nearly everything is in
 * docs/develop/algorithms.md. */
#pragma once
#include "edits/call.cl"
#include "row/params.h"
#include "row/maxima.cl"
#include "rules/rules.cl"

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_tile_maxima(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab,
                     __global const int *index, ulong index_offset, uint has_index,
                     __global const lms_row_params *params, ulong params_offset,
                     uint wants_cut, LMS_TILE_PASS_ARGUMENTS LMS_AND_REQUESTS)
{
    __local lms_tile_shared shared;
    const ulong row = lms_row_of_group();
    const long logits_row = has_index ? (long)index[index_offset + row] : (long)row;
    if (logits_row < 0 || (ulong)logits_row >= logits_rows) return;
    const lms_workspace workspace = LMS_TILE_PASS_WORKSPACE;
#ifdef LMS_REQUESTS
    const lms_requests requests = LMS_REQUESTS_GIVEN;
    const lms_row_params p = lms_params_of(&requests, params + params_offset, row);
    const bool is_good = !has_prepared || prepared[row].status == LMS_ROW_OK;
    const lms_logits x = lms_edited_for_tiles(&requests, row, LMS_LOGITS_ROW(logits_row));
#else
    const lms_row_params p = params[params_offset + row];
    const bool is_good = !lms_bad_field(p);
    const lms_logits x = LMS_LOGITS_ROW(logits_row);
#endif
    float scale = 0.0f;
#ifdef LMS_REQUESTS
    wants_cut = lms_row_wants_cut(&requests, row, &p, wants_cut);
#endif
    if (lms_finds_scale() && is_good) {
        const lms_rules rules = lms_sampler_rules(&p.filters, vocab);
        scale = lms_sums_if_needed(&rules, wants_cut);
    }
    lms_do_chunk(&x, &workspace, row, scale, chunk, &shared);
}
