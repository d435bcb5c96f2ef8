/* search.cl - where a cut falls: the shortest run of tokens, in their order, that reaches a
 * count or a mass. Exact for every input; only the time depends on the data.
 *
 * Invariant of every search: the cut lies among the tokens with low < key <= high, and `above`
 * is the measure (count or mass) of the tokens with key > high. Rounds narrow the interval
 * until it is a single key; among the tokens of one key the ids decide. They can be searched
 * in the same way: then `low` and `high` are ids, the bits of which are flipped, as lower ones
 * come first. */
#pragma once
#include "numeric/keys.cl"
#include "team/team.cl"

typedef struct lms_search {
    ulong target; /* kept are the tokens whose predecessors measure less; > 0 */
    ulong above;  /* measure of the tokens with key > high */
    int low;
    int high;
    bool by_mass;
    uint shift;   /* a bin is 2^shift keys, or, ... */
    float linear; /* > 0: 1 / linear in the logit   */
    bool by_id;   /* the interval is one of ids, of tokens that have this key: */
    int key;
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
    s.by_id = false;
    s.key = high;
    return s;
}

bool lms_inside(const lms_search *s, int key) { return key > s->low && key <= s->high; }

/* One key left: its tokens' ids decide. Or one id. */
bool lms_single_key(LMS_OURS const lms_search *s) { return s->high - 1 == s->low; }

/* Goes on among the ids of the one key that is left: those below `ids`. */
void lms_search_ids(LMS_OURS lms_search *s, uint ids)
{
    s->by_id = true;
    s->linear = 0.0f;
    s->key = s->high;
    s->low = -1 - (int)ids;
    s->high = -1;
}

/* The one id that is left. */
uint lms_found_id(LMS_OURS const lms_search *s) { return ~(uint)s->high; }

/* What is in the interval, or not, for a token: its key or its id. */
int lms_place_of(const lms_search *s, int key, uint id)
{
    return !s->by_id ? key : key == s->key ? (int)~id : INT_MIN;
}

lms_ints lms_places_of(const lms_search *s, lms_ints keys, lms_uints ids)
{
    if (!s->by_id) return keys;
    return keys == s->key ? ~LMS_V(as_int)(ids) : (lms_ints)(INT_MIN);
}

/* Groups with a smaller maximum have nothing in the interval. */
int lms_least_key(const lms_search *s) { return s->by_id ? s->key : s->low + 1; }

lms_ints lms_insides(const lms_search *s, lms_ints keys)
{
    return (keys > s->low) & (keys <= s->high);
}
