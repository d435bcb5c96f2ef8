/* weights.cl - what tokens weigh: integers that do not depend on what shares the row with them
 * (specification, sections 3 and 4). Only operations as in numeric/scale.cl. */
#pragma once
#include "numeric/scale.cl"

#define LMS_HUGE 0x1p+40f
#define LMS_WEIGHT_BITS 29
#define LMS_GUARD_BITS 13u
#define LMS_NO_SHARE 64u /* the shift of a tile that does not count */

/* A row at one scale: its largest key, and H and C of that. In a huge row only tokens equal to
 * the maximum weigh anything. */
typedef struct lms_scaled {
    float s;
    int max_key;
    bool huge;
    float h;
    float c;
} lms_scaled;

/* A tile: x*s = h + z, and the exponent of its unit of weight is -(29 - c) relative to 2^h. In
 * its row, a token's mass is its weight << 13 >> shift. */
typedef struct lms_unit {
    float s;
    float h;
    float c;
    int key; /* the tile's largest */
    bool huge;
    uint shift;
} lms_unit;

/* The unit of a tile by itself. Its shift, which depends on the row, is not set yet. */
lms_unit lms_unit_alone(float s, int tile_key)
{
    const float x = lms_logit_of(tile_key);
    const float u = x * s;
    lms_unit t;
    t.s = s;
    t.h = 0.0f;
    t.c = 0.0f;
    t.key = tile_key;
    t.huge = !(fabs(u) < LMS_HUGE);
    t.shift = LMS_NO_SHARE;
    if (!t.huge) {
        t.h = lms_rint(u);
        t.c = lms_rint(fma(x, s, -t.h));
    }
    return t;
}

lms_scaled lms_at_scale(float s, int max_key)
{
    const lms_unit top = lms_unit_alone(s, max_key);
    lms_scaled r;
    r.s = s;
    r.max_key = max_key;
    r.huge = top.huge;
    r.h = top.h;
    r.c = top.c;
    return r;
}

/* The unit of a tile in its row. The shift is R - M, and not negative, because M is monotone in
 * the logit. In floats, as differences of integers: what is below 2^24 is exact, what is
 * rounded is far above 64. */
lms_unit lms_unit_of(const lms_scaled *r, int tile_key)
{
    lms_unit t = lms_unit_alone(r->s, tile_key);
    if (r->huge) {
        t.shift = tile_key == r->max_key ? 0 : LMS_NO_SHARE;
    } else if (!t.huge) {
        t.shift = (uint)fmin((r->h - t.h) + (r->c - t.c), (float)LMS_NO_SHARE);
    }
    return t;
}

/* Units of several tiles in a row that is not huge. */
typedef struct lms_units {
    lms_floats h;
    lms_floats c;
    lms_ints shift;
} lms_units;

lms_units lms_units_of(const lms_scaled *r, lms_ints tile_keys)
{
    const lms_floats x = lms_logits_of(tile_keys);
    const lms_floats u = x * r->s;
    lms_units t;
    t.h = lms_rints(u);
    t.c = lms_rints(fma(x, (lms_floats)(r->s), -t.h));
    const lms_floats shift = (r->h - t.h) + (r->c - t.c);
    const lms_ints counts = (LMS_V(as_float)(lms_magnitudes(u)) < LMS_HUGE) &
                            (shift < (lms_floats)((float)LMS_NO_SHARE));
    t.shift = LMS_V(convert_int)(counts ? shift : (lms_floats)((float)LMS_NO_SHARE));
    return t;
}

#define LMS_MAGIC 0x1.8p+23f /* adding it rounds |z| <= 2^22 to an integer in the low bits */

/* P(f) * k, k a power of two. */
#define LMS_POLYNOMIAL(p, f, k)                                                               \
    lms_floats p = (lms_floats)(0x1.41fbbcp-13f * k);                                         \
    p = fma(p, f, (lms_floats)(0x1.5f3e52p-10f * k));                                         \
    p = fma(p, f, (lms_floats)(0x1.3b2d4cp-7f * k));                                          \
    p = fma(p, f, (lms_floats)(0x1.c6aee8p-5f * k));                                          \
    p = fma(p, f, (lms_floats)(0x1.ebfbdcp-3f * k));                                          \
    p = fma(p, f, (lms_floats)(0x1.62e430p-1f * k));                                          \
    p = fma(p, f, (lms_floats)(1.0f * k))

/* Weights of tokens of tiles that are not huge: integers below 2^30. NaN and -inf weigh 0,
 * because they fail the comparison. */
LMS_INLINE lms_ints lms_weights_at(float s, lms_floats h, lms_floats c, lms_floats x)
{
    lms_floats z = fma(x, (lms_floats)(s), -h);
    const lms_floats least = c - 32.0f;
    z = z > least ? z : least;
    const lms_floats n = z + LMS_MAGIC;
    const lms_floats f = z - (n - LMS_MAGIC);
    LMS_POLYNOMIAL(p, f, 1.0f);
    /* p * 2^(rint(z) - c + 29) through the exponent field, modulo 2^32. */
    const lms_ints e = (LMS_V(as_int)(n) + (LMS_WEIGHT_BITS - LMS_V(convert_int)(c))) << 23;
    return LMS_V(convert_int)(LMS_V(as_float)(LMS_V(as_int)(p) + e) + 0.5f);
}

/* lms_weights_at() where c is 0, as it is but for |x*s| near 2^23 and above: the power of two
 * that the weights have in common goes into the polynomial, which changes no bit. */
LMS_INLINE lms_ints lms_weights_plain(float s, float h, lms_floats x)
{
    lms_floats z = fma(x, (lms_floats)(s), (lms_floats)(-h));
    z = z > (lms_floats)(-32.0f) ? z : (lms_floats)(-32.0f);
    const lms_floats n = z + LMS_MAGIC;
    const lms_floats f = z - (n - LMS_MAGIC);
    LMS_POLYNOMIAL(p, f, 0x1p+29f);
    const lms_ints v = LMS_V(as_int)(p) + (LMS_V(as_int)(n) << 23);
    return LMS_V(convert_int)(LMS_V(as_float)(v) + 0.5f);
}

lms_ints lms_weights(lms_unit t, lms_floats x)
{
#if LMS_TEAM > 1
    /* No branch, here and in lms_rounded(): compilers for GPUs keep vectors for both ways. */
    const lms_ints w = lms_weights_at(t.s, (lms_floats)(t.h), (lms_floats)(t.c), x);
    return t.huge ? (lms_keys(x) == t.key) & (1 << LMS_WEIGHT_BITS) : w;
#else
    if (t.huge) {
        return lms_keys(x) == t.key ? (lms_ints)(1 << LMS_WEIGHT_BITS) : (lms_ints)(0);
    }
    return lms_weights_at(t.s, (lms_floats)(t.h), (lms_floats)(t.c), x);
#endif
}

int lms_weight(lms_unit t, float x) { return lms_weights(t, (lms_floats)(x)).s0; }

/* Weights of single tokens as their row counts them: rounded to its unit, of 2^-42, where that
 * is larger. What is kept of a tile is the sum of these, shifted by lms_mass_of_rounded(). */
lms_uints lms_rounded(lms_unit t, lms_ints w)
{
#if LMS_TEAM > 1
    /* By 31, nothing is left: weights are below half a unit. */
    const uint down = (uint)clamp((int)t.shift - (int)LMS_GUARD_BITS, 0, 31);
    return (LMS_V(as_uint)(w) + (1u << down >> 1)) >> down;
#else
    if (t.shift <= LMS_GUARD_BITS) return LMS_V(as_uint)(w);
    const uint down = t.shift - LMS_GUARD_BITS;
    if (down > 30) return (lms_uints)(0); /* below half a unit */
    return (LMS_V(as_uint)(w) + (1u << (down - 1))) >> down;
#endif
}

/* max(), not a condition: what compilers make of that is unknown to Oclgrind. */
uint lms_rounded_shift(lms_unit t) { return (uint)max((int)LMS_GUARD_BITS - (int)t.shift, 0); }

ulong lms_mass_of_rounded(lms_unit t, ulong sum) { return sum << lms_rounded_shift(t); }

/* The mass of a sum of weights, rounded down. */
ulong lms_mass_of_sum(uint shift, ulong sum)
{
    return shift >= 64 ? 0 : sum << LMS_GUARD_BITS >> shift;
}
