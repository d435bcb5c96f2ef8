/* A step of a running contrastive_case: what is proposed, and what is made of it. */
#ifndef LMSAMPLE_TESTS_CONTRASTIVE_RIG_STEP_H
#define LMSAMPLE_TESTS_CONTRASTIVE_RIG_STEP_H

#include "contrastive_rig_state.h"

typedef enum rig_index_kind {
    RIG_INDEX_NONE,
    RIG_INDEX_HOST,
    RIG_INDEX_DEVICE,
    RIG_INDEX_CHOICE /* the rows of the choice before */
} rig_index_kind;

typedef struct rig_step {
    const uint32_t *slots;
    uint32_t count;
    uint32_t *first_rows; /* NULL: by max_k */
    uint32_t rows;        /* that buffers have */
} rig_step;

typedef struct rig_proposal {
    uint32_t logits_rows;
    float *logits; /* [logits_rows][vocab], as the oracle reads them */
    unsigned char *stored;
    size_t stride, offset, elements;
    rig_index_kind kind;
    int32_t *index; /* [count] */
    cl_mem logits_mem, index_mem;
    oracle_candidates *candidates; /* [count], by the oracle */
    out_array tokens, probs, status;
} rig_proposal;

typedef struct rig_choice {
    bool own;                 /* tokens and probabilities are not the proposal's */
    int32_t *chosen;          /* [count]: rows, by the oracle */
    oracle_candidates *given; /* [count]: what they are */
    out_array tokens, probs;  /* if they are own */
    rig_hidden hidden;
    const oracle_state **states; /* [rows]; NULL: poison */
    out_array next, rows, scores, penalties, row_scores, row_penalties, status;
} rig_choice;

uint32_t rig_first_row(const contrastive_rig *r, const rig_step *s, uint32_t i);

/* `before`: the index is that choice's output; NULL: any. */
void rig_proposal_new(contrastive_rig *r, const rig_step *s, const rig_choice *before,
                      rig_proposal *p);
/* Asks the device, without waiting. */
void rig_proposal_run(contrastive_rig *r, const rig_step *s, const rig_choice *before,
                      rig_proposal *p);
bool rig_proposal_check(contrastive_rig *r, rig_proposal *p);
void rig_proposal_free(rig_proposal *p);

void rig_choice_new(contrastive_rig *r, const rig_step *s, const rig_proposal *p,
                    rig_choice *c);
/* Asks the device, waits, and has what the oracle expects. False if there was no room. */
bool rig_choice_run(contrastive_rig *r, const rig_step *s, const rig_proposal *p,
                    rig_choice *c);
bool rig_choice_check(contrastive_rig *r, rig_choice *c);
void rig_choice_free(rig_choice *c);

#endif
