/* beam/rating.cl - what sequences are ranked by: a score over length ^ penalty (specification,
 * section 16). A rating is a number with 64 digits and an exponent of its own, so no length
 * penalty takes range or digits away: at equal lengths, ratings differ wherever scores do. */
#pragma once
#include "beam/records.h"
#include "numeric/fixed.cl"

/* mantissa * 2^exponent, mantissa >= 2^63. Results of operations are rounded down to that. */
typedef struct lms_wide {
    ulong mantissa;
    int exponent;
} lms_wide;

lms_wide lms_wide_make(ulong mantissa, int exponent)
{
    lms_wide w;
    w.mantissa = mantissa;
    w.exponent = exponent;
    return w;
}

/* A number n > 0. */
lms_wide lms_wide_of(ulong n)
{
    const int up = (int)clz(n);
    return lms_wide_make(n << up, -up);
}

lms_wide lms_wide_product(lms_wide x, lms_wide y)
{
    const int exponent = x.exponent + y.exponent + 63;
    /* 2 x y / 2^64, less 2^64 if it is above that, as 2 x is 2^64 and the rest. (Not by a shift
     * from half to half: Oclgrind 21.10 does not know the compiler's funnel shift.) */
    const ulong twice = y.mantissa + mul_hi(x.mantissa << 1, y.mantissa);
    if (twice >= y.mantissa) return lms_wide_make(twice, exponent);
    return lms_wide_make(1ul << 63 | twice >> 1, exponent + 1);
}

/* By long division: 1 or 0 before the point, then 63 or 64 digits behind it. */
lms_wide lms_wide_quotient(lms_wide x, lms_wide y)
{
    const bool is_more = x.mantissa >= y.mantissa;
    const int digits = is_more ? 63 : 64;
    ulong rest = is_more ? x.mantissa - y.mantissa : x.mantissa, quotient = is_more;
    for (int i = 0; i < digits; ++i) {
        const bool carries = rest >> 63;
        rest <<= 1;
        const bool fits = carries || rest >= y.mantissa;
        if (fits) rest -= y.mantissa;
        quotient = quotient << 1 | fits;
    }
    return lms_wide_make(quotient, x.exponent - y.exponent - digits);
}

/* length ^ |penalty|, the penalty at most 2^24: its whole part bit by bit, then the rest. */
lms_wide lms_power_of(uint length, float penalty)
{
    const uint bits = min(as_uint(penalty) & 0x7fffffffu, as_uint(0x1p24f));
    const int down = 150 - (int)(bits >> 23); /* |penalty| = a / 2^down */
    const ulong a = (bits & 0x7fffffu) | 0x800000u;
    const lms_wide base = lms_wide_of(length);
    lms_wide power = lms_wide_of(1);
    if (bits < 0x00800000u) return power;
    const uint whole = (uint)(down > 23 ? 0 : down < 0 ? a << -down : a >> down);
    const ulong fraction = down > 23 ? a : down < 0 ? 0 : a & ((1ul << down) - 1);
    for (uint left = whole == 0 ? 0 : 32 - clz(whole); left-- > 0;) {
        power = lms_wide_product(power, power);
        if (whole >> left & 1) power = lms_wide_product(power, base);
    }
    if (fraction == 0 || down > 63) return power;
    const ulong y = fraction * (ulong)lms_lg(length) >> down;
    return lms_wide_product(power, lms_wide_make(lms_root_of((uint)y), (int)(y >> 32) - 63));
}

/* --- A rating as it is kept: in the order of numbers, by octave and then by digits. ------- */

#define LMS_NO_OCTAVE INT_MIN
#define LMS_OCTAVES (1 << 30) /* added to exponents, which makes them positive */

lms_rating lms_rating_make(bool is_negative, lms_wide size)
{
    lms_rating r;
    const int octave = size.exponent + LMS_OCTAVES;
    r.digits = is_negative ? ~size.mantissa : size.mantissa;
    r.octave = is_negative ? -octave : octave;
    r.reserved = 0;
    return r;
}

lms_rating lms_rating_constant(int octave)
{
    lms_rating r;
    r.digits = 0;
    r.octave = octave;
    r.reserved = 0;
    return r;
}
lms_rating lms_rating_zero(void) { return lms_rating_constant(0); }
lms_rating lms_rating_none(void) { return lms_rating_constant(LMS_NO_OCTAVE); }
bool lms_is_rated(lms_rating r) { return r.octave != LMS_NO_OCTAVE; }

bool lms_is_better(lms_rating x, lms_rating y)
{
    return x.octave > y.octave || (x.octave == y.octave && x.digits > y.digits);
}

/* A number of units, over nothing. */
lms_rating lms_rating_of_units(long n)
{
    if (n == 0) return lms_rating_zero();
    return lms_rating_make(n < 0, lms_wide_of(n < 0 ? (ulong)-n : (ulong)n));
}

/* A score over length ^ penalty. */
lms_rating lms_rate(long score, uint length, float penalty)
{
    if (score == 0) return lms_rating_zero();
    const lms_wide s = lms_wide_of((ulong)-score), power = lms_power_of(length, penalty);
    return lms_rating_make(true, penalty > 0.0f ? lms_wide_quotient(s, power)
                                                : lms_wide_product(s, power));
}

/* What a candidate or a live beam of `length` tokens is rated by. */
lms_rating lms_rating_of(const lms_beam_params *p, long value, long score, uint length)
{
    if (p->mode == LMS_BEAM_STOCHASTIC) return lms_rating_of_units(value);
    if (p->length_counts == LMS_BEAM_LENGTH_NONE) return lms_rating_of_units(score);
    if (p->length_counts == LMS_BEAM_LENGTH_WITH_PROMPT) length += p->prompt_length;
    return lms_rate(score, max(length, 1u), p->length_penalty);
}

/* For people: the nearest float; 0 below the normal ones, the largest one above. */
float lms_rating_nats(lms_rating r)
{
    const bool is_negative = r.octave < 0;
    const ulong mantissa = is_negative ? ~r.digits : r.digits;
    const ulong rest = mantissa & ((1ul << 40) - 1), half_unit = 1ul << 39;
    if (r.octave == 0) return 0.0f;
    if (!lms_is_rated(r)) return -INFINITY;
    /* 2^63 is one of 24 digits and 40 more; units are 2^-32 */
    const int field = (int)abs(r.octave) - LMS_OCTAVES + 63 - 32 + 127;
    uint digits = (uint)(mantissa >> 40);
    if (field < 1) return 0.0f;
    digits += rest > half_unit || (rest == half_unit && (digits & 1));
    uint bits = 0x7f7fffffu;
    if (field < 255) bits = min(bits, ((uint)field << 23) + (digits - 0x800000u));
    return as_float(is_negative ? bits | 0x80000000u : bits);
}
