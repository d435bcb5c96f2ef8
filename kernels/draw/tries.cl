/* tries.cl - attempts of a team of one: LMS_LANES at once, in vectors where that is faster. */
#pragma once
#include "draw/rejection.cl"

#if LMS_TEAM == 1

/* Attempts on their way. */
typedef struct lms_tries {
    uint tile[LMS_LANES];
    int tile_key[LMS_LANES];
    uint id[LMS_LANES];
    uint height[LMS_LANES];
    float h[LMS_LANES];
    float c[LMS_LANES];
    ulong within[LMS_LANES]; /* the second word: where in the tile */
    uint bounds[LMS_LANES][LMS_TILE_GROUPS];
} lms_tries;

void lms_tries_tiles(const lms_row *row, const lms_scaled *scaled, ulong envelope,
                     const lms_words *words, uint from, lms_tries *t)
{
    for (uint i = 0; i < LMS_LANES; ++i) {
        const uint4 q = lms_attempt_of(words, min(from + i, words->attempts - 1));
        lms_prefetch_next(row, row->tiles * LMS_NEXT + (from + i) * LMS_NEXT_TRY, LMS_NEXT_TRY);
        t->within[i] = (ulong)q.w << 32 | q.z;
        t->tile[i] = lms_tile_at(row, mul_hi((ulong)q.y << 32 | q.x, envelope));
        t->tile_key[i] = row->tile_keys[t->tile[i]];
    }
    const lms_units units = lms_units_of(scaled, LMS_V(vload)(0, t->tile_key));
    LMS_V(vstore)(units.h, 0, t->h);
    LMS_V(vstore)(units.c, 0, t->c);
}

/* The bounds of the groups of the attempts' tiles, eight groups each. */
void lms_tries_bounds(const lms_row *row, const lms_scaled *scaled, lms_cut reach, lms_tries *t)
{
    for (uint i = 0; i < LMS_LANES; i += LMS_LANES / LMS_TILE_GROUPS) {
#if LMS_LANES == 16
        const uint a = t->tile[i], b = t->tile[i + 1];
        const lms_ints keys = (lms_ints)(vload8(a, row->groups), vload8(b, row->groups));
        const lms_uints ids = (lms_uints)(lms_group_ids(a).lo, lms_group_ids(b).lo);
        const lms_floats h = (lms_floats)((float8)(t->h[i]), (float8)(t->h[i + 1]));
        const lms_floats c = (lms_floats)((float8)(t->c[i]), (float8)(t->c[i + 1]));
#else
        const lms_ints keys = vload8(t->tile[i], row->groups);
        const lms_uints ids = lms_group_ids(t->tile[i]);
        const lms_floats h = (lms_floats)(t->h[i]), c = (lms_floats)(t->c[i]);
#endif
        const lms_ints w = lms_weights_at(scaled->s, h, c, lms_logits_of(keys));
        LMS_V(vstore)(lms_bounds_of(w, keys, reach, ids), 0, t->bounds[i]);
    }
}

void lms_tries_tokens(const lms_row *row, lms_tries *t)
{
    for (uint i = 0; i < LMS_LANES; ++i) {
        const uint tile = t->tile[i];
        ulong slots = 0;
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            slots += (ulong)t->bounds[i][g] * lms_group_size(row, tile * LMS_TILE_GROUPS + g);
        }
        const lms_envelope_slot slot =
            lms_envelope_slot_at(t->bounds[i], mul_hi(t->within[i], slots));
        t->id[i] = tile * LMS_TILE + slot.token;
        t->height[i] = slot.height;
    }
}

/* Attempts from `from` on: bit i says that attempt from + i proposes a token, which is
 * id[i]. */
uint lms_try(const lms_row *row, const lms_scaled *scaled, lms_cut reach, ulong envelope,
             const lms_words *words, uint from, uint *id)
{
    if (scaled->huge || envelope == 0) {
        uint found = 0;
        for (uint i = 0; i < LMS_LANES; ++i) {
            id[i] = lms_propose_one(row, scaled, reach, envelope, words, from + i);
            found |= (id[i] != LMS_NOTHING ? 1u : 0u) << i;
        }
        return found;
    }
    lms_tries t;
    float x[LMS_LANES];
    lms_tries_tiles(row, scaled, envelope, words, from, &t);
    lms_tries_bounds(row, scaled, reach, &t);
    lms_tries_tokens(row, &t);
    for (uint i = 0; i < LMS_LANES; ++i) {
        id[i] = t.id[i];
        x[i] = lms_read_one(&row->logits, id[i]);
    }
    const lms_floats h = LMS_V(vload)(0, t.h), c = LMS_V(vload)(0, t.c);
    const lms_ints w = lms_weights_at(scaled->s, h, c, LMS_V(vload)(0, x));
    const lms_ints low = LMS_V(as_int)(LMS_V(vload)(0, t.height)) < w;
    const lms_ints made = LMS_LANE_IDS < (lms_uints)(words->attempts - from);
    return lms_mask(low & made);
}

#endif
