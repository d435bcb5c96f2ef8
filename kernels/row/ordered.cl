/* ordered.cl - edited values in the order of what they were made for: a sequence's distinct
 * entries, or the tokens of a list. That is how a team of one leaves them where few are read
 * again: those of a group are a chain, and all there is to do for an edit is to put it before
 * its group's others. */
#pragma once
#include "slots/slot.cl"

#if defined(LMS_REQUESTS) && LMS_TEAM == 1

/* What an order may be of. */
typedef struct lms_order {
    __global const int *ids; /* a list's tokens; or 0: it is that of a slot's entries */
    lms_slot slot;
    __global const float *values; /* of the tokens in their order, ... */
    __global const uint *next;    /* ... and 1 + who is next in the group's chain, or 0 */
} lms_order;

uint lms_ordered_token(const lms_order *o, uint i)
{
    return o->ids ? (uint)o->ids[i] : lms_slot_entry_token(&o->slot, i);
}

/* The last one of a token's in a chain, as 1 + its number; or 0. */
uint lms_last_of_chain(const lms_order *o, uint link, uint id)
{
    while (link && lms_ordered_token(o, link - 1) != id) link = o->next[link - 1];
    return link;
}

/* A vector from token `begin` on, with the values that a group's chain has for it. */
LMS_APART
lms_floats lms_with_chain(const lms_order *o, uint link, uint begin, lms_floats v)
{
    float all[LMS_LANES];
    uint seen = 0; /* the first one in the chain is a token's last */
    LMS_V(vstore)(v, 0, all);
    for (; link; link = o->next[link - 1]) {
        const uint i = lms_ordered_token(o, link - 1) - begin;
        if (i >= LMS_LANES || (seen >> i & 1)) continue;
        all[i] = o->values[link - 1];
        seen |= 1u << i;
    }
    return LMS_V(vload)(0, all);
}

#endif
