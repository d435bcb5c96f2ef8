/* before.cl - what ranks before a token, for a team of one: how many tokens, and what they
 * weigh; exactly, from the groups that can have such tokens. */
#pragma once
#include "draw/envelope.cl"
#include "row/masses.cl"
#include "select/counting.cl"

#if LMS_TEAM == 1

/* Groups that are looked at together. */
#define LMS_NEAR 256u
#define LMS_NEAR_TILES (LMS_NEAR / LMS_TILE_GROUPS)

/* A group can have tokens that a cut keeps if its maximum is above the cut's key, or has it and
 * the group begins before the cut does. What its maximum is at least then: */
int lms_least_maximum(lms_cut cut, uint group)
{
    return cut.key + (group * LMS_GROUP > cut.id);
}

/* How many groups can. If `listed` > 0, all that may are among so many groups in the row's
 * list, with their maxima. */
uint lms_groups_before(const lms_row *row, uint listed, lms_cut cut)
{
    const uint all = row->tiles * LMS_TILE_GROUPS, to = min(cut.id / LMS_GROUP + 1, all);
    uint n = 0;
    for (uint i = 0; i < listed; ++i) {
        n += row->list_key[i] >= lms_least_maximum(cut, row->list_id[i]);
    }
    if (listed > 0) return n;
    return lms_count_above(row->groups, to, cut.key - 1) +
           lms_count_above(row->groups + to, all - to, cut.key);
}

uint lms_near_end(const lms_row *row, uint listed)
{
    return listed > 0 ? listed : row->tiles * LMS_TILE_GROUPS;
}

/* Those of the next LMS_NEAR groups, *at being where to go on, of lms_near_end(); returns how
 * many. Finding them without a branch for each, before anything is computed, keeps what is hard
 * to predict apart from what takes time. */
uint lms_find_near(const lms_row *row, uint listed, lms_cut cut, uint *at, uint *found)
{
    uint n = 0, from = *at;
    const uint to = *at = min(from + LMS_NEAR, lms_near_end(row, listed));
    for (; listed > 0 && from < to; ++from) {
        found[n] = row->list_id[from];
        n += row->list_key[from] >= lms_least_maximum(cut, row->list_id[from]);
    }
    for (; from < to; from += LMS_TILE_GROUPS) {
        const int key = lms_least_maximum(cut, from);
        if (row->tile_keys[from / LMS_TILE_GROUPS] < key) continue;
        for (uint group = from; group < from + LMS_TILE_GROUPS; ++group) {
            found[n] = group;
            n += row->groups[group] >= key;
        }
    }
    return n;
}

/* Does a cut keep of the tokens [begin, end) what is above one key, and can floats be compared
 * with that? Then *pivot is that. */
bool lms_has_pivot(lms_cut cut, uint begin, uint end, float *pivot)
{
    const int key = cut.id < begin ? cut.key : cut.key - 1;
    *pivot = lms_logit_of(key);
    if (cut.id >= begin && cut.id < end - 1) return false;
    return abs(key) >= 0x00800000 && abs(key) <= LMS_KEY_INF;
}

/* Counts, by lanes, the tokens of a group that a cut keeps. */
LMS_INLINE lms_ints lms_count_group(const lms_logits *x, uint group, lms_cut cut, lms_ints one)
{
    const uint begin = group * LMS_GROUP;
    lms_ints count = (lms_ints)(0);
#pragma unroll
    for (uint i = 0; i < LMS_GROUP; i += LMS_LANES) {
        count += lms_kept(cut, lms_keys(lms_read(x, begin + i)), begin + i) & one;
    }
    return count;
}

/* The same of one that is whole and not edited, all of its tokens above one key being kept. */
LMS_INLINE lms_ints lms_count_plain(const lms_logits *x, uint group, float pivot, lms_ints one)
{
    lms_ints count = (lms_ints)(0);
#pragma unroll
    for (uint i = 0; i < LMS_GROUP; i += LMS_LANES) {
        const lms_floats v = lms_read_plain(x, group * LMS_GROUP + i);
        count += (v > (lms_floats)(pivot)) & one;
    }
    return count;
}

/* How many tokens a cut keeps. A CPU asks for some of the next row meanwhile. */
LMS_APART
ulong lms_count_kept(const lms_row *row, uint listed, lms_cut cut)
{
    const lms_logits logits = row->logits;
    const lms_ints one = lms_ones(logits.vocab);
    lms_ints count = (lms_ints)(0);
    for (uint at = 0; at < lms_near_end(row, listed);) {
        uint found[LMS_NEAR];
        float pivot;
        lms_prefetch_next(row, row->tiles * LMS_NEXT + at * (LMS_NEXT / LMS_TILE_GROUPS),
                          LMS_NEAR_TILES * LMS_NEXT);
        const uint n = lms_find_near(row, listed, cut, &at, found);
        if (n == 0) continue;
        const uint begin = found[0] * LMS_GROUP, end = found[n - 1] * LMS_GROUP + LMS_GROUP;
        if (lms_has_pivot(cut, begin, end, &pivot) && end <= logits.vocab &&
            !lms_is_edited(&logits, begin, end)) {
            for (uint i = 0; i < n; ++i)
                count += lms_count_plain(&logits, found[i], pivot, one);
        } else {
            for (uint i = 0; i < n; ++i) count += lms_count_group(&logits, found[i], cut, one);
        }
    }
    return (ulong)lms_sum(count);
}

/* What some groups of a row say about masses. */
typedef struct lms_known {
    ulong above;  /* what a cut keeps, if all of that is in them */
    ulong mass;   /* all of them have at least that, ... */
    ulong slots;  /* ... and at most so much of the envelope, ... */
    ulong excess; /* ... which is at least so much more than they weigh */
} lms_known;

/* Adds up to LMS_LANES groups of a row that is not huge. */
void lms_know_some(const lms_row *row, const lms_scaled *scaled, lms_cut cut,
                   const uint *groups, uint n, lms_known *known)
{
    int tile_key[LMS_LANES], key[LMS_LANES], shift[LMS_LANES], w[LMS_LANES];
    float h[LMS_LANES], c[LMS_LANES];
    for (uint i = 0; i < LMS_LANES; ++i) {
        const uint group = groups[min(i, n - 1)];
        tile_key[i] = row->tile_keys[group / LMS_TILE_GROUPS];
        key[i] = row->groups[group];
    }
    const lms_units units = lms_units_of(scaled, LMS_V(vload)(0, tile_key));
    const lms_floats tops = lms_logits_of(LMS_V(vload)(0, key));
    LMS_V(vstore)(lms_weights_at(scaled->s, units.h, units.c, tops), 0, w);
    LMS_V(vstore)(units.h, 0, h);
    LMS_V(vstore)(units.c, 0, c);
    LMS_V(vstore)(units.shift, 0, shift);
    for (uint i = 0; i < n; ++i) {
        const uint begin = groups[i] * LMS_GROUP;
        lms_unit unit;
        unit.shift = (uint)shift[i];
        lms_pairs sum = (lms_pairs)(0), in = (lms_pairs)(0);
#pragma unroll
        for (uint at = 0; at < LMS_GROUP; at += LMS_LANES) {
            const lms_floats x = lms_read(&row->logits, begin + at);
            const lms_ints weights =
                lms_weights_at(scaled->s, (lms_floats)(h[i]), (lms_floats)(c[i]), x);
            const lms_ints kept = lms_kept(cut, lms_keys(x), begin + at);
            sum += lms_widen(LMS_V(as_uint)(weights));
            in += lms_widen(lms_rounded(unit, weights & kept));
        }
        const ulong all = lms_sum_pairs(sum);
        const ulong slots = lms_bound_of(w[i]) * lms_group_size(row, groups[i]);
        known->above += lms_mass_of_rounded(unit, lms_sum_pairs(in));
        known->mass += lms_mass_of_sum(unit.shift, all);
        known->slots += lms_mass_of_sum(unit.shift, slots) + 1;
        known->excess += lms_mass_of_sum(unit.shift, slots - all);
    }
}

/* The groups that can have tokens that a cut keeps. */
lms_known lms_know(const lms_row *row, uint listed, const lms_scaled *scaled, lms_cut cut)
{
    lms_known known;
    known.above = 0;
    known.mass = 0;
    known.slots = 0;
    known.excess = 0;
    for (uint at = 0; at < lms_near_end(row, listed);) {
        uint found[LMS_NEAR];
        const uint n = lms_find_near(row, listed, cut, &at, found);
        for (uint i = 0; i < n; i += LMS_LANES) {
            lms_know_some(row, scaled, cut, found + i, min(n - i, (uint)LMS_LANES), &known);
        }
    }
    return known;
}

#endif
