/*
 * The oracle of contrastive search: sections 19 to 23 of docs/reference/specification.md as
 * plain scalar C, one request at a time. It uses the oracle of rows (oracle.h) for filters and
 * probabilities and, like that, is written from the specification alone.
 */
#ifndef LMSAMPLE_TESTS_ORACLE_CONTRASTIVE_H
#define LMSAMPLE_TESTS_ORACLE_CONTRASTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "lms_abi.h"

/* --- states: sections 20 and 21 --- */

/* A hidden state as it is kept. NULL stands for one that is empty. */
typedef struct oracle_state {
    uint32_t width;
    bool bad;
    float inverse; /* of its norm; 0 if it is bad */
    float kept[];  /* [width]; all 0 if it is bad */
} oracle_state;

/* Of elements that are converted to float; float16 ones are kept as they are. To be freed. */
oracle_state *oracle_state_new(const float *x, uint32_t width, bool float16);

float oracle_dot(const float *a, const float *b, uint32_t width);
float oracle_inverse(float n); /* of n = dot(a, a) */

/* --- candidates: section 19 --- */

typedef struct oracle_candidates {
    uint32_t count;
    int32_t tokens[LMS_MAX_CONTRASTIVE_K]; /* LMS_NO_TOKEN from `count` on */
    float probs[LMS_MAX_CONTRASTIVE_K];    /* 0 from there on */
    uint32_t status;                       /* section 10 */
} oracle_candidates;

/* Of a row. False if memory is out. */
bool oracle_candidates_of(const float *logits, uint32_t vocab, const lms_contrastive_params *p,
                          oracle_candidates *out);
/* Of a request that reads no row, which its status tells. */
void oracle_candidates_none(uint32_t status, oracle_candidates *out);

/* --- penalty and choice: sections 22 and 23 --- */

typedef struct oracle_context {
    uint32_t length;
    const oracle_state *const *states; /* [length] */
} oracle_context;

/* Of candidate v, whose state is not bad. */
float oracle_penalty(const oracle_context *context, const lms_contrastive_params *p,
                     const oracle_state *v);
float oracle_score(float alpha, float prob, float penalty); /* of a good probability */

typedef struct oracle_choice {
    int32_t candidate; /* the chosen one; -1 if none */
    uint32_t status;   /* LMS_CHOICE_... */
    float score;       /* NaN if none, as is the penalty */
    float penalty;
    float scores[LMS_MAX_CONTRASTIVE_K]; /* of each; NaN of those left out */
    float penalties[LMS_MAX_CONTRASTIVE_K];
} oracle_choice;

/* Among p->k candidates; one with a token below 0 is none, and its state may be NULL. */
void oracle_choose(const oracle_context *context, const lms_contrastive_params *p,
                   const int32_t *tokens, const float *probs,
                   const oracle_state *const *candidates, oracle_choice *out);

#endif
