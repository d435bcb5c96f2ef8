/* contrasts.h - contrastive searches on a device: contexts of hidden states, and steps. */
#ifndef BENCH_CONTRASTS_H
#define BENCH_CONTRASTS_H

#include "contrastive_cases.h"
#include "stage.h"

/* Sets of requests of one setting, so many that no cache holds the contexts of all. Those of
 * set i begin with the states of batch i. */
typedef struct contrasts {
    stage *on;
    contrastive_size size;
    uint32_t vocab;
    const batches *states;
    uint32_t sets;
    lms_contrastive *search;
    uint32_t *slots;   /* [sets * requests] */
    uint32_t *lengths; /* [sets]; 0: not there yet */
    cl_mem tokens;     /* of the candidates, as if they had been proposed */
    cl_mem probs;
    cl_mem moves;
    cl_mem figures;
    cl_mem no_logits;   /* a row of them, which is not looked at */
    int32_t *no_rows;   /* [requests] */
    float *probs_given; /* [requests * k], what `probs` has */
    int32_t *next;      /* [requests], of the last step */
    int32_t *rows;      /* [requests] */
    float *scores;      /* [requests * k], if asked for */
    float *penalties;   /* [requests * k] */
    int32_t *proposed;  /* [requests * k], and their probabilities, as bits */
} contrasts;

/* `states` are batches of requests * context rows; NULL: there are no steps. */
void contrasts_open(contrasts *c, stage *on, const contrastive_setting *what, uint32_t vocab,
                    const batches *states, uint32_t sets);
void contrasts_close(contrasts *c);

/* The requests of a set anew, with empty contexts. */
void contrasts_restart(contrasts *c, uint32_t set);
/* Then their contexts; on return they are there. */
void contrasts_fill(contrasts *c, uint32_t set, cl_command_queue queue);
/* Before a step that is timed: contexts that have room, and a proposal, of no rows, in whose
 * place other candidates are given. */
void contrasts_prepare(contrasts *c, uint32_t set);
void contrasts_offer(contrasts *c, uint32_t set);

/* The candidates of a step: rows of the states from this one on. */
size_t contrasts_candidates(const contrasts *c, uint32_t set, size_t turn);
/* One step of a set's requests, until the choices are on the host. */
void contrasts_select(contrasts *c, uint32_t set, size_t candidates, cl_command_queue queue);
/* The same, with each candidate's score and penalty. */
void contrasts_select_scored(contrasts *c, uint32_t set, size_t candidates);
/* First half of a step of the first set, which must be open, until candidates are on the
 * host. */
void contrasts_propose(contrasts *c, lms_view logits, cl_command_queue queue);

#endif
