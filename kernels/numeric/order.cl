/* numeric/order.cl - the order of tokens: larger logit first, then lower id (specification, section 1).
 *
 * A key is an integer that orders like the logit, so that no device's treatment of subnormals,
 * of -0 or of NaN can change a comparison. */
#pragma once
#include "numeric/vectors.cl"

/* The key of -inf; dead tokens (NaN, -inf) have it, live ones have larger ones. */
#define LMS_NEVER (-0x7f800000)
#define LMS_KEY_INF 0x7f800000

lms_ints lms_magnitudes(lms_floats x) { return LMS_V(as_int)(x) & 0x7fffffff; }

lms_ints lms_keys(lms_floats x)
{
    const lms_ints sign = LMS_V(as_int)(x) >> 31;
    const lms_ints magnitude = lms_magnitudes(x);
    const lms_ints keys = (magnitude ^ sign) - sign;
    return magnitude > LMS_KEY_INF ? (lms_ints)(LMS_NEVER) : keys;
}

int lms_key(float x)
{
    const int bits = as_int(x);
    const int magnitude = bits & 0x7fffffff;
    if (magnitude > LMS_KEY_INF) return LMS_NEVER;
    return bits < 0 ? -magnitude : magnitude;
}

/* The logit of a key; +0 for 0. */
float lms_logit_of(int key)
{
    return as_float(key < 0 ? (int)(0x80000000u | (uint)-key) : key);
}
lms_floats lms_logits_of(lms_ints key)
{
    const lms_ints sign = key >> 31;
    return LMS_V(as_float)(((key ^ sign) - sign) | (sign & (int)0x80000000));
}

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

lms_cut lms_tighter(lms_cut a, lms_cut b) { return lms_keeps(a, b.key, b.id) ? b : a; }

/* Which tokens a cut keeps: -1 where kept. */
lms_ints lms_kept_of(lms_cut cut, lms_ints keys, lms_uints ids)
{
    return (keys > cut.key) | ((keys == cut.key) & (ids <= (lms_uints)(cut.id)));
}

/* Of those from `id` on. */
lms_ints lms_kept(lms_cut cut, lms_ints keys, uint id)
{
    return lms_kept_of(cut, keys, (lms_uints)(id) + LMS_LANE_IDS);
}
