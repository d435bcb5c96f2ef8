/* meeting.cl - where a team meets. A row is worked on in supersteps: every work-item does its
 * part without any barrier, then all of them meet in lms_meet(), the only place that has
 * barriers. (Barriers under conditions would be legal where the condition is uniform, but
 * compilers for CPUs copy the rest of the kernel for each one: a dozen take minutes to build.)
 *
 * Everything that is combined is an integer, so number and order of work-items never show. */
#pragma once
#include "team/bins.cl"

/* What a work-item brings to a meeting. */
typedef struct lms_part {
    ulong sum;
    long best;
} lms_part;

/* What it takes home. */
typedef struct lms_meeting {
    ulong before; /* sums of lower items */
    ulong total;  /* sums of all items */
    long best;    /* the largest */
    lms_crossing crossing;
} lms_meeting;

typedef struct lms_shared {
    lms_part parts[LMS_TEAM];
    ulong measures[LMS_TEAM];
    lms_bins bins;
} lms_shared;

lms_part lms_part_make(ulong sum, long best)
{
    lms_part part;
    part.sum = sum;
    part.best = best;
    return part;
}

/* Before the first superstep; every meeting leaves the bins clear. */
void lms_begin_meetings(__local lms_shared *shared) { lms_clear_own_bins(&shared->bins); }

/* A superstep that has used the bins has a target > 0, and its meeting a crossing. */
#if LMS_TEAM == 1

lms_meeting lms_meet(__local lms_shared *shared, lms_part part, ulong target)
{
    lms_meeting m;
    m.crossing.bin = LMS_BINS;
    if (target > 0) {
        shared->bins.crossing.bin = LMS_BINS;
        lms_cross_own(&shared->bins, target, 0);
        m.crossing = shared->bins.crossing;
        lms_clear_own_bins(&shared->bins);
    }
    m.before = 0;
    m.total = part.sum;
    m.best = part.best;
    return m;
}

#else

lms_meeting lms_meet(__local lms_shared *shared, lms_part part, ulong target)
{
    const uint item = lms_item();
    const uint first = item * LMS_OWN_BINS;
    ulong measure = 0;
    lms_sync(); /* all parts of the superstep are done */
    for (uint i = first; i < first + LMS_OWN_BINS; ++i) {
        measure += lms_bin(&shared->bins, i);
    }
    const ulong own_sum = part.sum, own_measure = measure;
    shared->parts[item] = part;
    shared->measures[item] = measure;
    if (item == 0) shared->bins.crossing.bin = LMS_BINS;
    for (uint step = 1; step < LMS_TEAM; step *= 2) {
        lms_sync();
        if (item >= step) {
            measure += shared->measures[item - step];
            part.sum += shared->parts[item - step].sum;
            part.best = max(part.best, shared->parts[item - step].best);
        }
        lms_sync(); /* everybody has read before anybody writes */
        shared->parts[item] = part;
        shared->measures[item] = measure;
    }
    lms_sync();
    lms_meeting m;
    m.before = part.sum - own_sum;
    m.total = shared->parts[LMS_TEAM - 1].sum;
    m.best = shared->parts[LMS_TEAM - 1].best;
    lms_cross_own(&shared->bins, target, measure - own_measure);
    lms_clear_own_bins(&shared->bins);
    lms_sync();
    m.crossing = shared->bins.crossing;
    lms_sync(); /* parts[] and the crossing may be written again */
    return m;
}

#endif
