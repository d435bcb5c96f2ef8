/* npy_array.h - a whole array from a .npy file, in memory: masks of tokens, tokens. Functions
 * print what is wrong and return an exit status. */
#ifndef CLI_NPY_ARRAY_H
#define CLI_NPY_ARRAY_H

#include <stddef.h>
#include <stdint.h>

typedef struct npy_array {
    char kind; /* 'b', 'i' or 'u' */
    unsigned item_bytes;
    uint64_t rows; /* 1 of an array of one dimension; 0: not given */
    uint64_t columns;
    void *items; /* in the machine's byte order */
} npy_array;

/* Tokens that rows may have: bits of int32 or uint32, or uint8 or bool, of shape (rows,
 * columns) or (columns,). There is one row, or as many as the logits have. `path` NULL:
 * none. */
int npy_array_load_mask(const char *path, uint64_t logits_rows, npy_array *out);

/* Integers of shape (columns,). */
int npy_array_load_tokens(const char *path, npy_array *out);

/* An item of one row, of any type of integers. */
int64_t npy_array_item(const npy_array *array, uint64_t column);

/* Accepts one of zeros. */
void npy_array_free(npy_array *array);

#endif
