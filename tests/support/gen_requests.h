/* What requests name, from a seed: sequences, lists, masks, records of edits and wants. */
#ifndef LMSAMPLE_TESTS_GEN_REQUESTS_H
#define LMSAMPLE_TESTS_GEN_REQUESTS_H

#include <stdbool.h>

#include "requests.h"

#define GEN_EDITS(X)                                                                           \
    X(BIAS)                                                                                    \
    X(SEQUENCE_BIAS)                                                                           \
    X(REPETITION)                                                                              \
    X(FREQUENCY)                                                                               \
    X(PRESENCE)                                                                                \
    X(DRY)                                                                                     \
    X(DECAY)                                                                                   \
    X(ALLOWED)                                                                                 \
    X(BANNED)                                                                                  \
    X(BAD_WORDS)                                                                               \
    X(END_TOKENS)                                                                              \
    X(NGRAM)                                                                                   \
    X(ENCODER_NGRAM)                                                                           \
    X(FORCED)                                                                                  \
    X(TOP_P_DECAY)                                                                             \
    X(GUIDANCE)

typedef enum gen_edit {
#define GEN_EDIT_ENUM(name) GEN_EDIT_##name,
    GEN_EDITS(GEN_EDIT_ENUM)
#undef GEN_EDIT_ENUM
    GEN_EDIT_KINDS
} gen_edit;

const char *gen_edit_name(gen_edit kind);

/* `wild`: numbers at the ends of every range, too, and infinite biases. Else results stay well
 * within what a float has. */
typedef struct gen_of {
    uint32_t vocab;
    uint32_t longest; /* tokens of a sequence */
    bool wild;
    uint64_t *state;
} gen_of;

/* Each adds one and returns its name. Sequences repeat themselves, at some length. */
uint32_t gen_slot(requests *r, const gen_of *g);
/* Edits of the kinds whose bits (1 << GEN_EDIT_...) are set; what looks at a sequence is made
 * to be found in that of `slot` (0: none). Flags are those of a preset, or any. */
uint32_t gen_edits(requests *r, const gen_of *g, uint32_t kinds, uint32_t slot);
uint32_t gen_wants(requests *r, const gen_of *g);
/* `count` masks of one type: dense, sparse, all and nothing; some are shorter than V. */
void gen_masks(requests *r, const gen_of *g, uint32_t count);

/* A random set of kinds: one alone, a few, or most. */
uint32_t gen_edit_kinds(uint64_t *state);

#endif
