/* logits_file.h - rows of logits, one after the other, from a .npy file that may be larger than
 * memory. Functions print what is wrong and return an exit status. */
#ifndef CLI_LOGITS_FILE_H
#define CLI_LOGITS_FILE_H

#include <lmsample.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct logits_file {
    const char *name; /* for messages: the path, or "standard input" */
    uint64_t rows;
    uint32_t vocab;
    lms_dtype type;
    bool is_vector; /* the array has one dimension: a row by itself */
    struct logits_stream *stream;
} logits_file;

/* Reads the header and checks all that can be checked at once: type, shape, and a regular
 * file's length. `path` "-": standard input. `as_bfloat16`: 16-bit items are bfloat16. */
int logits_file_open(logits_file *file, const char *path, bool as_bfloat16);

/* The next `count` rows, in the machine's byte order, dense. */
int logits_file_read(logits_file *file, void *rows, uint64_t count);

/* After the last row: nothing may follow it. */
int logits_file_end(logits_file *file);

/* Accepts one that is not open. */
void logits_file_close(logits_file *file);

/* Bytes of one logit. */
size_t logits_file_item(const logits_file *file);

#endif
