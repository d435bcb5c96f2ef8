/* teams.cl - the tile pass of teams of 32 and more, as on GPUs: neighbouring work-items read
 * neighbouring vectors. Smaller teams have row/blocks.cl. */
#pragma once
#include "row/tile.cl"

#if LMS_TEAM >= 32

#define LMS_GROUP_ITEMS (LMS_GROUP / LMS_LANES)
#define LMS_TILE_ITEMS (LMS_TILE / LMS_LANES)

/* What the work-items of a team share in the tile pass. */
typedef struct lms_tile_shared {
    int keys[LMS_TEAM];
    ulong sums[LMS_TEAM];
    uint seen;
} lms_tile_shared;

/* The largest of n neighbours' keys. */
int lms_largest_of(__local const int *keys, uint n)
{
    int best = keys[0];
    for (uint i = 1; i < n; ++i) best = max(best, keys[i]);
    return best;
}

/* Tiles [first, last), one run of tokens after the other, a vector to a work-item; returns what
 * was seen. */
uint lms_do_tiles(const lms_logits *x, uint first, uint last, const lms_tiles *t,
                  __local lms_tile_shared *shared)
{
    __local int *const keys = shared->keys;
    __local ulong *const sums = shared->sums;
    const uint item = (uint)get_local_id(0);
    uint seen = 0;
    for (uint from = first * LMS_TILE; from < last * LMS_TILE; from += LMS_TEAM * LMS_LANES) {
        const lms_floats v = lms_read(x, from + item * LMS_LANES);
        if (lms_any(lms_magnitudes(v) > LMS_KEY_INF)) seen = LMS_ROW_NAN_SEEN;
        keys[item] = lms_max(lms_keys(v));
        barrier(CLK_LOCAL_MEM_FENCE);
        if (t->scale > 0.0f) {
            const uint begin = item / LMS_TILE_ITEMS * LMS_TILE_ITEMS;
            const int tile_key = lms_largest_of(keys + begin, LMS_TILE_ITEMS);
            const lms_ints w = lms_weights(lms_unit_alone(t->scale, tile_key), v);
            sums[item] = lms_sum_pairs(lms_widen(LMS_V(as_uint)(w)));
        }
        const uint group = from / LMS_GROUP + item;
        if (item < LMS_TEAM / LMS_GROUP_ITEMS && group < last * LMS_TILE_GROUPS) {
            t->groups[group] = lms_largest_of(keys + item * LMS_GROUP_ITEMS, LMS_GROUP_ITEMS);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        const uint tile = from / LMS_TILE + item;
        if (item < LMS_TEAM / LMS_TILE_ITEMS && tile < last) {
            t->keys[tile] = lms_largest_of(keys + item * LMS_TILE_ITEMS, LMS_TILE_ITEMS);
            if (t->scale > 0.0f) {
                ulong sum = 0;
                for (uint i = 0; i < LMS_TILE_ITEMS; ++i) {
                    sum += sums[item * LMS_TILE_ITEMS + i];
                }
                t->sums[tile] = sum;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE); /* keys[] is read before the next round writes it */
    }
    return seen;
}

#endif
