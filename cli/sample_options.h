/* sample_options.h - what `lmsample sample` is asked for. */
#ifndef CLI_SAMPLE_OPTIONS_H
#define CLI_SAMPLE_OPTIONS_H

#include "request_fields.h"
#include "sampling.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum sample_format {
    SAMPLE_TEXT,
    SAMPLE_JSON,
    SAMPLE_NPY
} sample_format;

/* Results beside the tokens, each in a file of its own, or a member in JSON. */
typedef enum sample_side {
    SIDE_LOGPROBS,
    SIDE_RAW_LOGPROBS,
    SIDE_EDITED_LOGPROBS,
    SIDE_RANKS,
    SIDE_RAW_RANKS,
    SIDE_ENTROPY,
    SIDE_RAW_ENTROPY,
    SIDE_KEPT,
    SIDE_PROBS, /* not in JSON */
    SIDES
} sample_side;

typedef struct sample_side_kind {
    const char *option; /* without its dashes */
    const char *member; /* in JSON */
    uint32_t output;    /* LMS_OUT_... */
    bool is_whole;      /* int32, not float32 */
    bool is_of_row;     /* one for all draws of a row */
} sample_side_kind;

extern const sample_side_kind sample_sides[SIDES];

/* What rows are asked for by files: see token_lists.h, npy_array.h. */
typedef enum sample_file {
    FILE_HISTORY,
    FILE_BIAS,
    FILE_ALLOWED,
    FILE_BANNED,
    FILE_BAD_WORDS,
    FILE_END_TOKENS,
    FILE_DRY_BREAKERS,
    FILE_MASK,
    FILE_UNCONDITIONAL,
    FILE_TARGETS,
    FILES,
    FILE_LISTS = FILE_MASK /* the first ones are lists of tokens */
} sample_file;

extern const char *const sample_file_options[FILES];

typedef struct sample_options {
    sampling_options sampling;
    row_request request; /* of rows that do not say */
    const char *logits;
    bool is_bfloat16;
    const char *params; /* NULL: none */
    uint64_t draws;     /* of each row */
    bool has_draws;     /* given: the shape gets a dimension for them */
    uint64_t batch;     /* rows at once; 0: fit for the file */
    sample_format format;
    uint32_t details;     /* sides that JSON has: bits, 1 << SIDE_... */
    uint32_t logprobs_of; /* LMS_WANT_..., of the best tokens */
    const char *output;
    const char *sides[SIDES]; /* NULL: not wanted */
    const char *files[FILES]; /* NULL: not given */
} sample_options;

/* Sets the details from a list of members with commas between, or from "all". Returns an exit
 * status. */
int sample_options_details(sample_options *options, const char *text);

/* The child parser for what rows ask for; its input is the sample_options. */
extern const struct argp request_argp;

#endif
