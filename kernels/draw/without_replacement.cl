/* without_replacement.cl - draws tokens of a row without replacement (specification, section
 * 15): exponential clocks that ring one after the other, a draw each.
 *
 * row->sums has the tiles' masses of what is left. A draw takes one superstep: the work-item
 * that owns the place draws a token and takes it out of its tile. */
#pragma once
#include "draw/clocks.cl"
#include "draw/ring.cl"

#if LMS_TEAM == 1

void lms_take_out_drawn(const lms_row *row, const lms_clocks *c, uint tile, uint *w)
{
    __global const uint *const ids = lms_drawn_ids(row);
    const uint begin = tile * LMS_TILE;
    uint i = 0;
    if (c->drawn == 0) return;
    if ((uint)c->last_token - begin < LMS_TILE) w[(uint)c->last_token - begin] = 0;
    for (; i + LMS_LANES < c->drawn; i += LMS_LANES) {
        const lms_uints at = LMS_V(vload)(0, ids + i) - (lms_uints)(begin);
        if (!lms_any(at < (lms_uints)(LMS_TILE))) continue;
        for (uint j = i; j < i + LMS_LANES; ++j) {
            if (ids[j] - begin < LMS_TILE) w[ids[j] - begin] = 0;
        }
    }
    for (; i + 1 < c->drawn; ++i) {
        if (ids[i] - begin < LMS_TILE) w[ids[i] - begin] = 0;
    }
}

#endif

/* Tiles of a block, in a team of one, which has all tiles to itself; others have few each. */
uint lms_block_tiles(const lms_row *row)
{
    return (row->tiles + LMS_CLOCK_BLOCKS - 1) / LMS_CLOCK_BLOCKS;
}

/* Before the first draw: the sums are there, and `mass` is all of them. */
void lms_wind_clocks(lms_clocks *c, const lms_row *row, ulong mass)
{
    c->left = mass;
    c->first_left = mass;
    c->drawn = 0;
#if LMS_TEAM == 1
    const uint per = lms_block_tiles(row);
    for (uint block = 0; block < LMS_CLOCK_BLOCKS; ++block) {
        c->blocks[block] = 0;
        for (uint tile = block * per; tile < min((block + 1) * per, row->tiles); ++tile) {
            c->blocks[block] += row->sums[tile];
        }
    }
#else
    (void)row;
#endif
}

/* The own tile at `place` of the own masses; *place becomes that within it. */
uint lms_own_tile_at(const lms_row *row, const lms_clocks *c, ulong *place)
{
    uint tile = row->first;
#if LMS_TEAM == 1
    uint block = 0;
    for (; block + 1 < LMS_CLOCK_BLOCKS && *place >= c->blocks[block]; ++block) {
        *place -= c->blocks[block];
    }
    tile = min(block * lms_block_tiles(row), row->last - 1);
#else
    (void)c;
#endif
    for (; tile + 1 < row->last && *place >= row->sums[tile]; ++tile) *place -= row->sums[tile];
    return tile;
}

#if LMS_TEAM == 1
/* Sums of a tile's weights, vector by vector. */
ulong lms_sum_vectors(const uint *w, ulong *sums)
{
    ulong sum = 0;
    for (uint i = 0; i < LMS_TILE / LMS_LANES; ++i) {
        sums[i] = lms_sum_pairs(lms_widen(LMS_V(vload)(i, w)));
        sum += sums[i];
    }
    return sum;
}

/* The token of a tile at which the weights exceed r, which is below their sum. */
uint lms_token_at(const uint *w, const ulong *sums, ulong r)
{
    uint i = 0;
    for (; i + 1 < LMS_TILE / LMS_LANES && r >= sums[i]; ++i) r -= sums[i];
    for (i *= LMS_LANES; i + 1 < LMS_TILE && r >= w[i]; ++i) r -= w[i];
    return i;
}

#endif

/* The draw, if its place is in the own tiles, which have this mass: the token, or -1. */
lms_part lms_ring_own(const lms_row *row, lms_clocks *c, lms_own own)
{
    lms_part part = lms_part_make(own.sum, -1);
    const ulong2 words = lms_clock_words(c, 2 * c->drawn);
    ulong place = mul_hi(words.x, c->left) - own.before;
    if (place >= own.sum) return part;
    const uint tile = lms_own_tile_at(row, c, &place);
    const lms_unit unit = lms_unit_of(&c->scaled, row->tile_keys[tile]);
#if LMS_TEAM == 1
    uint w[LMS_TILE];
    ulong sums[LMS_TILE / LMS_LANES];
    lms_kept_weights(row, c->cut, unit, tile, w);
    lms_take_out_drawn(row, c, tile, w);
    const ulong sum = lms_sum_vectors(w, sums);
    if (sum == 0) return part; /* somebody writes to the logits meanwhile */
    const uint i = lms_token_at(w, sums, mul_hi(words.y, sum)), weight = w[i];
#else
    lms_ring ring;
    const ulong sum = lms_ring_tile(row, c, unit, tile, words.y, &ring);
    if (sum == 0) return part; /* somebody writes to the logits meanwhile */
    const uint i = ring.token, weight = ring.weight;
#endif
    const ulong before = row->sums[tile], after = lms_mass_of_sum(unit.shift, sum - weight);
    part.best = (long)(tile * LMS_TILE + i);
    part.sum += after - before;
    row->sums[tile] = after;
#if LMS_TEAM == 1
    c->blocks[tile / lms_block_tiles(row)] += after - before;
#endif
    return part;
}

/* A draw is made, and its meeting has the token: by work-item 0. The first clock's time is the
 * caller's to set. */
void lms_after_ring(lms_clocks *c, const lms_row *row, const lms_meeting *m)
{
    if (c->drawn > 0) {
        const float part_left = (float)c->first_left * lms_reciprocal((float)c->left);
        c->time += lms_clock(c, c->drawn) * part_left;
    }
    c->last_token = (int)m->best;
    lms_drawn_ids(row)[c->drawn] = (uint)c->last_token;
    ++c->drawn;
    c->left = m->total;
}
