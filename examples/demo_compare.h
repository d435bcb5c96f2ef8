/* How much more probable texts does beam search find than greedy decoding? */
#ifndef DEMO_COMPARE_H
#define DEMO_COMPARE_H

#include "setup.h"

/* Continues the first `prompts` lines of a file, or all if there are fewer, by `length` tokens
 * in both ways and prints the mean of the texts' log-probabilities for several widths. */
bool compare_beams(const setup *s, const char *file, int prompts, int length);

#endif
