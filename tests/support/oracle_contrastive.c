/* The oracle's candidates (section 19), penalties (22) and choice (23). */
#include "oracle_contrastive.h"

#include "oracle.h"

#include <math.h>
#include <stdlib.h>

/* --- candidates --- */

void oracle_candidates_none(uint32_t status, oracle_candidates *out)
{
    out->count = 0;
    out->status = status;
    for (uint32_t i = 0; i < LMS_MAX_CONTRASTIVE_K; i++) {
        out->tokens[i] = LMS_NO_TOKEN;
        out->probs[i] = 0.0f;
    }
}

bool oracle_candidates_of(const float *logits, uint32_t vocab, const lms_contrastive_params *p,
                          oracle_candidates *out)
{
    const oracle_params filters = {.temperature = p->filters.temperature,
                                   .top_p = p->filters.top_p,
                                   .min_p = p->filters.min_p,
                                   .top_k = p->filters.top_k,
                                   .flags = p->filters.flags};
    oracle_row *const row = oracle_prepare(logits, vocab, &filters);
    float *const probs = malloc(vocab * sizeof *probs);
    const bool good = row && probs;
    if (good) {
        oracle_candidates_none(oracle_row_status(row), out);
        if (oracle_row_live(row) > 0) {
            const uint32_t kept = oracle_row_kept(row);
            out->count = kept < p->k ? kept : p->k;
            oracle_probs(row, probs);
        }
        for (uint32_t i = 0; i < out->count; i++) {
            const uint32_t token = oracle_row_order(row)[i];
            const float q = probs[token];
            out->tokens[i] = (int32_t)token;
            out->probs[i] = i > 0 && out->probs[i - 1] < q ? out->probs[i - 1] : q;
        }
    }
    oracle_row_free(row);
    free(probs);
    return good;
}

/* --- penalty --- */

static uint32_t range_begin(const oracle_context *context, const lms_contrastive_params *p)
{
    uint32_t begin = p->context_begin;
    if (p->context_window > 0 && p->context_window < context->length &&
        context->length - p->context_window > begin) {
        begin = context->length - p->context_window;
    }
    return begin;
}

/* The penalty of what the largest product has become. */
static float bounded(float penalty)
{
    if (fabsf(penalty) < 0x1p-60f) {
        return 0.0f;
    }
    if (penalty > 1.0f) {
        return 1.0f;
    }
    return penalty < -1.0f ? -1.0f : penalty;
}

float oracle_penalty(const oracle_context *context, const lms_contrastive_params *p,
                     const oracle_state *v)
{
    bool any = false;
    float m = 0.0f;
    for (uint32_t j = range_begin(context, p); j < context->length; j++) {
        const oracle_state *const h = context->states[j];
        if (!h || h->bad) {
            continue;
        }
        const float c = oracle_dot(v->kept, h->kept, v->width) * h->inverse;
        if (!any || c > m) {
            m = c;
        }
        any = true;
    }
    return any ? bounded(m * v->inverse) : 0.0f;
}

/* --- choice --- */

float oracle_score(float alpha, float prob, float penalty)
{
    const float a = alpha < 0x1p-60f ? 0.0f : alpha;
    const float p = prob < 0x1p-64f ? 0.0f : prob;
    const float rest = 1.0f - a;
    const float gain = rest * p;
    const float loss = a * penalty;
    return gain - loss;
}

/* What was left out of the context. */
static uint32_t context_status(const oracle_context *context, const lms_contrastive_params *p)
{
    uint32_t status = 0;
    for (uint32_t j = range_begin(context, p); j < context->length; j++) {
        const oracle_state *const h = context->states[j];
        if (!h) {
            status |= LMS_CHOICE_EMPTY_STATE;
        } else if (h->bad) {
            status |= LMS_CHOICE_BAD_STATE;
        }
    }
    return status;
}

void oracle_choose(const oracle_context *context, const lms_contrastive_params *p,
                   const int32_t *tokens, const float *probs,
                   const oracle_state *const *candidates, oracle_choice *out)
{
    out->candidate = -1;
    out->status = context_status(context, p);
    out->score = NAN;
    out->penalty = NAN;
    for (uint32_t i = 0; i < LMS_MAX_CONTRASTIVE_K; i++) {
        out->scores[i] = NAN;
        out->penalties[i] = NAN;
    }
    for (uint32_t i = 0; i < p->k; i++) {
        if (tokens[i] < 0) {
            continue;
        }
        if (candidates[i]->bad || !(probs[i] >= 0.0f && probs[i] <= 1.0f)) {
            out->status |= LMS_CHOICE_BAD_CANDIDATE;
            continue;
        }
        out->penalties[i] = oracle_penalty(context, p, candidates[i]);
        out->scores[i] = oracle_score(p->alpha, probs[i], out->penalties[i]);
        if (out->candidate < 0 || out->scores[i] > out->score) {
            out->candidate = (int32_t)i;
            out->score = out->scores[i];
            out->penalty = out->penalties[i];
        }
    }
    if (out->candidate < 0) {
        out->status |= LMS_CHOICE_NONE;
    }
}
