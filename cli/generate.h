/* generate.h - what `lmsample generate` is asked to do. */
#ifndef CLI_GENERATE_H
#define CLI_GENERATE_H

#include "sampling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct generate_options {
    sampling_options sampling;
    const char *model;  /* NULL: the bundled one */
    const char *params; /* NULL: the same for all prompts */
    const char *output;
    char *const *prompts; /* NULL: the lines of standard input */
    size_t prompt_count;
    const char **stops;
    size_t stop_count;
    uint64_t number; /* continuations of each prompt */
    size_t length;   /* most tokens of each */
    int batch;
    bool is_json;
    bool has_details;
    bool wants_stats;
} generate_options;

#endif
