/* tokens.cl - edits of single tokens: where they go, and what is kept up to date with them.
 *
 * Teams of one edit after the tile pass of the row, and keep the keys of groups and tiles up to
 * date meanwhile: most edits of a token do not touch its group's largest. Larger teams edit
 * before the tile pass. */
#pragma once
#include "edits/call.cl"
#include "edits/values.cl"
#include "row/tile.cl"

typedef struct lms_edits {
    __global const lms_element *stored;
    __global uint *edited; /* bits of tokens that have another logit than the stored one, ... */
    __global float *values; /* ... and what, as in row/read.cl */
    __global const uint *bans; /* or 0 */
#if LMS_TEAM == 1
    __global uint *places; /* or 0: values are as read.order has them */
    __global uint *next;   /* read.order's */
    uint placed;           /* groups */
    bool has_keys;         /* else they are found later */
    __global int *groups;
    __global int *tile_keys;
    __global uint *lost; /* groups of which the largest token has become less, ... */
    uint lost_count;     /* ... LMS_LOST_MOST of them at most */
    lms_logits read;     /* as edited so far */
    uint seen;           /* NaN that an edit has made */
#else
    uint item; /* this work-item; row/row.cl says why it is told */
#endif
} lms_edits;

#if LMS_TEAM == 1
uint lms_edits_item(const lms_edits *d)
{
    (void)d;
    return 0;
}
#else
uint lms_edits_item(const lms_edits *d) { return d->item; }
#endif

#define LMS_LOST_MOST (LMS_LIST * LMS_LIST_BYTES / 4)

/* No token is edited: of this work-item's own tiles. */
void lms_clear_edits(const lms_edits *d, uint vocab)
{
    const uint tiles = lms_tiles_of(vocab);
#if LMS_TEAM == 1 && LMS_LANES == 16
    for (uint i = 0; i < tiles / 2; ++i) vstore16((uint16)(0), i, d->edited);
    if (tiles % 2) vstore8((uint8)(0), tiles - 1, d->edited);
#else
    for (uint i = lms_edits_item(d); i < tiles; i += LMS_TEAM) {
        vstore8((uint8)(0), i, d->edited);
    }
#endif
}

/* In a team, others may set other bits of the word meanwhile. */
bool lms_is_edited_token(const lms_edits *d, uint t)
{
#if LMS_TEAM > 1
    return atomic_or(&d->edited[t / LMS_GROUP], 0u) >> t % LMS_GROUP & 1;
#else
    return d->edited[t / LMS_GROUP] >> t % LMS_GROUP & 1;
#endif
}

/* Where an edited token's logit is. */
LMS_INLINE __global float *lms_edited_value_of(const lms_edits *d, uint t)
{
#if LMS_TEAM == 1
    return d->values + d->places[t / LMS_GROUP] + t % LMS_GROUP;
#else
    return d->values + t;
#endif
}

/* A token's logit, as it has been edited so far. */
float lms_value(const lms_edits *d, uint t)
{
    if (lms_is_edited_token(d, t)) return *lms_edited_value_of(d, t);
    return lms_element_at(d->stored, t);
}

#if LMS_TEAM == 1

/* The key of a whole group of which the edited tokens are a chain. */
int lms_chained_key(const lms_edits *d, uint group)
{
    const lms_order *const order = &d->read.order;
    const uint begin = group * LMS_GROUP;
    uint others = d->bans ? d->bans[group] : UINT_MAX; /* allowed, and not edited */
    lms_ints best = (lms_ints)(LMS_NEVER);
    int key = LMS_NEVER;
    for (uint at = lms_linked(d->edited[group]); at; at = lms_linked(order->next[at - 1])) {
        const uint bit = 1u << lms_ordered_token(order, at - 1) % LMS_GROUP;
        if (others & bit) key = max(key, lms_key(order->values[at - 1]));
        others &= ~bit;
    }
    for (uint i = 0; i < LMS_GROUP; i += LMS_LANES) {
        const lms_ints is_other = ((lms_uints)(others >> i) & LMS_LANE_BITS) != 0;
        const lms_ints keys = lms_keys(lms_elements_at(d->stored, begin + i));
        best = max(best, is_other ? keys : (lms_ints)(LMS_NEVER));
    }
    return max(key, lms_max(best));
}

/* Finds the keys of groups that have lost their largest token. */
LMS_APART
void lms_find_lost(lms_edits *d)
{
    for (uint i = 0; i < d->lost_count; ++i) {
        const uint group = d->lost[i], tile = group / LMS_TILE_GROUPS;
        const bool is_whole = (group + 1) * LMS_GROUP <= d->read.vocab;
        d->groups[group] = !d->places && is_whole
                               ? lms_chained_key(d, group)
                               : lms_group_key(&d->read, group * LMS_GROUP, &d->seen);
        d->tile_keys[tile] = lms_max8(vload8(tile, d->groups));
    }
    d->lost_count = 0;
}

/* Keeps keys up to date, where an edit may touch its group's. That of a group that is lost
 * stays what it is until it is found: no token of it is above. */
LMS_APART
void lms_keep_keys(lms_edits *d, uint t, float before, float after)
{
    const uint group = t / LMS_GROUP, tile = t / LMS_TILE;
    const int key = lms_key(after), top = d->groups[group];
    if (d->bans && !(d->bans[group] >> t % LMS_GROUP & 1)) return;
    if (lms_is_nan(after)) d->seen |= LMS_ROW_NAN_SEEN;
    if (key >= top) {
        d->groups[group] = key;
        d->tile_keys[tile] = max(d->tile_keys[tile], key);
    } else if (lms_key(before) == top) {
        if (d->lost_count == LMS_LOST_MOST) lms_find_lost(d);
        d->lost[d->lost_count++] = group;
    }
}

#endif

/* Gives a token another logit. The first one of its group gives that a place; not by a branch,
 * which would be foreseen too seldom. */
LMS_INLINE void lms_put_value(lms_edits *d, uint t, float value)
{
    const uint group = t / LMS_GROUP, bit = 1u << t % LMS_GROUP;
#if LMS_TEAM > 1
    d->values[t] = value;
    atomic_or(&d->edited[group], bit);
#else
    const uint bits = d->edited[group], next = d->placed * LMS_GROUP;
    const uint place = bits ? d->places[group] : next;
    d->places[group] = place;
    d->placed += bits == 0;
    d->edited[group] = bits | bit;
    d->values[place + t % LMS_GROUP] = value;
#endif
}

/* Edits a token that read `before`. */
LMS_INLINE void lms_put(lms_edits *d, uint t, float before, float after)
{
    lms_put_value(d, t, after);
#if LMS_TEAM > 1
    (void)before;
#else
    const uint group = t / LMS_GROUP;
    if (!d->has_keys) return;
    const int key = lms_key(after), top = d->groups[group];
    if (key >= top || lms_key(before) == top || lms_is_nan(after)) {
        lms_keep_keys(d, t, before, after);
    }
#endif
}

/* Does this work-item edit the token, where it is one of a list, which is gone through in
 * order? */
bool lms_is_own_token(const lms_edits *d, uint t)
{
    return t / LMS_GROUP % LMS_TEAM == lms_edits_item(d);
}
