/* contrastive/lanes.cl - a work-item's lanes of a state: all 16 in teams of one, where a register holds 16 as
 * one vector, else as two; one lane in others. Vectors of 16 do not go by value where no
 * register holds one: that is a call by memory, of which compilers warn. */
#pragma once
#include "numeric/types.cl"

#define LMS_HALVES (LMS_TEAM == 1 && LMS_LANES == 8)
#define LMS_CHAINS 16u
#define LMS_STRETCH 512u /* elements that halves.cl does at a time */
#define LMS_FIELD_RANGE 40 /* exponent fields this far below a state's largest count */

#if LMS_TEAM == 1 && LMS_LANES == 16

typedef float16 lms_own; /* elements of the own lanes */

lms_own lms_own_zero(void) { return (lms_own)(0.0f); }
lms_own lms_own_fma(lms_own a, lms_own b, lms_own sum) { return fma(a, b, sum); }
lms_own lms_own_load(__global const lms_element *x) { return lms_elements_at(x, 0); }
lms_own lms_own_of(const float *x) { return vload16(0, x); }
void lms_put_own_float(__global float *out, lms_own v) { vstore16(v, 0, out); }

int lms_largest_field(lms_own x)
{
    const int16 fields = (as_int16(x) >> 23) & 0xff;
    return lms_max8(max(fields.lo, fields.hi));
}

lms_own lms_scaled_own(lms_own x, int largest)
{
    const int16 field = (as_int16(x) >> 23) & 0xff;
    const int16 bits = as_int16(x) - ((largest - 127) << 23);
    const int16 counts = (field > 0) & (field >= largest - LMS_FIELD_RANGE);
    return as_float16(bits & counts);
}

void lms_put_own(__global lms_element *out, lms_own v)
{
#if LMS_ELEMENTS == 1
    vstore16(v, 0, out);
#elif LMS_ELEMENTS == 2
    vstore_half16(v, 0, out);
#else
    vstore16(convert_ushort16(as_uint16(v) >> 16), 0, out);
#endif
}

#elif LMS_HALVES

typedef struct lms_own {
    float8 lo, hi;
} lms_own;

lms_own lms_own_zero(void)
{
    lms_own v;
    v.lo = v.hi = (float8)(0.0f);
    return v;
}

lms_own lms_own_fma(lms_own a, lms_own b, lms_own sum)
{
    sum.lo = fma(a.lo, b.lo, sum.lo);
    sum.hi = fma(a.hi, b.hi, sum.hi);
    return sum;
}

lms_own lms_own_load(__global const lms_element *x)
{
    lms_own v;
    v.lo = lms_elements_at(x, 0);
    v.hi = lms_elements_at(x, 8);
    return v;
}

lms_own lms_own_of(const float *x)
{
    lms_own v;
    v.lo = vload8(0, x);
    v.hi = vload8(1, x);
    return v;
}

int lms_largest_field(lms_own x)
{
    return lms_max8(max((as_int8(x.lo) >> 23) & 0xff, (as_int8(x.hi) >> 23) & 0xff));
}

float8 lms_scaled8(float8 x, int largest)
{
    const int8 field = (as_int8(x) >> 23) & 0xff;
    const int8 bits = as_int8(x) - ((largest - 127) << 23);
    const int8 counts = (field > 0) & (field >= largest - LMS_FIELD_RANGE);
    return as_float8(bits & counts);
}

lms_own lms_scaled_own(lms_own x, int largest)
{
    x.lo = lms_scaled8(x.lo, largest);
    x.hi = lms_scaled8(x.hi, largest);
    return x;
}

void lms_put8(__global lms_element *out, float8 v)
{
#if LMS_ELEMENTS == 1
    vstore8(v, 0, out);
#elif LMS_ELEMENTS == 2
    vstore_half8(v, 0, out);
#else
    vstore8(convert_ushort8(as_uint8(v) >> 16), 0, out);
#endif
}

void lms_put_own(__global lms_element *out, lms_own v)
{
    lms_put8(out, v.lo);
    lms_put8(out + 8, v.hi);
}

#else

typedef float lms_own;

lms_own lms_own_zero(void) { return 0.0f; }
lms_own lms_own_fma(lms_own a, lms_own b, lms_own sum) { return fma(a, b, sum); }
void lms_put_own_float(__global float *out, lms_own v) { *out = v; }
int lms_largest_field(lms_own x) { return (as_int(x) >> 23) & 0xff; }

lms_own lms_scaled_own(lms_own x, int largest)
{
    const int field = lms_largest_field(x);
    if (field == 0 || field < largest - LMS_FIELD_RANGE) return 0.0f;
    return as_float(as_int(x) - ((largest - 127) << 23));
}

void lms_put_own(__global lms_element *out, lms_own v)
{
#if LMS_ELEMENTS == 1
    *out = v;
#elif LMS_ELEMENTS == 2
    vstore_half(v, 0, out);
#else
    *out = (ushort)(as_uint(v) >> 16);
#endif
}

#endif

/* Own elements from e on; 0 beyond the width. */
lms_own lms_own_at(__global const lms_element *x, uint e, uint width)
{
#if LMS_TEAM == 1
    float last[LMS_CHAINS];
    if (e + LMS_CHAINS <= width) return lms_own_load(x + e);
    for (uint i = 0; i < LMS_CHAINS; ++i) last[i] = e + i < width ? lms_element_at(x, e + i) : 0.0f;
    return lms_own_of(last);
#else
    return e < width ? lms_element_at(x, e) : 0.0f;
#endif
}

lms_own lms_own_kept(lms_own x, int largest)
{
#if LMS_ELEMENTS == 2
    (void)largest;
    return x;
#else
    return lms_scaled_own(x, largest);
#endif
}
