/* contrastive/lanes.cl - the 16 lanes of a dot product, and which of them a work-item has: all
 * as one vector in teams of one where registers hold 16 floats, all as two vectors where they
 * hold 8, one lane in other teams. (Vectors of 16 do not go by value where no register holds
 * one: that is a call by memory, of which compilers warn.)
 *
 * Each of the three provides
 *   LMS_OWN_EACH                   elements of each own lane that are done at a time
 *   lms_own                        those, as floats
 *   lms_own_sum, lms_own_zero()    sums of each own lane
 *   lms_own_fma(a, b, sum)         adds products, in the order of a lane's elements
 *   lms_own_at(x, e, width)        a state's elements from e on, a caller's: their alignment is
 *                                  that of an element; 0 beyond the width
 *   lms_put_own(out, v)            stores them, side by side
 *   lms_largest_field(v)           their largest exponent field
 *   lms_scaled_own(v, largest)     over the power of two of the field `largest`; 0 where the
 *                                  own field is 0, or more than LMS_FIELD_RANGE below it
 * and all but the pair of vectors lms_put_own_float(), which stores floats. */
#pragma once
#include "contrastive/records.h"
#include "numeric/types.cl"

#define LMS_HALVES (LMS_TEAM == 1 && LMS_LANES == 8)
#define LMS_FIELD_RANGE 40

#if LMS_ELEMENTS == 1
#define LMS_STORE(n, v, out) vstore##n(v, 0, out)
#elif LMS_ELEMENTS == 2
#define LMS_STORE(n, v, out) vstore_half##n(v, 0, out)
#else
#define LMS_STORE(n, v, out) vstore##n(convert_ushort##n(as_uint##n(v) >> 16), 0, out)
#endif

/* lms_scaled_own() of a vector. */
#define LMS_SCALED(n)                                                                          \
    float##n lms_scaled##n(float##n x, int largest)                                            \
    {                                                                                          \
        const int##n field = (as_int##n(x) >> 23) & 0xff;                                      \
        const int##n bits = as_int##n(x) - ((largest - 127) << 23);                            \
        const int##n counts = (field > 0) & (field >= largest - LMS_FIELD_RANGE);              \
        return as_float##n(bits & counts);                                                     \
    }

#if LMS_TEAM == 1 && !LMS_HALVES

#define LMS_OWN_EACH 1u
typedef float16 lms_own;
typedef lms_own lms_own_sum;

LMS_SCALED(16)
lms_own lms_own_zero(void) { return (lms_own)(0.0f); }
lms_own lms_own_fma(lms_own a, lms_own b, lms_own sum) { return fma(a, b, sum); }
lms_own lms_own_load(__global const lms_element *x) { return lms_elements_at(x, 0); }
lms_own lms_own_of(const float *x) { return vload16(0, x); }
lms_own lms_scaled_own(lms_own x, int largest) { return lms_scaled16(x, largest); }
void lms_put_own(__global lms_element *out, lms_own v) { LMS_STORE(16, v, out); }
void lms_put_own_float(__global float *out, lms_own v) { vstore16(v, 0, out); }

int lms_largest_field(lms_own x)
{
    const int16 fields = (as_int16(x) >> 23) & 0xff;
    return lms_max8(max(fields.lo, fields.hi));
}

#elif LMS_HALVES

#define LMS_OWN_EACH 1u
typedef struct lms_own {
    float8 lo, hi;
} lms_own;
typedef lms_own lms_own_sum;

LMS_SCALED(8)

lms_own lms_own_pair(float8 lo, float8 hi)
{
    lms_own v;
    v.lo = lo;
    v.hi = hi;
    return v;
}

lms_own lms_own_zero(void) { return lms_own_pair((float8)(0.0f), (float8)(0.0f)); }

lms_own lms_own_fma(lms_own a, lms_own b, lms_own sum)
{
    return lms_own_pair(fma(a.lo, b.lo, sum.lo), fma(a.hi, b.hi, sum.hi));
}

lms_own lms_own_load(__global const lms_element *x)
{
    return lms_own_pair(lms_elements_at(x, 0), lms_elements_at(x, 8));
}

lms_own lms_own_of(const float *x) { return lms_own_pair(vload8(0, x), vload8(1, x)); }

lms_own lms_scaled_own(lms_own x, int largest)
{
    return lms_own_pair(lms_scaled8(x.lo, largest), lms_scaled8(x.hi, largest));
}

void lms_put_own(__global lms_element *out, lms_own v)
{
    LMS_STORE(8, v.lo, out);
    LMS_STORE(8, v.hi, out + 8);
}

int lms_largest_field(lms_own x)
{
    return lms_max8(max((as_int8(x.lo) >> 23) & 0xff, (as_int8(x.hi) >> 23) & 0xff));
}

#else

#define LMS_OWN_EACH 4u
typedef float4 lms_own; /* elements e, e + 16, e + 32 and e + 48 */
typedef float lms_own_sum;

LMS_SCALED(4)
lms_own_sum lms_own_zero(void) { return 0.0f; }
lms_own lms_scaled_own(lms_own x, int largest) { return lms_scaled4(x, largest); }

lms_own_sum lms_own_fma(lms_own a, lms_own b, lms_own_sum sum)
{
    return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

int lms_largest_field(lms_own x)
{
    const int4 fields = (as_int4(x) >> 23) & 0xff;
    const int2 two = max(fields.lo, fields.hi);
    return max(two.x, two.y);
}

/* Stored by the vector: places in what the library owns are aligned to that (states.cl). */
void lms_put_own_float(__global float *out, lms_own v) { *(__global float4 *)out = v; }
void lms_put_own(__global lms_element *out, lms_own v)
{
#if LMS_ELEMENTS == 1
    *(__global float4 *)out = v;
#elif LMS_ELEMENTS == 2
    ushort4 bits;
    vstore_half4(v, 0, (__private half *)&bits);
    *(__global ushort4 *)out = bits;
#else
    *(__global ushort4 *)out = convert_ushort4(as_uint4(v) >> 16);
#endif
}

#endif

lms_own lms_own_at(__global const lms_element *x, uint e, uint width)
{
#if LMS_TEAM == 1
    float last[LMS_DOT_LANES];
    if (e + LMS_DOT_LANES <= width) return lms_own_load(x + e);
    for (uint i = 0; i < LMS_DOT_LANES; ++i) {
        last[i] = e + i < width ? lms_element_at(x, e + i) : 0.0f;
    }
    return lms_own_of(last);
#else
    lms_own v = (lms_own)(0.0f);
    if (e < width) v.x = lms_element_at(x, e);
    if (e + LMS_DOT_LANES < width) v.y = lms_element_at(x, e + LMS_DOT_LANES);
    if (e + 2 * LMS_DOT_LANES < width) v.z = lms_element_at(x, e + 2 * LMS_DOT_LANES);
    if (e + 3 * LMS_DOT_LANES < width) v.w = lms_element_at(x, e + 3 * LMS_DOT_LANES);
    return v;
#endif
}
