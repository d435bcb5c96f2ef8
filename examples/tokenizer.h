/* Byte pair encoding with the vocabulary of tokenizer.json, as model/bpe.py describes it. */
#ifndef LM_TOKENIZER_H
#define LM_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#define LM_END_OF_TEXT 0

typedef struct lm_tokenizer lm_tokenizer;

/* NULL on failure, with a message in error. */
lm_tokenizer *lm_tokenizer_open(const char *path, char *error, size_t error_size);
void lm_tokenizer_close(lm_tokenizer *tokenizer);

int lm_tokenizer_vocab(const lm_tokenizer *tokenizer);

/* Any bytes can be encoded. Writes the first capacity tokens and returns how many there are
 * in all, at most one for each byte. */
size_t lm_tokenizer_encode(const lm_tokenizer *tokenizer, const char *text, size_t length,
                           int32_t *tokens, size_t capacity);

/* The bytes that a token stands for, not ended by a zero. Of end-of-text and of numbers that
 * are no token there are none. */
const char *lm_tokenizer_bytes(const lm_tokenizer *tokenizer, int32_t token, size_t *length);

#endif
