/* Contrastive search over any number of prompts, all of them in one batch of the model. */
#ifndef CONTRASTIVE_LOOP_H
#define CONTRASTIVE_LOOP_H

#include "setup.h"

typedef struct {
    const char *prompt;
    lms_contrastive_params params;
    int32_t *tokens; /* out */
    int length;      /* out: of the tokens, an end of text included */
    double logprob;  /* out: the sum of what they have among all that the filters keep */
    double penalty;  /* out: the mean of their penalties */
    double spread;   /* out: the mean difference of the largest and the smallest penalty among a
                        step's candidates: where it is small, alpha has little to choose by */
} contrastive_request;

/* Continues every prompt by `length` tokens, or until its text ends. A request whose text has
 * ended leaves the batch, and the others go on without it. */
bool contrastive_search(const setup *s, contrastive_request *requests, int count, int length);

void contrastive_requests_free(contrastive_request *requests, int count);

#endif
