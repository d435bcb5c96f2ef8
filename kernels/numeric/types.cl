/* types.cl - what the caller's arrays are made of: elements, which are logits or hidden states,
 * and tokens; and what stands for no float. */
#pragma once
#include "numeric/vectors.cl"

#if LMS_TOKENS == 2
typedef long lms_token;
#else
typedef int lms_token;
#endif

/* One of the many NaNs, always the same: OpenCL's NAN is whichever the compiler has. */
#define LMS_NAN as_float(0x7fffffffu)

#if LMS_ELEMENTS == 1 /* float32 */
typedef float lms_element;
float lms_element_at(__global const lms_element *row, uint i) { return row[i]; }
lms_floats lms_elements_at(__global const lms_element *row, uint i)
{
    return LMS_V(vload)(0, row + i);
}
#elif LMS_ELEMENTS == 2 /* float16; half loads need no extension */
typedef half lms_element;
float lms_element_at(__global const lms_element *row, uint i) { return vload_half(0, row + i); }
#define LMS_INF16 0x7c00
/* By way of integers, because pocl 3.1 takes the pointer of a vector of halves for aligned; by
 * eights, because it takes a vector of 16 to pieces. */
float8 lms_of_bits8(ushort8 bits) { return vload_half8(0, (const __private half *)&bits); }
float8 lms_load_halves(__global const lms_element *x)
{
    return lms_of_bits8(vload8(0, (__global const ushort *)x));
}
lms_floats lms_elements_at(__global const lms_element *row, uint i)
{
#if LMS_LANES == 16 && defined(__clang__) && defined(__AVX512F__)
    /* One instruction, in the place of three. */
    const ushort16 bits = vload16(0, (__global const ushort *)(row + i));
    return __builtin_ia32_vcvtph2ps512_mask(as_short16(bits), (float16)(0.0f), 0xffff, 4);
#elif LMS_LANES == 16
    return (float16)(lms_load_halves(row + i), lms_load_halves(row + i + 8));
#else
    return lms_load_halves(row + i);
#endif
}
#elif LMS_ELEMENTS == 3 /* bfloat16: the upper half of a float32 */
typedef ushort lms_element;
#define LMS_INF16 0x7f80
float8 lms_of_bits8(ushort8 bits) { return as_float8(convert_uint8(bits) << 16); }
float lms_element_at(__global const lms_element *row, uint i)
{
    return as_float((uint)row[i] << 16);
}
lms_floats lms_elements_at(__global const lms_element *row, uint i)
{
    return LMS_V(as_float)(LMS_V(convert_uint)(LMS_V(vload)(0, row + i)) << 16);
}
#endif

#if LMS_ELEMENTS != 1
/* Keys of 16 bits, from the bits of logits and back: the magnitude of negative ones flipped, so
 * that -0 is just below 0. */
#define LMS_FLIP16(bits) ((bits) ^ ((bits) >> 15 & (short)0x7fff))
#define LMS_NEVER16 (-1 - LMS_INF16) /* of -inf */
#define LMS_LANE_BITS16                                                                        \
    ((short16)(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, -32768))
short8 lms_flip16(short8 bits) { return LMS_FLIP16(bits); }
short16 lms_keys16(short16 bits) { return LMS_FLIP16(bits); }
#endif

#if LMS_TEAM > 1
/* GPUs read 16 bytes at once where they are aligned; of a vload8, which promises only elements
 * to be, they make eight reads. lms_aligned_at() is lms_elements_at() of an address that is a
 * multiple of LMS_ALIGNMENT. */
#define LMS_ALIGNMENT 16u
#define LMS_IS_ALIGNED(p) (((size_t)(p) & (LMS_ALIGNMENT - 1)) == 0)

#if LMS_ELEMENTS == 1
lms_floats lms_aligned_at(__global const lms_element *row, uint i)
{
    __global const float4 *const x = (__global const float4 *)(row + i);
#if LMS_LANES == 16
    return (float16)(x[0], x[1], x[2], x[3]);
#else
    return (float8)(x[0], x[1]);
#endif
}
#else
/* By the halves of four pairs: of a copy of what was read compilers make smaller reads. */
float8 lms_of_pairs(uint4 pairs)
{
#if LMS_ELEMENTS == 2
    ushort8 bits;
    bits.even = convert_ushort4(pairs & 0xffffu);
    bits.odd = convert_ushort4(pairs >> 16);
    return lms_of_bits8(bits);
#else
    float8 x;
    x.even = as_float4(pairs << 16);
    x.odd = as_float4(pairs & 0xffff0000u);
    return x;
#endif
}
lms_floats lms_aligned_at(__global const lms_element *row, uint i)
{
    __global const uint4 *const x = (__global const uint4 *)(row + i);
#if LMS_LANES == 16
    return (float16)(lms_of_pairs(x[0]), lms_of_pairs(x[1]));
#else
    return lms_of_pairs(x[0]);
#endif
}
#endif
#endif
