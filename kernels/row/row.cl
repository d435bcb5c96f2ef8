/* row/row.cl - a row as the kernels after the tile pass see it.
 *
 * A team's work-items own contiguous runs of tiles, so that what they list or sum is in the
 * order of token ids when taken lane by lane. */
#pragma once
#include "numeric/order.cl"
#include "numeric/stored.cl"
#include "row/records.h"
#include "team/meeting.cl"

typedef struct lms_row {
    __global const lms_element *x;
    __global const lms_element *next; /* what will be read next, or 0 */
    __global const int *dead; /* tokens that are read as -inf: beam programs only */
    uint dead_count;
    uint vocab;
    uint tiles;
    uint first; /* own tiles: [first, last) */
    uint last;
    int max_key;
    __global const int *groups; /* keys of the group maxima, 8 per tile, LMS_NEVER where dead */
    __global const int *tile_keys;
    __global ulong *list_mass;  /* listed tokens, LMS_LIST at most, in id order */
    __global int *list_key;
    __global uint *list_id;
    __global ulong *sums; /* a tile's sum of weights, later the envelope before it */
    __local lms_shared *shared;
} lms_row;

/* Keys of a tile's groups; LMS_NEVER in the lanes above. */
lms_ints lms_tile_groups(const lms_row *row, uint tile)
{
#if LMS_LANES == 16
    return (lms_ints)(vload8(tile, row->groups), (int8)(LMS_NEVER));
#else
    return vload8(tile, row->groups);
#endif
}

/* The logits of the tokens from `begin` on; -inf beyond the vocabulary. */
lms_floats lms_logits(const lms_row *row, uint begin)
{
    lms_floats x = lms_elements_until(row->x, begin, row->vocab);
#ifdef LMS_HAS_DEAD
    for (uint i = 0; i < row->dead_count; ++i) {
        const lms_uints id = (lms_uints)(begin) + LMS_LANE_IDS;
        x = id == (lms_uints)((uint)row->dead[i]) ? (lms_floats)(-INFINITY) : x;
    }
#endif
    return x;
}

/* Of the row after this one, a CPU asks for so many logits with each tile of the envelope, and
 * for so many behind those with each attempt: about what comes in that time. */
#define LMS_NEXT 64u
#define LMS_NEXT_TRY 128u

LMS_INLINE void lms_prefetch_next(const lms_row *row, uint from, uint count)
{
    if (!row->next || from >= row->vocab) return;
    for (uint i = from; i < from + count; i += LMS_LINE) LMS_PREFETCH(row->next + i);
}

/* Tokens in a group: 32, or fewer in the last one. */
uint lms_group_size(const lms_row *row, uint group)
{
    const uint begin = group * LMS_GROUP;
    return begin >= row->vocab ? 0 : min(LMS_GROUP, row->vocab - begin);
}

/* Row r of the batch. */
lms_row lms_row_at(__global const lms_element *x, uint vocab, size_t r,
                   __global const int *groups, __global const int *tile_keys,
                   __global ulong *list, __global ulong *sums, __local lms_shared *shared)
{
    lms_row row;
    row.x = x;
    row.next = 0;
    row.dead = 0;
    row.dead_count = 0;
    row.vocab = vocab;
    row.tiles = (vocab + LMS_TILE - 1) / LMS_TILE;
    const uint per = (row.tiles + LMS_TEAM - 1) / LMS_TEAM;
    row.first = min(lms_item() * per, row.tiles);
    row.last = min(row.first + per, row.tiles);
    row.groups = groups + r * row.tiles * LMS_TILE_GROUPS;
    row.tile_keys = tile_keys + r * row.tiles;
    row.list_mass = list + r * 2 * LMS_LIST;
    row.list_key = (__global int *)(row.list_mass + LMS_LIST);
    row.list_id = (__global uint *)(row.list_key + LMS_LIST);
    row.sums = sums + r * row.tiles;
    row.shared = shared;
    row.max_key = LMS_NEVER;
    return row;
}
