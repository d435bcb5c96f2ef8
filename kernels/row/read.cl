/* read.cl - READ: the only place where logits are read. They go from how they are stored, by
 * way of what a row has edited, to floats. */
#pragma once
#include "row/logits.cl"

#ifdef LMS_REQUESTS
/* Comparisons by bits, from token `begin` on. */
LMS_INLINE lms_ints lms_bits_at(__global const uint *words, uint begin)
{
    const lms_uints bits = LMS_LANE_BITS << (lms_uints)(begin % LMS_GROUP);
    return ((lms_uints)(words[begin / LMS_GROUP]) & bits) != 0;
}

/* The values from a token on, up to the end of its group. Teams of one have them close
 * together, which is in a cache from row to row. */
LMS_INLINE __global const float *lms_values_at(const lms_logits *x, uint id)
{
#if LMS_TEAM == 1
    return x->values + x->places[id / LMS_GROUP] + id % LMS_GROUP;
#else
    return x->values + id;
#endif
}

/* A vector from token `begin` on, with edited logits in their places. */
LMS_INLINE lms_floats lms_with_values(const lms_logits *x, uint begin, lms_floats v)
{
    if (x->edited[begin / LMS_GROUP] == 0) return v;
#if LMS_TEAM == 1
    if (!x->places) return lms_with_chain(&x->order, x->edited[begin / LMS_GROUP], begin, v);
#endif
    return lms_bits_at(x->edited, begin) ? LMS_V(vload)(0, lms_values_at(x, begin)) : v;
}

/* Where CPUs have masks for lanes, a mask's bits are that as they are, and cost little.
 * Elsewhere it is a comparison for each lane. */
#if LMS_TEAM == 1 && LMS_LANES == 16 && defined(__clang__) && defined(__AVX512VL__) &&         \
    defined(__AVX512BW__)
#define LMS_BITS_ARE_LANES 1
#else
#define LMS_BITS_ARE_LANES 0
#endif

/* ... with -inf in the place of banned tokens. */
LMS_INLINE lms_floats lms_unbanned(const lms_logits *x, uint begin, lms_floats v)
{
#if LMS_BITS_ARE_LANES
    const ushort bits = ((__global const ushort *)x->bans)[begin / LMS_LANES];
    return __builtin_ia32_selectps_512(bits, v, (float16)(-INFINITY));
#else
    return lms_bits_at(x->bans, begin) ? v : (lms_floats)(-INFINITY);
#endif
}
#endif

/* Not a call: around one, compilers have to keep in memory what a loop has in vector
 * registers. */
LMS_INLINE lms_floats lms_edited(const lms_logits *x, uint begin, lms_floats v)
{
    const lms_uints ids = (lms_uints)(begin) + LMS_LANE_IDS;
#ifdef LMS_REQUESTS
    if (x->edited) v = lms_with_values(x, begin, v);
#endif
#pragma unroll 1
    for (uint i = 0; i < x->suppressed_count; ++i) {
        v = ids == (lms_uints)((uint)x->suppressed[i]) ? (lms_floats)(-INFINITY) : v;
    }
#ifdef LMS_REQUESTS
    /* A mask may have no words for groups beyond the vocabulary, where all is -inf. */
    if (x->bans) v = lms_unbanned(x, min(begin, x->vocab - 1), v);
#endif
    return v;
}

/* A vector of logits that are all there, and none of them edited. `begin` is a multiple of
 * LMS_LANES, so that vectors are aligned where the row is. */
LMS_INLINE lms_floats lms_read_plain(const lms_logits *x, uint begin)
{
#if LMS_TEAM > 1
    if (x->is_aligned) return lms_aligned_at(x->stored, begin);
#endif
    return lms_elements_at(x->stored, begin);
}

/* The last logits of a row, of which there are not as many as lanes; then -inf. */
lms_floats lms_read_last(const lms_logits *x, uint begin)
{
    float v[LMS_LANES];
#if LMS_TEAM > 1
#pragma unroll
#endif
    for (uint i = 0; i < LMS_LANES; ++i) {
#if LMS_TEAM > 1
        /* Not a branch for each lane, around which compilers for GPUs keep the others. */
        const float there = lms_element_at(x->stored, min(begin + i, x->vocab - 1));
        v[i] = begin + i < x->vocab ? there : -INFINITY;
#else
        v[i] = begin + i < x->vocab ? lms_element_at(x->stored, begin + i) : -INFINITY;
#endif
    }
    return LMS_V(vload)(0, v);
}

/* A vector of logits, from token `begin` on; -inf beyond the vocabulary. */
LMS_INLINE lms_floats lms_read(const lms_logits *x, uint begin)
{
    const bool is_whole = begin + LMS_LANES <= x->vocab;
    const lms_floats v = is_whole ? lms_read_plain(x, begin) : lms_read_last(x, begin);
    return lms_has_edits(x) ? lms_edited(x, begin, v) : v;
}

/* One logit. Most rows of teams of one have no edits, and a call for one that has. */
#if defined(LMS_REQUESTS) && LMS_TEAM == 1
LMS_APART
float lms_read_edited_one(const lms_logits *x, uint id)
#else
float lms_read_one(const lms_logits *x, uint id)
#endif
{
    for (uint i = 0; i < x->suppressed_count; ++i) {
        if ((uint)x->suppressed[i] == id) return -INFINITY;
    }
#ifdef LMS_REQUESTS
    const uint group = id / LMS_GROUP;
    if (x->bans && !(x->bans[group] >> id % LMS_GROUP & 1)) return -INFINITY;
#if LMS_TEAM == 1
    if (x->edited && !x->places) {
        const uint link = lms_last_of_chain(&x->order, x->edited[group], id);
        return link ? x->order.values[link - 1] : lms_element_at(x->stored, id);
    }
#endif
    if (x->edited && (x->edited[group] >> id % LMS_GROUP & 1)) return *lms_values_at(x, id);
#endif
    return lms_element_at(x->stored, id);
}

#if defined(LMS_REQUESTS) && LMS_TEAM == 1
float lms_read_one(const lms_logits *x, uint id)
{
    return lms_has_edits(x) ? lms_read_edited_one(x, id) : lms_element_at(x->stored, id);
}
#endif

/* A vector of a whole tile in which nothing is edited, or, where that is masked, banned tokens
 * are. */
LMS_INLINE lms_floats lms_read_masked(const lms_logits *x, uint begin, bool is_masked)
{
    const lms_floats v = lms_read_plain(x, begin);
#ifdef LMS_REQUESTS
    if (is_masked) return lms_unbanned(x, begin, v);
#endif
    (void)is_masked;
    return v;
}

#if LMS_ELEMENTS != 1
/* Sixteen logits that are all there, and none of them edited, as keys of 16 bits, which order
 * like the logits. */
LMS_INLINE short16 lms_read_keys16(const lms_logits *x, uint begin, bool is_masked)
{
    const short16 keys = lms_keys16(vload16(0, (__global const short *)(x->stored + begin)));
#ifdef LMS_REQUESTS
#if LMS_BITS_ARE_LANES
    const short16 never = (short16)(LMS_NEVER16);
    if (is_masked) {
        const ushort bits = ((__global const ushort *)x->bans)[begin / LMS_LANES];
        return __builtin_ia32_selectw_256(bits, keys, never);
    }
#else
    if (is_masked) {
        const short word = (short)(x->bans[begin / LMS_GROUP] >> begin % LMS_GROUP);
        const short16 is_allowed = ((short16)(word) & LMS_LANE_BITS16) != (short)0;
        return is_allowed ? keys : (short16)(LMS_NEVER16);
    }
#endif
#endif
    (void)is_masked;
    return keys;
}
#endif

/* Asks for logits that are going to be read. What lies beyond the row is the next one, or
 * nothing, which does no harm. */
LMS_INLINE void lms_prefetch(const lms_logits *x, uint begin, uint count)
{
    for (uint i = begin; i < begin + count; i += LMS_LINE) LMS_PREFETCH(x->stored + i);
}
