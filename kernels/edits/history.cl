/* history.cl - what is looked for in a sequence's history: a token, and stretches that are
 * alike. By the numbers of entries, which are equal where tokens are. */
#pragma once
#include "numeric/vectors.cl"
#include "slots/slot.cl"

/* A position of the history, and what is around it in its page. */
__global const uint *lms_slot_history(const lms_slot *s, uint position)
{
    return lms_slot_page(s, position / LMS_SLOT_PAGE) + LMS_SLOT_HISTORY_AT +
           position % LMS_SLOT_PAGE;
}

/* What is looked for: an entry, and, if that counts, the one before it. */
typedef struct lms_wanted {
    uint entry;
    uint before;
    bool has_before;
} lms_wanted;

lms_wanted lms_wanted_entry(uint entry)
{
    const lms_wanted w = {entry, 0, false};
    return w;
}
/* The last two of a sequence; or, if `pair` is false, its last one. */
lms_wanted lms_wanted_end(const lms_slot *s, bool pair)
{
    lms_wanted w = lms_wanted_entry(lms_slot_entry(s, s->length - 1));
    w.has_before = pair;
    if (pair) w.before = lms_slot_entry(s, s->length - 2);
    return w;
}

/* Of LMS_LANES positions from a multiple of it on: bit i is 1 if what is wanted is at the i-th
 * and that is in [low, high]. Of a page's first position the one before is not looked at: it
 * may have any entry. */
uint lms_find_from(__global const uint *words, uint at, lms_wanted w, uint low, uint high)
{
    lms_ints same = LMS_V(vload)(0, words) == w.entry;
    if (w.has_before) {
        /* What is before a page's history is of the same page, too. */
        lms_ints before = LMS_V(vload)(0, words - 1) == w.before;
        if (at % LMS_SLOT_PAGE == 0) before |= LMS_LANE_IDS == 0u;
        same &= before;
    }
    if (!lms_any(same)) return 0;
    uint found = lms_mask(same);
    if (high - at < LMS_LANES) found &= (2u << (high - at)) - 1;
    if (at < low) found &= ~0u << (low - at);
    return found;
}

/* The last position in [low, high], which is in one page, that has it; or -1. */
int lms_last_in_page(const lms_slot *s, lms_wanted w, uint low, uint high)
{
    uint at = high - high % LMS_LANES;
    __global const uint *words = lms_slot_history(s, at);
    for (;; at -= LMS_LANES, words -= LMS_LANES) {
        const uint found = lms_find_from(words, at, w, low, high);
        if (found) return (int)(at + 31 - clz(found));
        if (at <= low) return -1;
    }
}

/* The last position in [low, high] that has it; or -1, which it is for high = -1, too. */
int lms_last_with(const lms_slot *s, lms_wanted w, uint low, int high)
{
    int found = -1;
    while (found < 0 && high >= (int)low) {
        const uint begin = max(low, (uint)high - (uint)high % LMS_SLOT_PAGE);
        found = lms_last_in_page(s, w, begin, (uint)high);
        high = (int)begin - 1;
    }
    return found;
}

/* How many entries from a position back are the same as from another one back, at most so
 * many. */
uint lms_alike_before(const lms_slot *s, uint p, uint q, uint most)
{
    uint n = 0;
    while (n < most) {
        const uint pages = min((p - n) % LMS_SLOT_PAGE, (q - n) % LMS_SLOT_PAGE) + 1;
        const uint run = min(pages, most - n);
        __global const uint *x = lms_slot_history(s, p - n) + 1;
        __global const uint *y = lms_slot_history(s, q - n) + 1;
        uint i = 0;
        for (; i + LMS_LANES <= run; i += LMS_LANES) {
            x -= LMS_LANES;
            y -= LMS_LANES;
            if (lms_any(LMS_V(vload)(0, x) != LMS_V(vload)(0, y))) {
                x += LMS_LANES;
                y += LMS_LANES;
                break;
            }
        }
        for (; i < run && *--x == *--y; ++i) {
        }
        n += i;
        if (i < run) break;
    }
    return n;
}
