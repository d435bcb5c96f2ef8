/* generate_sequence.h - a prompt and what the model makes of it. */
#ifndef CLI_GENERATE_SEQUENCE_H
#define CLI_GENERATE_SEQUENCE_H

#include "generate.h"
#include "generate_prompts.h"

typedef enum sequence_end {
    SEQUENCE_GOES_ON,
    SEQUENCE_END,      /* the model ended the text          */
    SEQUENCE_LENGTH,   /* it has the tokens that were asked */
    SEQUENCE_STOP,     /* a stop text came                  */
    SEQUENCE_CONTEXT,  /* the model's context is full       */
    SEQUENCE_NO_TOKEN, /* the model's logits are no numbers */
} sequence_end;

/* One token and, with --details, what is known of it. */
typedef struct drawn_token {
    int32_t token;
    int32_t kept;
    float logprob;
    float logprob_raw;
} drawn_token;

typedef struct sequence {
    struct sequence *next; /* in the order of the output */
    prompt *prompt;
    uint64_t continuation;
    lms_row_params params; /* of its first token */
    sequence_end end;
    drawn_token *tokens;
    size_t count;
    size_t most; /* tokens */
    char *text;  /* of the tokens, and up to a stop text */
    size_t length;
    size_t size;
    size_t shown; /* bytes of the text that are printed */
} sequence;

/* Takes a use of the prompt. NULL without memory. */
sequence *sequence_create(prompt *p, const generate_options *options, int context);
void sequence_free(sequence *s);

/* Adds a token and finds whether the sequence ends with it. False without memory. */
bool sequence_add(sequence *s, const generate_options *options, const lm_model *model,
                  drawn_token drawn);

/* The bytes of the text that no stop text can take back any more. */
size_t sequence_safe_length(const sequence *s, const generate_options *options);

#endif
