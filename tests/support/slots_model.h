/* slots_model.h - sequences in slots as the headers define them, in plain C: what the device
 * has to have of each. */
#ifndef LMSAMPLE_TESTS_SLOTS_MODEL_H
#define LMSAMPLE_TESTS_SLOTS_MODEL_H

#include "lmsample.h"

#include <stdbool.h>

enum {
    MODEL_LENGTH = 2048, /* most tokens of a sequence */
    MODEL_SLOTS = 32
};

typedef struct model_sequence {
    uint64_t name; /* 0: not open */
    uint32_t length, prompt, ignored;
    uint32_t most;        /* what lms_slots_length says */
    uint32_t most_prompt; /* what cannot be taken back */
    uint32_t pages;
    int32_t tokens[MODEL_LENGTH];
} model_sequence;

typedef struct model {
    uint32_t vocab, max_length, pages;
    model_sequence sequences[MODEL_SLOTS];
} model;

/* Of a distinct token, which is the nth that appeared. */
typedef struct model_distinct {
    int32_t token;
    bool in_prompt;
    uint32_t prompt_count, output_count;
} model_distinct;

/* Distinct tokens of a sequence: how many. */
uint32_t model_distincts(const model_sequence *q, model_distinct out[MODEL_LENGTH]);

/* Which of them position i has. */
uint32_t model_entry(const model_sequence *q, const model_distinct *all, uint32_t count,
                     uint32_t position);

/* Pages that are in use, and those that sequences lack for so many tokens more. */
uint32_t model_used(const model *m);
uint32_t model_lacking(const model_sequence *q, uint32_t more);

/* The calls, which must be good. */
void model_open(const model *m, model_sequence *q, uint64_t name, const int32_t *tokens,
                uint32_t length, uint32_t prompt, uint32_t ignored);
void model_append(const model *m, model_sequence *q, const int32_t *tokens, uint32_t count);
void model_roll_back(model_sequence *q, uint32_t length);
void model_fork(const model_sequence *from, model_sequence *to, uint64_t name);
void model_reorder(model *m, const uint32_t *slots, const int32_t *parents, uint32_t count);
void model_close(model_sequence *q);

#endif
