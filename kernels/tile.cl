/* tile.cl - the one full read of the logits: the largest key of every group of 32 tokens.
 *
 *   in   logits  [logits_rows][stride]; index int[rows] or none
 *   out  groups  int[rows][tiles * 8], keys of the group maxima (LMS_NEVER: no live token)
 *        tile_keys  int[rows][tiles], the largest of each tile
 *        seen    uint[rows][chunks], LMS_ROW_NAN_SEEN where a NaN is in the chunk
 *   run  2-D: (chunks * LMS_TEAM, rows) in work-groups of (LMS_TEAM, 1); a chunk is
 *        LMS_CHUNK tiles of one row
 *   mem  4 bytes local for each work-item, and 4 more
 *
 * Why the maxima of groups are enough for nearly everything is in docs/algorithms.md. */

#ifndef LMS_CHUNK
#define LMS_CHUNK 32u
#endif

/* A group's maximum, NaN and the end of the row taken care of. */
int lms_group_key_checked(__global const lms_logit *x, uint begin, uint vocab, uint *seen)
{
    int8 best = (int8)(LMS_NEVER);
    for (uint i = begin; i < begin + LMS_GROUP; i += 8) {
        const float8 v = lms_load8_until(x, i, vocab);
        if (any(lms_magnitudes8(v) > LMS_KEY_INF)) *seen = LMS_ROW_NAN_SEEN;
        best = max(best, lms_keys8(v));
    }
    return lms_max8(best);
}

#if LMS_TEAM < 32

/* One work-item a tile: eight groups, whose lanes are folded in a tree at the end. */
int lms_tile_keys(__global const lms_logit *x, uint tile, uint vocab, __global int *groups,
                   uint *seen)
{
    int8 best[LMS_TILE_GROUPS];
    int8 magnitude = (int8)(0);
    const uint begin = tile * LMS_TILE;
    if (begin + LMS_TILE <= vocab) {
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            const uint at = begin + g * LMS_GROUP;
            const float8 a = lms_load8(x, at), b = lms_load8(x, at + 8);
            const float8 c = lms_load8(x, at + 16), d = lms_load8(x, at + 24);
            best[g] = max(max(lms_keys8_unchecked(a), lms_keys8_unchecked(b)),
                          max(lms_keys8_unchecked(c), lms_keys8_unchecked(d)));
            magnitude = max(magnitude, max(max(lms_magnitudes8(a), lms_magnitudes8(b)),
                                           max(lms_magnitudes8(c), lms_magnitudes8(d))));
        }
        if (!any(magnitude > LMS_KEY_INF)) {
            const int8 ab = (int8)(max(best[0].lo, best[0].hi), max(best[1].lo, best[1].hi));
            const int8 cd = (int8)(max(best[2].lo, best[2].hi), max(best[3].lo, best[3].hi));
            const int8 ef = (int8)(max(best[4].lo, best[4].hi), max(best[5].lo, best[5].hi));
            const int8 gh = (int8)(max(best[6].lo, best[6].hi), max(best[7].lo, best[7].hi));
            const int8 abcd = max((int8)(ab.even, cd.even), (int8)(ab.odd, cd.odd));
            const int8 efgh = max((int8)(ef.even, gh.even), (int8)(ef.odd, gh.odd));
            const int8 keys = max((int8)(abcd.even, efgh.even), (int8)(abcd.odd, efgh.odd));
            vstore8(keys, tile, groups);
            return lms_max8(keys);
        }
    }
    int tile_key = LMS_NEVER;
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        const int key = lms_group_key_checked(x, begin + g * LMS_GROUP, vocab, seen);
        groups[tile * LMS_TILE_GROUPS + g] = key;
        tile_key = max(tile_key, key);
    }
    return tile_key;
}

/* Own tiles of [first, last), every LMS_TEAM-th; returns what was seen. */
uint lms_own_tiles(__global const lms_logit *x, uint vocab, uint first, uint last,
                   __global int *groups, __global int *tile_keys)
{
    uint seen = 0;
    for (uint tile = first + (uint)get_local_id(0); tile < last; tile += LMS_TEAM) {
        tile_keys[tile] = lms_tile_keys(x, tile, vocab, groups, &seen);
    }
    return seen;
}

#endif

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_tile_maxima(__global const lms_logit *logits, ulong offset, ulong stride,
                     ulong logits_rows, uint vocab, __global const int *index,
                     ulong index_offset, uint has_index, __global int *groups,
                     __global int *tile_keys, __global uint *seen)
{
    const uint row = (uint)get_global_id(1);
    const uint chunk = (uint)get_group_id(0), chunks = (uint)get_num_groups(0);
    const uint tiles = (vocab + LMS_TILE - 1) / LMS_TILE;
    const long source = has_index ? (long)index[index_offset + row] : (long)row;
    uint nan = 0;
    if (source < 0 || (ulong)source >= logits_rows) return;
    __global const lms_logit *const x = logits + offset + (ulong)source * stride;
    groups += (ulong)row * tiles * LMS_TILE_GROUPS;
    tile_keys += (ulong)row * tiles;
    const uint first = chunk * LMS_CHUNK, last = min(first + LMS_CHUNK, tiles);

#if LMS_TEAM < 32
    nan = lms_own_tiles(x, vocab, first, last, groups, tile_keys);
#else
    const uint lane = (uint)get_local_id(0);
    /* A work-item reads quarters of groups, its neighbours the next ones: coalesced. */
    __local int quarters[LMS_TEAM];
    for (uint from = first * LMS_TILE; from < last * LMS_TILE; from += LMS_TEAM * 8) {
        const uint at = from + lane * 8;
        const float8 v = lms_load8_until(x, at, vocab);
        if (any(lms_magnitudes8(v) > LMS_KEY_INF)) nan = LMS_ROW_NAN_SEEN;
        quarters[lane] = lms_max8(lms_keys8(v));
        barrier(CLK_LOCAL_MEM_FENCE);
        const uint group = from / LMS_GROUP + lane;
        if (lane < LMS_TEAM / 4 && group < last * LMS_TILE_GROUPS) {
            const int4 q = vload4(lane, quarters);
            groups[group] = max(max(q.x, q.y), max(q.z, q.w));
        }
        const uint tile = from / LMS_TILE + lane;
        if (lane < LMS_TEAM / 32 && tile < last) {
            int8 best = vload8(lane * 4, quarters);
            for (uint i = 1; i < 4; ++i) best = max(best, vload8(lane * 4 + i, quarters));
            tile_keys[tile] = lms_max8(best);
        }
        barrier(CLK_LOCAL_MEM_FENCE); /* quarters[] is read before the next round writes it */
    }
#endif

#if LMS_TEAM == 1
    seen[(ulong)row * chunks + chunk] = nan;
#else
    __local uint any_nan;
    if (get_local_id(0) == 0) any_nan = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (nan) atomic_or(&any_nan, nan);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) == 0) seen[(ulong)row * chunks + chunk] = any_nan;
#endif
}
