/* counting.cl - what a team of one does in the place of bins: on a CPU, adding to bins goes
 * lane by lane, but a vector register compares sixteen keys at once, so that counting what lies
 * above some key is cheap, and bisection over keys needs no bins. The cuts are those of any
 * other search. */
#pragma once
#include "select/listed.cl"

#if LMS_TEAM == 1

/* How many of n keys are above `key`. */
LMS_APART
uint lms_count_above(__global const int *keys, uint n, int key)
{
    lms_ints count = (lms_ints)(0);
    const lms_ints one = lms_ones(n);
    uint i = 0, rest = 0;
    for (; i + LMS_LANES <= n; i += LMS_LANES) {
        count += (LMS_V(vload)(0, keys + i) > key) & one;
    }
    for (; i < n; ++i) rest += keys[i] > key;
    return rest + (uint)lms_sum(count);
}

/* A key with at least `least` of n keys above it, and `most` if the keys allow; `from` has at
 * least `least` above it, `to` fewer. */
int lms_key_with(__global const int *keys, uint n, uint least, uint most, long from, long to)
{
    while (to - from > 1) {
        const long middle = from + ((to - from) >> 1);
        const uint above = lms_count_above(keys, n, (int)middle);
        if (above < least) {
            to = middle;
        } else {
            from = middle;
            if (above <= most) break;
        }
    }
    return (int)from;
}

/* A key with at least k of n keys above it, and for most data not many more: a few too many
 * cost less than another round. LMS_NEVER if fewer are live. */
int lms_head_alone(__global const int *keys, uint n, uint k, int max_key)
{
    if (lms_count_above(keys, n, LMS_NEVER) < k) return LMS_NEVER;
    return lms_key_with(keys, n, k, k + k / 8 + 8, LMS_NEVER, max_key);
}

/* Measure of the listed tokens from `key` up. */
ulong lms_listed_from(const lms_row *row, const lms_search *s, uint n, long key)
{
    lms_ints count = (lms_ints)(0);
    LMS_V(ulong) mass = (LMS_V(ulong))(0);
    const lms_ints one = lms_ones(row->logits.vocab);
    uint i = 0;
    ulong rest = 0;
    for (; i + LMS_LANES <= n; i += LMS_LANES) {
        const lms_ints in = LMS_V(vload)(0, row->list_key + i) >= (lms_ints)((int)key);
        count += in & one;
        if (s->by_mass) {
            const LMS_V(ulong) mask = LMS_V(as_ulong)(LMS_V(convert_long)(in));
            mass += LMS_V(vload)(0, row->list_mass + i) & mask;
        }
    }
    for (; i < n; ++i) {
        if (row->list_key[i] >= key) rest += lms_listed_measure(row, s, i);
    }
    if (!s->by_mass) return rest + (ulong)lms_sum(count);
    return rest + lms_sum_ulongs(mass);
}

/* The token at which the list, all of it in the interval, reaches the target; narrows the
 * search to its key. False if it does not reach it. */
bool lms_search_list(const lms_row *row, lms_search *s, uint n, uint *id)
{
    const ulong target = s->target - s->above;
    long from = (long)s->low + 1, above = (long)s->high + 1;
    if (lms_listed_from(row, s, n, from) < target) return false;
    while (above - from > 1) { /* what is listed from `from` up reaches it, from `above` not */
        const long middle = from + ((above - from) >> 1);
        if (lms_listed_from(row, s, n, middle) >= target) {
            from = middle;
        } else {
            above = middle;
        }
    }
    s->high = (int)from;
    *id = lms_tied_at(row, s, n, target - lms_listed_from(row, s, n, above));
    return true;
}

#endif
