/* Reads the parts of a safetensors file that a model needs, checking them against its size. */
#ifndef LM_SAFETENSORS_H
#define LM_SAFETENSORS_H

#include <stddef.h>

#define LM_MAX_DIMENSIONS 2

typedef struct lm_tensors lm_tensors;

/* Reads a whole file into memory, with a zero byte after it that is not counted in *size.
 * NULL on failure, with a message in error. The caller frees what is returned. */
unsigned char *lm_read_file(const char *path, size_t *size, char *error, size_t error_size);

/* NULL on failure, with a message in error. */
lm_tensors *lm_tensors_open(const char *path, char *error, size_t error_size);
void lm_tensors_close(lm_tensors *tensors);

/* A string of the file's metadata, or NULL. It lives as long as tensors does. */
const char *lm_tensors_metadata(const lm_tensors *tensors, const char *key);

/* Writes the shape of a float16 or float32 tensor, its unused dimensions as 1. Returns the
 * number of dimensions, or 0 when there is no such tensor or it does not lie in the file. */
int lm_tensors_shape(const lm_tensors *tensors, const char *name,
                     size_t shape[LM_MAX_DIMENSIONS]);

/* Writes all elements of a tensor as float. Call lm_tensors_shape first for their number, and
 * this but once for a tensor. Returns 0, or -1 where that function returns 0 or when the
 * tensors that were read overlap so much that together they are longer than the file. */
int lm_tensors_read(lm_tensors *tensors, const char *name, float *out);

#endif
