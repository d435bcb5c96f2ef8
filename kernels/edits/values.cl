/* values.cl - what edits make of a logit: one value from another (specification, sections 25
 * and 26). */
#pragma once
#include "edits/numbers.cl"
#include "lms_abi.h"
#include "numeric/scale.cl"

LMS_INLINE lms_floats lms_tidied(lms_floats x)
{
    return lms_magnitudes(x) < 0x1f800000 ? (lms_floats)(0.0f) : x;
}

bool lms_is_nan(float x) { return (as_int(x) & 0x7fffffff) > LMS_KEY_INF; }
bool lms_is_infinite(float x) { return (as_int(x) & 0x7fffffff) == LMS_KEY_INF; }

float lms_biased(float x, float bias)
{
    if (lms_is_nan(x)) return x;
    return lms_is_infinite(bias) ? bias : lms_tidy(lms_tidy(x) + bias);
}

LMS_INLINE lms_floats lms_all_biased(lms_floats x, lms_floats bias)
{
    const lms_floats finite = lms_tidied(lms_tidied(x) + bias);
    const lms_floats y = lms_magnitudes(bias) == LMS_KEY_INF ? bias : finite;
    return lms_magnitudes(x) > LMS_KEY_INF ? x : y;
}

/* An end token's logit; `more` is how much of its magnitude is added. */
float lms_decayed(float x, float more)
{
    const float y = lms_tidy(x);
    if (y == 0.0f || lms_is_infinite(y)) return y;
    return lms_tidy(fma(fabs(y), more, y));
}

/* What DRY takes off for a repetition that is `beyond` tokens longer than allowed. */
float lms_dry_penalty(float multiplier, float base, uint beyond)
{
    return fmin(lms_tidy(multiplier) * lms_power(base, beyond), as_float(0x7f7fffff));
}

/* Away from the unconditional logit u. */
LMS_INLINE lms_floats lms_guided(lms_floats c, lms_floats u, float guidance)
{
    const lms_ints c_keys = lms_keys(c), u_keys = lms_keys(u);
    const lms_floats gap = c_keys == u_keys ? (lms_floats)(0.0f) : c - u;
    const lms_floats x = fma((lms_floats)(guidance), gap, u);
    const lms_floats live = u_keys == LMS_NEVER ? u : x;
    return lms_tidied(c_keys == LMS_NEVER ? c : live);
}

/* --- Penalties ---------------------------------------------------------------------------- */

/* Those of a row. */
typedef struct lms_penalties {
    bool has_repetition;
    float repetition;
    float inverse; /* its reciprocal */
    float frequency;
    float presence;
    uint flags;
} lms_penalties;

lms_penalties lms_penalties_of(__global const lms_row_edits *e, float temperature)
{
    const bool is_tempered =
        (e->flags & LMS_ADDITIVE_TEMPERED) && (as_uint(temperature) & 0x7fffffffu) != 0;
    const float factor = is_tempered ? temperature : 1.0f;
    lms_penalties p;
    p.has_repetition = e->repetition != 1.0f;
    p.repetition = e->repetition;
    p.inverse = lms_reciprocal(e->repetition);
    p.frequency = lms_tidy(lms_tidy(e->frequency) * factor);
    p.presence = lms_tidy(lms_tidy(e->presence) * factor);
    p.flags = e->flags;
    return p;
}

bool lms_has_penalties(const lms_penalties *p)
{
    return p->has_repetition || p->frequency != 0.0f || p->presence != 0.0f;
}

/* What counts of some tokens' appearances. */
typedef struct lms_appearances {
    lms_ints is_repeated; /* comparisons: for the repetition penalty, ... */
    lms_ints is_present;  /* ... for presence */
    lms_ints times;       /* for frequency */
} lms_appearances;

/* Tidy logits over the repetition, or times it: a quotient is rounded once. */
LMS_INLINE lms_floats lms_repeated(const lms_penalties *p, lms_floats x)
{
    const lms_floats r = (lms_floats)(p->repetition);
    const lms_floats q = x * p->inverse;
    const lms_floats exact = fma(fma(-q, r, x), (lms_floats)(p->inverse), q);
    const lms_floats over = lms_magnitudes(q) < LMS_KEY_INF ? exact : q;
    const lms_floats finite = lms_tidied(x > 0.0f ? over : x * r);
    return lms_magnitudes(x) == LMS_KEY_INF ? x : finite;
}

/* Tokens with penalties; of tokens that do not count, as they are. Each step tidies what it is
 * given and what it makes, so once is enough for what is given first. */
LMS_INLINE lms_floats lms_penalized(const lms_penalties *p, lms_appearances a, lms_floats x)
{
    const bool is_first = !(p->flags & LMS_ADDITIVE_FIRST);
    lms_floats y = lms_tidied(x);
    lms_ints counts = (lms_ints)(0);
    if (p->has_repetition) counts |= a.is_repeated;
    if (p->has_repetition && is_first) y = a.is_repeated ? lms_repeated(p, y) : y;
    if (p->frequency != 0.0f) {
        const lms_floats times = LMS_V(convert_float)(a.times);
        const lms_floats less = fma((lms_floats)(-p->frequency), times, y);
        y = a.times != 0 ? lms_tidied(less) : y;
        counts |= a.times != 0;
    }
    if (p->presence != 0.0f) {
        y = a.is_present ? lms_tidied(y - p->presence) : y;
        counts |= a.is_present;
    }
    if (p->has_repetition && !is_first) y = a.is_repeated ? lms_repeated(p, y) : y;
    return counts ? y : x;
}
