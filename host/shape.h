/* shape.h - in which shape the kernels are built and launched. All shapes give the same bits;
 * which one is fastest depends on the device. */
#ifndef LMSI_SHAPE_H
#define LMSI_SHAPE_H

#include "lmsample.h"

#define LMSI_MAX_TEAM 256u

typedef struct lmsi_shape {
    uint32_t team;      /* work-items that share a row: a power of two up to LMSI_MAX_TEAM */
    uint32_t lanes;     /* tokens in a vector: 8 or 16                                      */
    uint32_t chunk;     /* tiles of a work-group of the tile pass, 8 to 1024                */
    uint32_t fuse_from; /* rows from which on a team of one does its row's tiles too        */
} lmsi_shape;

/* The shape for a context's device; `work_items` > 0 asks for that team. */
lmsi_shape lmsi_shape_for(const lms_context *ctx, uint32_t work_items);

#endif
