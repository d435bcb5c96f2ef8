/* generate_prompts.h - the prompts, one after the other, each read only when it is asked for.
 * Functions print what is wrong and return an exit status. */
#ifndef CLI_GENERATE_PROMPTS_H
#define CLI_GENERATE_PROMPTS_H

#include "lm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct prompt {
    uint64_t number; /* 0, 1, ...; messages count from 1, as editors do lines */
    char *bytes;
    size_t length;
    int32_t *tokens; /* with end-of-text, which opens a text, before those of the bytes */
    size_t count;
    unsigned uses;
} prompt;

typedef struct prompt_source {
    const lm_model *model;
    char *const *arguments; /* NULL: standard input */
    size_t argument_count;
    uint64_t given; /* prompts so far */
    size_t most_tokens;
    size_t most_bytes; /* no prompt of more can have so few tokens */
    char *buffer;      /* of standard input, from `start` to `end` not used up */
    size_t size, start, end;
    bool is_at_end; /* of standard input */
} prompt_source;

typedef enum prompt_state {
    PROMPT_READY,
    PROMPT_LATER, /* standard input has none yet */
    PROMPT_NONE
} prompt_state;

/* Checks all that are arguments. `arguments` NULL: they are the lines of standard input. */
int prompt_source_open(prompt_source *source, const lm_model *model, char *const *arguments,
                       size_t count);
void prompt_source_close(prompt_source *source);

/* The next prompt, used once; without `may_wait` only if it is there already. */
int prompt_source_next(prompt_source *source, bool may_wait, prompt **out, prompt_state *state);

/* One use less; accepts NULL. */
void prompt_release(prompt *p);

#endif
