/* rough.cl - the masses of a row, and of what a cut keeps of it, for a team of one: bounds, in
 * a fraction of the time that exact ones take. Rough ones are within a 16th; finer ones, which
 * take twice as long, within a 256th. */
#pragma once
#include "draw/before.cl"

#if LMS_TEAM == 1

/* Sums are added up by tiles, then by blocks, so that no chain of additions is long. */
#define LMS_ROUGH_BLOCK 16u

/* Sums of a row's rough weights, by lanes: of all tokens, and of those that a cut keeps. */
typedef struct lms_rough {
    lms_floats all;
    lms_floats kept;
} lms_rough;

/* What something is at least and at most. */
typedef struct lms_range {
    ulong least;
    ulong most;
} lms_range;

/* Can a row be summed so? From about 2^24 on, 127 less its exponent is no float. */
bool lms_has_rough(const lms_scaled *scaled)
{
    return !scaled->huge && scaled->c == 0.0f && fabs(scaled->h) < 0x1p+23f;
}

/* 2^z of a logit's exponent relative to the row's, or up to 1.0615 times that: of 2^n * 2^f,
 * 0 <= f < 1, the bits of n and f are those of a float, 2^n * (1 + f). What is below 2^-100
 * does not count; NaN and -inf are taken for that. */
LMS_INLINE lms_floats lms_rough_weights(float s, float h, lms_floats x)
{
    const float unit = 0x1p+23f;
    lms_floats z = fma(x, (lms_floats)(s * unit), (lms_floats)((127.0f - h) * unit));
    z = z > (lms_floats)(27.0f * unit) ? z : (lms_floats)(27.0f * unit);
    return LMS_V(as_float)(LMS_V(convert_int)(z));
}

/* 2^z to 0.00173 of it, by a parabola for 2^f, |f| <= 1/2. */
LMS_INLINE lms_floats lms_finer_weights(float s, float h, lms_floats x)
{
    lms_floats z = fma(x, (lms_floats)(s), (lms_floats)(-h));
    z = z > (lms_floats)(-100.0f) ? z : (lms_floats)(-100.0f);
    const lms_floats n = z + LMS_MAGIC;
    const lms_floats f = z - (n - LMS_MAGIC);
    lms_floats p = (lms_floats)(0x1.e84d64p-3f);
    p = fma(p, f, (lms_floats)(0x1.682a5ep-1f));
    p = fma(p, f, (lms_floats)(0x1.001d0cp+0f));
    return LMS_V(as_float)(LMS_V(as_int)(p) + (LMS_V(as_int)(n) << 23));
}

LMS_INLINE lms_floats lms_weights_about(float s, float h, lms_floats x, bool is_finer)
{
    return is_finer ? lms_finer_weights(s, h, x) : lms_rough_weights(s, h, x);
}

LMS_INLINE lms_floats lms_masked(lms_floats w, lms_ints mask)
{
    return LMS_V(as_float)(LMS_V(as_int)(w) & mask);
}

/* Adds a tile that is whole and not edited; of those kept, the logits above `pivot`, if
 * `wants_kept`, which is a literal where this is called, as is_finer is. */
LMS_INLINE void lms_rough_plain(const lms_logits *x, uint begin, float s, float h, float pivot,
                                bool wants_kept, bool is_finer, lms_rough *sum)
{
    lms_floats all = (lms_floats)(0.0f), kept = (lms_floats)(0.0f);
#pragma unroll 4
    for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
        const lms_floats v = lms_read_plain(x, begin + i);
        const lms_floats w = lms_weights_about(s, h, v, is_finer);
        all += w;
        if (wants_kept) kept += lms_masked(w, v > (lms_floats)(pivot));
    }
    sum->all += all;
    if (wants_kept) sum->kept += kept;
}

#ifdef LMS_REQUESTS
/* Adds a tile that is whole and edited, finely. */
LMS_APART
void lms_rough_edited(const lms_logits *x, uint begin, float s, float h, float pivot,
                      bool wants_kept, lms_rough *sum)
{
    const lms_logits logits = *x;
    const lms_floats least = (lms_floats)(wants_kept ? pivot : INFINITY);
    lms_floats all = (lms_floats)(0.0f), kept = (lms_floats)(0.0f);
    for (uint at = begin; at < begin + LMS_TILE; at += LMS_LANES) {
        const lms_floats v = lms_edited(&logits, at, lms_read_plain(&logits, at));
        const lms_floats w = lms_finer_weights(s, h, v);
        all += w;
        kept += lms_masked(w, v > least);
    }
    sum->all += all;
    sum->kept += kept;
}
#endif

/* Adds any tile, finely. */
LMS_APART
void lms_rough_any(const lms_logits *x, uint begin, float s, float h, lms_cut cut,
                   lms_rough *sum)
{
    lms_floats all = (lms_floats)(0.0f), kept = (lms_floats)(0.0f);
    for (uint at = begin; at < begin + LMS_TILE; at += LMS_LANES) {
        const lms_floats v = lms_read(x, at);
        const lms_floats w = lms_finer_weights(s, h, v);
        all += w;
        kept += lms_masked(w, lms_kept(cut, lms_keys(v), at));
    }
    sum->all += all;
    sum->kept += kept;
}

/* Adds the tiles [first, last). A CPU asks for some of the next row meanwhile. */
LMS_INLINE void lms_rough_block(const lms_row *row, const lms_logits *x, uint first, uint last,
                                float s, float h, lms_cut cut, bool is_finer, lms_rough *sum)
{
    for (uint tile = first; tile < last; ++tile) {
        const uint begin = tile * LMS_TILE, end = begin + LMS_TILE;
        const bool has_kept = row->tile_keys[tile] >= cut.key;
        float pivot;
        const bool has_pivot = lms_has_pivot(cut, begin, end, &pivot);
        lms_prefetch_next(row, row->tiles * LMS_NEXT + tile * LMS_NEXT_PASS, LMS_NEXT_PASS);
#ifdef LMS_REQUESTS
        if (row->tile_keys[tile] == LMS_NEVER) continue; /* all banned, most probably */
        if (end <= x->vocab && (!has_kept || has_pivot) && lms_is_edited(x, begin, end)) {
            lms_rough_edited(x, begin, s, h, pivot, has_kept, sum);
            continue;
        }
#endif
        if (end > x->vocab || (has_kept && !has_pivot) || lms_is_edited(x, begin, end)) {
            lms_rough_any(x, begin, s, h, cut, sum);
        } else if (has_kept) {
            lms_rough_plain(x, begin, s, h, pivot, true, is_finer, sum);
        } else {
            lms_rough_plain(x, begin, s, h, pivot, false, is_finer, sum);
        }
    }
}

/* What a sum stands for, in units of the row. A rough one is at most 1.0615 times too large,
 * but has finer parts, as of tiles that are not whole; a finer one is within 0.00173. Besides,
 * logits are scaled with an error below 2^-17, chains of at most 32 + 16 + 256 + 4 additions
 * have one below 2^-15, and exact weights are within 2^-20 of what they stand for, but for
 * their rounding: half a unit of a tile, which is less than 2^-20 of the tile's largest for
 * all of it, and half a unit of the row for each token. */
lms_range lms_range_of(lms_floats lanes, uint vocab, bool is_finer)
{
    float v[LMS_LANES];
    LMS_V(vstore)(lanes, 0, v);
    for (uint step = LMS_LANES / 2; step > 0; step /= 2) {
        for (uint i = 0; i < step; ++i) v[i] += v[i + step];
    }
    const ulong sum = (ulong)(v[0] * 0x1p+42f); /* LMS_WEIGHT_BITS + LMS_GUARD_BITS */
    const ulong below = (sum >> (is_finer ? 8 : 4)) + vocab;
    lms_range range;
    range.least = sum - min(sum, below);
    range.most = sum + (sum >> 8) + vocab;
    return range;
}

/* The mass of a row, and of what a cut keeps of it. */
LMS_INLINE void lms_sum_row(const lms_row *row, const lms_scaled *scaled, lms_cut cut,
                            bool is_finer, lms_range *all, lms_range *kept)
{
    const lms_logits logits = row->logits;
    lms_rough sum;
    sum.all = (lms_floats)(0.0f);
    sum.kept = (lms_floats)(0.0f);
    for (uint first = 0; first < row->tiles; first += LMS_ROUGH_BLOCK) {
        const uint last = min(first + LMS_ROUGH_BLOCK, row->tiles);
        lms_rough block;
        block.all = (lms_floats)(0.0f);
        block.kept = (lms_floats)(0.0f);
        lms_rough_block(row, &logits, first, last, scaled->s, scaled->h, cut, is_finer, &block);
        sum.all += block.all;
        sum.kept += block.kept;
    }
    *all = lms_range_of(sum.all, logits.vocab, is_finer);
    *kept = lms_range_of(sum.kept, logits.vocab, is_finer);
}

LMS_APART
void lms_rough_row(const lms_row *row, const lms_scaled *scaled, lms_cut cut, lms_range *all,
                   lms_range *kept)
{
    lms_sum_row(row, scaled, cut, false, all, kept);
}

LMS_APART
void lms_finer_row(const lms_row *row, const lms_scaled *scaled, lms_cut cut, lms_range *all,
                   lms_range *kept)
{
    lms_sum_row(row, scaled, cut, true, all, kept);
}

#endif
