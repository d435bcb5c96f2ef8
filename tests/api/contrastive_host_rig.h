/* contrastive_host_rig.h - a contrastive search's scenario on arrays of the host, in memory of
 * exactly their size, and what it is compared with: the same on buffers. */
#ifndef LMS_TEST_CONTRASTIVE_HOST_RIG_H
#define LMS_TEST_CONTRASTIVE_HOST_RIG_H

#include "calls/contrastive_object.h"
#include "host_rig.h"

/* Where the candidates are, and how far rows of inputs are apart. */
typedef struct places {
    const uint32_t *first_rows;
    size_t rows, gap;
} places;

/* The arrays of one step. */
typedef struct step_arrays {
    size_t rows, token;
    void *logits, *hidden, *tokens, *next;
    float *probs, *scores, *penalties, *row_scores, *row_penalties;
    uint32_t *row_status, *status;
    int32_t *chosen;
} step_arrays;

/* With the step's inputs; outputs are poisoned. */
step_arrays step_arrays_new(const contrastive_rig *r, unsigned step, const places *p);
void step_arrays_free(const step_arrays *a);

/* The prompts' states. */
void *prompt_states(const contrastive_rig *r, size_t gap);

/* Calls with all outputs. */
lms_contrastive_append_host_args append_host(const contrastive_rig *r, const void *states,
                                             size_t gap);
lms_contrastive_propose_host_args propose_host(const contrastive_rig *r, unsigned step,
                                               const step_arrays *a, const places *p);
lms_contrastive_select_host_args select_host(const contrastive_rig *r, unsigned step,
                                             const step_arrays *a, const places *p);

/* What the calls on buffers wrote, and nothing besides. */
void assert_proposal(const contrastive_rig *r, unsigned step, const step_arrays *a,
                     const places *p);
void assert_choice(const contrastive_rig *r, unsigned step, const step_arrays *a,
                   const places *p);

#endif
