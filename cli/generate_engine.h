/* generate_engine.h - the model and the sampler, for up to `slots` sequences at once. Functions
 * print what is wrong and return an exit status. */
#ifndef CLI_GENERATE_ENGINE_H
#define CLI_GENERATE_ENGINE_H

#include "generate_sequence.h"

typedef struct engine {
    const generate_options *options;
    const lm_model *model;
    lm_batch *slots;
    lms_context *context;
    lms_sampler *sampler;
    int slot_count;
    int active;
    sequence **running; /* [slot], NULL: free */
    float *logits;      /* [slot][vocab] */
    lm_entry *entries;
    size_t entry_room;
    lms_row_params *params; /* [row]; a row for each running sequence */
    int32_t *index;         /* [row] the slot */
    int32_t *tokens;        /* [row], like all below */
    uint32_t *statuses;
    int32_t *kept;
    float *logprob;
    float *logprob_raw;
    uint64_t token_count;
    double model_seconds, sampler_seconds;
} engine;

int engine_open(engine *e, const generate_options *options, const lm_model *model, int slots);
/* Accepts one of zeros. */
void engine_close(engine *e);

/* Puts a sequence, which stays the caller's, in a free slot; it must have one. */
void engine_start(engine *e, sequence *s);

/* Each running sequence gets a token; those that end leave their slots. */
int engine_step(engine *e);

#endif
