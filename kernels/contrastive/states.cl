/* contrastive/states.cl - hidden states as they are kept, and their norms (specification,
 * sections 20 and 21).
 *
 * LMS_ELEMENTS is the type of hidden states here. A state is the work of a crew: one work-item
 * with all 16 lanes in teams of one, 16 work-items with a lane each in others. In the latter, a
 * lane's elements are stored in runs of 16 bytes, so that a work-item reads one at once and its
 * neighbour the next one; which element belongs to which lane, and in what order, is the same.
 *
 * Runs are aligned to their 16 bytes: a buffer begins at a multiple of more, every state as it
 * is kept has a multiple of LMS_STATE_BYTES bytes, and a page is states alone. A candidate has
 * as many elements, of 4 bytes. */
#pragma once
#include "contrastive/lanes.cl"
#include "team/team.cl"

#if LMS_TEAM == 1
#define LMS_RUN 1u
#define LMS_FLOAT_RUN 1u
#define LMS_CREW_ITEMS 1u
#else
#if LMS_TEAM < LMS_CONTEXT_TEAM
#error A context is for teams of one, or of LMS_CONTEXT_TEAM and more
#endif
#define LMS_FLOAT_RUN 4u
#if LMS_ELEMENTS == 1
#define LMS_RUN 4u
#else
#define LMS_RUN 8u
#endif
#if LMS_STATE_BYTES != LMS_DOT_LANES * 16
#error A state as it is kept has whole runs of every lane
#endif
#define LMS_CREW_ITEMS LMS_DOT_LANES
#endif
#define LMS_CREWS (LMS_TEAM / LMS_CREW_ITEMS)
#define LMS_OWN_STEP (LMS_DOT_LANES * LMS_OWN_EACH) /* elements that a crew does at a time */

#define LMS_FIELD_BAD 255 /* the exponent field of NaN and of infinities */

/* The own crew in the team; the own work-item in the crew, which is its lane, or the first one
 * of all lanes. */
uint lms_crew(void) { return lms_item() / LMS_CREW_ITEMS; }
uint lms_dot_lane(void) { return lms_item() % LMS_CREW_ITEMS; }

#if LMS_TEAM == 1
void lms_crews_meet(void) {}
#else
void lms_crews_meet(void) { barrier(CLK_LOCAL_MEM_FENCE); }
#endif

/* Where element e is of state `state` among `states` that are interleaved, in runs of `run`. */
ulong lms_place_of(uint e, uint run, uint state, uint states)
{
    const uint all = LMS_DOT_LANES * run;
    return ((ulong)(e / all) * states + state) * all + e % LMS_DOT_LANES * run +
           e / LMS_DOT_LANES % run;
}

/* Hidden states of a call, which are rows of a caller's buffer, and how they are kept. */
#define LMS_HIDDEN_ARGUMENTS                                                                   \
    __global const lms_element *hidden, ulong hidden_offset, ulong stride, uint width,         \
        uint padded

/* The positions of a page that were written for the context that gave it the serial. */
uint lms_written(lms_context_page page, uint serial)
{
    return page.serial == serial ? page.written : 0;
}

/* --- What a crew knows together; all crews of a team call these. ------------------------- */

typedef struct lms_crew_shared {
    int fields[LMS_TEAM];
    float sums[LMS_TEAM];
} lms_crew_shared;

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

float lms_crew_sum(lms_own_sum own, __local lms_crew_shared *shared)
{
    (void)shared;
    return lms_sum8(own.lo + own.hi);
}

#else

int lms_crew_max(int own, __local lms_crew_shared *shared)
{
    __local int *const fields = shared->fields + lms_crew() * LMS_DOT_LANES;
    fields[lms_dot_lane()] = own;
    lms_crews_meet();
    int best = fields[0];
    for (uint i = 1; i < LMS_DOT_LANES; ++i) best = max(best, fields[i]);
    lms_crews_meet(); /* everybody has read before anybody writes */
    return best;
}

float lms_crew_sum(float own, __local lms_crew_shared *shared)
{
    __local float *const sums = shared->sums + lms_crew() * LMS_DOT_LANES;
    sums[lms_dot_lane()] = own;
    lms_crews_meet();
    const float sum = lms_sum8(vload8(0, sums) + vload8(1, sums));
    lms_crews_meet();
    return sum;
}

#endif

/* The largest exponent field of a state; LMS_FIELD_BAD if it is bad. */
int lms_state_field(__global const lms_element *x, uint width, __local lms_crew_shared *shared)
{
    int field = 0;
    for (uint e = lms_dot_lane(); e < width; e += LMS_OWN_STEP) {
        field = max(field, lms_largest_field(lms_own_at(x, e, width)));
    }
    return lms_crew_max(field, shared);
}

/* Own elements as they are kept; float16 ones as they are. */
lms_own lms_own_kept(lms_own x, int field)
{
#if LMS_ELEMENTS == 2
    (void)field;
    return x;
#else
    return lms_scaled_own(x, field);
#endif
}

/* 1 / sqrt(n) of a sum of squares; 0 for 0. */
float lms_inverse_norm(float n)
{
    const float h = n * 0.5f;
    if (n == 0.0f) return 0.0f;
    float y = as_float(0x5f3759dfu - (as_uint(n) >> 1));
    for (uint i = 0; i < 3; ++i) y = y * fma(-(h * y), y, 1.5f);
    const float e = fma(-(n * y), y, 1.0f);
    return fma(y * 0.5f, e, y);
}

/* The inverse norm of a state with the largest field and sum of squares; NaN of a bad one. */
float lms_inverse_of_sum(int field, float sum)
{
    return field == LMS_FIELD_BAD ? NAN : lms_inverse_norm(sum);
}
