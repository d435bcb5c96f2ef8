/* order.cl - the order of tokens: larger logit first, then lower id (specification, section 1).
 *
 * A key is an integer that orders like the logit, so that no device's treatment of subnormals,
 * of -0 or of NaN can change a comparison. */

/* The key of -inf; dead tokens (NaN, -inf) have it, live ones have larger ones. */
#define LMS_NEVER (-0x7f800000)
#define LMS_KEY_INF 0x7f800000

int8 lms_magnitudes8(float8 x) { return as_int8(x) & 0x7fffffff; }

/* Keys of tokens of which none is NaN. */
int8 lms_keys8_unchecked(float8 x)
{
    const int8 bits = as_int8(x);
    const int8 sign = bits >> 31;
    return (lms_magnitudes8(x) ^ sign) - sign;
}

int8 lms_keys8(float8 x)
{
    return select(lms_keys8_unchecked(x), (int8)(LMS_NEVER), lms_magnitudes8(x) > LMS_KEY_INF);
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
float8 lms_logits_of8(int8 key)
{
    const int8 sign = key >> 31;
    return as_float8(((key ^ sign) - sign) | (sign & (int)0x80000000));
}

int lms_max8(int8 v)
{
    const int4 a = max(v.lo, v.hi);
    const int2 b = max(a.lo, a.hi);
    return max(b.x, b.y);
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
