/* state.cl - hidden states as they are kept, and the 16 lanes of a dot product (specification,
 * sections 20 and 21).
 *
 * LMS_LOGITS is the type of hidden states here. A state is the work of a crew: one work-item
 * with vectors of all 16 lanes in teams of one, 16 work-items with a lane each in others. In
 * the latter, a lane's elements are stored in runs of four, so that a work-item reads four at
 * once; which element belongs to which lane, and in what order, is the same. */

#define LMS_CHAINS 16u
#if LMS_TEAM == 1
#define LMS_RUN 1u
#define LMS_CREWS 1u
typedef float16 lms_own; /* elements of the own lanes */
#else
#if LMS_TEAM < 32
#error A context is for teams of one, or of 32 and more
#endif
#define LMS_RUN 4u
#define LMS_CREWS (LMS_TEAM / LMS_CHAINS)
typedef float lms_own;
#endif
#define LMS_BLOCK (LMS_CHAINS * LMS_RUN)

#define LMS_FIELD_BAD 255  /* the exponent field of NaN and of infinities */
#define LMS_FIELD_RANGE 40 /* fields this far below the largest count */

/* Stored elements as bits: half has no arithmetic, but its pointers do. */
#if LMS_LOGITS == 1
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
#define LMS_BLOCK_MOST 8u
#elif LMS_LANES == 16
#define LMS_BLOCK_MOST 6u
#else
#define LMS_BLOCK_MOST 5u
#endif

/* Of k candidates, in blocks that are as even as can be: all but the last have so many. */
uint lms_candidates_each(uint k)
{
    const uint blocks = (k + LMS_BLOCK_MOST - 1) / LMS_BLOCK_MOST;
    return (k + blocks - 1) / blocks;
}

/* Where element e of state `state` is among `states` that are interleaved. */
ulong lms_place_of(uint e, uint state, uint states)
{
    const ulong block = (ulong)(e / LMS_BLOCK) * states + state;
    return block * LMS_BLOCK + e % LMS_CHAINS * LMS_RUN + e / LMS_CHAINS % LMS_RUN;
}

/* Where element e of candidate i is: those of a block are interleaved, so that they are read in
 * the order in which they lie; blocks follow each other. */
ulong lms_candidate_place(uint e, uint i, uint k, uint padded)
{
    const uint each = lms_candidates_each(k), first = i / each * each;
    return (ulong)first * padded + lms_place_of(e, i - first, min(each, k - first));
}

#if LMS_TEAM == 1

float16 lms_load_chains(__global const lms_logit *x, uint e)
{
#if LMS_LANES == 16
    return lms_load_lanes(x, e);
#else
    return (float16)(lms_load_lanes(x, e), lms_load_lanes(x, e + 8));
#endif
}

/* Own elements from e on; 0 beyond the width. */
float16 lms_own_at(__global const lms_logit *x, uint e, uint width)
{
    float last[LMS_CHAINS];
    if (e + LMS_CHAINS <= width) return lms_load_chains(x, e);
    for (uint i = 0; i < LMS_CHAINS; ++i) last[i] = e + i < width ? lms_load(x, e + i) : 0.0f;
    return vload16(0, last);
}

int lms_largest_field(float16 x)
{
    const int16 fields = (as_int16(x) >> 23) & 0xff;
    return lms_max8(max(fields.lo, fields.hi));
}

float16 lms_own_kept(float16 x, int largest)
{
#if LMS_LOGITS == 2
    (void)largest;
    return x;
#else
    const int16 field = (as_int16(x) >> 23) & 0xff;
    const int16 bits = as_int16(x) - ((largest - 127) << 23);
    const int16 counts = (field > 0) & (field >= largest - LMS_FIELD_RANGE);
    return as_float16(bits & counts);
#endif
}

#else

float lms_own_at(__global const lms_logit *x, uint e, uint width)
{
    return e < width ? lms_load(x, e) : 0.0f;
}

int lms_largest_field(float x) { return (as_int(x) >> 23) & 0xff; }

float lms_own_kept(float x, int largest)
{
#if LMS_LOGITS == 2
    (void)largest;
    return x;
#else
    const int field = lms_largest_field(x);
    if (field == 0 || field < largest - LMS_FIELD_RANGE) return 0.0f;
    return as_float(as_int(x) - ((largest - 127) << 23));
#endif
}

#endif

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

float lms_crew_sum(float16 own, __local lms_crew_shared *shared)
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
int lms_state_field(__global const lms_logit *x, uint width, __local lms_crew_shared *shared)
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
