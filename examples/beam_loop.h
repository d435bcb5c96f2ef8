/* Beam search over any number of prompts, all of them in one batch of the model. */
#ifndef BEAM_LOOP_H
#define BEAM_LOOP_H

#include "setup.h"

typedef struct {
    int32_t *tokens;
    int length;     /* of the tokens, an end of text included */
    double logprob; /* the sum of the tokens' log-probabilities */
    float score;    /* what results are ranked by: less diversity penalties, by length, ... */
} beam_result;

typedef struct {
    const char *prompt;
    lms_beam_params params; /* the end of text is an end token in any case */
    beam_result *results;   /* out: the best first */
    int result_count;
} beam_request;

/* Searches until every request is done, and then all have their results. A request that is
 * done leaves the batch, and the others go on without it. */
bool beam_search(const setup *s, beam_request *requests, int count);

void beam_requests_free(beam_request *requests, int count);

#endif
