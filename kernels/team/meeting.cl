/* meeting.cl - where a team meets. A row is worked on in supersteps: every work-item does its
 * part without any barrier, then all of them meet in lms_meet(), the only place of a loop that
 * has barriers, but for one behind the decision on the next superstep (lms_sync()). (Barriers
 * under conditions would be legal where the condition is uniform, but compilers for CPUs copy
 * the rest of the kernel for each one: a dozen take minutes to build.)
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

/* Parts are added up by runs of items, then by runs: two steps for any team. */
#define LMS_RUNS (LMS_TEAM < 16 ? LMS_TEAM : 16)
#define LMS_RUN (LMS_TEAM / LMS_RUNS)
#define LMS_MORE 3 /* sums that a superstep may have beside that of its part */

typedef struct lms_shared {
    lms_part parts[LMS_TEAM];
    lms_bins bins;
#if LMS_TEAM > 1
    lms_part runs[LMS_RUNS];
    ulong more[LMS_MORE][LMS_TEAM]; /* written with a part, ... */
    ulong more_runs[LMS_MORE][LMS_RUNS];
    uint listed; /* the end of the list that is being made */
#endif
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

/* A superstep that has used the bins has a target > 0, and its meeting a crossing; `total` and
 * `before` are then those of the bins. */
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

/* Adds up the parts of a run of items. */
void lms_add_run(__local lms_shared *shared, uint run)
{
    lms_part sum = shared->parts[run * LMS_RUN];
#pragma unroll 4
    for (uint i = run * LMS_RUN + 1; i < (run + 1) * LMS_RUN; ++i) {
        sum.sum += shared->parts[i].sum;
        sum.best = max(sum.best, shared->parts[i].best);
    }
    shared->runs[run] = sum;
}

void lms_add_more(__local lms_shared *shared, uint which, uint run)
{
    ulong sum = 0;
#pragma unroll 4
    for (uint i = run * LMS_RUN; i < (run + 1) * LMS_RUN; ++i) sum += shared->more[which][i];
    shared->more_runs[which][run] = sum;
}

/* One of the other sums, of all items. */
ulong lms_total_of_more(__local const lms_shared *shared, uint which)
{
    ulong sum = 0;
#pragma unroll 4
    for (uint i = 0; i < LMS_RUNS; ++i) sum += shared->more_runs[which][i];
    return sum;
}

/* A meeting of a superstep that has `more` other sums. */
lms_meeting lms_meet_more(__local lms_shared *shared, lms_part part, ulong target, uint more)
{
    const uint item = lms_item(), own_run = item / LMS_RUN;
    lms_meeting m;
    lms_sync(); /* all parts of the superstep are done, and the last crossing is read */
    if (target > 0) part.sum = lms_own_bins(&shared->bins);
    if (item == 0) shared->bins.crossing.bin = LMS_BINS;
    shared->parts[item] = part;
    lms_sync();
    for (uint i = item; i < LMS_RUNS * (1 + more); i += LMS_TEAM) {
        if (i < LMS_RUNS) lms_add_run(shared, i);
        if (i >= LMS_RUNS) lms_add_more(shared, i / LMS_RUNS - 1, i % LMS_RUNS);
    }
    lms_sync();
    m.before = 0;
    m.total = 0;
    m.best = LONG_MIN;
#pragma unroll 2 /* more takes more registers than anything else */
    for (uint i = 0; i < LMS_RUNS; ++i) {
        const lms_part run = shared->runs[i];
        m.before += i < own_run ? run.sum : 0;
        m.total += run.sum;
        m.best = max(m.best, run.best);
    }
#pragma unroll 2
    for (uint i = own_run * LMS_RUN; i < item; ++i) m.before += shared->parts[i].sum;
    if (target > 0) {
        lms_cross_own(&shared->bins, target, m.before);
        lms_clear_own_bins(&shared->bins);
    }
    lms_sync();
    m.crossing = shared->bins.crossing;
    return m;
}

lms_meeting lms_meet(__local lms_shared *shared, lms_part part, ulong target)
{
    return lms_meet_more(shared, part, target, 0);
}

#endif
