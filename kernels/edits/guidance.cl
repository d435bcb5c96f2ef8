/* guidance.cl - guidance, away from an unconditional row of logits (specification, section 26,
 * step 1): edits of all tokens. */
#pragma once
#include "edits/tokens.cl"
#include "numeric/logarithm.cl"

/* What makes a row's logits log-probabilities. */
typedef struct lms_log_scale {
    bool is_wanted; /* and the row has a live token */
    int max_key;
    float log_mass;
} lms_log_scale;

/* Is a row guided? */
bool lms_is_guided(const lms_requests *q, const lms_row_params *p)
{
    if (!p->request.edits || !p->request.unconditional) return false;
    return as_uint(q->edits[p->request.edits - 1].guidance) != 0x3f800000u;
}

LMS_INLINE lms_floats lms_log_scaled(lms_log_scale s, lms_floats x)
{
    const lms_ints keys = lms_keys(x);
    const lms_floats top = (lms_floats)(lms_logit_of(s.max_key));
    const lms_floats gap = keys == s.max_key ? (lms_floats)(0.0f) : x - top;
    if (!s.is_wanted) return x;
    return keys == LMS_NEVER ? x : gap - s.log_mass;
}

/* Edits all tokens: of every LMS_TEAM-th group. */
LMS_APART
void lms_edit_guidance(lms_edits *d, lms_logits conditional, lms_logits unconditional,
                       lms_log_scale own, lms_log_scale other, float guidance)
{
    const uint groups = lms_tiles_of(conditional.vocab) * LMS_TILE_GROUPS;
    const float factor = lms_tidy(guidance);
    for (uint group = lms_edits_item(d); group < groups; group += LMS_TEAM) {
#if LMS_TEAM == 1
        d->places[group] = group * LMS_GROUP;
#endif
        for (uint at = group * LMS_GROUP; at < (group + 1) * LMS_GROUP; at += LMS_LANES) {
            const lms_floats c = lms_log_scaled(own, lms_read(&conditional, at));
            const lms_floats u = lms_log_scaled(other, lms_read(&unconditional, at));
            LMS_V(vstore)(lms_guided(lms_tidied(c), lms_tidied(u), factor), 0, d->values + at);
        }
        d->edited[group] = UINT_MAX;
    }
#if LMS_TEAM == 1
    d->placed = groups;
#endif
}
