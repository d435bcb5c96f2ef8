/* vocabulary_store.h - for the readers of vocabularies: where the texts are put. */
#ifndef CLI_VOCABULARY_STORE_H
#define CLI_VOCABULARY_STORE_H

#include "vocabulary.h"

#include <stdint.h>

/* Gives token `id` its text. `where` and `path` are for the message. */
int vocabulary_put(vocabulary *v, const char *path, const char *where, int64_t id,
                   const char *text, size_t length);

/* Takes a token's text back, so that another can be put. */
void vocabulary_remove(vocabulary *v, int64_t id);

/* Where a file is byte-level, a text as it is spelled there becomes its bytes: `text` is
 * rewritten and its new length returned. What cannot be such a spelling stays as it is. */
size_t vocabulary_unspell_bytes(char *text, size_t length);

/* Whether the vocabulary has a token for every byte in the spelling of byte-level files. */
bool vocabulary_is_byte_level(const vocabulary *v);

/* Rewrites every text; a text may not become longer. */
void vocabulary_rewrite(vocabulary *v, size_t (*rewrite)(char *text, size_t length));

/* Reads the bytes of a JSON file, which are followed by a zero. */
int vocabulary_read_json(vocabulary *v, const char *path, const char *bytes, size_t size);

#endif
