/* tune_shape.c - shapes of kernels as numbers, between the texts of the library. */
#include "tune_shape.h"

#include <inttypes.h>
#include <stdio.h>

void tune_shape_print(const tune_shape *shape, char text[LMS_SHAPE_BYTES])
{
    snprintf(text, LMS_SHAPE_BYTES,
             "team=%" PRIu32 ",lanes=%" PRIu32 ",chunk=%" PRIu32 ",fuse_from=%" PRIu32,
             shape->team, shape->lanes, shape->chunk, shape->fuse_from);
}

lms_status tune_shape_in_use(const lms_context *context, lms_dtype type, uint32_t vocab,
                             tune_shape *out, const char **origin)
{
    char text[LMS_SHAPE_BYTES] = "";
    const lms_status status = lms_shape_in_use(context, type, vocab, text, origin);
    *out = (tune_shape){0};
    if (status == LMS_OK) {
        sscanf(text, "team=%" SCNu32 ",lanes=%" SCNu32 ",chunk=%" SCNu32 ",fuse_from=%" SCNu32,
               &out->team, &out->lanes, &out->chunk, &out->fuse_from);
    }
    return status;
}

bool tune_shape_is_same(const tune_shape *a, const tune_shape *b)
{
    return a->team == b->team && a->lanes == b->lanes && a->chunk == b->chunk &&
           a->fuse_from == b->fuse_from;
}
