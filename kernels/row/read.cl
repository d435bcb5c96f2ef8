/* read.cl - READ: the only place where logits are read. They go from how they are stored, by
 * way of what a row has edited, to floats. */
#pragma once
#include "numeric/keys.cl"
#include "numeric/types.cl"
#include "row/records.h"

/* A row's logits, and its edits: so far, tokens that are read as -inf. */
typedef struct lms_logits {
    __global const lms_element *stored;
    uint vocab;
#if LMS_TEAM > 1
    bool is_aligned; /* the first of them is at a multiple of LMS_ALIGNMENT */
#endif
    uint suppressed_count;
    __global const int *suppressed; /* their ids, in no order */
} lms_logits;

lms_logits lms_logits_at(__global const lms_element *stored, uint vocab)
{
    lms_logits x;
    x.stored = stored;
    x.vocab = vocab;
#if LMS_TEAM > 1
    x.is_aligned = LMS_IS_ALIGNED(stored);
#endif
    x.suppressed_count = 0;
    x.suppressed = 0;
    return x;
}

/* Is one of the tokens [begin, end) read otherwise than it is stored? Whole tiles and blocks of
 * which none is take the fast path. */
bool lms_is_edited(const lms_logits *x, uint begin, uint end)
{
    for (uint i = 0; i < x->suppressed_count; ++i) {
        const uint id = (uint)x->suppressed[i];
        if (id >= begin && id < end) return true;
    }
    return false;
}

/* Not a call: around one, compilers have to keep in memory what a loop has in vector
 * registers. */
LMS_INLINE lms_floats lms_edited(const lms_logits *x, uint begin, lms_floats v)
{
    const lms_uints ids = (lms_uints)(begin) + LMS_LANE_IDS;
#pragma unroll 1
    for (uint i = 0; i < x->suppressed_count; ++i) {
        v = ids == (lms_uints)((uint)x->suppressed[i]) ? (lms_floats)(-INFINITY) : v;
    }
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
    return x->suppressed_count > 0 ? lms_edited(x, begin, v) : v;
}

/* One logit. */
float lms_read_one(const lms_logits *x, uint id)
{
    return lms_is_edited(x, id, id + 1) ? -INFINITY : lms_element_at(x->stored, id);
}

#if LMS_ELEMENTS != 1
/* Sixteen logits that are all there, and none of them edited, as keys of 16 bits, which order
 * like the logits. */
LMS_INLINE short16 lms_read_keys16(const lms_logits *x, uint begin)
{
    return lms_keys16(vload16(0, (__global const short *)(x->stored + begin)));
}
#endif

/* Asks for logits that are going to be read. What lies beyond the row is the next one, or
 * nothing, which does no harm. */
LMS_INLINE void lms_prefetch(const lms_logits *x, uint begin, uint count)
{
    for (uint i = begin; i < begin + count; i += LMS_LINE) LMS_PREFETCH(x->stored + i);
}
