/* The inside of an oracle_row, for the oracle's own files. */
#ifndef LMSAMPLE_TESTS_ORACLE_ROW_H
#define LMSAMPLE_TESTS_ORACLE_ROW_H

#include "oracle.h"

struct oracle_row {
    uint32_t vocab;
    uint32_t tile_count;
    oracle_params params;
    float *logits;   /* -0 read as +0 */
    uint32_t *order; /* the live tokens, first ranked first */
    uint32_t *rank;  /* per token its place in order; UINT32_MAX if dead */
    uint32_t live;
    uint32_t seen; /* ORACLE_SAW_NAN | ORACLE_SAW_INF */
    uint32_t status;
    bool greedy;
    bool filtered;
    uint32_t top_k; /* what each filter keeps, as a length of order */
    uint32_t min_p;
    uint32_t top_p;
    uint32_t kept;
    uint64_t kept_mass;
    oracle_measure at_t; /* without tiles if greedy */
    oracle_measure at_one;
    uint64_t *bounds;  /* per group its b; 0 if it is not in the envelope */
    uint64_t envelope; /* E */
};

#endif
