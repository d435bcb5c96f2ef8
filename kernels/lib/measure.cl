/* measure.cl - the mass and the number of the tokens that a cut keeps, of the own tiles. */

typedef struct lms_measure {
    ulong mass;
    ulong count;
} lms_measure;

/* `total` of section 4, of the own tiles: weights are summed before they are rounded to the
 * row's unit. */
ulong lms_total_own(const lms_row *row, const lms_scaled *scaled)
{
    ulong mass = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        if (unit.shift >= 64) continue;
        ulong8 sum = (ulong8)(0);
        for (uint at = tile * LMS_TILE; at < tile * LMS_TILE + LMS_TILE; at += LMS_GROUP) {
            /* Four weights below 2^30 fit 32 bits. */
            uint8 four = as_uint8(lms_weights8(scaled, unit, lms_quarter(row, at)));
            four += as_uint8(lms_weights8(scaled, unit, lms_quarter(row, at + 8)));
            four += as_uint8(lms_weights8(scaled, unit, lms_quarter(row, at + 16)));
            four += as_uint8(lms_weights8(scaled, unit, lms_quarter(row, at + 24)));
            sum += convert_ulong8(four);
        }
        mass += lms_mass_of_sum(unit, lms_sum8(sum));
    }
    return mass;
}

lms_measure lms_kept_own(const lms_row *row, const lms_scaled *scaled, lms_cut cut)
{
    lms_measure sum;
    sum.mass = 0;
    sum.count = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] < cut.key) continue;
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            if (row->groups[tile * LMS_TILE_GROUPS + g] < cut.key) continue;
            const uint begin = tile * LMS_TILE + g * LMS_GROUP;
            for (uint at = begin; at < begin + LMS_GROUP; at += 8) {
                const float8 x = lms_quarter(row, at);
                const int8 kept = lms_kept8(cut, lms_keys8(x), at);
                sum.mass += lms_sum8(lms_masses8(unit, lms_weights8(scaled, unit, x) & kept));
                sum.count += (ulong)-lms_sum_int8(kept);
            }
        }
    }
    return sum;
}
