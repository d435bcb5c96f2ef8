#include "exact_edits.h"

#include "memory.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define HALF_ULP 0x1p-23 /* with room for that of the value before */

static exact_value rounded(double x, double slack)
{
    return (exact_value){x, slack + fabs(x) * HALF_ULP + 0x1p-64};
}

static oracle_list list_of(const oracle_request *r, uint32_t named)
{
    return oracle_list_of(r->lists, named);
}

/* --- guidance --- */

static void log_softmax(const float *row, uint32_t vocab, double *out)
{
    double top = -INFINITY, sum = 0.0;
    for (uint32_t t = 0; t < vocab; ++t) top = fmax(top, row[t]); /* NaN is passed over */
    for (uint32_t t = 0; t < vocab; ++t) {
        if (row[t] == row[t]) sum += exp(row[t] - top);
    }
    for (uint32_t t = 0; t < vocab; ++t) out[t] = row[t] - top - log(sum);
}

static void guide(const oracle_request *r, const float *logits, uint32_t vocab, exact_value *v)
{
    double *const c = memory_zeroed(vocab, sizeof *c), *const u =
                                                           memory_zeroed(vocab, sizeof *u);
    const double g = r->edits->guidance;
    const bool logprobs = r->edits->flags & LMS_GUIDANCE_LOGPROBS;
    for (uint32_t t = 0; t < vocab; ++t) c[t] = logits[t];
    for (uint32_t t = 0; t < vocab; ++t) u[t] = r->unconditional[t];
    if (logprobs) {
        log_softmax(logits, vocab, c);
        log_softmax(r->unconditional, vocab, u);
    }
    for (uint32_t t = 0; t < vocab; ++t) {
        const double size = fabs(c[t]) + fabs(u[t]);
        const double slack = (1.0 + fabs(g)) * (size * 0x1p-22 + (logprobs ? 2e-5 : 0x1p-62));
        v[t] = rounded(u[t] + g * (c[t] - u[t]), slack);
        if (!(c[t] > -INFINITY)) v[t].x = c[t];
        if (c[t] > -INFINITY && !(u[t] > -INFINITY)) v[t].x = u[t];
    }
    free(c);
    free(u);
}

/* --- biases --- */

static void add_bias(exact_value *v, double bias)
{
    if (isinf(bias) && v->x == v->x) v->x = bias;
    if (!isinf(bias)) *v = rounded(v->x + bias, v->slack);
}

static void add_biases(const oracle_request *r, exact_value *v)
{
    const oracle_list bias = list_of(r, r->edits->bias);
    const oracle_list sequences = list_of(r, r->edits->sequence_bias);
    for (uint32_t i = 0; i < bias.count; ++i) add_bias(&v[bias.ids[i]], bias.values[i]);
    /* Each sequence is compared from its last token but one backwards. */
    for (uint32_t end = 0, first = 0; end < sequences.count; ++end) {
        if (sequences.ids[end] != LMS_NO_TOKEN) continue;
        uint32_t same = 0;
        const uint32_t length = end - first;
        while (length > 0 && same + 1 < length && same < r->sequence.length &&
               sequences.ids[end - 2 - same] ==
                   r->sequence.tokens[r->sequence.length - 1 - same]) {
            ++same;
        }
        if (length > 0 && same + 1 == length) {
            add_bias(&v[sequences.ids[end - 1]], sequences.values[end]);
        }
        first = end + 1;
    }
}

/* --- penalties --- */

typedef struct counts {
    uint32_t *prompt, *output; /* with the ignored ones left out */
    bool *there_prompt, *there_output;
} counts;

static counts count_all(const oracle_request *r, uint32_t vocab)
{
    counts c;
    const oracle_sequence *const s = &r->sequence;
    const uint32_t w = r->edits->window;
    c.prompt = memory_zeroed(vocab, sizeof *c.prompt);
    c.output = memory_zeroed(vocab, sizeof *c.output);
    c.there_prompt = memory_zeroed(vocab, sizeof *c.there_prompt);
    c.there_output = memory_zeroed(vocab, sizeof *c.there_output);
    for (uint32_t i = w > 0 && w < s->length ? s->length - w : 0; i < s->length; ++i) {
        const int32_t t = s->tokens[i];
        if (i < s->prompt) {
            c.there_prompt[t] = true;
            c.prompt[t] += i >= s->ignored;
        } else {
            c.there_output[t] = true;
            ++c.output[t];
        }
    }
    return c;
}

static void repeat(const lms_row_edits *e, const counts *c, uint32_t t, exact_value *v)
{
    const bool there = (c->there_prompt[t] && !(e->flags & LMS_REPETITION_NOT_PROMPT)) ||
                       (c->there_output[t] && !(e->flags & LMS_REPETITION_NOT_OUTPUT));
    const double factor = v->x > 0.0 ? 1.0 / (double)e->repetition : (double)e->repetition;
    if (there) *v = rounded(v->x * factor, 2.0 * v->slack * fmax(factor, 1.0 / factor));
}

static void add(const oracle_request *r, const counts *c, uint32_t t, exact_value *v)
{
    const lms_row_edits *const e = r->edits;
    const bool tempered = e->flags & LMS_ADDITIVE_TEMPERED && r->temperature != 0.0f;
    const double scale = tempered ? (double)r->temperature : 1.0;
    const uint32_t f = (e->flags & LMS_FREQUENCY_PROMPT ? c->prompt[t] : 0) +
                       (e->flags & LMS_FREQUENCY_NOT_OUTPUT ? 0 : c->output[t]);
    const uint32_t p = (e->flags & LMS_PRESENCE_PROMPT ? c->prompt[t] : 0) +
                       (e->flags & LMS_PRESENCE_NOT_OUTPUT ? 0 : c->output[t]);
    const double of_f = e->frequency * scale * f, of_p = p > 0 ? e->presence * scale : 0.0;
    *v = rounded(v->x - of_f - of_p, v->slack + 2 * HALF_ULP * (fabs(of_f) + fabs(of_p)));
}

static void penalize(const oracle_request *r, uint32_t vocab, exact_value *v)
{
    const counts c = count_all(r, vocab);
    for (uint32_t t = 0; t < vocab; ++t) {
        const bool additive_first = r->edits->flags & LMS_ADDITIVE_FIRST;
        if (additive_first) add(r, &c, t, &v[t]);
        repeat(r->edits, &c, t, &v[t]);
        if (!additive_first) add(r, &c, t, &v[t]);
    }
    free(c.prompt);
    free(c.output);
    free(c.there_prompt);
    free(c.there_output);
}

/* --- DRY --- */

/* Tokens from the end at which the context may be compared: those behind the last breaker. */
static uint32_t behind_breaker(const int32_t *context, uint32_t count,
                               const oracle_list *breakers)
{
    for (uint32_t begin = count; begin-- > 0;) { /* the breaker's first token */
        uint32_t longest = 0;
        for (uint32_t first = 0, i = 0; i < breakers->count; ++i) {
            if (breakers->ids[i] != LMS_NO_TOKEN) continue;
            uint32_t n = 0;
            while (first + n < i && begin + n < count &&
                   context[begin + n] == breakers->ids[first + n])
                ++n;
            if (first + n == i && n > longest) longest = n;
            first = i + 1;
        }
        if (longest > 0) return count - begin - longest;
    }
    return count;
}

void exact_dry_lengths(const int32_t *context, uint32_t count, const oracle_list *breakers,
                       uint32_t allowed_length, int64_t *lengths, uint32_t vocab)
{
    const uint32_t limit = behind_breaker(context, count, breakers);
    uint32_t *const z = memory_zeroed(count + 1, sizeof *z);
    for (uint32_t t = 0; t < vocab; ++t) lengths[t] = -1;
    /* z[i]: how far the reversed context, from i on, is as from its beginning on. */
    for (uint32_t i = 1, left = 0, right = 0; i < count; ++i) {
        if (i < right) z[i] = z[i - left] < right - i ? z[i - left] : right - i;
        while (i + z[i] < count && context[count - 1 - z[i]] == context[count - 1 - i - z[i]])
            ++z[i];
        if (i + z[i] > right) {
            left = i;
            right = i + z[i];
        }
    }
    for (uint32_t i = 1; i < count && count > allowed_length && limit >= allowed_length; ++i) {
        const uint32_t length = z[i] < limit ? z[i] : limit;
        const int32_t next = context[count - i];
        if (length >= allowed_length && (int64_t)length > lengths[next]) lengths[next] = length;
    }
    for (uint32_t first = 0, i = 0; i < breakers->count; ++i) {
        if (breakers->ids[i] != LMS_NO_TOKEN) continue;
        if (i - first == 1) lengths[breakers->ids[first]] = -1;
        first = i + 1;
    }
    free(z);
}

static void dry(const oracle_request *r, uint32_t vocab, exact_value *v)
{
    const lms_row_edits *const e = r->edits;
    const oracle_sequence *const s = &r->sequence;
    const oracle_list breakers = list_of(r, e->dry_breakers);
    const uint32_t count =
        e->dry_range > 0 && e->dry_range < s->length ? e->dry_range : s->length;
    int64_t *const lengths = memory_zeroed(vocab, sizeof *lengths);
    if (e->dry_multiplier > 0.0f) {
        exact_dry_lengths(s->tokens + (s->length - count), count, &breakers,
                          e->dry_allowed_length, lengths, vocab);
    }
    for (uint32_t t = 0; t < vocab && e->dry_multiplier > 0.0f; ++t) {
        if (lengths[t] < 0) continue;
        const double n = (double)(lengths[t] - e->dry_allowed_length);
        const double penalty = e->dry_multiplier * pow(e->dry_base, n);
        v[t] = rounded(v[t].x - fmin(penalty, FLT_MAX),
                       v[t].slack + penalty * HALF_ULP * (n + 2.0));
    }
    free(lengths);
}

/* --- decay and bans --- */

static void decay(const oracle_request *r, exact_value *v)
{
    const lms_row_edits *const e = r->edits;
    const oracle_list ends = list_of(r, e->end_tokens);
    const double over = (double)r->sequence.length - r->sequence.prompt - e->decay_start;
    for (uint32_t i = 0; i < ends.count && e->decay_factor != 0.0f && over > 0.0; ++i) {
        exact_value *const x = &v[ends.ids[i]];
        bool again = false; /* a token that is there twice is an end token once */
        for (uint32_t j = 0; j < i; ++j) again |= ends.ids[j] == ends.ids[i];
        if (again || isinf(x->x)) continue;
        const double power = pow(e->decay_factor, over);
        *x = rounded(x->x + fabs(x->x) * (power - 1.0),
                     x->slack * power + fabs(x->x) * power * HALF_ULP * (over + 2.0));
    }
}

static void ban(exact_value *v) { *v = (exact_value){-INFINITY, 0.0}; }

static void ban_all(const oracle_list *list, exact_value *v)
{
    for (uint32_t i = 0; i < list->count; ++i) ban(&v[list->ids[i]]);
}

static void ban_outside(const oracle_request *r, uint32_t vocab, exact_value *v)
{
    const oracle_list allowed = list_of(r, r->edits->allowed);
    bool *const in = memory_zeroed(vocab, sizeof *in);
    for (uint32_t i = 0; i < allowed.count; ++i) in[allowed.ids[i]] = true;
    for (uint32_t t = 0; t < vocab; ++t) {
        if (!in[t]) ban(&v[t]);
    }
    free(in);
}

static void ban_bad_words(const oracle_request *r, exact_value *v)
{
    const oracle_list words = list_of(r, r->edits->bad_words);
    const bool of_output = !(r->edits->flags & LMS_BAD_WORDS_PROMPT);
    const uint32_t most = r->sequence.length - (of_output ? r->sequence.prompt : 0);
    for (uint32_t first = 0, i = 0; i < words.count; ++i) {
        if (words.ids[i] != LMS_NO_TOKEN) continue;
        const uint32_t before = i > first ? i - first - 1 : 0;
        uint32_t same = 0;
        while (same < before && before <= most &&
               words.ids[first + same] ==
                   r->sequence.tokens[r->sequence.length - before + same])
            ++same;
        if (i > first && same == before) ban(&v[words.ids[i - 1]]);
        first = i + 1;
    }
}

/* As Hugging Face defines it: n-grams by their first n - 1 tokens
 * (generation/logits_process.py, _get_ngrams and _get_generated_ngrams). */
static void ban_ngrams(const oracle_sequence *s, const int32_t *from, uint32_t count,
                       uint32_t n, exact_value *v)
{
    if (n == 0 || s->length + 1 < n) return;
    const int32_t *const last = s->tokens + (s->length + 1 - n);
    for (uint32_t i = 0; i + n <= count; ++i) {
        bool same = true;
        for (uint32_t j = 0; j + 1 < n; ++j) same = same && from[i + j] == last[j];
        if (same) ban(&v[from[i + n - 1]]);
    }
}

static void ban_masked(const oracle_request *r, uint32_t vocab, exact_value *v)
{
    for (uint32_t t = 0; t < vocab; ++t) {
        bool allowed;
        if (r->mask_type == LMS_MASK_BITS) {
            const uint32_t word = t >> 5, bit = t & 31;
            allowed = word < r->mask_columns && ((const uint32_t *)r->mask)[word] & 1u << bit;
        } else {
            allowed = t < r->mask_columns && ((const uint8_t *)r->mask)[t];
        }
        if (!allowed) ban(&v[t]);
    }
}

void exact_edit(const oracle_request *r, const float *logits, uint32_t vocab, exact_value *v)
{
    const lms_row_edits *const e = r->edits;
    const oracle_sequence *const s = &r->sequence;
    for (uint32_t t = 0; t < vocab; ++t) v[t] = (exact_value){logits[t], 0x1p-64};
    if (e) {
        const oracle_list banned = list_of(r, e->banned), ends = list_of(r, e->end_tokens);
        const oracle_list encoder = list_of(r, e->encoder);
        if (r->unconditional && e->guidance != 1.0f) guide(r, logits, vocab, v);
        add_biases(r, v);
        penalize(r, vocab, v);
        dry(r, vocab, v);
        decay(r, v);
        if (e->allowed > 0) ban_outside(r, vocab, v);
        ban_all(&banned, v);
        if (e->flags & LMS_IGNORE_END || s->length - s->prompt < e->min_tokens) {
            ban_all(&ends, v);
        }
        ban_bad_words(r, v);
        ban_ngrams(s, s->tokens, s->length, e->ngram, v);
        ban_ngrams(s, encoder.ids, encoder.count, e->encoder_ngram, v);
    }
    if (r->mask) ban_masked(r, vocab, v);
    for (uint32_t t = 0; e && e->forced > 0 && t < vocab; ++t) ban(&v[t]);
    if (e && e->forced > 0) v[e->forced - 1] = (exact_value){0.0, 0.0};
}
