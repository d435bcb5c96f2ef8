/* bins.cl - a search by bins. A round bins the tokens of the interval and narrows it to the bin
 * in which the target is reached. Bins of keys shrink 512 times a round or more, so four rounds
 * reach a single key; among the tokens of that, the ids are searched in the same way. */
#pragma once
#include "row/masses.cl"
#include "select/search.cl"

/* Bins for the interval as it is: as narrow as fit. */
void lms_fit_bins(LMS_OURS lms_search *s)
{
    const uint span = (uint)s->high - (uint)s->low - 1;
    s->shift = (uint)max(32 - LMS_BIN_BITS - (int)clz(span), 0);
}

/* The bins that a search begins with: 1/32 octave of probability each, which suits most rows.
 * In a huge row only the maximum has any probability: there they are ranges of keys. */
void lms_suit_bins(LMS_OURS const lms_scaled *scaled, LMS_OURS lms_search *s)
{
    s->linear = scaled->huge ? 0.0f : scaled->s * 32.0f;
    lms_fit_bins(s);
}

/* Monotone in the key, which is all that a bin must be. */
uint lms_bin_of(const lms_search *s, int key)
{
    if (s->linear > 0.0f) {
        const float d = (lms_logit_of(s->high) - lms_logit_of(key)) * s->linear;
        return d < (float)(LMS_BINS - 1) ? (uint)d : LMS_BINS - 1;
    }
    return ((uint)s->high - (uint)key) >> s->shift;
}

/* The bins of several keys; LMS_BINS for those outside the interval. */
lms_uints lms_bins_of(const lms_search *s, lms_ints keys)
{
    const lms_ints inside = lms_insides(s, keys);
    lms_uints bins;
    if (s->linear > 0.0f) {
        const lms_floats d = (lms_logit_of(s->high) - lms_logits_of(keys)) * s->linear;
        const lms_floats last = (lms_floats)((float)(LMS_BINS - 1));
        bins = LMS_V(as_uint)(LMS_V(convert_int)(d < last ? d : last));
    } else {
        bins = ((lms_uints)((uint)s->high) - LMS_V(as_uint)(keys)) >> s->shift;
    }
    return inside ? bins : (lms_uints)(LMS_BINS);
}

/* The largest key in (low, high] whose bin is at least `bin`; low if none. */
int lms_bin_top(const lms_search *s, uint bin)
{
    long above = (long)s->high + 1, below = s->low; /* bin_of(above) < bin <= bin_of(below) */
    while (above - below > 1) {
        const long middle = below + ((above - below) >> 1);
        if (lms_bin_of(s, (int)middle) >= bin) {
            below = middle;
        } else {
            above = middle;
        }
    }
    return (int)below;
}

/* Narrows the interval to the bin in which the target is reached. */
void lms_narrow(LMS_OURS lms_search *s, lms_crossing c)
{
    s->above += c.before;
    if (s->linear > 0.0f) {
        LMS_OURS_AS(const lms_search, old, s);
        const int high = lms_bin_top(old, c.bin);
        if (c.bin < LMS_BINS - 1) s->low = lms_bin_top(old, c.bin + 1);
        s->high = high;
        s->linear = 0.0f;
        return;
    }
    s->high = (int)((uint)s->high - (c.bin << s->shift));
    s->low = (int)max((long)s->high - (1l << s->shift), (long)s->low);
}

/* Tokens of the row that are in the interval into the bins. */
void lms_bin_row(const lms_row *row, const lms_scaled *scaled, const lms_search *s)
{
    const int least = lms_least_key(s);
    LMS_EACH_TILE(tile, row, least) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        const uint up = s->by_mass ? lms_rounded_shift(unit) : 0;
        LMS_EACH_GROUP(begin, row, tile, least) {
            LMS_EACH_VECTOR(at, row, begin) {
                const lms_floats x = lms_read(&row->logits, at);
                const lms_ints keys = lms_keys(x);
                const lms_ints places =
                    lms_places_of(s, keys, (lms_uints)(at) + LMS_LANE_IDS);
                if (!lms_any(lms_insides(s, places))) continue;
                const lms_uints measures =
                    s->by_mass ? lms_rounded(unit, lms_weights(unit, x)) : (lms_uints)(1);
                lms_bin_add_lanes(&row->shared->bins, lms_bins_of(s, places), measures, up);
            }
        }
    }
}
