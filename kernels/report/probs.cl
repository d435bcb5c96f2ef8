/* probs.cl - a row's processed probabilities (specification, section 9). */
#pragma once
#include "numeric/logarithm.cl"
#include "row/masses.cl"

/* Masses, rounded to floats once. */
lms_floats lms_mass_floats(lms_unit unit, lms_ints w)
{
    const lms_floats rounded = LMS_V(convert_float)(lms_rounded(unit, w));
    return rounded * (float)(1u << lms_rounded_shift(unit));
}

/* Processed probabilities of the own tiles; where `mass` is 0, one for the token `certain`, and
 * zeros. */
void lms_store_probs(const lms_row *row, const lms_scaled *scaled, lms_cut cut, ulong mass,
                     uint certain, __global float *probs)
{
    const float all = (float)mass, factor = mass ? lms_reciprocal(all) : 0.0f;
    for (uint tile = row->first; tile < row->last; ++tile) {
        lms_unit unit;
        unit.shift = LMS_NO_SHARE;
        if (mass) unit = lms_unit_of(scaled, row->tile_keys[tile]);
        const uint end = min((tile + 1) * LMS_TILE, row->logits.vocab);
        for (uint at = tile * LMS_TILE; at < end; at += LMS_LANES) {
            const lms_ints is_certain = (lms_uints)(at) + LMS_LANE_IDS == (lms_uints)(certain);
            lms_floats p = LMS_V(as_float)(is_certain & as_int(1.0f));
            if (unit.shift < LMS_NO_SHARE) {
                const lms_floats x = lms_read(&row->logits, at);
                const lms_ints kept = lms_kept(cut, lms_keys(x), at);
                p = lms_mass_floats(unit, lms_weights(unit, x) & kept);
                p = lms_shares(p, all, factor);
            }
            if (at + LMS_LANES <= row->logits.vocab) {
                LMS_V(vstore)(p, 0, probs + at);
            } else {
                float last[LMS_LANES];
                LMS_V(vstore)(p, 0, last);
                for (uint i = 0; at + i < row->logits.vocab; ++i) probs[at + i] = last[i];
            }
        }
    }
}
