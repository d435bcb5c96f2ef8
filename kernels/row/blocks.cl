/* blocks.cl - the tile pass of teams below 32, as on CPUs: a work-item does blocks of whole
 * tiles, with vectors of tokens. Bigger teams have row/teams.cl. */
#pragma once
#include "row/tile.cl"
#include "row/whole_tile.cl"

#if LMS_TEAM < 32

#define LMS_BLOCK_TILES 16u
#define LMS_BLOCK (LMS_BLOCK_TILES * LMS_TILE)

/* How far ahead of the maxima logits are asked for: some KiB, because hardware stops looking
 * ahead at the end of a page. */
#define LMS_AHEAD 768u

/* Or for the first line of each of the next two pages alone: hardware goes on from there, and
 * takes less time than where all lines are asked for, unless a tile's reads are too many in too
 * short a time, as those of half as wide vectors are where there are no bans. */
#if LMS_LANES == 16
#define LMS_ASKS_FOR_PAGES(has_bans) true
#elif defined(LMS_REQUESTS)
#define LMS_ASKS_FOR_PAGES(has_bans) (has_bans)
#else
#define LMS_ASKS_FOR_PAGES(has_bans) false
#endif
LMS_INLINE void lms_prefetch_pages(const lms_logits *x, uint begin)
{
    const uint page = 4096 / sizeof(lms_element);
    if (begin % page) return;
    LMS_PREFETCH(x->stored + begin + page);
    LMS_PREFETCH(x->stored + begin + 2 * page);
}

/* What the work-items of a team share in the tile pass. */
typedef struct lms_tile_shared {
    uint seen;
} lms_tile_shared;

/* Keys of the groups of a tile without edited values; none of its tokens may be allowed. */
LMS_INLINE int8 lms_tile_of_block(const lms_logits *x, uint tile, bool has_bans, int8 *odd)
{
#ifdef LMS_REQUESTS
    if (has_bans) {
        const int8 words = as_int8(vload8(tile, x->bans));
        if (!lms_any8(words)) return (int8)(LMS_NEVER);
        if (lms_any8(~words)) {
            /* Hardware does not look ahead of reads with masks. */
            lms_prefetch(x, tile * LMS_TILE + LMS_AHEAD, LMS_TILE);
            return lms_whole_tile(x, tile * LMS_TILE, true, odd);
        }
    }
#else
    (void)has_bans;
#endif
    return lms_whole_tile(x, tile * LMS_TILE, false, odd);
}

/* Maxima of the groups and tiles [first, last) of a block. False if they are not to be trusted.
 * Where the block is gone through twice, each time asks for one half of each tile of the next
 * block, so that the memory is at work all the time. */
LMS_INLINE bool lms_maxima_of_tiles(const lms_logits *x, uint first, uint last,
                                    const lms_tiles *t, bool has_bans)
{
    const bool is_twice = t->scale > 0.0f;
    /* Copies, which no store to the maxima can change. */
    const lms_logits logits = *x;
    __global int *const groups = t->groups, *const tile_keys = t->keys;
    int8 odd = (int8)(0);
    for (uint tile = first; tile < last; ++tile) {
        const uint begin = tile * LMS_TILE;
        if (is_twice) {
            lms_prefetch(&logits, begin + LMS_BLOCK, LMS_TILE / 2);
        } else if (LMS_ASKS_FOR_PAGES(has_bans)) {
            lms_prefetch_pages(&logits, begin);
        } else {
            lms_prefetch(&logits, begin + LMS_AHEAD, LMS_TILE);
        }
        const int8 keys = lms_tile_of_block(&logits, tile, has_bans, &odd);
        vstore8(keys, tile, groups);
        tile_keys[tile] = lms_max8(keys);
    }
    return !lms_any8(odd);
}

/* Rows without bans have a loop of their own, as if there were none anywhere. */
bool lms_maxima_of_block(const lms_logits *x, uint first, uint last, const lms_tiles *t)
{
#ifdef LMS_REQUESTS
    if (x->bans) {
        /* The next block's words, a line for two tiles. */
        for (uint i = 0; i < LMS_BLOCK_TILES; i += 2) {
            LMS_PREFETCH(x->bans + (first + LMS_BLOCK_TILES + i) * LMS_TILE_GROUPS);
        }
        return lms_maxima_of_tiles(x, first, last, t, true);
    }
#endif
    return lms_maxima_of_tiles(x, first, last, t, false);
}

/* The sum of such a tile whose product with the scale is rounded to `h`. */
LMS_INLINE ulong lms_sum_of_block(const lms_logits *x, uint tile, float scale, float h)
{
#ifdef LMS_REQUESTS
    if (x->bans) {
        const int8 words = as_int8(vload8(tile, x->bans));
        if (!lms_any8(words)) return 0;
        if (lms_any8(~words)) return lms_plain_sum(x, tile * LMS_TILE, true, scale, h);
    }
#endif
    return lms_plain_sum(x, tile * LMS_TILE, false, scale, h);
}

/* Sums of a block's tiles. False, and nothing is summed, if a tile needs more than the plain
 * sum. */
bool lms_sums_of_block(const lms_logits *x, uint first, const lms_tiles *t)
{
    const lms_logits logits = *x;
    const lms_tiles tiles = *t;
    float h[LMS_BLOCK_TILES];
    for (uint i = 0; i < LMS_BLOCK_TILES; i += LMS_LANES) {
        lms_ints keys = LMS_V(vload)(0, tiles.keys + first + i);
#ifdef LMS_REQUESTS
        keys = keys == LMS_NEVER ? (lms_ints)(0) : keys; /* all may be banned: plain, too */
#endif
        const lms_floats top = lms_logits_of(keys);
        const lms_floats u = top * tiles.scale;
        const lms_floats rounded = lms_rints(u);
        const lms_floats c = lms_rints(fma(top, (lms_floats)(tiles.scale), -rounded));
        const lms_ints plain =
            (LMS_V(as_float)(lms_magnitudes(u)) < LMS_HUGE) & (c == 0.0f);
        if (lms_any(~plain)) return false;
        LMS_V(vstore)(rounded, 0, h + i);
    }
    for (uint i = 0; i < LMS_BLOCK_TILES; ++i) {
        const uint begin = (first + i) * LMS_TILE;
        lms_prefetch(&logits, begin + LMS_BLOCK + LMS_TILE / 2, LMS_TILE / 2);
        tiles.sums[first + i] = lms_sum_of_block(&logits, first + i, tiles.scale, h[i]);
    }
    return true;
}

/* Tiles [first, last) of a block, whole ones without edited values; returns what was seen. */
uint lms_do_block(const lms_logits *x, uint first, uint last, const lms_tiles *t)
{
    uint seen = 0;
    if (!lms_maxima_of_block(x, first, last, t)) {
        for (uint tile = first; tile < last; ++tile) seen |= lms_do_tile(x, tile, t);
    }
    if (t->scale == 0.0f) return seen;
    if (last - first == LMS_BLOCK_TILES && lms_sums_of_block(x, first, t)) return seen;
    for (uint tile = first; tile < last; ++tile) lms_sum_tile(x, tile, t);
    return seen;
}

/* Tiles [first, last), a block to each work-item in turn; returns what was seen. */
uint lms_do_tiles(const lms_logits *x, uint first, uint last, const lms_tiles *t,
                  __local lms_tile_shared *shared)
{
    const uint whole = min(last, x->vocab / LMS_TILE);
    uint seen = 0;
    (void)shared;
    for (uint tile = first + lms_item() * LMS_BLOCK_TILES; tile < last;
         tile += LMS_TEAM * LMS_BLOCK_TILES) {
        const uint end = min(tile + LMS_BLOCK_TILES, last);
        uint next = tile;
        if (tile < whole && !lms_has_edited_values(x, tile * LMS_TILE, end * LMS_TILE)) {
            next = min(end, whole);
            seen |= lms_do_block(x, tile, next, t);
        }
        for (; next < end; ++next) {
            seen |= lms_do_tile(x, next, t);
            if (t->scale > 0.0f) lms_sum_tile(x, next, t);
        }
    }
    return seen;
}

#endif
