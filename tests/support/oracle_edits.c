/* The oracle's edits of a row's values (sections 25 and 26). */
#include "oracle_edits.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* --- section 25 --- */

float oracle_tidy(float x) { return fabsf(x) < 0x1p-64f ? 0.0f : x; }

float oracle_power(float base, uint32_t exponent)
{
    float y = 1.0f;
    for (int bit = 31; bit >= 0; bit--) {
        y = oracle_tidy(y * y); /* of 1 before the highest set bit: 1 */
        if (exponent >> bit & 1u) {
            y = oracle_tidy(y * base);
        }
    }
    return isinf(y) ? FLT_MAX : y;
}

static bool in_window(const oracle_request *r, uint32_t i)
{
    const uint32_t window = r->edits->window;
    return window == 0 || (uint64_t)i + window >= r->sequence.length;
}

/* Whether token i of the sequence is the prompt's or the output's. */
static bool of_prompt(const oracle_sequence *s, uint32_t i) { return i < s->prompt; }

static bool is_there(const oracle_request *r, uint32_t token, bool prompt)
{
    const oracle_sequence *const s = &r->sequence;
    for (uint32_t i = 0; i < s->length; i++) {
        if (s->tokens[i] == (int32_t)token && of_prompt(s, i) == prompt && in_window(r, i)) {
            return true;
        }
    }
    return false;
}

static uint32_t count_of(const oracle_request *r, uint32_t token, bool prompt)
{
    const oracle_sequence *const s = &r->sequence;
    uint32_t count = 0;
    for (uint32_t i = s->ignored; i < s->length; i++) {
        count += s->tokens[i] == (int32_t)token && of_prompt(s, i) == prompt && in_window(r, i);
    }
    return count;
}

uint64_t oracle_edited_step(const oracle_request *r, uint64_t step)
{
    return step == LMS_STEP_OF_SLOT ? r->sequence.length - r->sequence.prompt : step;
}

/* --- section 26, step 1 --- */

/* The row's raw log-probabilities; dead tokens, and rows without a live one, as they are. */
static void make_logprobs(float *row, uint32_t vocab)
{
    const oracle_params plain = {.temperature = 1.0f, .top_p = 1.0f};
    oracle_row *const measured = oracle_prepare(row, vocab, &plain);
    if (!measured) {
        abort();
    }
    for (uint32_t t = 0; t < vocab && oracle_row_live(measured) > 0; t++) {
        if (!oracle_is_dead(row[t])) {
            row[t] = oracle_row_logprob_raw(measured, t);
        }
    }
    oracle_row_free(measured);
}

static float guided(float c, float u, float guidance)
{
    if (oracle_is_dead(c)) {
        return c;
    }
    if (oracle_is_dead(u)) {
        return u;
    }
    const float d = oracle_key(c) == oracle_key(u) ? 0.0f : c - u;
    return fmaf(guidance, d, u);
}

static void guide(const oracle_request *r, float *x, uint32_t vocab)
{
    float *const u = malloc((vocab + (size_t)1) * sizeof *u);
    if (!u) {
        abort();
    }
    for (uint32_t t = 0; t < vocab; t++) {
        u[t] = r->unconditional[t];
    }
    if (r->edits->flags & LMS_GUIDANCE_LOGPROBS) {
        make_logprobs(x, vocab);
        make_logprobs(u, vocab);
    }
    const float guidance = oracle_tidy(r->edits->guidance);
    for (uint32_t t = 0; t < vocab; t++) {
        x[t] = oracle_tidy(guided(oracle_tidy(x[t]), oracle_tidy(u[t]), guidance));
    }
    free(u);
}

/* --- steps 2 and 3 --- */

static float biased(float x, float value)
{
    if (x != x) {
        return x;
    }
    return isinf(value) ? value : oracle_tidy(oracle_tidy(x) + value);
}

static void add_biases(const oracle_request *r, float *x)
{
    const oracle_list list = oracle_list_of(r->lists, r->edits->bias);
    for (uint32_t i = 0; i < list.count; i++) {
        x[list.ids[i]] = biased(x[list.ids[i]], list.values[i]);
    }
    const oracle_list sequences = oracle_list_of(r->lists, r->edits->sequence_bias);
    oracle_list one;
    float value;
    for (uint32_t at = 0; oracle_next_sequence(&sequences, &at, &one, &value);) {
        if (oracle_sequence_matches(&r->sequence, &one, r->sequence.length)) {
            const int32_t last = one.ids[one.count - 1];
            x[last] = biased(x[last], value);
        }
    }
}

/* --- step 4 --- */

float oracle_repeated(float x, float repetition)
{
    if (isinf(x)) {
        return x;
    }
    if (!(x > 0.0f)) {
        return x * repetition;
    }
    const float inverse = oracle_reciprocal(repetition);
    const float q = x * inverse;
    return isinf(q) ? q : fmaf(fmaf(-q, repetition, x), inverse, q);
}

static float with_repetition(const oracle_request *r, uint32_t token, float x)
{
    const lms_row_edits *const e = r->edits;
    if (e->repetition == 1.0f) {
        return x;
    }
    const bool there = (!(e->flags & LMS_REPETITION_NOT_PROMPT) && is_there(r, token, true)) ||
                       (!(e->flags & LMS_REPETITION_NOT_OUTPUT) && is_there(r, token, false));
    if (!there) {
        return x;
    }
    return oracle_tidy(oracle_repeated(oracle_tidy(x), e->repetition));
}

static float tempered(const oracle_request *r, float amount)
{
    const float a = oracle_tidy(amount);
    const bool on = (r->edits->flags & LMS_ADDITIVE_TEMPERED) && r->temperature != 0.0f;
    return on ? oracle_tidy(a * r->temperature) : a;
}

static uint32_t counted(const oracle_request *r, uint32_t token, uint32_t with_prompt,
                        uint32_t without_output)
{
    const uint32_t flags = r->edits->flags;
    return (flags & with_prompt ? count_of(r, token, true) : 0u) +
           (flags & without_output ? 0u : count_of(r, token, false));
}

static float with_additive(const oracle_request *r, uint32_t token, float x)
{
    const float f = tempered(r, r->edits->frequency);
    const float p = tempered(r, r->edits->presence);
    const uint32_t n =
        f == 0.0f ? 0 : counted(r, token, LMS_FREQUENCY_PROMPT, LMS_FREQUENCY_NOT_OUTPUT);
    if (n > 0) {
        x = oracle_tidy(fmaf(-f, (float)n, oracle_tidy(x)));
    }
    if (p != 0.0f && counted(r, token, LMS_PRESENCE_PROMPT, LMS_PRESENCE_NOT_OUTPUT) > 0) {
        x = oracle_tidy(oracle_tidy(x) - p);
    }
    return x;
}

/* --- step 5 --- */

/* d_i of the last `count` tokens. */
static int32_t recent(const oracle_sequence *s, uint32_t count, uint32_t i)
{
    return s->tokens[s->length - count + i];
}

/* How long the longest breaker is that is at distance i; 0: none is. */
static uint32_t breaker_at(const oracle_request *r, uint32_t count, uint32_t i)
{
    const oracle_list breakers = oracle_list_of(r->lists, r->edits->dry_breakers);
    uint32_t longest = 0;
    oracle_list one;
    for (uint32_t at = 0; oracle_next_sequence(&breakers, &at, &one, NULL);) {
        bool same = one.count <= i + 1;
        for (uint32_t j = 0; same && j < one.count; j++) {
            same = recent(&r->sequence, count, count - 1 - i + j) == one.ids[j];
        }
        if (same && one.count > longest) {
            longest = one.count;
        }
    }
    return longest;
}

static bool breaks_alone(const oracle_request *r, uint32_t token)
{
    const oracle_list breakers = oracle_list_of(r->lists, r->edits->dry_breakers);
    oracle_list one;
    for (uint32_t at = 0; oracle_next_sequence(&breakers, &at, &one, NULL);) {
        if (one.count == 1 && one.ids[0] == (int32_t)token) {
            return true;
        }
    }
    return false;
}

int64_t oracle_dry_length(const oracle_request *r, uint32_t token)
{
    const oracle_sequence *const s = &r->sequence;
    const uint32_t range = r->edits->dry_range, allowed = r->edits->dry_allowed_length;
    const uint32_t count = range > 0 && range < s->length ? range : s->length;
    uint32_t limit = count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t length = breaker_at(r, count, i);
        if (length > 0) {
            limit = i + 1 - length;
            break;
        }
    }
    if (count <= allowed || limit < allowed || breaks_alone(r, token)) {
        return -1;
    }
    int64_t longest = -1;
    for (uint32_t e = 0; e + 1 < count; e++) {
        uint32_t n = 0;
        if (recent(s, count, e + 1) != (int32_t)token) {
            continue;
        }
        while (n <= e && recent(s, count, e - n) == recent(s, count, count - 1 - n)) {
            n++;
        }
        n = n < limit ? n : limit;
        if (n >= allowed && n > longest) {
            longest = n;
        }
    }
    return longest;
}

float oracle_dry_penalty(const lms_row_edits *e, uint32_t n)
{
    const float penalty =
        oracle_tidy(e->dry_multiplier) * oracle_power(e->dry_base, n - e->dry_allowed_length);
    return penalty < FLT_MAX ? penalty : FLT_MAX;
}

static float with_dry(const oracle_request *r, uint32_t token, float x)
{
    if (oracle_tidy(r->edits->dry_multiplier) == 0.0f) {
        return x;
    }
    const int64_t n = oracle_dry_length(r, token);
    if (n < 0) {
        return x;
    }
    return oracle_tidy(oracle_tidy(x) - oracle_dry_penalty(r->edits, (uint32_t)n));
}

/* --- step 6 --- */

static float with_decay(const oracle_request *r, uint32_t token, float x)
{
    const lms_row_edits *const e = r->edits;
    const oracle_list ends = oracle_list_of(r->lists, e->end_tokens);
    const uint32_t generated = r->sequence.length - r->sequence.prompt;
    if (e->decay_factor == 0.0f || generated <= e->decay_start ||
        !oracle_list_has(&ends, token)) {
        return x;
    }
    const float tidy = oracle_tidy(x);
    if (tidy == 0.0f || isinf(tidy)) {
        return tidy;
    }
    const float more = oracle_power(e->decay_factor, generated - e->decay_start) - 1.0f;
    return oracle_tidy(fmaf(fabsf(tidy), more, tidy));
}

void oracle_edit(const oracle_request *r, const float *logits, uint32_t vocab, float *x)
{
    const lms_row_edits *const e = r->edits;
    for (uint32_t t = 0; t < vocab; t++) {
        x[t] = logits[t];
    }
    if (e) {
        if (r->unconditional && e->guidance != 1.0f) {
            guide(r, x, vocab);
        }
        add_biases(r, x);
    }
    for (uint32_t t = 0; e && t < vocab; t++) {
        if (e->flags & LMS_ADDITIVE_FIRST) {
            x[t] = with_repetition(r, t, with_additive(r, t, x[t]));
        } else {
            x[t] = with_additive(r, t, with_repetition(r, t, x[t]));
        }
        x[t] = with_decay(r, t, with_dry(r, t, x[t]));
    }
    for (uint32_t t = 0; t < vocab; t++) {
        if (oracle_is_banned(r, t)) {
            x[t] = -INFINITY;
        }
        if (e && e->forced > 0) {
            x[t] = t == e->forced - 1 ? 0.0f : -INFINITY;
        }
    }
}
