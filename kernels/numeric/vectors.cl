/* vectors.cl - vectors of LMS_LANES tokens: 16 where a register holds as many floats, else 8.
 * The width never shows in a result.
 *
 * Functions that take a vector of 16 are what makes compilers for AVX-512 use its full
 * registers: they keep to half of them where only loops have such vectors. */
#pragma once

#ifndef LMS_LANES
#define LMS_LANES 8
#endif
#if LMS_LANES != 8 && LMS_LANES != 16
#error LMS_LANES is 8 or 16
#endif

/* Vectors wider than a register are passed otherwise on a CPU that has wider ones. clang warns
 * of that, once for each call, and pocl counts its warnings on the terminal; but a program is
 * compiled whole, for one CPU. */
#if defined(__clang__) && defined(__has_warning)
#if __has_warning("-Wpsabi")
#pragma clang diagnostic ignored "-Wpsabi"
#endif
#endif

/* For a function that compilers would else call for each tile, loading its constants each
 * time. */
#define LMS_INLINE __attribute__((always_inline))

/* For what is seldom called, or once a row: compiled once, it makes a first build shorter. GPUs
 * are better off without calls, and a work-group's barriers must not be in one.
 *
 * Not static, nor is any function that gets a pointer to local memory. Compilers put a pointer
 * that is always the same in the place of the argument of a static function, and pocl 3.1 then
 * leaves it as it is: all work-groups that run at once would share one memory. */
#if LMS_TEAM == 1
#define LMS_APART __attribute__((noinline))
#else
#define LMS_APART
#endif

/* Asks for memory that is going to be read. The builtin prefetch() does nothing on pocl. No
 * SPIR: what runs it (Oclgrind, for one) may not know of this. */
#if LMS_TEAM == 1 && defined(__clang__) && !defined(__SPIR__) && !defined(__SPIR64__)
#define LMS_PREFETCH(p) __builtin_prefetch(p, 0, 2)
#else
#define LMS_PREFETCH(p) ((void)(p))
#endif
#define LMS_LINE (64 / sizeof(lms_element)) /* logits in a cache line */

#define LMS_PASTE_(a, b) a##b
#define LMS_PASTE(a, b) LMS_PASTE_(a, b)
/* float16 or float8, vload16 or vload8, ... */
#define LMS_V(name) LMS_PASTE(name, LMS_LANES)

typedef LMS_V(float) lms_floats;
typedef LMS_V(int) lms_ints;
typedef LMS_V(uint) lms_uints;
#if LMS_LANES == 16
typedef ulong8 lms_pairs; /* two lanes' bits each */
#define LMS_AS_PAIRS as_ulong8
#define LMS_COUNTING (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#else
typedef ulong4 lms_pairs;
#define LMS_AS_PAIRS as_ulong4
#define LMS_COUNTING (0, 1, 2, 3, 4, 5, 6, 7)
#endif
/* (f(0), f(1), f(2), ...) */
#if LMS_LANES == 16
#define LMS_OF_EACH(f)                                                                         \
    (f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13),   \
     f(14), f(15))
#else
#define LMS_OF_EACH(f) (f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7))
#endif
/* 0, 1, 2, ... */
#define LMS_LANE_IDS ((lms_uints)LMS_COUNTING)
#define LMS_LANE_BITS ((lms_uints)(1) << LMS_LANE_IDS)

ulong lms_sum4(ulong4 v)
{
    const ulong2 a = v.lo + v.hi;
    return a.x + a.y;
}

ulong lms_sum_pairs(lms_pairs v)
{
#if LMS_LANES == 16
    return lms_sum4(v.lo + v.hi);
#else
    return lms_sum4(v);
#endif
}

ulong lms_sum_ulongs(LMS_V(ulong) v)
{
#if LMS_LANES == 16
    const ulong8 a = v.lo + v.hi;
    return lms_sum4(a.lo + a.hi);
#else
    return lms_sum4(v.lo + v.hi);
#endif
}

/* Adds up lanes of 32 bits without sign. */
lms_pairs lms_widen(lms_uints v)
{
    const lms_pairs u = LMS_AS_PAIRS(v);
    return (u & 0xfffffffful) + (u >> 32ul);
}

/* The sum of numbers below 2^30, of which four fit 32 bits. */
ulong lms_sum_below30(lms_uints v)
{
#if LMS_LANES == 16
    const uint4 a = v.lo.lo + v.lo.hi, b = v.hi.lo + v.hi.hi;
    return (ulong)(a.x + a.y) + (a.z + a.w) + (b.x + b.y) + (b.z + b.w);
#else
    const uint4 a = v.lo + v.hi;
    return (ulong)(a.x + a.y) + (a.z + a.w);
#endif
}

/* Is any lane of a comparison true? Not any(): some runtimes test lane by lane. */
bool lms_any8(int8 m)
{
    const ulong4 u = as_ulong4(m);
    return (u.x | u.y | u.z | u.w) != 0;
}
bool lms_any(lms_ints m)
{
#if LMS_LANES == 16
    return lms_any8(m.lo | m.hi);
#else
    return lms_any8(m);
#endif
}

/* Ones to count comparisons with, `some` not being 0: what compilers make of a constant one, a
 * conversion of the comparison, is wrong on Oclgrind. */
lms_ints lms_ones(uint some) { return (lms_ints)((int)min(some, 1u)); }

int8 lms_fold(lms_ints v)
{
#if LMS_LANES == 16
    return v.lo + v.hi;
#else
    return v;
#endif
}

/* A sum of small numbers. */
int lms_sum(lms_ints v)
{
    const int8 c = lms_fold(v);
    const int4 a = c.lo + c.hi;
    const int2 b = a.lo + a.hi;
    return b.x + b.y;
}

/* Bit i: lane i of a comparison is true. */
uint lms_mask(lms_ints m)
{
    return (uint)lms_sum(m & LMS_V(convert_int)((lms_uints)(1) << LMS_LANE_IDS));
}

/* The same: in one instruction, where a CPU's comparisons are such bits. */
LMS_INLINE uint lms_lanes(lms_ints m)
{
#if LMS_LANES == 16 && defined(__clang__) && defined(__AVX512DQ__)
    return (ushort)__builtin_ia32_cvtd2mask512(m);
#else
    return lms_mask(m);
#endif
}

int lms_max8(int8 v)
{
    const int4 a = max(v.lo, v.hi);
    const int2 b = max(a.lo, a.hi);
    return max(b.x, b.y);
}

int lms_max(lms_ints v)
{
#if LMS_LANES == 16
    return lms_max8(max(v.lo, v.hi));
#else
    return lms_max8(v);
#endif
}
