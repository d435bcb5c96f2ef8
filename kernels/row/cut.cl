/* cut.cl - a cut: which tokens of a row are kept, all those up to one of them in their order.
 * Rules that keep something else than such a top segment will need another record. */
#pragma once
#include "numeric/keys.cl"

/* The last kept token; kept are all that do not rank after it. */
typedef struct lms_cut {
    int key;
    uint id;
} lms_cut;

lms_cut lms_cut_at(int key, uint id)
{
    lms_cut cut;
    cut.key = key;
    cut.id = id;
    return cut;
}

/* Keeps every live token. */
lms_cut lms_cut_none(void) { return lms_cut_at(LMS_NEVER + 1, UINT_MAX); }

bool lms_keeps(lms_cut cut, int key, uint id)
{
    return key > cut.key || (key == cut.key && id <= cut.id);
}

/* Keeps no token. */
lms_cut lms_cut_all(void) { return lms_cut_at(INT_MAX, 0); }

/* Keeps what ranks before a token. */
lms_cut lms_cut_before(int key, uint id)
{
    return id > 0 ? lms_cut_at(key, id - 1) : lms_cut_at(key + 1, UINT_MAX);
}

bool lms_is_same_cut(lms_cut a, lms_cut b) { return a.key == b.key && a.id == b.id; }

lms_cut lms_tighter(lms_cut a, lms_cut b) { return lms_keeps(a, b.key, b.id) ? b : a; }

/* Which tokens a cut keeps: -1 where kept. */
lms_ints lms_kept_of(lms_cut cut, lms_ints keys, lms_uints ids)
{
    return (keys > cut.key) | ((keys == cut.key) & (ids <= (lms_uints)(cut.id)));
}

/* Which of the tokens from `id` on it keeps. */
lms_ints lms_kept(lms_cut cut, lms_ints keys, uint id)
{
#if LMS_TEAM > 1
    /* In all vectors but one, ids make no difference among the tokens of the last key. */
    if (id > cut.id || id + LMS_LANES - 1 <= cut.id) {
        return keys > (lms_ints)(cut.key - (id <= cut.id ? 1 : 0));
    }
#endif
    return lms_kept_of(cut, keys, (lms_uints)(id) + LMS_LANE_IDS);
}
