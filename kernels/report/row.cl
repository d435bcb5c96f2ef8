/* row.cl - what is told of a row that has no request: log-probabilities, kept count, processed
 * probabilities (specification, section 9). */
#pragma once
#include "edits/call.cl"
#include "report/probs.cl"
#include "report/to.cl"

float lms_logit_gap(const lms_row *row, uint token)
{
    const float x = lms_read_one(&row->logits, token);
    /* Equal infinities have no difference. */
    return lms_key(x) == row->max_key ? 0.0f : x - lms_logit_of(row->max_key);
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
