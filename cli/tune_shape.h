/* tune_shape.h - a shape of kernels, as numbers; lms_tuning.h has it as text. */
#ifndef CLI_TUNE_SHAPE_H
#define CLI_TUNE_SHAPE_H

#include <lms_tuning.h>

#include <stdbool.h>

typedef struct tune_shape {
    uint32_t team, lanes, chunk, fuse_from;
} tune_shape;

void tune_shape_print(const tune_shape *shape, char text[LMS_SHAPE_BYTES]);

/* The one that is in use for a type, of rows of `vocab` logits, and what decided. */
lms_status tune_shape_in_use(const lms_context *context, lms_dtype type, uint32_t vocab,
                             tune_shape *out, const char **origin);

bool tune_shape_is_same(const tune_shape *a, const tune_shape *b);

#endif
