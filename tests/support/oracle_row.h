/* The inside of an oracle_row, for the oracle's own files. */
#ifndef LMSAMPLE_TESTS_ORACLE_ROW_H
#define LMSAMPLE_TESTS_ORACLE_ROW_H

#include "oracle.h"

/* What a round's attempts propose from (section 5). */
typedef struct oracle_envelope {
    uint64_t *bounds; /* per group its bound; 0 if it is not in reach */
    uint64_t *tiles;  /* E_t */
    uint64_t *in_row; /* E'_t */
    uint64_t all;     /* E */
} oracle_envelope;

struct oracle_row {
    uint32_t vocab;
    uint32_t tile_count;
    uint32_t group_count;
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
    uint32_t live_groups;
    /* Per group the rank of its first token in the order; UINT32_MAX if the group is not in
     * reach at first. */
    uint32_t *reach;
    oracle_envelope envelope; /* of the first round */
};

bool oracle_row_has_top_k(const oracle_row *row); /* top-k is active */
/* value * 2^GUARD / 2^shift, rounded down; value < 2^40 */
uint64_t oracle_in_row_units(uint64_t value, uint64_t shift);

/* Sets row->reach of a row that is not greedy. False if memory is out. */
bool oracle_reach_at_first(oracle_row *row);
/* False if memory is out; to be freed then too. */
bool oracle_envelope_allocate(const oracle_row *row, oracle_envelope *envelope);
void oracle_envelope_free(oracle_envelope *envelope);
/* Of the groups that are in reach when the token of rank `x` is known not to be kept;
 * UINT32_MAX: no such token is known. */
void oracle_envelope_measure(const oracle_row *row, uint32_t x, oracle_envelope *envelope);

#endif
