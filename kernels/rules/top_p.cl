/* top_p.cl - top-p keeps the most probable tokens, as few as have the share top_p of a base: of
 * the whole row, or of what the rules before it keep (specification, section 6). Whether it
 * keeps a token depends on the mass before that and the mass of its base; its cut is the token
 * at which the share is reached, a search by mass. */
#pragma once
#include "lms_filters.h"
#include "row/cut.cl"
#include "select/search.cl"

bool lms_has_top_p(const lms_filters *f) { return f->top_p < 1.0f; }

/* ceil(p * n) for 0 < p < 1, exactly: a 24-bit times a 64-bit integer, shifted. */
ulong lms_share_of(ulong n, float p)
{
    const uint bits = as_uint(p);
    const ulong a = bits >> 23 ? (bits & 0x7fffffu) | 0x800000u : bits;
    const uint down = 150 - max(bits >> 23, 1u); /* 24 .. 149 */
    const ulong low = a * n, high = mul_hi(a, n);
    ulong whole, rest;
    if (down < 64) {
        whole = high << (64 - down) | low >> down;
        rest = low << (64 - down);
    } else if (down < 128) {
        whole = down == 64 ? high : high >> (down - 64);
        rest = low | (down == 64 ? 0 : high << (128 - down));
    } else {
        whole = 0;
        rest = low | high;
    }
    return whole + (rest != 0);
}

/* Where the search begins; its target is the share of a mass that is yet to be found. */
lms_search lms_top_p_search(int max_key) { return lms_search_of(1, true, LMS_NEVER, max_key); }
