/* search.cl - where a cut falls: the shortest run of tokens, in their order, that reaches a
 * count or a mass. Exact for every input; only the time depends on the data.
 *
 * Invariant of every search: the cut lies among the tokens with low < key <= high, and `above`
 * is the measure (count or mass) of the tokens with key > high. Rounds narrow the interval
 * until it is a single key; among the tokens of one key the ids decide. */
#pragma once
#include "numeric/keys.cl"

typedef struct lms_search {
    ulong target; /* kept are the tokens whose predecessors measure less; > 0 */
    ulong above;  /* measure of the tokens with key > high */
    int low;
    int high;
    bool by_mass;
    uint shift;   /* a bin is 2^shift keys, or, ... */
    float linear; /* > 0: 1 / linear in the logit   */
} lms_search;

lms_search lms_search_of(ulong target, bool by_mass, int low, int high)
{
    lms_search s;
    s.target = target;
    s.above = 0;
    s.low = low;
    s.high = high;
    s.by_mass = by_mass;
    s.shift = 0;
    s.linear = 0.0f;
    return s;
}

bool lms_inside(const lms_search *s, int key) { return key > s->low && key <= s->high; }

/* One key left: its tokens' ids decide. */
bool lms_single_key(const lms_search *s) { return s->high - 1 == s->low; }

lms_ints lms_insides(const lms_search *s, lms_ints keys)
{
    return (keys > s->low) & (keys <= s->high);
}
