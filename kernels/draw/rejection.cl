/* rejection.cl - tokens proposed from an envelope by rejection (specification, section 7): at
 * least one slot in 33 proposes one, each in proportion to its mass. No sum of weights is
 * needed. */
#pragma once
#include "draw/envelope.cl"
#include "numeric/philox.cl"

#define LMS_ATTEMPTS 4096u
#define LMS_ROUND 32u        /* attempts between which reach stays */
#define LMS_NOTHING UINT_MAX /* what an attempt proposes that proposes no token */

/* The tile at `place` of the row's envelope: the last one with sums <= place, as one without a
 * share has the sum of the next. No branch depends on the data, here in a team of one and in
 * lms_envelope_slot_at(), so that a CPU works on several attempts at once; compilers
 * make a branch of a
 * comparison. */
uint lms_tile_at(const lms_row *row, ulong place)
{
#if LMS_TEAM == 1
    uint tile = 0, n = row->tiles;
#else
    /* What is before a work-item's tiles is where the parts were: draw/together.cl. */
    uint item = 0;
    for (uint step = LMS_TEAM / 2; step > 0; step /= 2) {
        if (row->shared->parts[item + step].sum <= place) item += step;
    }
    place -= row->shared->parts[item].sum;
    uint tile = lms_first_of(row, item), n = lms_first_of(row, item + 1) - tile;
#endif
    while (n > 1) {
        const uint half_n = n / 2;
        const long left = (long)(place - row->sums[tile + half_n]) >> 63; /* both < 2^63 */
        tile += half_n & ~(uint)left;
        n -= half_n;
    }
    return tile;
}

/* A place in a tile's envelope. */
typedef struct lms_envelope_slot {
    uint token; /* of the tile's tokens */
    uint bound; /* of its group */
    uint height;
} lms_envelope_slot;

/* Every group counts as whole: one that the vocabulary cuts short is the last that has slots,
 * and `place` is below its end. */
lms_envelope_slot lms_envelope_slot_at(const uint *bounds, ulong place)
{
    uint group = 0, bound = bounds[0];
    ulong begin = 0, end = 0;
#pragma unroll
    for (uint g = 0; g < LMS_TILE_GROUPS - 1; ++g) {
        end += (ulong)bounds[g] * LMS_GROUP;
        group += place >= end;
        bound = place >= end ? bounds[g + 1] : bound;
        begin = place >= end ? end : begin;
    }
    lms_envelope_slot s;
    ulong rest = place - begin;
    s.bound = bound;
    s.token = group * LMS_GROUP;
    for (uint step = LMS_GROUP / 2; step > 0; step /= 2) {
        const ulong steps = (ulong)s.bound * step;
        s.token += rest >= steps ? step : 0;
        rest -= rest >= steps ? steps : 0;
    }
    s.height = (uint)rest;
    return s;
}

/* What one attempt proposes. */
uint lms_attempt(const lms_row *row, const lms_scaled *scaled, lms_cut reach, ulong envelope,
                 uint4 q)
{
    const uint tile = lms_tile_at(row, mul_hi((ulong)q.y << 32 | q.x, envelope));
    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
    const lms_uints bounds = lms_tile_bounds(row, unit, reach, tile);
    const ulong place = mul_hi((ulong)q.w << 32 | q.z, lms_tile_slots(row, bounds, tile));
    uint b[LMS_LANES];
    LMS_V(vstore)(bounds, 0, b);
    const lms_envelope_slot slot = lms_envelope_slot_at(b, place);
    const uint id = tile * LMS_TILE + slot.token;
    const float x = lms_read_one(&row->logits, id);
    return slot.height < (uint)lms_weight(unit, x) ? id : LMS_NOTHING;
}

/* Where a row's random words come from. */
typedef struct lms_words {
    ulong seed;
    ulong step;
    __global const uint *given; /* the caller's, or NULL */
    uint attempts;
} lms_words;

uint4 lms_attempt_of(const lms_words *words, uint attempt)
{
    return words->given ? vload4(attempt, words->given)
                        : lms_attempt_words(words->seed, words->step, attempt);
}

/* What attempt number `attempt` proposes, if it is made: not beyond the words, and from no
 * envelope, which is only there if somebody writes to the logits meanwhile. */
uint lms_propose_one(const lms_row *row, const lms_scaled *scaled, lms_cut reach,
                     ulong envelope, const lms_words *words, uint attempt)
{
    if (attempt >= words->attempts || envelope == 0) return LMS_NOTHING;
    return lms_attempt(row, scaled, reach, envelope, lms_attempt_of(words, attempt));
}
