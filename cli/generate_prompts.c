#include "generate_prompts.h"

#include "message.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    READ_BYTES = 65536
};

static size_t longest_token(const lm_model *model)
{
    size_t longest = 1;
    for (int32_t token = 0; token < lm_vocab(model); token++) {
        size_t length = 0;
        lm_token_bytes(model, token, &length);
        longest = length > longest ? length : longest;
    }
    return longest;
}

static int fail_length(const prompt_source *source, uint64_t number, size_t tokens)
{
    return fail(EXIT_INPUT,
                "prompt %llu: is %zu tokens, must be at most %zu (the model holds %d: a text's "
                "opening, the prompt and at least one more)",
                (unsigned long long)number + 1, tokens, source->most_tokens,
                lm_context(source->model));
}

int prompt_source_open(prompt_source *source, const lm_model *model, char *const *arguments,
                       size_t count)
{
    *source = (prompt_source){.model = model, .arguments = arguments, .argument_count = count};
    if (lm_context(model) < 2) {
        return fail(EXIT_INPUT, "model: holds %d token, must hold at least 2",
                    lm_context(model));
    }
    source->most_tokens = (size_t)lm_context(model) - 2;
    source->most_bytes = source->most_tokens * longest_token(model);
    if (arguments == NULL) {
        source->size = READ_BYTES;
        source->buffer = malloc(source->size);
        if (source->buffer == NULL) return fail_memory("standard input");
    }
    for (size_t i = 0; arguments != NULL && i < count; i++) {
        const size_t tokens = lm_encode(model, arguments[i], strlen(arguments[i]), NULL, 0);
        if (tokens > source->most_tokens) return fail_length(source, i, tokens);
    }
    return EXIT_DONE;
}

void prompt_source_close(prompt_source *source) { free(source->buffer); }

void prompt_release(prompt *p)
{
    if (p == NULL || --p->uses > 0) return;
    free(p->bytes);
    free(p->tokens);
    free(p);
}

static int make_prompt(prompt_source *source, const char *bytes, size_t length, prompt **out)
{
    const size_t count = lm_encode(source->model, bytes, length, NULL, 0);
    if (count > source->most_tokens) return fail_length(source, source->given, count);
    prompt *const made = calloc(1, sizeof *made);
    if (made == NULL) return fail_memory("prompt");
    *made = (prompt){.number = source->given,
                     .bytes = malloc(length + 1),
                     .length = length,
                     .tokens = malloc((count + 1) * sizeof *made->tokens),
                     .count = count + 1,
                     .uses = 1};
    if (made->bytes == NULL || made->tokens == NULL) {
        prompt_release(made);
        return fail_memory("prompt");
    }
    memcpy(made->bytes, bytes, length);
    made->bytes[length] = '\0';
    made->tokens[0] = lm_end_of_text(source->model);
    lm_encode(source->model, bytes, length, made->tokens + 1, count);
    source->given++;
    *out = made;
    return EXIT_DONE;
}

/* --- Standard input ---------------------------------------------------------------------- */

static bool is_readable(void)
{
    struct pollfd standard_input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&standard_input, 1, 0) != 0; /* an error is for read() to tell */
}

static int read_more(prompt_source *source)
{
    const size_t left = source->end - source->start;
    if (source->start > 0) memmove(source->buffer, source->buffer + source->start, left);
    source->start = 0;
    source->end = left;
    if (source->size < left + READ_BYTES) {
        char *const larger = realloc(source->buffer, 2 * left + READ_BYTES);
        if (larger == NULL) return fail_memory("standard input");
        source->buffer = larger;
        source->size = 2 * left + READ_BYTES;
    }
    ssize_t got = 0;
    do {
        got = read(STDIN_FILENO, source->buffer + left, READ_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return fail(EXIT_INPUT, "standard input: cannot read: %s", strerror(errno));
    source->end += (size_t)got;
    source->is_at_end = got == 0;
    return EXIT_DONE;
}

/* Takes a line of `length` bytes, which `skipped` end, a carriage return not counted. */
static int take_line(prompt_source *source, size_t length, size_t skipped, prompt **out)
{
    const char *const line = source->buffer + source->start;
    source->start += length + skipped;
    if (length > 0 && skipped > 0 && line[length - 1] == '\r') length--;
    return make_prompt(source, line, length, out);
}

static int next_line(prompt_source *source, bool may_wait, prompt **out, prompt_state *state)
{
    for (;;) {
        const size_t left = source->end - source->start;
        const char *const line = source->buffer + source->start;
        const char *const newline = left > 0 ? memchr(line, '\n', left) : NULL;
        *state = PROMPT_READY;
        if (newline != NULL) return take_line(source, (size_t)(newline - line), 1, out);
        if (source->is_at_end && left > 0) return take_line(source, left, 0, out);
        *state = PROMPT_NONE;
        if (source->is_at_end) return EXIT_DONE;
        /* Two more may be the end of a line. */
        if (left > source->most_bytes + 2) {
            return fail(
                EXIT_INPUT, "prompt %llu: is longer than %zu bytes, must be at most %zu tokens",
                (unsigned long long)source->given + 1, source->most_bytes, source->most_tokens);
        }
        *state = PROMPT_LATER;
        if (!may_wait && !is_readable()) return EXIT_DONE;
        const int exit_status = read_more(source);
        if (exit_status != EXIT_DONE) return exit_status;
    }
}

int prompt_source_next(prompt_source *source, bool may_wait, prompt **out, prompt_state *state)
{
    *out = NULL;
    if (source->arguments == NULL) return next_line(source, may_wait, out, state);
    *state = source->given < source->argument_count ? PROMPT_READY : PROMPT_NONE;
    if (*state == PROMPT_NONE) return EXIT_DONE;
    const char *const text = source->arguments[source->given];
    return make_prompt(source, text, strlen(text), out);
}
