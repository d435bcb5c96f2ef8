/* bins.cl - counts or masses that a team adds up by bins, and the bin in which they reach a
 * target. */
#pragma once
#include "numeric/vectors.cl"
#include "team/team.cl"

/* A team of one has room for more of them than the local memory of a GPU. */
#if LMS_TEAM == 1
#define LMS_BIN_BITS 10
#else
#define LMS_BIN_BITS 9
#endif
#define LMS_BINS (1u << LMS_BIN_BITS)
#define LMS_OWN_BINS (LMS_BINS / LMS_TEAM)

/* The first bin at which the measure of the bins up to it reaches a target; bin LMS_BINS if
 * none does. */
typedef struct lms_crossing {
    uint bin;
    ulong measure; /* of that bin, ... */
    ulong before;  /* ... and of those before it */
} lms_crossing;

/* The last bin takes what belongs to none. */
typedef struct lms_bins {
#if LMS_TEAM == 1
    ulong sums[LMS_BINS + 1];
#else
    uint low[LMS_BINS + 1]; /* in two halves: 64-bit atomics are not everywhere */
    uint high[LMS_BINS + 1];
#endif
    lms_crossing crossing;
} lms_bins;

ulong lms_bin(__local const lms_bins *bins, uint bin)
{
#if LMS_TEAM == 1
    return bins->sums[bin];
#else
    return (ulong)bins->high[bin] << 32 | bins->low[bin];
#endif
}

void lms_clear_own_bins(__local lms_bins *bins)
{
    const uint first = lms_item() * LMS_OWN_BINS;
    for (uint i = first; i < first + LMS_OWN_BINS; ++i) {
#if LMS_TEAM == 1
        bins->sums[i] = 0;
#else
        bins->low[i] = 0;
        bins->high[i] = 0;
#endif
    }
}

void lms_bin_add(__local lms_bins *bins, uint bin, ulong measure)
{
#if LMS_TEAM == 1
    bins->sums[bin] += measure;
#else
    if (bin == LMS_BINS) return;
    const uint low = (uint)measure;
    const uint old = atomic_add(&bins->low[bin], low);
    /* Each wrap of the low half is seen by exactly the one addition that caused it. */
    const uint high = (uint)(measure >> 32) + (old + low < low ? 1u : 0u);
    if (high) atomic_add(&bins->high[bin], high);
#endif
}

/* Adds a vector of measures, all of them shifted to the left, each to its bin. */
void lms_bin_add_lanes(__local lms_bins *bins, lms_uints to, lms_uints measures, uint shift)
{
    uint bin[LMS_LANES];
    uint measure[LMS_LANES];
    LMS_V(vstore)(to, 0, bin);
    LMS_V(vstore)(measures, 0, measure);
#pragma unroll
    for (uint i = 0; i < LMS_LANES; ++i) {
        lms_bin_add(bins, bin[i], (ulong)measure[i] << shift);
    }
}

/* Measure of the own bins. */
ulong lms_own_bins(__local const lms_bins *bins)
{
    const uint first = lms_item() * LMS_OWN_BINS;
    ulong measure = 0;
    for (uint i = first; i < first + LMS_OWN_BINS; ++i) measure += lms_bin(bins, i);
    return measure;
}

/* Looks for the crossing in the own bins, before which all bins measure `before`. */
void lms_cross_own(__local lms_bins *bins, ulong target, ulong before)
{
    const uint first = lms_item() * LMS_OWN_BINS;
    for (uint i = first; i < first + LMS_OWN_BINS; ++i) {
        const ulong here = lms_bin(bins, i);
        if (before < target && before + here >= target) {
            bins->crossing.bin = i;
            bins->crossing.measure = here;
            bins->crossing.before = before;
            return;
        }
        before += here;
    }
}
