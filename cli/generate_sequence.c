#include "generate_sequence.h"

#include <stdlib.h>
#include <string.h>

sequence *sequence_create(prompt *p, const generate_options *options, int context)
{
    sequence *const s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    const size_t room = (size_t)context - p->count;
    s->most = options->length < room ? options->length : room;
    s->tokens = malloc(s->most * sizeof *s->tokens);
    if (s->tokens == NULL) {
        free(s);
        return NULL;
    }
    s->prompt = p;
    p->uses++;
    return s;
}

void sequence_free(sequence *s)
{
    if (s == NULL) return;
    prompt_release(s->prompt);
    free(s->tokens);
    free(s->text);
    free(s);
}

static bool add_bytes(sequence *s, const char *bytes, size_t length)
{
    if (s->length + length > s->size) {
        const size_t size = 2 * (s->length + length);
        char *const larger = realloc(s->text, size);
        if (larger == NULL) return false;
        s->text = larger;
        s->size = size;
    }
    if (length > 0) memcpy(s->text + s->length, bytes, length);
    s->length += length;
    return true;
}

/* Whether a stop text is complete after `end` bytes, and where it begins. Of several the one
 * that begins first. */
static bool ends_with_stop(const sequence *s, const generate_options *options, size_t end,
                           size_t *begin)
{
    bool is_found = false;
    for (size_t i = 0; i < options->stop_count; i++) {
        const size_t length = strlen(options->stops[i]);
        if (length > end || memcmp(s->text + end - length, options->stops[i], length) != 0) {
            continue;
        }
        *begin = is_found && *begin < end - length ? *begin : end - length;
        is_found = true;
    }
    return is_found;
}

/* Byte by byte, so that the cut is the same however the text falls into tokens. */
static bool cut_at_stop(sequence *s, const generate_options *options, size_t old_length)
{
    for (size_t end = old_length + 1; end <= s->length; end++) {
        if (ends_with_stop(s, options, end, &s->length)) return true;
    }
    return false;
}

bool sequence_add(sequence *s, const generate_options *options, const lm_model *model,
                  drawn_token drawn)
{
    if (drawn.token == lm_end_of_text(model)) {
        s->end = SEQUENCE_END;
        return true;
    }
    size_t length = 0;
    const size_t old_length = s->length;
    const char *const bytes = lm_token_bytes(model, drawn.token, &length);
    s->tokens[s->count++] = drawn;
    if (!add_bytes(s, bytes, length)) return false;
    if (cut_at_stop(s, options, old_length)) {
        s->end = SEQUENCE_STOP;
    } else if (s->count == options->length) {
        s->end = SEQUENCE_LENGTH;
    } else if (s->count == s->most) {
        s->end = SEQUENCE_CONTEXT;
    }
    return true;
}

/* The most bytes at the end of the text with which `stop` begins. */
static size_t begun_stop(const sequence *s, const char *stop)
{
    size_t length = strlen(stop) - 1;
    length = length < s->length ? length : s->length;
    while (length > 0 && memcmp(s->text + s->length - length, stop, length) != 0) length--;
    return length;
}

size_t sequence_safe_length(const sequence *s, const generate_options *options)
{
    size_t longest = 0;
    if (s->end != SEQUENCE_GOES_ON) return s->length;
    for (size_t i = 0; i < options->stop_count; i++) {
        const size_t length = begun_stop(s, options->stops[i]);
        longest = length > longest ? length : longest;
    }
    return s->length - longest;
}
