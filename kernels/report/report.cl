/* report.cl - what a caller may want to know beside the token (specification, section 9). Only
 * samplers that were made for it have it. In teams of one, lms_sample reports on a row right
 * after its token, while the row is in the cache and its maxima are in the workspace. Other
 * teams have a kernel for it, lms_report, as each barrier of a kernel is dear.
 *
 *   in   as for lms_sample, and its outcome
 *   out  logprob_raw, logprob float[rows]; kept int[rows]; probs float[rows][probs_stride],
 *        each where `wanted` has its LMS_OUT_ bit
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM
 *   mem  sizeof(lms_shared) local
 */
#pragma once
#include "numeric/logarithm.cl"
#include "row/masses.cl"

#if LMS_TEAM == 1
#define LMS_REPORTS_AT_ONCE 1
#endif

float lms_logit_gap(const lms_row *row, uint token)
{
    const float x = lms_read_one(&row->logits, token);
    /* Equal infinities have no difference. */
    return lms_key(x) == row->max_key ? 0.0f : x - lms_logit_of(row->max_key);
}

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

/* Sums of all work-items, from those of each. */
typedef struct lms_report_sums {
    ulong raw_mass;
    ulong mass;
    ulong count;
} lms_report_sums;

lms_report_sums lms_report_all(__local lms_shared *shared, lms_report_sums own)
{
#if LMS_TEAM == 1
    (void)shared;
    return own;
#else
    lms_report_sums all;
    shared->more[0][lms_item()] = own.mass;
    shared->more[1][lms_item()] = own.count;
    all.raw_mass = lms_meet_more(shared, lms_part_make(own.raw_mass, 0), 0, 2).total;
    all.mass = lms_total_of_more(shared, 0);
    all.count = lms_total_of_more(shared, 1);
    return all;
#endif
}

/* Where the outputs go. */
typedef struct lms_report_to {
    uint wanted;
    __global float *logprob_raw;
    __global float *logprob;
    __global int *kept;
    __global float *probs;
    ulong probs_stride;
} lms_report_to;

/* Where the outputs go, as arguments of a kernel. */
#define LMS_REPORT_ARGUMENTS                                                                   \
    uint wanted, __global float *logprob_raw, ulong logprob_raw_offset,                        \
        __global float *logprob, ulong logprob_offset, __global int *kept, ulong kept_offset,  \
        __global float *probs, ulong probs_offset, ulong probs_stride
#define LMS_REPORT_TO                                                                          \
    {                                                                                          \
        wanted, logprob_raw + logprob_raw_offset, logprob + logprob_offset,                    \
            kept + kept_offset, probs + probs_offset, probs_stride                             \
    }

/* Row r of the batch. A row without a token is not looked at: its index may point anywhere. */
void lms_report_row(const lms_report_to *to, ulong r, lms_outcome outcome, lms_row row,
                    float temperature)
{
    const uint wanted = to->wanted;
    const bool skipped = LMS_ROW_CODE(outcome.status) == LMS_ROW_SKIPPED;
    const bool has_token = outcome.token != LMS_NO_TOKEN;
    const bool drawn = has_token && !(outcome.filtered & LMS_GREEDY);
    const bool filtered = outcome.filtered & LMS_FILTERED;
    const lms_cut cut = lms_cut_at(outcome.cut_key, outcome.cut_id);
    lms_scaled raw, scaled;
    lms_report_sums own;
    own.raw_mass = 0;
    own.mass = 0;
    own.count = 0;
    row.max_key = outcome.max_key;
    if (has_token) raw = lms_at_scale(lms_scale(1.0f), row.max_key);
    if (drawn) scaled = lms_at_scale(lms_scale(temperature), row.max_key);
    if (has_token && wanted & LMS_OUT_LOGPROB_RAW) own.raw_mass = lms_total_own(&row, &raw);
    const bool needs_mass = drawn && wanted & (LMS_OUT_LOGPROB | LMS_OUT_PROBS);
    if ((drawn && wanted & LMS_OUT_KEPT) || (needs_mass && filtered)) {
        const lms_kept_part kept = lms_kept_own(&row, &scaled, cut);
        own.mass = kept.mass;
        own.count = kept.count;
    }
    if (needs_mass && !filtered) {
        own.mass = lms_total_own(&row, &scaled);
    }
    const lms_report_sums all = lms_report_all(row.shared, own);

    __global float *const probs = to->probs + r * to->probs_stride;
    if (wanted & LMS_OUT_PROBS && !skipped) {
        const uint certain = has_token && !drawn ? (uint)outcome.token : UINT_MAX;
        lms_store_probs(&row, &scaled, cut, drawn ? all.mass : 0, certain, probs);
    }
    if (lms_item() != 0 || skipped) return;
    const float gap = has_token ? lms_logit_gap(&row, (uint)outcome.token) : LMS_NAN;
    if (wanted & LMS_OUT_LOGPROB_RAW) {
        to->logprob_raw[r] = has_token ? gap - lms_log_mass(&raw, all.raw_mass) : LMS_NAN;
    }
    if (wanted & LMS_OUT_LOGPROB) {
        to->logprob[r] =
            drawn ? fma(gap * scaled.s, 0x1.62e430p-1f, -lms_log_mass(&scaled, all.mass))
                  : (has_token ? 0.0f : LMS_NAN);
    }
    if (wanted & LMS_OUT_KEPT) to->kept[r] = drawn ? (int)all.count : (has_token ? 1 : 0);
}

#if LMS_TEAM > 1
__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_report(LMS_LOGITS_ARGUMENTS, uint vocab, __global const lms_row_params *params,
                ulong params_offset, __global int *groups, __global int *tile_keys,
                __global const lms_outcome *outcomes, LMS_REPORT_ARGUMENTS)
{
    __local lms_shared shared;
    const lms_report_to to = LMS_REPORT_TO;
    const ulong r = get_group_id(0);
    const lms_outcome outcome = outcomes[r];
    const ulong at = outcome.token != LMS_NO_TOKEN ? (ulong)outcome.logits_row : 0;
    const lms_workspace workspace = lms_workspace_of(groups, tile_keys, 0, 0, 0, false, 0);
    const lms_row row = lms_row_at(LMS_LOGITS_ROW(at), &workspace, r, &shared);
    lms_report_row(&to, r, outcome, row, params[params_offset + r].filters.temperature);
}
#endif
