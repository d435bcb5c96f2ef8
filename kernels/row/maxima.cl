/* row/maxima.cl - the tile pass of small teams, as on CPUs: a work-item does blocks of whole tiles,
 * with vectors of tokens. Big teams have another way, in tile.cl. */
#pragma once
#include "cut/task.cl"
#include "row/masses.cl"
#include "row/whole_tile.cl"

/* What is known of a row's tiles. */
typedef struct lms_tiles {
    __global int *groups;
    __global int *keys;
    __global ulong *sums;
    bool with_sums;
    float scale; /* of the sums */
} lms_tiles;

lms_tiles lms_tiles_at(__global int *groups, __global int *tile_keys, __global ulong *sums,
                       ulong row, uint vocab)
{
    const ulong tiles = (vocab + LMS_TILE - 1) / LMS_TILE;
    lms_tiles t;
    t.groups = groups + row * tiles * LMS_TILE_GROUPS;
    t.keys = tile_keys + row * tiles;
    t.sums = sums + row * tiles;
    t.with_sums = false;
    t.scale = 0.0f;
    return t;
}

/* Of a row that is sampled. */
lms_tiles lms_tiles_of(__global int *groups, __global int *tile_keys, __global ulong *sums,
                       ulong row, uint vocab, const lms_filters *f)
{
    lms_tiles t = lms_tiles_at(groups, tile_keys, sums, row, vocab);
    t.with_sums = lms_needs_total(f, vocab);
    if (t.with_sums) t.scale = lms_filter_scale(f);
    return t;
}

/* Of a row whose mass is wanted in any case: summed at the filters' scale where a cut depends
 * on that, else at the temperature's. */
float lms_sums_scale(const lms_filters *f, uint vocab)
{
    return lms_needs_total(f, vocab) ? lms_filter_scale(f) : lms_scale(f->temperature);
}

lms_tiles lms_tiles_with_sums(__global int *groups, __global int *tile_keys,
                              __global ulong *sums, ulong row, uint vocab,
                              const lms_filters *f)
{
    lms_tiles t = lms_tiles_at(groups, tile_keys, sums, row, vocab);
    t.with_sums = true;
    t.scale = lms_sums_scale(f, vocab);
    return t;
}

#if LMS_TEAM < 32

/* A group's maximum, NaN, subnormals and the end of the row taken care of. */
LMS_APART
int lms_group_key(__global const lms_element *x, uint begin, uint vocab, uint *seen)
{
    lms_ints best = (lms_ints)(LMS_NEVER);
    for (uint i = begin; i < begin + LMS_GROUP; i += LMS_LANES) {
        const lms_floats v = lms_elements_until(x, i, vocab);
        if (lms_any(lms_magnitudes(v) > LMS_KEY_INF)) *seen = LMS_ROW_NAN_SEEN;
        best = max(best, lms_keys(v));
    }
    return lms_max(best);
}

/* The tiles of a block. */
#define LMS_BLOCK_TILES 16u

/* How far ahead of the maxima: some KiB, because hardware stops looking ahead at the end of a
 * page. What lies beyond the row is the next one, or nothing, which does no harm. */
#define LMS_AHEAD 768u

LMS_INLINE void lms_prefetch_tile(__global const lms_element *x)
{
    for (uint i = 0; i < LMS_TILE; i += LMS_LINE) LMS_PREFETCH(x + i);
}

/* Half of a tile, the first or the second: where a block is gone through twice, each time asks
 * for one half of the next block, so that the memory is at work all the time. */
LMS_INLINE void lms_prefetch_half(__global const lms_element *x, uint half_tile)
{
    const uint begin = half_tile * (LMS_TILE / 2);
    for (uint i = begin; i < begin + LMS_TILE / 2; i += LMS_LINE) LMS_PREFETCH(x + i);
}

bool lms_maxima_of_block(__global const lms_element *x, __global int *groups, __global int *keys,
                         bool with_sums)
{
    int8 odd = (int8)(0);
    for (uint i = 0; i < LMS_BLOCK_TILES; ++i) {
        if (with_sums) {
            lms_prefetch_half(x + (LMS_BLOCK_TILES + i) * LMS_TILE, 0);
        } else {
            lms_prefetch_tile(x + i * LMS_TILE + LMS_AHEAD);
        }
        const int8 tile = lms_whole_tile(x + i * LMS_TILE, &odd);
        vstore8(tile, i, groups);
        keys[i] = lms_max8(tile);
    }
    const ulong4 u = as_ulong4(odd);
    return (u.x | u.y | u.z | u.w) == 0;
}

bool lms_sums_of_block(__global const lms_element *x, float scale, __global const int *keys,
                       __global ulong *sums)
{
    float h[LMS_BLOCK_TILES];
    for (uint i = 0; i < LMS_BLOCK_TILES; i += LMS_LANES) {
        const lms_floats top = lms_logits_of(LMS_V(vload)(0, keys + i));
        const lms_floats u = top * scale;
        const lms_floats rounded = lms_rints(u);
        const lms_ints plain = (LMS_V(as_float)(lms_magnitudes(u)) < LMS_HUGE) &
                               (lms_rints(fma(top, (lms_floats)(scale), -rounded)) == 0.0f);
        if (lms_any(~plain)) return false;
        LMS_V(vstore)(rounded, 0, h + i);
    }
    for (uint i = 0; i < LMS_BLOCK_TILES; ++i) {
        lms_prefetch_half(x + (LMS_BLOCK_TILES + i) * LMS_TILE, 1);
        sums[i] = lms_plain_sum(x + i * LMS_TILE, scale, h[i]);
    }
    return true;
}

/* One work-item a tile. */
LMS_APART
uint lms_do_tile(__global const lms_element *x, uint tile, uint vocab, const lms_tiles *t)
{
    int tile_key = LMS_NEVER;
    uint seen = 0;
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        const int key = lms_group_key(x, tile * LMS_TILE + g * LMS_GROUP, vocab, &seen);
        t->groups[tile * LMS_TILE_GROUPS + g] = key;
        tile_key = max(tile_key, key);
    }
    t->keys[tile] = tile_key;
    return seen;
}

LMS_APART
void lms_sum_tile(__global const lms_element *x, uint tile, uint vocab, const lms_tiles *t)
{
    const lms_unit unit = lms_unit_alone(t->scale, t->keys[tile]);
    t->sums[tile] = lms_tile_sum_until(x, tile, vocab, unit);
}

/* Whole tiles, as many as a block. */
uint lms_do_block(__global const lms_element *x, uint tile, uint vocab, const lms_tiles *t)
{
    __global const lms_element *const block = x + tile * LMS_TILE;
    uint seen = 0;
    if (!lms_maxima_of_block(block, t->groups + tile * LMS_TILE_GROUPS, t->keys + tile,
                             t->with_sums)) {
        for (uint i = 0; i < LMS_BLOCK_TILES; ++i) seen |= lms_do_tile(x, tile + i, vocab, t);
    }
    if (!t->with_sums) return seen;
    if (!lms_sums_of_block(block, t->scale, t->keys + tile, t->sums + tile)) {
        for (uint i = 0; i < LMS_BLOCK_TILES; ++i) lms_sum_tile(x, tile + i, vocab, t);
    }
    return seen;
}

/* Own tiles of [first, last), a block to each work-item in turn; returns what was seen. */
uint lms_do_tiles(__global const lms_element *x, uint vocab, uint first, uint last,
                  const lms_tiles *t)
{
    const uint whole = vocab / LMS_TILE;
    uint seen = 0;
    for (uint tile = first + (uint)get_local_id(0) * LMS_BLOCK_TILES; tile < last;
         tile += LMS_TEAM * LMS_BLOCK_TILES) {
        const uint end = min(tile + LMS_BLOCK_TILES, last);
        if (tile + LMS_BLOCK_TILES <= min(end, whole)) {
            seen |= lms_do_block(x, tile, vocab, t);
            continue;
        }
        for (uint i = tile; i < end; ++i) {
            seen |= lms_do_tile(x, i, vocab, t);
            if (t->with_sums) lms_sum_tile(x, i, vocab, t);
        }
    }
    return seen;
}

#endif
