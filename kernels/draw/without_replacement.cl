/* draw/without_replacement.cl - draws a beam's tokens without replacement, in the order of their perturbed scores
 * (specification, section 15): exponential clocks that ring one after the other, a draw each.
 *
 * row->sums has the tiles' masses of what is left. A draw takes one superstep: the work-item
 * that owns the place draws a token and takes it out of its tile. */
#pragma once
#include "beam/offer.cl"
#include "numeric/philox.cl"

/* Random words of a beam's step, number i. */
ulong2 lms_offer_words(const lms_offer *o, uint i)
{
    const uint4 q = lms_counter_words(o->seed, i, 1 + o->beam, o->turn, 0);
    return (ulong2)((ulong)q.y << 32 | q.x, (ulong)q.w << 32 | q.z);
}

float lms_clock(const lms_offer *o, uint draw)
{
    return (float)lms_exponential(lms_offer_words(o, 2 * draw + 1).x) * 0x1p-32f;
}

/* Tokens that have been drawn, in the memory of the row's list, which holds more than can be
 * wanted. The last one may be on its way there, and is known to all. */
__global uint *lms_drawn_ids(const lms_row *row) { return (__global uint *)row->list_mass; }

void lms_take_out_drawn(const lms_row *row, const lms_offer *o, uint tile, uint *w)
{
    __global const uint *const ids = lms_drawn_ids(row);
    const uint begin = tile * LMS_TILE;
    uint i = 0;
    if (o->drawn == 0) return;
    if ((uint)o->last_token - begin < LMS_TILE) w[(uint)o->last_token - begin] = 0;
    for (; i + LMS_LANES < o->drawn; i += LMS_LANES) {
        const lms_uints at = LMS_V(vload)(0, ids + i) - (lms_uints)(begin);
        if (!lms_any(at < (lms_uints)(LMS_TILE))) continue;
        for (uint j = i; j < i + LMS_LANES; ++j) {
            if (ids[j] - begin < LMS_TILE) w[ids[j] - begin] = 0;
        }
    }
    for (; i + 1 < o->drawn; ++i) {
        if (ids[i] - begin < LMS_TILE) w[ids[i] - begin] = 0;
    }
}

bool lms_is_fresh(const lms_offer *o) { return o->mode == LMS_BEAM_SAMPLE || o->turn == 0; }

/* Tiles of a block: of a team of one, which has all tiles to itself; others have few each. */
uint lms_block_tiles(const lms_row *row)
{
    return (row->tiles + LMS_DRAW_BLOCKS - 1) / LMS_DRAW_BLOCKS;
}

void lms_to_draws(lms_task *t, lms_offer *o, const lms_row *row)
{
    t->step = o->left > 0 ? LMS_STEP_OFFER_DRAW : LMS_STEP_DONE;
    o->first_left = o->left;
    o->drawn = 0;
    o->time = lms_is_fresh(o) ? lms_clock(o, 0) : lms_exp(o->score - o->value);
#if LMS_TEAM == 1
    const uint per = lms_block_tiles(row);
    for (uint block = 0; block < LMS_DRAW_BLOCKS; ++block) {
        o->blocks[block] = 0;
        for (uint tile = block * per; tile < min((block + 1) * per, row->tiles); ++tile) {
            o->blocks[block] += row->sums[tile];
        }
    }
#else
    (void)row;
#endif
}

/* The own tile at `place` of the own masses; *place becomes that within it. */
uint lms_own_tile_at(const lms_row *row, const lms_offer *o, ulong *place)
{
    uint tile = row->first;
#if LMS_TEAM == 1
    uint block = 0;
    for (; block + 1 < LMS_DRAW_BLOCKS && *place >= o->blocks[block]; ++block) {
        *place -= o->blocks[block];
    }
    tile = min(block * lms_block_tiles(row), row->last - 1);
#else
    (void)o;
#endif
    for (; tile + 1 < row->last && *place >= row->sums[tile]; ++tile) *place -= row->sums[tile];
    return tile;
}

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

/* The draw, if its place is in the own tiles: the token, or -1. */
lms_part lms_draw_part(const lms_row *row, const lms_task *t, lms_offer *o)
{
    lms_part part;
    const ulong2 words = lms_offer_words(o, 2 * o->drawn);
    ulong place = mul_hi(words.x, o->left) - t->before;
    part.sum = t->own;
    part.best = -1;
    if (place >= t->own) return part;
    const uint tile = lms_own_tile_at(row, o, &place);
    uint w[LMS_TILE];
    ulong sums[LMS_TILE / LMS_LANES];
    const lms_unit unit = lms_unit_of(&t->draw_scale, row->tile_keys[tile]);
    lms_eligible_weights(row, o, unit, tile, w);
    lms_take_out_drawn(row, o, tile, w);
    const ulong sum = lms_sum_vectors(w, sums);
    if (sum == 0) return part; /* somebody writes to the logits meanwhile */
    const uint i = lms_token_at(w, sums, mul_hi(words.y, sum));
    const ulong before = row->sums[tile], after = lms_mass_of_sum(unit.shift, sum - w[i]);
    part.best = (long)(tile * LMS_TILE + i);
    part.sum += after - before;
    row->sums[tile] = after;
#if LMS_TEAM == 1
    o->blocks[tile / lms_block_tiles(row)] += after - before;
#endif
    return part;
}

/* Its perturbed score. */
long lms_draw_value(lms_offer *o)
{
    if (o->drawn > 0) {
        const float part_left = (float)o->first_left * lms_reciprocal((float)o->left);
        o->time += lms_clock(o, o->drawn) * part_left;
    } else if (!lms_is_fresh(o)) {
        return o->value;
    }
    const long value = max(o->score - lms_ln(o->time), LMS_SCORE_FLOOR);
    return o->drawn > 0 ? min(value, o->last_value) : value;
}

void lms_after_draw(lms_task *t, lms_offer *o, const lms_row *row, const lms_meeting *m)
{
    if (m->best < 0) {
        t->step = LMS_STEP_DONE;
        return;
    }
    o->last_value = lms_draw_value(o);
    o->last_token = (int)m->best;
    if (lms_item() == 0) {
        lms_candidate c = lms_candidate_of(o, row, (uint)o->last_token);
        c.value = o->last_value;
        o->out[o->drawn] = c;
        lms_drawn_ids(row)[o->drawn] = (uint)o->last_token;
    }
    o->count = ++o->drawn;
    o->left = m->total;
    if (o->left == 0 || o->drawn == o->want) t->step = LMS_STEP_DONE;
}
