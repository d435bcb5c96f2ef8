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
 *   run  2-D: (chunks * LMS_TEAM, rows) in work-groups of (LMS_TEAM, 1); a chunk is
 *        LMS_CHUNK tiles of one row
 *   mem  12 bytes local for each work-item, and 4 more
 *
 * Why the maxima of groups are enough for nearly everything is in
 * docs/develop/algorithms.md. */
#pragma once
#include "row/params.h"
#include "row/maxima.cl"
#include "rules/rules.cl"

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_tile_maxima(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab,
                     __global const int *index, ulong index_offset, uint has_index,
                     __global const lms_row_params *params, ulong params_offset,
                     uint wants_cut, LMS_TILE_PASS_ARGUMENTS)
{
    __local lms_tile_shared shared;
    const ulong row = get_global_id(1);
    const long logits_row = has_index ? (long)index[index_offset + row] : (long)row;
    const lms_row_params p = params[params_offset + row];
    if (logits_row < 0 || (ulong)logits_row >= logits_rows) return;
    const lms_workspace workspace = LMS_TILE_PASS_WORKSPACE;
    const lms_logits x = LMS_LOGITS_ROW(logits_row);
    const lms_rules rules =
        lms_bad_field(p) ? lms_rules_none() : lms_sampler_rules(&p.filters, vocab);
    lms_do_chunk(&x, &workspace, row, lms_sums_if_needed(&rules, wants_cut), &shared);
}
