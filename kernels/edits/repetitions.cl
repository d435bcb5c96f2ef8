/* repetitions.cl - DRY: how long a repetition each token would go on with (specification,
 * section 26, step 5).
 *
 * Read backwards, the sequence is s_0 s_1 ...; what is wanted is, for each j >= 1, how far it
 * is the same from s_j on as from s_0 on. That is the Z-algorithm (Gusfield 1997, "Algorithms
 * on strings, trees, and sequences"): all that is compared moves the end of what was compared,
 * so it takes linear time. Where nothing is alike, s_0 is looked for by vectors. */
#pragma once
#include "edits/history.cl"
#include "edits/sequences.cl"

/* What of a sequence can be repeated: its last so many tokens, and the longest that counts. */
typedef struct lms_repeatable {
    uint count; /* N */
    uint limit;
} lms_repeatable;

/* Is a breaker, of which the first token is there, there from a position on? */
bool lms_is_breaker_at(const lms_slot *slot, uint position, __global const int *ids,
                       uint length)
{
    for (uint i = 1; i < length; ++i) {
        if (lms_slot_token(slot, position + i) != (uint)ids[i]) return false;
    }
    return true;
}

/* The last breaker in [low, length of the sequence), the longest if there are several at its
 * place: its position, or -1, and its length. */
int lms_last_breaker(const lms_slot *slot, const lms_list *breakers, uint low, uint *length)
{
    int last = -1;
    *length = 0;
    for (uint end = 0; end < breakers->count; ++end) {
        uint entry;
        if (!lms_ends_sequence(breakers, end)) continue;
        const uint k = lms_sequence_length(breakers, end);
        __global const int *const ids = breakers->ids + end - k;
        if (!lms_slot_entry_of(slot, (uint)ids[0], &entry)) continue;
        const lms_wanted first = lms_wanted_entry(entry);
        const uint from = last < 0 ? low : (uint)last;
        int p = lms_last_with(slot, first, from, (int)slot->length - (int)k);
        while (p >= 0 && !lms_is_breaker_at(slot, (uint)p, ids, k)) {
            p = lms_last_with(slot, first, from, p - 1);
        }
        if (p > last || (p >= 0 && p == last && k > *length)) {
            last = p;
            *length = k;
        }
    }
    return last;
}

lms_repeatable lms_repeatable_of(const lms_slot *slot, const lms_row_edits *e,
                                 const lms_list *breakers)
{
    lms_repeatable r;
    uint length;
    r.count = e->dry_range ? min(e->dry_range, slot->length) : slot->length;
    const int at = lms_last_breaker(slot, breakers, slot->length - r.count, &length);
    r.limit = at < 0 ? r.count : slot->length - (uint)at - length;
    return r;
}

void lms_set_words(__global uint *to, uint count, uint word)
{
    uint i = 0;
    for (; i + LMS_LANES <= count; i += LMS_LANES) LMS_V(vstore)((lms_uints)(word), 0, to + i);
    for (; i < count; ++i) to[i] = word;
}

/* For how many j from p and from q on s_j is the same; but where pairs are looked at, so are
 * those: one less. p, q < N, if there are any. */
uint lms_alike_from(const lms_slot *slot, uint p, uint q, uint most, uint pair)
{
    const uint end = slot->length - 1;
    if (most <= pair) return 0;
    const uint n = lms_alike_before(slot, end - p, end - q, most);
    return n - min(n, pair);
}

/* For each entry the largest n that is at least `least`, as 1 + n - least. `z`, r.count words,
 * is all zero. True: there is one.
 *
 * If less than 2 does not count, it is done with the pairs (s_j, s_j+1) in the place of s_j:
 * far fewer of them are like the first one. */
bool lms_find_repetitions(const lms_slot *slot, lms_repeatable r, uint least, __global uint *z,
                          __global uint *repeats)
{
    bool found = false;
    const uint end = slot->length - 1, low = slot->length - r.count, pair = least >= 2;
    const lms_wanted wanted = lms_wanted_end(slot, pair);
    uint left = 0, right = 0; /* from left to before right it is as it is from 0 on */
    for (uint j = 1; j < r.count; ++j) {
        uint n;
        if (j >= right) {
            const int p = lms_last_with(slot, wanted, low, (int)(end - j));
            if (p < 0) break;
            j = end - (uint)p;
            n = lms_alike_from(slot, j, 0, r.count - j, pair);
            left = j;
            right = j + n;
        } else {
            n = z[j - left];
            if (n >= right - j) {
                n = right - j;
                n += lms_alike_from(slot, right, n, r.count - right, pair);
                left = j;
                right = j + n;
            }
        }
        z[j] = n;
        n = min(n + pair, r.limit);
        if (z[j] == 0 || n < least) continue;
        const uint entry = lms_slot_entry(slot, slot->length - j);
        repeats[entry] = max(repeats[entry], 1 + n - least);
        found = true;
    }
    return found;
}

/* Writes, for each distinct entry, 0 where DRY does not apply to its token, else 1 + n -
 * dry_allowed_length. False: it applies to none, and what is written does not count. */
bool lms_prepare_repetitions(const lms_slot *slot, const lms_row_edits *e,
                             const lms_list *breakers, __global uint *z, __global uint *repeats)
{
    const lms_repeatable r = lms_repeatable_of(slot, e, breakers);
    const uint least = e->dry_allowed_length;
    uint entry;
    if (r.count <= least || r.limit < least || r.count < 2) return false;
    lms_set_words(repeats, slot->distinct, 0);
    lms_set_words(z, r.count, 0);
    for (uint i = 1; least == 0 && i < r.count; ++i) {
        repeats[lms_slot_entry(slot, slot->length - i)] = 1;
    }
    if (!lms_find_repetitions(slot, r, least, z, repeats) && least > 0) return false;
    for (uint end = 0; end < breakers->count; ++end) {
        if (!lms_ends_sequence(breakers, end)) continue;
        if (lms_sequence_length(breakers, end) > 1) continue;
        if (lms_slot_entry_of(slot, (uint)breakers->ids[end - 1], &entry)) repeats[entry] = 0;
    }
    return true;
}
