/* output.h - a file that is there whole or not at all.
 *
 * Data goes to a temporary file beside it, which takes its name when everything is written; a
 * signal removes it. What is no regular file (a terminal, a pipe, a device) is written
 * directly. Functions print what is wrong and return an exit status. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct output output;

/* The file that a path leads to over links, also where it is not there yet; the caller frees
 * it. is_direct: it stands for an open file, such as /dev/stdout. NULL: out of memory. */
char *output_target(const char *path, bool *is_direct);

/* `path` "-": standard output. */
int output_open(const char *path, output **out);
int output_write(output *out, const void *data, size_t bytes);
int output_print(output *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What was written is passed on, for a reader that waits for it. */
int output_flush(output *out);
/* Makes it permanent; frees `out` on failure too. */
int output_commit(output *out);
/* Forgets it; accepts NULL. */
void output_discard(output *out);

#endif
