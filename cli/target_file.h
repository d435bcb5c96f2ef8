/* target_file.h - tokens to tell of, one for each row: .json, or .npy as `lmsample sample
 * --format npy' writes. */
#ifndef CLI_TARGET_FILE_H
#define CLI_TARGET_FILE_H

#include <stdint.h>

/* *targets, which the caller frees, after a failure too, gets 1 + each token; *count is 1 or
 * `rows`. `path` NULL: none. Prints what is wrong and returns an exit status. */
int target_file_load(const char *path, uint32_t vocab, uint64_t rows, uint32_t **targets,
                     uint64_t *count);

#endif
