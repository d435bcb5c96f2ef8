/* Rows at the edge of what bounds of masses decide, from a seed: levels, ties, tiles octaves
 * apart, weights that round, logits at the ends of every range. */
#ifndef LMSAMPLE_TESTS_EDGE_H
#define LMSAMPLE_TESTS_EDGE_H

#include <stdint.h>

/* In [2^-64, 2^64]; half of the time an ordinary one. */
float edge_temperature(uint64_t *state);

/* Fills a row for that temperature, at least one token of it live; returns what it is. */
const char *edge_row(float *x, uint32_t vocab, float temperature, uint64_t *state);

#endif
