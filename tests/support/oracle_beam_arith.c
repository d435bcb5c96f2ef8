/* The single steps of sections 12, 15 and 16: gap, norm, exponentials, rate. */
#include "oracle_beam.h"

#include "oracle_row.h"

#include <float.h>
#include <math.h>

#if FLT_EVAL_METHOD != 0
#error "a float operation must be rounded to float at once"
#endif

__extension__ typedef unsigned __int128 u128;
__extension__ typedef __int128 i128;

#define LN_2 UINT64_C(0xB17217F7D1CF79AB)   /* ln 2, times 2^64 */
#define LOG2_E UINT64_C(0xB8AA3B295C17F0BC) /* log2(e), times 2^63 */
#define ONE (INT64_C(1) << 32)
#define GAP_MAX (INT64_C(1) << 61)

/* x = a * 2^b with a in [2^23, 2^24); x positive and normal */
static void normalize(float x, uint64_t *a, int *b)
{
    const uint32_t bits = oracle_bits(x);
    *a = (bits & 0x7fffffu) | 0x800000u;
    *b = (int)(bits >> 23) - 150;
}

/* min(floor(x * 2^shift), limit), limit < 2^64 */
static uint64_t shifted(u128 x, int shift, uint64_t limit)
{
    if (shift <= 0) {
        const u128 low = shift <= -128 ? 0 : x >> -shift;
        return low > limit ? limit : (uint64_t)low;
    }
    /* x > limit / 2^shift as integers, without a product that overflows */
    const uint64_t most = shift >= 64 ? 0 : limit >> shift;
    if (x > most) {
        return limit;
    }
    return x == 0 ? 0 : (uint64_t)x << shift;
}

int64_t oracle_beam_gap(float top, float x, float temperature)
{
    if (oracle_key(x) == oracle_key(top)) {
        return 0;
    }
    const float d = top - x;
    if (d < FLT_MIN) {
        return 0;
    }
    if (isinf(d)) {
        return GAP_MAX;
    }
    uint64_t a;
    uint64_t e;
    int b;
    int f;
    normalize(temperature, &a, &b);
    normalize(d, &e, &f);
    const uint64_t q = (UINT64_C(1) << 63) / a;
    return (int64_t)shifted((u128)e * q, f - b - 31, (uint64_t)GAP_MAX);
}

/* trunc(x * factor / 2^shift) */
static int64_t scaled(int64_t x, uint64_t factor, int shift)
{
    const u128 product = (u128)(x < 0 ? -(i128)x : (i128)x) * factor;
    const int64_t size = (int64_t)(uint64_t)(product >> shift);
    return x < 0 ? -size : size;
}

int64_t oracle_beam_norm(const oracle_row *row, uint64_t mass)
{
    const uint64_t first = oracle_measure_mass(&row->at_t, row->order[0]);
    return (int64_t)((u128)(oracle_lg(mass) - oracle_lg(first)) * LN_2 >> 64);
}

int64_t oracle_beam_exponential(uint64_t word)
{
    const uint64_t octaves = (UINT64_C(1) << 38) - oracle_lg(word ? word : 1);
    const int64_t e = (int64_t)((u128)octaves * LN_2 >> 64);
    return e ? e : 1;
}

int64_t oracle_beam_ln(float tau)
{
    uint64_t a;
    int b;
    normalize(tau, &a, &b);
    return scaled((int64_t)oracle_lg(a) + b * ONE, LN_2, 64);
}

uint64_t oracle_beam_power(uint32_t fraction)
{
    /* floor(2^(2^-j) * 2^63) for j = 1 .. 32 */
    static const uint64_t roots[32] = {
        UINT64_C(0xB504F333F9DE6484), UINT64_C(0x9837F0518DB8A96F),
        UINT64_C(0x8B95C1E3EA8BD6E6), UINT64_C(0x85AAC367CC487B14),
        UINT64_C(0x82CD8698AC2BA1D7), UINT64_C(0x8164D1F3BC030773),
        UINT64_C(0x80B1ED4FD999AB6C), UINT64_C(0x8058D7D2D5E5F6B0),
        UINT64_C(0x802C6436D0E04F50), UINT64_C(0x8016302F17467628),
        UINT64_C(0x800B179C82028FD0), UINT64_C(0x80058BAF7FEE3B5D),
        UINT64_C(0x8002C5D00FDCFCB6), UINT64_C(0x800162E61BED4A48),
        UINT64_C(0x8000B17292F702A3), UINT64_C(0x800058B92ABBAE02),
        UINT64_C(0x80002C5C8DADE4D7), UINT64_C(0x8000162E44EAF636),
        UINT64_C(0x80000B1721FA7C18), UINT64_C(0x8000058B90DE7E4C),
        UINT64_C(0x800002C5C8678F36), UINT64_C(0x80000162E431DB9F),
        UINT64_C(0x800000B1721872D0), UINT64_C(0x80000058B90C1AA8),
        UINT64_C(0x8000002C5C8605A4), UINT64_C(0x800000162E4300E6),
        UINT64_C(0x8000000B17217FF8), UINT64_C(0x800000058B90BFDD),
        UINT64_C(0x80000002C5C85FE6), UINT64_C(0x8000000162E42FF1),
        UINT64_C(0x80000000B17217F8), UINT64_C(0x8000000058B90BFC)};
    uint64_t e = UINT64_C(1) << 63;
    for (unsigned j = 1; j <= 32; j++) {
        if (fraction >> (32 - j) & 1u) {
            e = (uint64_t)((u128)e * roots[j - 1] >> 63);
        }
    }
    return e;
}

/* z = whole * 2^32 + fraction, fraction in [0, 2^32) */
static int64_t split_units(int64_t z, uint32_t *fraction)
{
    *fraction = (uint32_t)(uint64_t)z;
    return (z - (int64_t)*fraction) / ONE;
}

float oracle_beam_exp2(int64_t z)
{
    uint32_t fraction;
    const int64_t whole = split_units(z, &fraction);
    return ldexpf((float)(oracle_beam_power(fraction) >> 40), (int)whole - 23);
}

float oracle_beam_float(int64_t score)
{
    return score == ORACLE_BEAM_NONE ? -INFINITY : (float)score * 0x1p-32f;
}
