/* sample/maxima.cl - the one full read of the logits: the largest key of every group of 32 tokens, and,
 * for rows whose cut depends on it, every tile's sum of weights.
 *
 *   in   logits  [logits_rows][stride]; index int[rows] or none; params lms_row_params[rows]
 *   out  groups  int[rows][tiles * 8], keys of the group maxima (LMS_NEVER: no live token)
 *        tile_keys  int[rows][tiles], the largest of each tile
 *        sums    ulong[rows][tiles], S_t at the filters' scale, where lms_needs_total()
 *        seen    uint[rows][chunks], LMS_ROW_NAN_SEEN where a NaN is in the chunk
 *   run  2-D: (chunks * LMS_TEAM, rows) in work-groups of (LMS_TEAM, 1); a chunk is
 *        LMS_CHUNK tiles of one row
 *   mem  12 bytes local for each work-item, and 4 more
 *
 * docs/develop/algorithms.md says why the maxima of groups are enough for nearly everything. */
#pragma once
#include "row/maxima.cl"

#ifndef LMS_CHUNK
#define LMS_CHUNK 32u
#endif

/* Of the work-items of a team. */
typedef struct lms_tile_shared {
#if LMS_TEAM >= 32
    int keys[LMS_TEAM];
    ulong sums[LMS_TEAM];
#endif
    uint seen;
} lms_tile_shared;

#if LMS_TEAM >= 32

#define LMS_GROUP_ITEMS (LMS_GROUP / LMS_LANES)
#define LMS_TILE_ITEMS (LMS_TILE / LMS_LANES)

/* The largest of n neighbours' keys. */
int lms_largest_of(__local const int *keys, uint n)
{
    int best = keys[0];
    for (uint i = 1; i < n; ++i) best = max(best, keys[i]);
    return best;
}

/* A team reads one run of tokens after the other, a work-item a vector, its neighbours the
 * next ones: coalesced. Returns what was seen. */
uint lms_do_tiles(__global const lms_element *x, uint vocab, uint first, uint last,
                  const lms_tiles *t, __local lms_tile_shared *shared)
{
    __local int *const keys = shared->keys;
    __local ulong *const sums = shared->sums;
    const uint lane = (uint)get_local_id(0);
    uint seen = 0;
    for (uint from = first * LMS_TILE; from < last * LMS_TILE; from += LMS_TEAM * LMS_LANES) {
        const lms_floats v = lms_elements_until(x, from + lane * LMS_LANES, vocab);
        if (lms_any(lms_magnitudes(v) > LMS_KEY_INF)) seen = LMS_ROW_NAN_SEEN;
        keys[lane] = lms_max(lms_keys(v));
        barrier(CLK_LOCAL_MEM_FENCE);
        if (t->with_sums) {
            const uint own = lane / LMS_TILE_ITEMS * LMS_TILE_ITEMS;
            const int tile_key = lms_largest_of(keys + own, LMS_TILE_ITEMS);
            const lms_ints w = lms_weights(lms_unit_alone(t->scale, tile_key), v);
            sums[lane] = lms_sum_pairs(lms_widen(LMS_V(as_uint)(w)));
        }
        const uint group = from / LMS_GROUP + lane;
        if (lane < LMS_TEAM / LMS_GROUP_ITEMS && group < last * LMS_TILE_GROUPS) {
            t->groups[group] = lms_largest_of(keys + lane * LMS_GROUP_ITEMS, LMS_GROUP_ITEMS);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        const uint tile = from / LMS_TILE + lane;
        if (lane < LMS_TEAM / LMS_TILE_ITEMS && tile < last) {
            t->keys[tile] = lms_largest_of(keys + lane * LMS_TILE_ITEMS, LMS_TILE_ITEMS);
            if (t->with_sums) {
                ulong sum = 0;
                for (uint i = 0; i < LMS_TILE_ITEMS; ++i) {
                    sum += sums[lane * LMS_TILE_ITEMS + i];
                }
                t->sums[tile] = sum;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE); /* keys[] is read before the next round writes it */
    }
    return seen;
}

#endif

/* One chunk of a row; *seen gets what was seen in it. */
LMS_APART
void lms_do_chunk(__global const lms_element *x, uint vocab, uint chunk, const lms_tiles *tiles,
                  __global uint *seen, __local lms_tile_shared *shared)
{
    const uint all_tiles = (vocab + LMS_TILE - 1) / LMS_TILE;
    const uint first = chunk * LMS_CHUNK, last = min(first + LMS_CHUNK, all_tiles);
#if LMS_TEAM < 32
    const uint nan = lms_do_tiles(x, vocab, first, last, tiles);
#else
    const uint nan = lms_do_tiles(x, vocab, first, last, tiles, shared);
#endif
#if LMS_TEAM == 1
    (void)shared;
    *seen = nan;
#else
    if (get_local_id(0) == 0) shared->seen = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (nan) atomic_or(&shared->seen, nan);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) == 0) *seen = shared->seen;
#endif
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_tile_maxima(__global const lms_element *logits, ulong offset, ulong stride,
                     ulong logits_rows, uint vocab, __global const int *index,
                     ulong index_offset, uint has_index, __global const lms_row_params *params,
                     ulong params_offset, __global int *groups, __global int *tile_keys,
                     __global ulong *sums, __global uint *seen)
{
    __local lms_tile_shared shared;
    const uint row = (uint)get_global_id(1);
    const uint chunk = (uint)get_group_id(0), chunks = (uint)get_num_groups(0);
    const long source = has_index ? (long)index[index_offset + row] : (long)row;
    const lms_filters filters = params[params_offset + row].filters;
    if (source < 0 || (ulong)source >= logits_rows) return;
    const lms_tiles tiles = lms_tiles_of(groups, tile_keys, sums, row, vocab, &filters);
    lms_do_chunk(logits + offset + (ulong)source * stride, vocab, chunk, &tiles,
                 seen + (ulong)row * chunks + chunk, &shared);
}
