/* The oracle's bans and top-p decay (section 27), and the lists that records name. */
#include "oracle_edits.h"

#include <math.h>

oracle_list oracle_list_of(const oracle_lists *lists, uint32_t named)
{
    oracle_list list = {NULL, NULL, 0};
    if (named > 0) {
        const uint32_t first = lists->offsets[named - 1];
        list.ids = lists->ids + first;
        list.values = lists->values ? lists->values + first : NULL;
        list.count = lists->offsets[named] - first;
    }
    return list;
}

bool oracle_list_has(const oracle_list *list, uint32_t token)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->ids[i] == (int32_t)token) {
            return true;
        }
    }
    return false;
}

bool oracle_next_sequence(const oracle_list *list, uint32_t *at, oracle_list *one, float *value)
{
    while (*at < list->count) {
        const uint32_t first = *at;
        while (list->ids[*at] != LMS_NO_TOKEN) {
            ++*at;
        }
        *one = (oracle_list){list->ids + first, NULL, *at - first};
        if (value) {
            *value = list->values[*at];
        }
        ++*at;
        if (one->count > 0) {
            return true;
        }
    }
    return false;
}

bool oracle_sequence_matches(const oracle_sequence *s, const oracle_list *one, uint32_t most)
{
    const uint32_t before = one->count - 1;
    if (before > most) {
        return false;
    }
    for (uint32_t i = 0; i < before; i++) {
        if (one->ids[i] != s->tokens[s->length - before + i]) {
            return false;
        }
    }
    return true;
}

static bool mask_allows(const oracle_request *r, uint32_t token)
{
    const uint32_t *const words = r->mask;
    const uint8_t *const bytes = r->mask;
    if (r->mask_type == LMS_MASK_BYTES) {
        return token < r->mask_columns && bytes[token] != 0;
    }
    return token / 32 < r->mask_columns && (words[token / 32] >> token % 32 & 1u);
}

static bool in_list(const oracle_request *r, uint32_t named, uint32_t token)
{
    const oracle_list list = oracle_list_of(r->lists, named);
    return oracle_list_has(&list, token);
}

static bool is_bad_word(const oracle_request *r, uint32_t token)
{
    const oracle_list words = oracle_list_of(r->lists, r->edits->bad_words);
    const uint32_t most = r->edits->flags & LMS_BAD_WORDS_PROMPT
                              ? r->sequence.length
                              : r->sequence.length - r->sequence.prompt;
    oracle_list one;
    for (uint32_t at = 0; oracle_next_sequence(&words, &at, &one, NULL);) {
        if (one.ids[one.count - 1] == (int32_t)token &&
            oracle_sequence_matches(&r->sequence, &one, most)) {
            return true;
        }
    }
    return false;
}

/* The token would complete one of the n-grams that are in `tokens`. */
static bool completes_ngram(const oracle_sequence *s, const int32_t *tokens, uint32_t count,
                            uint32_t n, uint32_t token)
{
    if (n == 0 || s->length < n - 1) {
        return false;
    }
    for (uint32_t i = 0; (uint64_t)i + n <= count; i++) {
        const oracle_list one = {tokens + i, NULL, n};
        if (tokens[i + n - 1] == (int32_t)token &&
            oracle_sequence_matches(s, &one, s->length)) {
            return true;
        }
    }
    return false;
}

bool oracle_is_banned(const oracle_request *r, uint32_t token)
{
    const oracle_sequence *const s = &r->sequence;
    const lms_row_edits *const e = r->edits;
    if (r->mask && !mask_allows(r, token)) {
        return true;
    }
    if (!e) {
        return false;
    }
    const bool no_end = (e->flags & LMS_IGNORE_END) || s->length - s->prompt < e->min_tokens;
    const oracle_list encoder = oracle_list_of(r->lists, e->encoder);
    return (e->allowed > 0 && !in_list(r, e->allowed, token)) || in_list(r, e->banned, token) ||
           (no_end && in_list(r, e->end_tokens, token)) || is_bad_word(r, token) ||
           completes_ngram(s, s->tokens, s->length, e->ngram, token) ||
           completes_ngram(s, encoder.ids, encoder.count, e->encoder_ngram, token);
}

float oracle_edited_top_p(const oracle_request *r, float top_p)
{
    const oracle_sequence *const s = &r->sequence;
    const lms_row_edits *const e = r->edits;
    uint32_t n = 0;
    if (!e || e->top_p_decay == 0.0f || top_p <= 0.0f) {
        return top_p;
    }
    while (n < s->length - s->prompt) {
        if (e->top_p_reset > 0 &&
            s->tokens[s->length - 1 - n] == (int32_t)(e->top_p_reset - 1)) {
            break;
        }
        n++;
    }
    if (n == 0) {
        return top_p;
    }
    const float decayed = fminf(top_p, 1.0f) * oracle_power(e->top_p_decay, n);
    return oracle_tidy(fmaxf(e->top_p_min, decayed));
}
