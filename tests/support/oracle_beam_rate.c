/* Ratings: section 16. Numbers are truncated to 64 bits after every operation. */
#include "oracle_beam.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 u128;

#define MOST_PENALTY 0x1p24f

/* x * 2^exponent, cut to 64 bits; sign as given */
static oracle_rating cut(int sign, u128 x, int32_t exponent)
{
    if (x == 0) {
        return (oracle_rating){0, 0, 0};
    }
    while (x >> 64) {
        x >>= 1;
        exponent++;
    }
    while (!(x >> 63)) {
        x <<= 1;
        exponent--;
    }
    return (oracle_rating){sign, (uint64_t)x, exponent};
}

static oracle_rating product(oracle_rating a, oracle_rating b)
{
    return cut(a.sign * b.sign, (u128)a.mantissa * b.mantissa, a.exponent + b.exponent);
}

/* What a 128-bit division leaves of a quotient in (2^63, 2^65) is no digit of it. */
static oracle_rating quotient(oracle_rating a, oracle_rating b)
{
    if (b.mantissa == 0) {
        abort();
    }
    const int more = a.mantissa < b.mantissa;
    const u128 dividend = (u128)a.mantissa << (63 + more);
    return cut(a.sign * b.sign, dividend / b.mantissa, a.exponent - b.exponent - 63 - more);
}

oracle_rating oracle_rating_of(int64_t score)
{
    const uint64_t size = score < 0 ? -(uint64_t)score : (uint64_t)score;
    return cut(score < 0 ? -1 : 1, size, 0);
}

/* length^p, 0 <= p <= 2^24 */
static oracle_rating power_of(uint64_t length, float p)
{
    const float whole = floorf(p);
    const oracle_rating base = cut(1, length, 0);
    oracle_rating power = cut(1, 1, 0);
    for (uint32_t bit = 1u << 24; bit; bit >>= 1) {
        power = product(power, power);
        if ((uint32_t)whole & bit) {
            power = product(power, base);
        }
    }
    /* the fraction, a / 2^down, is exact */
    uint32_t a = 0;
    int b = 0;
    if (p > whole) {
        oracle_decompose(p - whole, &a, &b);
    }
    const u128 scaled = (u128)a * oracle_lg(length);
    const uint64_t y = b > -128 ? (uint64_t)(scaled >> -b) : 0;
    return product(power, cut(1, oracle_beam_power((uint32_t)y), (int32_t)(y >> 32) - 63));
}

oracle_rating oracle_beam_rate(int64_t score, uint64_t length, float p)
{
    const float size = fabsf(p) < FLT_MIN ? 0.0f : fminf(fabsf(p), MOST_PENALTY);
    const oracle_rating s = oracle_rating_of(score);
    if (score == 0) {
        return s;
    }
    return p > 0.0f ? quotient(s, power_of(length, size)) : product(s, power_of(length, size));
}

int oracle_rating_compare(oracle_rating a, oracle_rating b)
{
    if (a.sign != b.sign) {
        return a.sign < b.sign ? -1 : 1;
    }
    if (a.exponent != b.exponent) {
        return a.exponent < b.exponent ? -a.sign : a.sign;
    }
    return a.mantissa < b.mantissa ? -a.sign : a.mantissa > b.mantissa ? a.sign : 0;
}

float oracle_rating_float(oracle_rating r)
{
    const int octave = r.exponent + 63 - 32; /* of its size, in nats */
    if (r.sign == 0 || octave < -126) {
        return 0.0f;
    }
    if (octave > 127) {
        return (float)r.sign * FLT_MAX;
    }
    const double size = ldexp((double)(float)r.mantissa, r.exponent - 32);
    return (float)r.sign * (size > (double)FLT_MAX ? FLT_MAX : (float)size);
}

long double oracle_rating_nats(oracle_rating r)
{
    return r.sign * ldexpl((long double)r.mantissa, r.exponent - 32);
}
