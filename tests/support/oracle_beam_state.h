/* The inside of an oracle_beam, for the oracle's own files. */
#ifndef LMSAMPLE_TESTS_ORACLE_BEAM_STATE_H
#define LMSAMPLE_TESTS_ORACLE_BEAM_STATE_H

#include "oracle_beam.h"

/* Where a draw without replacement is made, and from what it continues. */
typedef struct oracle_draw_place {
    uint64_t seed;
    uint32_t mode;
    uint32_t beam;
    uint32_t t;
    int64_t score; /* P */
    int64_t value; /* Q */
} oracle_draw_place;

typedef struct oracle_drawn {
    uint32_t token;
    int64_t value;
} oracle_drawn;

/* Up to `most` tokens, in the order in which they are drawn; returns how many. */
uint32_t oracle_offers_draw(const oracle_offers *offers, const oracle_draw_place *place,
                            uint32_t most, oracle_drawn *drawn);

/* The last token of a sequence; NULL is the empty one. Nodes live as long as the request. */
typedef struct oracle_node {
    const struct oracle_node *before;
    struct oracle_node *next_made;
    uint32_t length;
    int32_t token;
    int32_t beam; /* that the token continued */
    int64_t logprob;
} oracle_node;

/* A live beam or an entry of a pool. */
typedef struct oracle_hypothesis {
    const oracle_node *node;
    int64_t score;
    int64_t value;
    oracle_rating rating; /* of a pool's entry */
} oracle_hypothesis;

typedef enum oracle_end {
    ORACLE_GOES_ON,
    ORACLE_DONE_EARLY,
    ORACLE_DONE_BY_LENGTH,
    ORACLE_DONE_EMPTY
} oracle_end;

typedef struct oracle_group {
    uint32_t t; /* tokens of its live beams */
    uint32_t live;
    uint32_t pooled;
    oracle_end end;
    oracle_hypothesis *beams; /* [width / groups] */
    oracle_hypothesis *pool;  /* the same */
} oracle_group;

struct oracle_beam {
    lms_beam_params params;
    int32_t *ends;
    uint32_t vocab;
    uint32_t per_group; /* Ng */
    uint32_t most;      /* C */
    uint32_t t;
    uint32_t status;
    oracle_group *groups;
    oracle_node *nodes;
    oracle_beam_result *results;
    uint32_t result_count;
};

/* A candidate; `place` is what decides between equal ones of a beam: token, or draw. */
typedef struct oracle_candidate {
    uint32_t beam;
    uint32_t place;
    uint32_t token;
    int64_t logprob;
    int64_t score;
    int64_t value;
} oracle_candidate;

/* The length that a rating is for: of `tokens` tokens. */
uint64_t oracle_rated_length(const lms_beam_params *p, uint64_t tokens, bool ended);
oracle_rating oracle_rated(const lms_beam_params *p, int64_t score, int64_t value,
                           uint64_t length);
/* Beam n of a request, or NULL for no beam. */
const oracle_hypothesis *oracle_beam_at(const oracle_beam *b, uint32_t n);
bool oracle_is_end(const oracle_beam *b, uint32_t token);
/* The sequence that a candidate makes. */
oracle_hypothesis oracle_follow(oracle_beam *b, const oracle_candidate *c);
void oracle_enter(oracle_beam *b, oracle_group *group, const oracle_candidate *c);
/* Sets the group's end, after its pool and live beams are those of a step; `best` is that of
 * its candidates. */
void oracle_judge(const oracle_beam *b, oracle_group *group, int64_t best);
void *oracle_allocate(size_t count, size_t size); /* zeros; ends the program if out of memory */
void oracle_results_free(oracle_beam *beam);

#endif
