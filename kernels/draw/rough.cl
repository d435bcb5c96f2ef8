/* rough.cl - the masses of a row, and of what a cut keeps of it, to one part in 256, for a team
 * of one: bounds, in half the time of the exact ones. */
#pragma once
#include "row/masses.cl"

#if LMS_TEAM == 1

typedef struct lms_rough {
    ulong all;
    ulong kept;
} lms_rough;

/* What something can be at least and at most that is about n. */
typedef struct lms_range {
    ulong least;
    ulong most;
} lms_range;

/* 2^z for z <= 1, roughly: a parabola is within 0.00173 of 2^f for |f| <= 1/2. Exact weights
 * are within 2^-20 of 2^z times that of their tile, and rounded to half a unit, which is less
 * than 2^-20 of the tile's largest, for all of it. */
LMS_INLINE lms_floats lms_rough_weights(float s, float h, lms_floats x)
{
    lms_floats z = fma(x, (lms_floats)(s), (lms_floats)(-h));
    z = z > (lms_floats)(-32.0f) ? z : (lms_floats)(-32.0f);
    const lms_floats n = z + LMS_MAGIC;
    const lms_floats f = z - (n - LMS_MAGIC);
    lms_floats p = (lms_floats)(0x1.e84d64p-3f);
    p = fma(p, f, (lms_floats)(0x1.682a5ep-1f));
    p = fma(p, f, (lms_floats)(0x1.001d0cp+0f));
    return LMS_V(as_float)(LMS_V(as_int)(p) + (LMS_V(as_int)(n) << 23));
}

float lms_sum_floats8(float8 v)
{
    const float4 a = v.lo + v.hi;
    const float2 b = a.lo + a.hi;
    return b.x + b.y;
}

/* A sum of a tile's rough weights in units of exact ones. */
ulong lms_rough_sum(lms_floats v)
{
#if LMS_LANES == 16
    const float sum = lms_sum_floats8(v.lo + v.hi);
#else
    const float sum = lms_sum_floats8(v);
#endif
    return (ulong)(long)(sum * (float)(1u << LMS_WEIGHT_BITS));
}

/* A tile that is whole, not edited and not huge, and whose C is 0: of all its tokens, and of
 * those with larger logits than `pivot`; `wants_kept` is a literal where this is called. */
LMS_INLINE lms_rough lms_rough_plain(const lms_logits *x, uint begin, float s, float h,
                                     float pivot, bool wants_kept)
{
    lms_floats sum = (lms_floats)(0.0f), kept = (lms_floats)(0.0f);
#pragma unroll
    for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
        const lms_floats v = lms_read_plain(x, begin + i);
        const lms_floats w = lms_rough_weights(s, h, v);
        sum += w;
        if (wants_kept) {
            kept += LMS_V(as_float)(LMS_V(as_int)(w) & (v > (lms_floats)(pivot)));
        }
    }
    lms_rough rough;
    rough.all = lms_rough_sum(sum);
    rough.kept = wants_kept ? lms_rough_sum(kept) : 0;
    return rough;
}

/* Any tile, exactly. */
LMS_APART
lms_rough lms_rough_any(const lms_row *row, lms_unit unit, uint tile, lms_cut cut)
{
    lms_pairs sum = (lms_pairs)(0), kept = (lms_pairs)(0);
    for (uint at = tile * LMS_TILE; at < min((tile + 1) * LMS_TILE, row->logits.vocab);
         at += LMS_LANES) {
        const lms_floats x = lms_read(&row->logits, at);
        const lms_ints w = lms_weights(unit, x);
        sum += lms_widen(LMS_V(as_uint)(w));
        kept += lms_widen(LMS_V(as_uint)(w & lms_kept(cut, lms_keys(x), at)));
    }
    lms_rough rough;
    rough.all = lms_sum_pairs(sum);
    rough.kept = lms_sum_pairs(kept);
    return rough;
}

/* Does a cut keep of a tile what is above one key, and can floats be compared with that? Then
 * *pivot is that. */
bool lms_has_pivot(lms_cut cut, uint tile, float *pivot)
{
    const uint begin = tile * LMS_TILE;
    const int key = cut.id < begin ? cut.key : cut.key - 1;
    *pivot = lms_logit_of(key);
    if (cut.id >= begin && cut.id < begin + LMS_TILE - 1) return false;
    return abs(key) >= 0x00800000 && abs(key) <= LMS_KEY_INF;
}

/* One tile of a row that is not huge, in its own unit. */
LMS_INLINE lms_rough lms_rough_tile(const lms_row *row, const lms_logits *x, lms_unit unit,
                                    uint tile, lms_cut cut)
{
    const uint begin = tile * LMS_TILE, end = begin + LMS_TILE;
    const bool has_kept = unit.key >= cut.key;
    float pivot;
    const bool has_pivot = lms_has_pivot(cut, tile, &pivot);
    if (unit.huge || unit.c != 0.0f || end > x->vocab || (has_kept && !has_pivot) ||
        lms_is_edited(x, begin, end)) {
        return lms_rough_any(row, unit, tile, cut);
    }
    return has_kept ? lms_rough_plain(x, begin, unit.s, unit.h, pivot, true)
                    : lms_rough_plain(x, begin, unit.s, unit.h, pivot, false);
}

/* The row. A CPU asks for the rest of the next one meanwhile. */
LMS_APART
lms_rough lms_rough_row(const lms_row *row, const lms_scaled *scaled, lms_cut cut)
{
    const lms_logits logits = row->logits;
    lms_rough sum;
    sum.all = 0;
    sum.kept = 0;
    for (uint from = 0; from < row->tiles; from += LMS_LANES) {
        int key[LMS_LANES], shift[LMS_LANES];
        float h[LMS_LANES], c[LMS_LANES];
        for (uint i = 0; i < LMS_LANES; ++i) {
            key[i] = row->tile_keys[min(from + i, row->tiles - 1)];
        }
        const lms_units units = lms_units_of(scaled, LMS_V(vload)(0, key));
        LMS_V(vstore)(units.h, 0, h);
        LMS_V(vstore)(units.c, 0, c);
        LMS_V(vstore)(units.shift, 0, shift);
        for (uint i = 0; i < min(row->tiles - from, (uint)LMS_LANES); ++i) {
            const uint tile = from + i;
            lms_unit unit;
            unit.s = scaled->s;
            unit.h = h[i];
            unit.c = c[i];
            unit.key = key[i];
            unit.huge = false;
            unit.shift = (uint)shift[i];
            lms_prefetch_next(row, row->tiles * LMS_NEXT + tile * LMS_NEXT_PASS, LMS_NEXT_PASS);
            if (unit.shift >= LMS_NO_SHARE) continue;
            const lms_rough rough = lms_rough_tile(row, &logits, unit, tile, cut);
            sum.all += lms_mass_of_sum(unit.shift, rough.all);
            sum.kept += lms_mass_of_sum(unit.shift, rough.kept);
        }
    }
    return sum;
}

/* Rough sums are within 2^-9 of the exact ones, and roundings in the row's unit come to less
 * than one unit a token. */
lms_range lms_range_of(ulong rough, uint vocab)
{
    const ulong off = (rough >> 8) + vocab;
    lms_range range;
    range.least = rough > off ? rough - off : 0;
    range.most = rough + off;
    return range;
}

#endif
