/* ordered.cl - edited values in the order of what they were made for: the tokens of a list,
 * then a sequence's distinct entries. That is how a team of one leaves them where few are read
 * again: those of a group are a chain, and all there is to do for an edit is to put it before
 * its group's others. */
#pragma once
#include "slots/slot.cl"

#if defined(LMS_REQUESTS) && LMS_TEAM == 1

/* What an order may be of. Numbers below `listed` are those of a list's tokens, the others,
 * less `listed`, those of a slot's entries. */
typedef struct lms_order {
    __global const int *ids; /* the list's */
    uint listed;
    lms_slot slot;
    __global const float *values; /* of the tokens in their order, ... */
    __global const uint *next;    /* ... and each one's link to the next of its group */
} lms_order;

/* A link is 1 + a number, or 0; with this bit, the chain has a token of the list. */
#define LMS_LINK_LISTED 0x80000000u

uint lms_linked(uint link) { return link & ~LMS_LINK_LISTED; }

uint lms_ordered_token(const lms_order *o, uint i)
{
    return i < o->listed ? (uint)o->ids[i] : lms_slot_entry_token(&o->slot, i - o->listed);
}

/* The last one of a token's in a chain, as 1 + its number; or 0. */
uint lms_last_of_chain(const lms_order *o, uint link, uint id)
{
    uint at = lms_linked(link);
    while (at && lms_ordered_token(o, at - 1) != id) at = lms_linked(o->next[at - 1]);
    return at;
}

/* A vector from token `begin` on, with the values that a group's chain has for it. */
LMS_APART
lms_floats lms_with_chain(const lms_order *o, uint link, uint begin, lms_floats v)
{
    float all[LMS_LANES];
    uint seen = 0; /* the first one in the chain is a token's last */
    LMS_V(vstore)(v, 0, all);
    for (uint at = lms_linked(link); at; at = lms_linked(o->next[at - 1])) {
        const uint i = lms_ordered_token(o, at - 1) - begin;
        if (i >= LMS_LANES || (seen >> i & 1)) continue;
        all[i] = o->values[at - 1];
        seen |= 1u << i;
    }
    return LMS_V(vload)(0, all);
}

#endif
