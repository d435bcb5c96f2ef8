/* params.c - llama.cpp's parameters, and DRY's breakers as tokens. */
#define _POSIX_C_SOURCE 200809L
#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* For those who want no seed: other numbers in every call. */
static uint64_t any_seed(void)
{
    static uint64_t calls;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    return lms_row_seed((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, call);
}

int llama_lms_convert(const llama_lms_params *p, lms_row_params *row, lms_row_edits *edits)
{
    const lms_row_params first_row = LMS_ROW_PARAMS_INIT;
    const lms_row_edits no_edits = LMS_ROW_EDITS_INIT;
    *row = first_row;
    *edits = no_edits;
    row->seed = p->seed == LLAMA_DEFAULT_SEED ? any_seed() : p->seed;
    row->filters.flags = LMS_PRESET_LLAMA_CPP;
    row->filters.temperature = p->temp <= 0.0f ? 0.0f : p->temp;
    row->filters.top_k = p->top_k;
    row->filters.top_p = p->top_p;
    row->filters.min_p = p->min_p;
    edits->flags = LMS_EDITS_LLAMA_CPP;
    if (p->penalty_last_n) {
        edits->window = p->penalty_last_n < 0 ? 0 : (uint32_t)p->penalty_last_n;
        edits->repetition = p->penalty_repeat;
        edits->frequency = p->penalty_freq;
        edits->presence = p->penalty_present;
    }
    /* llama.cpp's conditions for "on". */
    if (!(p->dry_multiplier == 0.0f) && p->dry_base >= 1.0f && p->dry_penalty_last_n) {
        edits->dry_multiplier = p->dry_multiplier;
        edits->dry_base = p->dry_base;
        edits->dry_allowed_length =
            p->dry_allowed_length < 0 ? 0 : (uint32_t)p->dry_allowed_length;
        edits->dry_range = p->dry_penalty_last_n < 0 ? 0 : (uint32_t)p->dry_penalty_last_n;
    }
    return !(edits->repetition == 1.0f) || !(edits->frequency == 0.0f) ||
           !(edits->presence == 0.0f) || !(edits->dry_multiplier == 0.0f);
}

/* ---------------------------------------------------------------------------------------------
 * DRY's breakers
 *
 * A breaker is a text, and texts are cut into tokens in more ways than one. llama.cpp takes
 * each token that has all of it in it, and each token that ends in its beginning, with the
 * tokens of the rest behind. So does this.
 */
enum {
    MOST_BYTES = 40, /* of a breaker, as in llama.cpp */
    MOST_TAIL = 20,  /* tokens behind the first one */
    MOST_TEXT = 1024 /* of a token; longer ones are cut */
};

static bool same_key(const breakers *b, const char *key, size_t size)
{
    return b->key_size == size && memcmp(b->key, key, size) == 0;
}

/* The last sequence that was added is there already, for the same first token. */
static bool is_double(const ints *all, size_t first, size_t last)
{
    const size_t length = all->count - last;
    for (size_t at = first; at + length <= last; ++at) {
        const bool begins = at == first || all->data[at - 1] == LMS_NO_TOKEN;
        const size_t bytes = length * sizeof *all->data;
        if (begins && memcmp(all->data + at, all->data + last, bytes) == 0) return true;
    }
    return false;
}

/* Adds `token` and the tokens of `rest`; `first` is where the sequences of `token` begin. */
static bool add_sequence(const llama_lms *l, ints *all, size_t first, llama_token token,
                         const char *rest, size_t rest_size)
{
    llama_token tail[MOST_BYTES + 1];
    const size_t begin = all->count;
    int32_t count = 0;
    if (rest_size) {
        count = llama_tokenize(l->vocabulary, rest, (int32_t)rest_size, tail, MOST_BYTES + 1,
                               false, false);
        if (count < 0) return true; /* no vocabulary has more tokens than bytes */
        if (count > MOST_TAIL) count = MOST_TAIL;
    }
    if (!llama_lms_push(all, token)) return false;
    for (int32_t i = 0; i < count; ++i) {
        if (!llama_lms_push(all, tail[i])) return false;
    }
    if (!llama_lms_push(all, LMS_NO_TOKEN)) return false;
    if (is_double(all, first, begin)) all->count = begin;
    return true;
}

/* The breaker `text` as sequences that begin with `token`, which says `word`. */
static bool add_token(const llama_lms *l, ints *all, size_t first, llama_token token,
                      const char *word, size_t word_size, const char *text, size_t size)
{
    for (size_t at = 0; at + size <= word_size; ++at) {
        if (memcmp(word + at, text, size) == 0) {
            return add_sequence(l, all, first, token, NULL, 0);
        }
    }
    for (size_t at = word_size < size ? 0 : word_size - size + 1; at < word_size; ++at) {
        const size_t said = word_size - at;
        if (memcmp(word + at, text, said) != 0) continue;
        if (!add_sequence(l, all, first, token, text + said, size - said)) return false;
    }
    return true;
}

static bool add_all(const llama_lms *l, ints *all, const char *const *texts, size_t count)
{
    char word[MOST_TEXT];
    for (llama_token token = 0; token < (llama_token)l->vocab; ++token) {
        const int32_t size =
            llama_detokenize(l->vocabulary, &token, 1, word, MOST_TEXT, false, true);
        const size_t first = all->count;
        for (size_t i = 0; i < count && size > 0; ++i) {
            size_t bytes = texts[i] ? strlen(texts[i]) : 0;
            if (bytes > MOST_BYTES) bytes = MOST_BYTES;
            if (bytes &&
                !add_token(l, all, first, token, word, (size_t)size, texts[i], bytes)) {
                return false;
            }
        }
    }
    return true;
}

/* The texts one behind the other, each with its NUL. */
static char *make_key(const char *const *texts, size_t count, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < count; ++i) *size += (texts[i] ? strlen(texts[i]) : 0) + 1;
    char *key = malloc(*size);
    for (size_t i = 0, at = 0; i < count && key; ++i) {
        const char *text = texts[i] ? texts[i] : "";
        memcpy(key + at, text, strlen(text) + 1);
        at += strlen(text) + 1;
    }
    return key;
}

lms_status llama_lms_find_breakers(llama_lms *l, const char *const *texts, size_t count,
                                   const breakers **out)
{
    *out = NULL;
    if (!count) return LMS_OK;
    size_t size = 0;
    char *key = make_key(texts, count, &size);
    for (const breakers *b = l->breakers; b && key; b = b->next) {
        if (!same_key(b, key, size)) continue;
        free(key);
        *out = b;
        return LMS_OK;
    }
    breakers *made = key ? calloc(1, sizeof *made) : NULL;
    if (!made || !add_all(l, &made->sequences, texts, count)) {
        if (made) free(made->sequences.data);
        free(made);
        free(key);
        return llama_lms_fail(LMS_E_MEMORY, "no memory for dry_sequence_breakers");
    }
    made->key = key;
    made->key_size = size;
    made->next = l->breakers;
    l->breakers = made;
    *out = made;
    return LMS_OK;
}

/* Where the sequences that begin with `token` would be, among those in the order of their first
 * tokens. */
static size_t find_first(const ints *all, llama_token token)
{
    size_t low = 0;
    size_t high = all->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        while (middle > low && all->data[middle - 1] != LMS_NO_TOKEN) --middle;
        if (all->data[middle] >= token) {
            high = middle;
            continue;
        }
        low = middle;
        while (all->data[low] != LMS_NO_TOKEN) ++low;
        ++low;
    }
    return low;
}

static bool is_active(const ints *active, llama_token token)
{
    for (size_t at = 0; at < active->count; ++at) {
        const bool begins = !at || active->data[at - 1] == LMS_NO_TOKEN;
        if (begins && active->data[at] == token) return true;
    }
    return false;
}

bool llama_lms_activate(llama_lms_seq *seq, llama_token token)
{
    if (!seq->all_breakers) return true;
    const ints *all = &seq->all_breakers->sequences;
    size_t at = find_first(all, token);
    if (at == all->count || all->data[at] != token || is_active(&seq->breakers, token)) {
        return true;
    }
    while (at < all->count && all->data[at] == token) {
        int32_t value;
        do {
            value = all->data[at++];
            if (!llama_lms_push(&seq->breakers, value)) return false;
        } while (value != LMS_NO_TOKEN);
    }
    return true;
}
