/* How much more probable texts does beam search find than greedy decoding, and how much less
 * probable ones contrastive search? */
#ifndef DEMO_COMPARE_H
#define DEMO_COMPARE_H

#include "setup.h"

/* Continues the first `prompts` held-out prompts of the model, or all if there are fewer, by
 * `length` tokens in each way and prints the means of the texts' log-probabilities. */
bool compare_ways(const setup *s, const char *model_directory, int prompts, int length);

#endif
