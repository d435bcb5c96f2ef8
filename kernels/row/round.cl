/* round.cl - a round of the tile pass of teams of 32 and more: what its work-items read. */
#pragma once
#include "row/tile.cl"

#if LMS_TEAM >= 32

#define LMS_TILE_ITEMS (LMS_TILE / LMS_LANES)
#define LMS_STRIPS (LMS_GROUP / LMS_LANES)
#define LMS_STRIP_TILES (LMS_TEAM / LMS_TILE_ITEMS)
#define LMS_ROUND_TILES (LMS_STRIPS * LMS_STRIP_TILES)

/* A round: tiles [from, last), or the first of them. */
typedef struct lms_round {
    uint from;
    uint last;
} lms_round;

/* The token that a work-item's vector of a strip begins with. */
uint lms_strip_token(lms_round r, uint strip)
{
    return r.from * LMS_TILE + (strip * LMS_TEAM + (uint)get_local_id(0)) * LMS_LANES;
}

/* The tile of the round that it is in. */
uint lms_strip_tile(uint strip)
{
    return strip * LMS_STRIP_TILES + (uint)get_local_id(0) / LMS_TILE_ITEMS;
}

/* Where the last whole vector of the tiles up to r.last begins, and behind it. */
uint lms_round_end(const lms_logits *x, lms_round r)
{
    return min(r.last * LMS_TILE, x->vocab) / LMS_LANES * LMS_LANES;
}

#ifdef LMS_REQUESTS
/* Edits a round's vectors. */
LMS_INLINE void lms_edit_round(const lms_logits *x, lms_round r, lms_floats v[LMS_STRIPS])
{
    const uint last = r.last * LMS_TILE - LMS_LANES;
    if (x->edited) {
#pragma unroll
        for (uint s = 0; s < LMS_STRIPS; ++s) {
            v[s] = lms_with_values(x, min(lms_strip_token(r, s), last), v[s]);
        }
    }
    if (x->bans) {
#pragma unroll
        for (uint s = 0; s < LMS_STRIPS; ++s) {
            v[s] = lms_unbanned(x, min(lms_strip_token(r, s), x->vocab - 1), v[s]);
        }
    }
}
#endif

/* A round's vectors. What is not there is some other vector. */
LMS_INLINE void lms_read_round(const lms_logits *x, lms_round r, lms_floats v[LMS_STRIPS])
{
    const uint end = lms_round_end(x, r);
    if (end == 0) {
        for (uint s = 0; s < LMS_STRIPS; ++s) v[s] = (lms_floats)(0.0f);
    } else if (x->is_aligned) {
#pragma unroll
        for (uint s = 0; s < LMS_STRIPS; ++s) {
            v[s] = lms_aligned_at(x->stored, min(lms_strip_token(r, s), end - LMS_LANES));
        }
    } else {
#pragma unroll
        for (uint s = 0; s < LMS_STRIPS; ++s) {
            v[s] = lms_elements_at(x->stored, min(lms_strip_token(r, s), end - LMS_LANES));
        }
    }
#ifdef LMS_REQUESTS
    lms_edit_round(x, r, v);
#endif
}

#endif
