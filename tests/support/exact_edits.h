/*
 * The textbook definitions of what edits do to logits, in double precision and by the formulas
 * that the papers and stacks give: a division, pow(), histograms, a Z function. To measure the
 * oracle of requests against, so that a mistake of the specification shows.
 */
#ifndef LMSAMPLE_TESTS_EXACT_EDITS_H
#define LMSAMPLE_TESTS_EXACT_EDITS_H

#include "oracle_edits.h"

/* A logit, and how far from it the specification may be. */
typedef struct exact_value {
    double x;
    double slack;
} exact_value;

/* `values` [vocab]. */
void exact_edit(const oracle_request *request, const float *logits, uint32_t vocab,
                exact_value *values);

/* DRY, as llama.cpp has it (src/llama-sampler.cpp, llama_sampler_dry_apply): of each token the
 * longest repetition that it would continue, or -1 if that is no reason for a penalty. Of the
 * reversed context, in which a suffix is a prefix, Z function values are these lengths.
 * `breakers` is a list of sequences. */
void exact_dry_lengths(const int32_t *context, uint32_t count, const oracle_list *breakers,
                       uint32_t allowed_length, int64_t *lengths, uint32_t vocab);

#endif
