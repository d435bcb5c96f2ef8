/* tune_shape.c - shapes of kernels as numbers, between the texts of the library. */
#include "tune_shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    uint32_t *const fields[] = {&out->team, &out->lanes, &out->chunk, &out->fuse_from};
    const lms_status status = lms_shape_in_use(context, type, vocab, text, origin);
    const char *at = text;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        at += strcspn(at, "=");
        if (*at == '=') at++;
        *fields[i] = (uint32_t)strtoul(at, NULL, 10);
    }
    return status;
}

bool tune_shape_is_same(const tune_shape *a, const tune_shape *b)
{
    return a->team == b->team && a->lanes == b->lanes && a->chunk == b->chunk &&
           a->fuse_from == b->fuse_from;
}
