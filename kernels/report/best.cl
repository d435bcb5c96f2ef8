/* best.cl - the best tokens of a row: lists what a cut keeps, at most LMS_MAX_TOP tokens, and
 * puts it in the order; and how many are as good as one. The list is the one that a search for
 * a cut has needed before. */
#pragma once
#include "select/list.cl"

/* The own tokens that a cut keeps: how many; with `write`, lists them, from `at` to before
 * `end`. */
ulong lms_best_own(const lms_row *row, lms_cut cut, ulong at, ulong end, bool write)
{
    const ulong first = at;
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] < cut.key) continue;
        for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
            const uint begin = tile * LMS_TILE + i;
            if (row->groups[begin / LMS_GROUP] < cut.key) continue;
            const lms_ints keys = lms_keys(lms_read(&row->logits, begin));
            uint hits = lms_mask(lms_kept(cut, keys, begin));
            if (!write) {
                at += popcount(hits);
                continue;
            }
            for (; hits && at < end; hits &= hits - 1) {
                const uint id = begin + 31 - clz(hits & -hits);
                row->list_key[at] = lms_key(lms_read_one(&row->logits, id));
                row->list_id[at++] = id;
            }
        }
    }
    return at - first;
}

/* How many of n listed tokens, which are listed by rising ids, are before the i-th one. */
uint lms_best_before(const lms_row *row, uint n, uint i)
{
    const int key = row->list_key[i];
    const uint block = i / LMS_LANES * LMS_LANES;
    const lms_ints one = lms_ones(n);
    lms_ints count = (lms_ints)(0);
    uint j = 0, rest = 0;
    for (; j < block; j += LMS_LANES) {
        count += (LMS_V(vload)(0, row->list_key + j) >= key) & one;
    }
    for (; j < min(block + LMS_LANES, n); ++j) {
        rest += row->list_key[j] > key || (row->list_key[j] == key && j < i);
    }
    for (; j + LMS_LANES <= n; j += LMS_LANES) {
        count += (LMS_V(vload)(0, row->list_key + j) > key) & one;
    }
    for (; j < n; ++j) rest += row->list_key[j] > key;
    return rest + (uint)lms_sum(count);
}

#if LMS_TEAM == 1

/* More than so many are sorted; of few, each counts those before it. */
#define LMS_FEW_BEST 64u

#define LMS_DIGITS 4u /* of 8 bits */

/* Sorts n listed tokens, which are listed by rising ids, by their keys: by one digit after
 * another, from the lowest on, but for those in which they do not differ. */
LMS_APART
void lms_sort_best(const lms_row *row, uint n)
{
    uint ends[LMS_DIGITS][256];
    __global ulong *from = row->list_mass, *to = row->list_mass + LMS_MAX_TOP;
    for (uint i = 0; i < LMS_DIGITS * 256; ++i) ends[i / 256][i % 256] = 0;
    for (uint i = 0; i < n; ++i) {
        const uint place = (uint)INT_MAX - (uint)row->list_key[i];
        from[i] = (ulong)place << 32 | row->list_id[i];
        for (uint d = 0; d < LMS_DIGITS; ++d) ++ends[d][place >> 8 * d & 255];
    }
    for (uint d = 0; d < LMS_DIGITS; ++d) {
        const uint shift = 32 + 8 * d;
        if (ends[d][from[0] >> shift & 255] == n) continue;
        uint sum = 0;
        for (uint i = 0; i < 256; ++i) {
            const uint here = ends[d][i];
            ends[d][i] = sum;
            sum += here;
        }
        for (uint i = 0; i < n; ++i) to[ends[d][from[i] >> shift & 255]++] = from[i];
        __global ulong *const sorted = to;
        to = from;
        from = sorted;
    }
    for (uint i = 0; i < n; ++i) {
        row->list_key[i] = (int)((uint)INT_MAX - (uint)(from[i] >> 32));
        row->list_id[i] = (uint)from[i];
    }
}

/* How many logits of a whole tile that is not edited are not below a limit, by lanes. */
LMS_INLINE lms_ints lms_counts_from(const lms_logits *x, uint begin, float limit, lms_ints one)
{
    lms_ints count = (lms_ints)(0);
#pragma unroll
    for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
        count += (lms_read_plain(x, begin + i) >= limit) & one;
    }
    return count;
}

/* How many of the own tokens have a key of at least `least`. */
ulong lms_count_from_own(const lms_row *row, int least)
{
    const lms_logits logits = row->logits;
    const float limit = lms_logit_of(least);
    const bool by_floats = abs(least) >= 0x00800000u; /* no device takes it for 0 */
    const lms_ints one = lms_ones(logits.vocab);
    lms_ints count = (lms_ints)(0);
    for (uint tile = 0; tile < row->tiles; ++tile) {
        const uint begin = tile * LMS_TILE, end = min(begin + LMS_TILE, logits.vocab);
        if (row->tile_keys[tile] < least) continue;
        if (by_floats && end == begin + LMS_TILE && !lms_is_edited(&logits, begin, end)) {
            count += lms_counts_from(&logits, begin, limit, one);
            continue;
        }
#pragma unroll 1
        for (uint at = begin; at < end; at += LMS_LANES) {
            const lms_floats v = lms_read(&logits, at);
            count += (by_floats ? v >= limit : lms_keys(v) >= least) & one;
        }
    }
    return (ulong)lms_sum(count);
}

#else

ulong lms_count_from_own(const lms_row *row, int least)
{
    return lms_count_kept_own(row, lms_cut_at(least, UINT_MAX));
}

#endif
