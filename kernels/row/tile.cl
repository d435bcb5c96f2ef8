/* tile.cl - the tile pass: the largest key of every group and tile, and, where they are wanted,
 * the tiles' sums of weights. This file has one tile by one work-item, which is right for every
 * tile; row/blocks.cl and row/teams.cl have what is fast. */
#pragma once
#include "row/masses.cl"

/* Where what is found out about a row's tiles goes. */
typedef struct lms_tiles {
    __global int *groups;
    __global int *keys;
    __global ulong *sums;
    float scale; /* of the sums; 0: they are not wanted */
} lms_tiles;

lms_tiles lms_tiles_at(const lms_workspace *w, ulong place, uint vocab, float scale)
{
    const ulong tiles = lms_tiles_of(vocab);
    lms_tiles t;
    t.groups = w->groups + place * tiles * LMS_TILE_GROUPS;
    t.keys = w->tile_keys + place * tiles;
    t.sums = w->sums + place * tiles;
    t.scale = scale;
    return t;
}

/* A group's maximum, NaN, subnormals and the end of the row taken care of. */
LMS_APART
int lms_group_key(const lms_logits *x, uint begin, uint *seen)
{
    lms_ints best = (lms_ints)(LMS_NEVER);
    for (uint i = begin; i < begin + LMS_GROUP; i += LMS_LANES) {
        const lms_floats v = lms_read(x, i);
        if (lms_any(lms_magnitudes(v) > LMS_KEY_INF)) *seen = LMS_ROW_NAN_SEEN;
        best = max(best, lms_keys(v));
    }
    return lms_max(best);
}

/* Maxima of a tile; returns what was seen. */
LMS_APART
uint lms_do_tile(const lms_logits *x, uint tile, const lms_tiles *t)
{
    int tile_key = LMS_NEVER;
    uint seen = 0;
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        const int key = lms_group_key(x, tile * LMS_TILE + g * LMS_GROUP, &seen);
        t->groups[tile * LMS_TILE_GROUPS + g] = key;
        tile_key = max(tile_key, key);
    }
    t->keys[tile] = tile_key;
    return seen;
}

/* The sum of a tile whose maximum is there. */
LMS_APART
void lms_sum_tile(const lms_logits *x, uint tile, const lms_tiles *t)
{
    t->sums[tile] = lms_tile_sum(x, tile, lms_unit_alone(t->scale, t->keys[tile]));
}
