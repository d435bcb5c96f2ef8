/* sample_options.h - what `lmsample sample` is asked for. */
#ifndef CLI_SAMPLE_OPTIONS_H
#define CLI_SAMPLE_OPTIONS_H

#include "sampling.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum sample_format {
    SAMPLE_TEXT,
    SAMPLE_JSON,
    SAMPLE_NPY
} sample_format;

/* Results beside the tokens, each in a file of its own. */
typedef enum sample_side {
    SIDE_LOGPROBS,
    SIDE_RAW_LOGPROBS,
    SIDE_KEPT,
    SIDE_PROBS,
    SIDES
} sample_side;

typedef struct sample_options {
    sampling_options sampling;
    const char *logits;
    bool is_bfloat16;
    const char *params; /* NULL: none */
    uint64_t draws;     /* of each row */
    bool has_draws;     /* given: the shape gets a dimension for them */
    uint64_t batch;     /* rows at once; 0: fit for the file */
    sample_format format;
    bool has_details;
    const char *output;
    const char *sides[SIDES]; /* NULL: not wanted */
} sample_options;

#endif
