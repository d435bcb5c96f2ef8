/* npy.h - the header of a NumPy .npy file, versions 1.0 to 3.0.
 *
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef CLI_NPY_H
#define CLI_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NPY_MAX_DIMENSIONS = 32,
    NPY_PREFIX_BYTES = 12,       /* of a file, which give the header's length */
    NPY_MAX_HEADER_BYTES = 65536 /* prefix and header; more is not a header of an array */
};

typedef struct npy_header {
    char kind;           /* 'f', 'i', 'u', 'V', ... */
    unsigned item_bytes; /* of one element */
    bool big_endian;     /* of items of more than one byte */
    bool fortran_order;
    unsigned dimensions;
    uint64_t shape[NPY_MAX_DIMENSIONS];
} npy_header;

/* The bytes before the data, from the first bytes of the file; 0 with a reason on failure. */
size_t npy_header_bytes(const unsigned char *prefix, size_t size, char *error,
                        size_t error_size);

/* Parses the whole header, of npy_header_bytes. */
bool npy_parse(const unsigned char *bytes, size_t size, npy_header *header, char *error,
               size_t error_size);

/* Writes a header, such as "<f4" of shape (3, 5), and returns its length, a multiple of 64; 0
 * if it does not fit. */
size_t npy_format(const char *type, unsigned dimensions, const uint64_t *shape,
                  unsigned char *bytes, size_t size);

#endif
