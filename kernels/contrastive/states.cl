/* contrastive/states.cl - hidden states as they are kept, and the 16 lanes of a dot product (specification,
 * sections 20 and 21).
 *
 * LMS_ELEMENTS is the type of hidden states here. A state is the work of a crew: one work-item
 * with all 16 lanes in teams of one, 16 work-items with a lane each in others. In
 * the latter, a lane's elements are stored in runs of four, so that a work-item reads four at
 * once; which element belongs to which lane, and in what order, is the same. */
#pragma once
#include "contrastive/lanes.cl"
#include "contrastive/records.h"

#if LMS_TEAM == 1
#define LMS_RUN 1u
#define LMS_CREWS 1u
#else
#if LMS_TEAM < 32
#error A context is for teams of one, or of 32 and more
#endif
#define LMS_RUN 4u
#define LMS_CREWS (LMS_TEAM / LMS_CHAINS)
#endif
#define LMS_INTERLEAVED (LMS_CHAINS * LMS_RUN)

#define LMS_FIELD_BAD 255 /* the exponent field of NaN and of infinities */

/* Stored elements as bits: half has no arithmetic, but its pointers do. */
#if LMS_ELEMENTS == 1
typedef uint lms_bits;
#else
typedef ushort lms_bits;
#endif

typedef struct lms_crew_shared {
    int fields[LMS_TEAM];
    float sums[LMS_TEAM];
} lms_crew_shared;

/* The own lane's first element, and the crew in the team. */
#if LMS_TEAM == 1
uint lms_chain(void) { return 0; }
uint lms_crew(void) { return 0; }
void lms_crews_meet(void) {}
#else
uint lms_chain(void) { return (uint)get_local_id(0) % LMS_CHAINS; }
uint lms_crew(void) { return (uint)get_local_id(0) / LMS_CHAINS; }
void lms_crews_meet(void) { barrier(CLK_LOCAL_MEM_FENCE); }
#endif

/* Candidates that are held against the context side by side, at most: as many as there are
 * registers for (dots.cl). */
#if LMS_TEAM > 1
#define LMS_SIDE_BY_SIDE 8u
#else
#define LMS_SIDE_BY_SIDE 6u
#endif

/* Of k candidates, in blocks that are as even as can be: all but the last have so many. */
uint lms_candidates_each(uint k)
{
    const uint blocks = (k + LMS_SIDE_BY_SIDE - 1) / LMS_SIDE_BY_SIDE;
    return (k + blocks - 1) / blocks;
}

/* Where element e of state `state` is among `states` that are interleaved. */
ulong lms_place_of(uint e, uint state, uint states)
{
    const ulong block = (ulong)(e / LMS_INTERLEAVED) * states + state;
    return block * LMS_INTERLEAVED + e % LMS_CHAINS * LMS_RUN + e / LMS_CHAINS % LMS_RUN;
}

/* Puts the own elements from e on of candidate i to their place: those of a block are
 * interleaved, so that they are read in the order in which they lie; blocks follow. */
void lms_put_candidate(__global float *out, uint e, uint i, uint k, uint padded, lms_own v)
{
    const uint each = lms_candidates_each(k), first = i / each * each;
    const uint count = min(each, k - first);
#if LMS_HALVES
    /* Stretch by stretch: all blocks, the lower lanes of each, then the upper ones. */
    const uint from = e / LMS_STRETCH * LMS_STRETCH, length = min(LMS_STRETCH, padded - from);
    const uint place = ((e - from) / LMS_CHAINS * count + i - first) * 8;
    out += (ulong)from * k + first * length;
    vstore8(v.lo, 0, out + place);
    vstore8(v.hi, 0, out + count * length / 2 + place);
#else
    lms_put_own_float(out + (ulong)first * padded + lms_place_of(e, i - first, count), v);
#endif
}

/* --- What a crew knows together; all crews of a team call these. ------------------------- */

float lms_sum8(float8 v)
{
    const float4 a = v.lo + v.hi;
    const float2 b = a.lo + a.hi;
    return b.x + b.y;
}

#if LMS_TEAM == 1

int lms_crew_max(int own, __local lms_crew_shared *shared)
{
    (void)shared;
    return own;
}

float lms_crew_sum(lms_own own, __local lms_crew_shared *shared)
{
    (void)shared;
    return lms_sum8(own.lo + own.hi);
}

#else

int lms_crew_max(int own, __local lms_crew_shared *shared)
{
    __local int *const fields = shared->fields + lms_crew() * LMS_CHAINS;
    fields[lms_chain()] = own;
    lms_crews_meet();
    int best = fields[0];
    for (uint i = 1; i < LMS_CHAINS; ++i) best = max(best, fields[i]);
    lms_crews_meet(); /* everybody has read before anybody writes */
    return best;
}

float lms_crew_sum(float own, __local lms_crew_shared *shared)
{
    __local float *const sums = shared->sums + lms_crew() * LMS_CHAINS;
    sums[lms_chain()] = own;
    lms_crews_meet();
    const float sum = lms_sum8(vload8(0, sums) + vload8(1, sums));
    lms_crews_meet();
    return sum;
}

#endif

/* Of the squares' sum n: 1 / sqrt(n), 0 for 0. */
float lms_inverse_norm(float n)
{
    const float h = n * 0.5f;
    if (n == 0.0f) return 0.0f;
    float y = as_float(0x5f3759dfu - (as_uint(n) >> 1));
    for (uint i = 0; i < 3; ++i) y = y * fma(-(h * y), y, 1.5f);
    const float e = fma(-(n * y), y, 1.0f);
    return fma(y * 0.5f, e, y);
}

/* The largest exponent field of a state; LMS_FIELD_BAD if it is bad. */
int lms_state_field(__global const lms_element *x, uint width, __local lms_crew_shared *shared)
{
    int field = 0;
    for (uint e = lms_chain(); e < width; e += LMS_CHAINS) {
        field = max(field, lms_largest_field(lms_own_at(x, e, width)));
    }
    return lms_crew_max(field, shared);
}

/* The positions of a page that were written for the context that gave it the serial. */
uint lms_written(lms_context_page page, uint serial)
{
    return page.serial == serial ? page.written : 0;
}

float lms_inverse_of_sum(int field, float sum)
{
    return field == LMS_FIELD_BAD ? NAN : lms_inverse_norm(sum);
}
