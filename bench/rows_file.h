/* rows_file.h - rows of a real model's logits: a .npy file of float32[rows][vocab], which
 * real_rows.py writes. */
#ifndef BENCH_ROWS_FILE_H
#define BENCH_ROWS_FILE_H

#include <stddef.h>
#include <stdint.h>

typedef struct rows_file {
    const float *logits; /* [rows][vocab]; NULL: there is no file */
    size_t rows;
    uint32_t vocab;
    void *map;
    size_t bytes; /* of the mapping */
} rows_file;

/* Maps the file; no name is no file. Ends the program, with one line, where it is none of
 * these, or has a logit that is not finite. */
void rows_file_open(rows_file *f, const char *name);
void rows_file_close(rows_file *f);

#endif
