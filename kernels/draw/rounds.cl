/* rounds.cl - a round of attempts. On a GPU each work-item of a team makes one; a team of one
 * makes LMS_LANES of them, in vectors where that is faster. Words are named by attempt, so it
 * does not matter how many are made at once. */
#pragma once
#include "draw/rejection.cl"

#if LMS_TEAM == 1

#define LMS_TRIES ((uint)LMS_LANES) /* in a round */

/* The attempts of a round on their way. */
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
void lms_tries_bounds(const lms_row *row, const lms_scaled *scaled, lms_cut cut, lms_tries *t)
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
        LMS_V(vstore)(lms_bounds_of(w, keys, cut, ids), 0, t->bounds[i]);
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
        const lms_slot slot = lms_slot_at(t->bounds[i], mul_hi(t->within[i], slots));
        t->id[i] = tile * LMS_TILE + slot.token;
        t->height[i] = slot.height;
    }
}

long lms_try(const lms_row *row, const lms_scaled *scaled, lms_cut cut, ulong envelope,
             const lms_words *words, uint from)
{
    long best = LMS_NOT_DRAWN;
    if (scaled->huge || envelope == 0) {
        for (uint i = from; i < from + LMS_LANES && best == LMS_NOT_DRAWN; ++i) {
            best = lms_try_one(row, scaled, cut, envelope, words, i);
        }
        return best;
    }
    lms_tries t;
    float x[LMS_LANES];
    lms_tries_tiles(row, scaled, envelope, words, from, &t);
    lms_tries_bounds(row, scaled, cut, &t);
    lms_tries_tokens(row, &t);
    for (uint i = 0; i < LMS_LANES; ++i) x[i] = lms_read_one(&row->logits, t.id[i]);
    const lms_floats logits = LMS_V(vload)(0, x);
    const lms_floats h = LMS_V(vload)(0, t.h), c = LMS_V(vload)(0, t.c);
    const lms_ints w = lms_weights_at(scaled->s, h, c, logits);
    const lms_ints keys = lms_keys(logits);
    const lms_ints kept = lms_kept_of(cut, keys, LMS_V(vload)(0, t.id));
    const lms_ints low = LMS_V(as_int)(LMS_V(vload)(0, t.height)) < w;
    const lms_ints made = LMS_LANE_IDS < (lms_uints)(words->attempts - from);
    const uint found = lms_mask(kept & low & made);
    if (found == 0) return LMS_NOT_DRAWN;
    const uint first = 31 - clz(found & -found);
    return lms_accepted(from + first, t.id[first]);
}

#else

#define LMS_TRIES 1u

long lms_try(const lms_row *row, const lms_scaled *scaled, lms_cut cut, ulong envelope,
             const lms_words *words, uint from)
{
    return lms_try_one(row, scaled, cut, envelope, words, from + lms_item());
}

#endif
