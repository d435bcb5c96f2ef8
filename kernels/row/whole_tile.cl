/* whole_tile.cl - keys of the groups of a tile that is whole and has no edits but banned
 * tokens: the largest of each, in teams below 32. */
#pragma once
#include "row/read.cl"

#if LMS_TEAM < 32

#if LMS_ELEMENTS == 1

lms_floats lms_larger(lms_floats a, lms_floats b) { return a > b ? a : b; }
float8 lms_larger8(float8 a, float8 b) { return a > b ? a : b; }

/* Largest lanes of eight vectors: halves, quarters and so on of two at a time. */
LMS_INLINE float8 lms_fold_groups(lms_floats v[LMS_TILE_GROUPS])
{
#if LMS_LANES == 16
    float16 a[4];
#pragma unroll
    for (uint i = 0; i < 4; ++i) {
        const float16 even = v[2 * i], odd = v[2 * i + 1];
        a[i] = lms_larger((float16)(even.lo, odd.lo), (float16)(even.hi, odd.hi));
    }
    const float16 b = lms_larger((float16)(a[0].even, a[1].even),
                                 (float16)(a[0].odd, a[1].odd));
    const float16 c = lms_larger((float16)(a[2].even, a[3].even),
                                 (float16)(a[2].odd, a[3].odd));
    const float16 d = lms_larger((float16)(b.even, c.even), (float16)(b.odd, c.odd));
    return lms_larger8(d.even, d.odd);
#else
    float8 a[4];
#pragma unroll
    for (uint i = 0; i < 4; ++i) {
        const float8 even = v[2 * i], odd = v[2 * i + 1];
        a[i] = lms_larger((float8)(even.lo, odd.lo), (float8)(even.hi, odd.hi));
    }
    const float8 b = lms_larger((float8)(a[0].even, a[1].even), (float8)(a[0].odd, a[1].odd));
    const float8 c = lms_larger((float8)(a[2].even, a[3].even), (float8)(a[2].odd, a[3].odd));
    return lms_larger((float8)(b.even, c.even), (float8)(b.odd, c.odd));
#endif
}

/* Keys of a whole tile's groups by comparing floats, which is a third of the work of comparing
 * keys. Not to be trusted where a lane of *odd is set: there is a NaN, or a maximum is 0 or
 * subnormal, and the device may take subnormals for 0. */
LMS_INLINE int8 lms_whole_tile(const lms_logits *x, uint begin, bool is_masked, int8 *odd)
{
    lms_floats best[LMS_TILE_GROUPS];
    lms_ints nan = (lms_ints)(0);
#pragma unroll
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        const uint at = begin + g * LMS_GROUP;
        const lms_floats a = lms_read_masked(x, at, is_masked);
        const lms_floats b = lms_read_masked(x, at + LMS_LANES, is_masked);
        best[g] = lms_larger(a, b);
        nan |= (a != a) | (b != b);
#if LMS_LANES == 8
        const lms_floats c = lms_read_masked(x, at + 16, is_masked);
        const lms_floats d = lms_read_masked(x, at + 24, is_masked);
        best[g] = lms_larger(best[g], lms_larger(c, d));
        nan |= (c != c) | (d != d);
#endif
    }
    const int8 bits = as_int8(lms_fold_groups(best));
    const int8 sign = bits >> 31;
#if LMS_LANES == 16
    *odd |= nan.lo | nan.hi;
#else
    *odd |= nan;
#endif
    *odd |= (bits & 0x7f800000) == 0;
    return ((bits & 0x7fffffff) ^ sign) - sign;
}

#else

/* Largest lanes of eight vectors: halves, quarters and so on of two at a time. */
LMS_INLINE short8 lms_fold_groups(short16 v[LMS_TILE_GROUPS])
{
    short16 a[4];
#pragma unroll
    for (uint i = 0; i < 4; ++i) {
        const short16 even = v[2 * i], odd = v[2 * i + 1];
        a[i] = max((short16)(even.lo, odd.lo), (short16)(even.hi, odd.hi));
    }
    const short16 b = max((short16)(a[0].even, a[1].even), (short16)(a[0].odd, a[1].odd));
    const short16 c = max((short16)(a[2].even, a[3].even), (short16)(a[2].odd, a[3].odd));
    const short16 d = max((short16)(b.even, c.even), (short16)(b.odd, c.odd));
    return max(d.even, d.odd);
}

/* By integers of 16 bits, which order like the logits: as many again in a register, and nothing
 * to convert. (Floats from halves are no way: compilers make the comparison of two such one of
 * two halves, and for a CPU without those, lane by lane.) *odd gets a lane where there is a
 * NaN. */
LMS_INLINE int8 lms_whole_tile(const lms_logits *x, uint begin, bool is_masked, int8 *odd)
{
    short16 best[LMS_TILE_GROUPS];
    short16 least = (short16)(0);
#pragma unroll
    for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
        const uint at = begin + g * LMS_GROUP;
        const short16 a = lms_read_keys16(x, at, is_masked);
        const short16 b = lms_read_keys16(x, at + 16, is_masked);
        best[g] = max(a, b);
        least = min(least, min(a, b));
    }
    const short8 keys = lms_fold_groups(best);
    /* NaN is above inf, or, with a sign, below -inf. */
    const short8 nan = (keys > (short8)(LMS_INF16)) |
                       (min(least.lo, least.hi) < (short8)(LMS_NEVER16));
    *odd |= convert_int8(nan);
    const int8 found = as_int8(lms_of_bits8(as_ushort8(lms_flip16(keys))));
    const int8 sign = found >> 31;
    return ((found & 0x7fffffff) ^ sign) - sign;
}

#endif

#endif
