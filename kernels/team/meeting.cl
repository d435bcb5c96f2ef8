/* team/meeting.cl - the work-items that share a row.
 *
 * LMS_TEAM of them, a power of two: 1 on a CPU, where barriers are dear and vectors do the
 * work; a whole work-group on a GPU. A row is worked on in supersteps: every work-item does its
 * part without any barrier, then all of them meet in lms_meet(), the only place that has
 * barriers. (Barriers under conditions would be legal where the condition is uniform, but
 * compilers for CPUs copy the rest of the kernel for each one: a dozen take minutes to build.)
 *
 * Everything that is combined is an integer, so number and order of work-items never show. */
#pragma once
#include "numeric/vectors.cl"

#ifndef LMS_TEAM
#define LMS_TEAM 1
#endif

#define LMS_BINS 1024u

/* What a work-item brings to a meeting. */
typedef struct lms_part {
    ulong sum;
    long best;
} lms_part;

/* What it takes home. A step that uses the bins has a target > 0; the crossing is the first bin
 * at which the measure of the bins up to it reaches the target; bin LMS_BINS if none does. */
typedef struct lms_meeting {
    ulong before; /* sums of lower lanes */
    ulong total;  /* of all lanes */
    long best;    /* the largest */
    uint bin;
    ulong bin_measure;
    ulong bin_before; /* measure of the bins before it */
} lms_meeting;

/* Bins are sums of counts or masses. The last one takes what belongs to none. */
typedef struct lms_shared {
    lms_part parts[LMS_TEAM];
    ulong measures[LMS_TEAM];
#if LMS_TEAM == 1
    ulong bins[LMS_BINS + 1];
#else
    uint low[LMS_BINS + 1]; /* in two halves: 64-bit atomics are not everywhere */
    uint high[LMS_BINS + 1];
#endif
    lms_meeting crossing;
} lms_shared;

#if LMS_TEAM == 1
uint lms_item(void) { return 0; }
void lms_sync(void) {}
#else
uint lms_item(void) { return (uint)get_local_id(0); }
/* Lists and prefix sums that a team shares are in global memory: both fences. */
void lms_sync(void) { barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE); }
#endif

#define LMS_OWN_BINS (LMS_BINS / LMS_TEAM)

ulong lms_bin(__local const lms_shared *shared, uint bin)
{
#if LMS_TEAM == 1
    return shared->bins[bin];
#else
    return (ulong)shared->high[bin] << 32 | shared->low[bin];
#endif
}

/* Before the first superstep; every meeting leaves the bins clear. */
void lms_clear_own_bins(__local lms_shared *shared)
{
    const uint first = lms_item() * LMS_OWN_BINS;
    for (uint i = first; i < first + LMS_OWN_BINS; ++i) {
#if LMS_TEAM == 1
        shared->bins[i] = 0;
#else
        shared->low[i] = 0;
        shared->high[i] = 0;
#endif
    }
}

void lms_bin_add(__local lms_shared *shared, uint bin, ulong measure)
{
#if LMS_TEAM == 1
    shared->bins[bin] += measure;
#else
    if (bin == LMS_BINS) return;
    const uint low = (uint)measure;
    const uint old = atomic_add(&shared->low[bin], low);
    /* Each wrap of the low half is seen by exactly the one addition that caused it. */
    const uint high = (uint)(measure >> 32) + (old + low < low ? 1u : 0u);
    if (high) atomic_add(&shared->high[bin], high);
#endif
}

/* Lane by lane; measures are the same shifted to the left. */
void lms_bin_add_lanes(__local lms_shared *shared, lms_uints bins, lms_uints measures,
                       uint shift)
{
    uint bin[LMS_LANES];
    uint measure[LMS_LANES];
    LMS_V(vstore)(bins, 0, bin);
    LMS_V(vstore)(measures, 0, measure);
    for (uint i = 0; i < LMS_LANES; ++i) {
        lms_bin_add(shared, bin[i], (ulong)measure[i] << shift);
    }
}

/* Looks for the crossing in the own bins, before which all bins measure `before`. */
void lms_cross_own(__local lms_shared *shared, ulong target, ulong before)
{
    const uint first = lms_item() * LMS_OWN_BINS;
    for (uint i = first; i < first + LMS_OWN_BINS; ++i) {
        const ulong here = lms_bin(shared, i);
        if (before < target && before + here >= target) {
            shared->crossing.bin = i;
            shared->crossing.bin_measure = here;
            shared->crossing.bin_before = before;
            return;
        }
        before += here;
    }
}

#if LMS_TEAM == 1

lms_meeting lms_meet(__local lms_shared *shared, lms_part part, ulong target)
{
    lms_meeting m;
    shared->crossing.bin = LMS_BINS;
    if (target > 0) {
        lms_cross_own(shared, target, 0);
        m = shared->crossing;
        lms_clear_own_bins(shared);
    }
    m.bin = shared->crossing.bin;
    m.before = 0;
    m.total = part.sum;
    m.best = part.best;
    return m;
}

#else

lms_meeting lms_meet(__local lms_shared *shared, lms_part part, ulong target)
{
    const uint lane = lms_item();
    const uint first = lane * LMS_OWN_BINS;
    ulong measure = 0;
    lms_sync(); /* all parts of the superstep are done */
    for (uint i = first; i < first + LMS_OWN_BINS; ++i) {
        measure += lms_bin(shared, i);
    }
    const ulong own_sum = part.sum, own_measure = measure;
    shared->parts[lane] = part;
    shared->measures[lane] = measure;
    if (lane == 0) shared->crossing.bin = LMS_BINS;
    for (uint step = 1; step < LMS_TEAM; step *= 2) {
        lms_sync();
        if (lane >= step) {
            measure += shared->measures[lane - step];
            part.sum += shared->parts[lane - step].sum;
            part.best = max(part.best, shared->parts[lane - step].best);
        }
        lms_sync(); /* everybody has read before anybody writes */
        shared->parts[lane] = part;
        shared->measures[lane] = measure;
    }
    lms_sync();
    lms_meeting m;
    m.before = part.sum - own_sum;
    m.total = shared->parts[LMS_TEAM - 1].sum;
    m.best = shared->parts[LMS_TEAM - 1].best;
    lms_cross_own(shared, target, measure - own_measure);
    lms_clear_own_bins(shared);
    lms_sync();
    m.bin = shared->crossing.bin;
    m.bin_measure = shared->crossing.bin_measure;
    m.bin_before = shared->crossing.bin_before;
    lms_sync(); /* parts[] and crossing may be written again */
    return m;
}

#endif
