/* vocabulary.h - the texts of tokens, from a file or from the bundled model. */
#ifndef CLI_VOCABULARY_H
#define CLI_VOCABULARY_H

#include "lm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vocabulary vocabulary;

/* A file whose name ends in .json is one of
 *   a tokenizer.json of Hugging Face: model.vocab and added_tokens,
 *   an object of text to token id (vocab.json),
 *   an array of texts, whose place is their id.
 * Any other file has a token a line, the first line being token 0; a line's bytes are the
 * token's as they stand. Byte-level and SentencePiece spellings are undone where the file is
 * of that kind. Prints what is wrong and returns an exit status. */
int vocabulary_load(const char *path, vocabulary **out);

/* That of a model, which must outlive it. */
int vocabulary_of_model(const lm_model *model, vocabulary **out);

/* Accepts NULL. */
void vocabulary_free(vocabulary *v);

/* The bytes of a token, or NULL if it has none. `v` may be NULL. */
const char *vocabulary_text(const vocabulary *v, int32_t token, size_t *length);

/* A text as a terminal can show it: valid UTF-8, spaces as they are, a backslash doubled;
 * control characters, characters without a width or that turn the direction of writing, and
 * broken bytes escaped (\n, \x1b, \u200b); at most `columns` wide (0: no limit; a cut text
 * ends in an ellipsis). Writes at most `size` bytes, ended by a zero, and returns the columns
 * used. */
size_t vocabulary_display(const char *text, size_t length, size_t columns, char *out,
                          size_t size);

/* The bytes of the UTF-8 character at the begin of a text, and its code point; 0 if that is
 * none. */
size_t vocabulary_character(const char *text, size_t length, uint32_t *code);

#endif
