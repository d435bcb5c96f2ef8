/* A small language model in plain C: text in, logits out, for many sequences at once.
 *
 * What a sequence gets does not depend on the others in the batch, and all arithmetic is in a
 * fixed order and without libm's approximations, so the same text gives the same bits on
 * every run. Compile with -ffp-contract=off, and without -ffast-math. */
#ifndef LM_H
#define LM_H

#include <stddef.h>
#include <stdint.h>

typedef struct lm_model lm_model;
typedef struct lm_batch lm_batch;

/* Loads model.safetensors and tokenizer.json of a directory. NULL on failure, with a message
 * in error. */
lm_model *lm_model_load(const char *directory, char *error, size_t error_size);
void lm_model_free(lm_model *model);

int lm_vocab(const lm_model *model);
int lm_width(const lm_model *model);   /* floats in a hidden state */
int lm_context(const lm_model *model); /* most tokens that a sequence can hold */

/* The token that opens and closes a text. A prompt that starts a text begins with it. */
int32_t lm_end_of_text(const lm_model *model);

/* Any bytes can be encoded, and lm_token_bytes gives them back. Writes the first capacity
 * tokens and returns how many there are in all, at most one for each byte. */
size_t lm_encode(const lm_model *model, const char *text, size_t length, int32_t *tokens,
                 size_t capacity);

/* The bytes of one token, not ended by a zero; none for end-of-text. */
const char *lm_token_bytes(const lm_model *model, int32_t token, size_t *length);

/* A batch has a number of slots, each for one sequence, all empty at first. A slot's use and
 * length do not concern the others. The model must outlive its batches. NULL when there is no
 * memory or slots is not positive. */
lm_batch *lm_batch_create(const lm_model *model, int slots);
void lm_batch_free(lm_batch *batch);

/* One token to append to a sequence, and where what the model then says shall go. Both
 * addresses may be NULL; logits without an address cost no time. */
typedef struct {
    int slot;
    int32_t token;
    float *logits; /* lm_vocab floats: log-probabilities of the next token but for a sum */
    float *hidden; /* lm_width floats: what the output embedding is multiplied with */
} lm_entry;

/* Appends tokens to sequences. A slot may be in several entries, which are then appended in
 * order; that is the fast way to feed a prompt. Returns 0, or -1 before anything is changed
 * when a slot or token does not exist or a sequence would outgrow lm_context. */
int lm_batch_step(lm_batch *batch, const lm_entry *entries, size_t count);

/* Appends a whole prompt to one slot. The logits are those after its last token; hidden
 * states are written for every token, lm_width floats each. Both addresses may be NULL. */
int lm_batch_prompt(lm_batch *batch, int slot, const int32_t *tokens, size_t count,
                    float *logits, float *hidden);

/* Tokens held by a slot, or -1 when there is no such slot. */
int lm_batch_length(const lm_batch *batch, int slot);

/* Cuts a sequence to its first length tokens; 0 empties the slot. Returns 0, or -1 when it
 * does not have that many. */
int lm_batch_truncate(lm_batch *batch, int slot, int length);

/* Every slot i goes on from the sequence that slot parents[i] holds now; a slot of which no
 * other continues is forgotten. -1 empties the slot. Returns 0, or -1 before anything is
 * changed when a parent does not exist. */
int lm_batch_reorder(lm_batch *batch, const int *parents);

#endif
