/* ring.cl - one draw without replacement from a tile, by a work-item of a larger team: it has
 * no room for the weights of a tile, and goes through it twice. */
#pragma once
#include "draw/clocks.cl"

#if LMS_TEAM > 1

/* Bits of a tile's tokens that have been drawn, 32 to a lane. */
uint8 lms_drawn_bits(const lms_row *row, const lms_clocks *c, uint tile)
{
    __global const uint *const ids = lms_drawn_ids(row);
    const uint8 lanes = (uint8)(0, 1, 2, 3, 4, 5, 6, 7);
    uint8 bits = (uint8)(0);
    for (uint i = 0; i < c->drawn; ++i) {
        const uint id = i + 1 < c->drawn ? ids[i] : (uint)c->last_token;
        const uint at = id - tile * LMS_TILE;
        const uint bit = at < LMS_TILE ? 1u << at % 32 : 0;
        bits |= as_uint8(lanes == (uint8)(at / 32)) & bit;
    }
    return bits;
}

/* Weights of the tokens from `at` on that a cut keeps and that have not been drawn. */
lms_uints lms_weights_left(const lms_row *row, const lms_clocks *c, lms_unit unit, uint at,
                           uint drawn)
{
    const lms_floats x = lms_read(&row->logits, at);
    const lms_ints kept = lms_kept(c->cut, lms_keys(x), at);
    const lms_uints bits = (lms_uints)(drawn) >> (LMS_LANE_IDS + at % 32);
    const lms_ints left = (bits & 1u) == (lms_uints)(0);
    return LMS_V(as_uint)(lms_weights(unit, x) & kept & left);
}

/* Where the weights of a tile that are left exceed a place. */
typedef struct lms_ring {
    uint token; /* of the tile's tokens */
    uint weight;
} lms_ring;

/* The lane at which the weights exceed r, or the last one. */
lms_ring lms_ring_in(lms_uints weights, ulong r)
{
    uint w[LMS_LANES];
    lms_ring ring;
    bool is_found = false;
    LMS_V(vstore)(weights, 0, w);
    ring.token = LMS_LANES - 1;
    ring.weight = w[LMS_LANES - 1];
#pragma unroll
    for (uint i = 0; i < LMS_LANES; ++i) {
        const bool is_here = !is_found && r < w[i];
        ring.token = is_here ? i : ring.token;
        ring.weight = is_here ? w[i] : ring.weight;
        is_found = is_found || is_here;
        r -= is_found ? 0 : w[i];
    }
    return ring;
}

/* Goes through a tile twice, as a work-item of a GPU has no room for its weights: for their
 * sum, and for the place at that fraction of it. Returns the sum. */
ulong lms_ring_tile(const lms_row *row, const lms_clocks *c, lms_unit unit, uint tile,
                    ulong fraction, lms_ring *ring)
{
    const uint8 drawn = lms_drawn_bits(row, c, tile);
    const uint begin = tile * LMS_TILE, end = begin + LMS_TILE;
    uint8 bits = drawn;
    ulong all = 0, r = 0;
    uint found = end;
#pragma unroll 1
    for (uint i = 0; i < 2 * LMS_TILE && found == end; i += LMS_LANES) {
        const uint at = begin + i % LMS_TILE;
        if (i == LMS_TILE) {
            bits = drawn;
            r = mul_hi(fraction, all);
        }
        const ulong sum =
            lms_sum_pairs(lms_widen(lms_weights_left(row, c, unit, at, bits.s0)));
        if (i < LMS_TILE) {
            all += sum;
        } else if (r < sum || at + LMS_LANES == end) {
            found = at;
        } else {
            r -= sum;
        }
        if ((at + LMS_LANES) % 32 == 0 && found == end) bits = bits.s12345670;
    }
    *ring = lms_ring_in(lms_weights_left(row, c, unit, found, bits.s0), r);
    ring->token += found - begin;
    return all;
}

#endif
