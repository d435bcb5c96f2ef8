/* Sampling: continues any number of prompts in one batch, each with parameters of its own. */
#ifndef SAMPLE_LOOP_H
#define SAMPLE_LOOP_H

#include "setup.h"

typedef struct {
    const char *prompt;
    lms_row_params params; /* `step` is the loop's */
    int32_t *tokens;       /* out */
    int length;            /* out: of the tokens, an end of text included */
    double logprob;        /* out: the sum of what they have at temperature 1 without filters */
} sample_row;

typedef struct {
    size_t tokens;
    double seconds;         /* without the prompts */
    double sampler_seconds; /* of these */
} sample_times;

/* Continues every row by `length` tokens, or until its text ends. `times` may be NULL. */
bool sample_all(const setup *s, sample_row *rows, int count, int length, sample_times *times);

void sample_rows_free(sample_row *rows, int count);

#endif
