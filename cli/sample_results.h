/* sample_results.h - writes what was sampled: tokens as text, JSON or .npy, and the files
 * beside them. Functions print what is wrong and return an exit status. */
#ifndef CLI_SAMPLE_RESULTS_H
#define CLI_SAMPLE_RESULTS_H

#include "logits_file.h"
#include "sample_options.h"

typedef struct sample_results sample_results;

/* Some draws, row after row. */
typedef struct sample_draws {
    uint64_t row;  /* of the first one ... */
    uint64_t draw; /* ... and which of the row's it is */
    size_t count;
    const lms_row_params *params;
    const int32_t *tokens;
    const uint32_t *status;
    void *const *sides; /* [SIDES], float or int32_t; NULL: not computed */
    uint32_t top;       /* best tokens of each draw; 0: none */
    const int32_t *top_tokens;
    const float *top_values;
} sample_draws;

/* Opens all files. *out is NULL after a failure. */
int sample_results_open(const sample_options *options, const logits_file *logits,
                        sample_results **out);

/* The draws that follow those before. */
int sample_results_draws(sample_results *results, const sample_draws *draws);

/* The processed probabilities of the rows that follow those before. */
int sample_results_probs(sample_results *results, const float *probs, size_t count);

/* Makes all files permanent, or none. */
int sample_results_commit(sample_results *results);

/* What is not committed is forgotten; accepts NULL. */
void sample_results_free(sample_results *results);

#endif
