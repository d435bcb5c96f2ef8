/* shape.h - in which shape the kernels are built and launched. All shapes give the same bits;
 * which one is fastest depends on the device and on the type of the logits.
 * choice.h chooses one. A team that the kernels do not take is halved in kernels.c. */
#ifndef LMSI_SHAPE_H
#define LMSI_SHAPE_H

#include "base/context.h"

#include "kernels/row/records.h"

#define LMSI_MAX_TEAM 256u
#define LMSI_LARGE_TEAM 32u /* from here on the tile pass is that of kernels/row/teams.cl */

#define LMSI_SHAPE_BYTES 80u /* of a shape as text, with its end */

typedef struct lmsi_shape {
    uint32_t team;      /* work-items that share a row: a power of two up to LMSI_MAX_TEAM */
    uint32_t lanes;     /* tokens in a vector: 8 or 16                                      */
    uint32_t chunk;     /* most tiles of a work-group of the tile pass: a power of two from 8
                           to 1024 */
    uint32_t fuse_from; /* rows from which on a team of one does its row's tiles too        */
} lmsi_shape;

/* Does a call of so many rows do the tile pass in the row pass, so that it is one launch? In
 * teams of one, with rows enough for every core. */
int lmsi_shape_fuses(const lmsi_shape *shape, uint32_t rows);

/* How many teams do the rows of a call. Work-items that do whole rows share them out in runs:
 * each keeps its workspace in its core's cache. All others have a row each. */
uint32_t lmsi_shape_teams(const lmsi_shape *shape, cl_uint units, uint32_t rows);

/* Tiles of a work-group of the tile pass in a call: as many as the shape has, or, in large
 * teams, fewer where the work-groups would else not fill the device. */
uint32_t lmsi_shape_chunk(const lmsi_shape *shape, cl_uint units, uint32_t rows,
                          uint32_t tiles);

/* The fewest of any call. */
uint32_t lmsi_shape_least_chunk(const lmsi_shape *shape);

/* Places in the workspace, so that each team of any call has one. */
uint32_t lmsi_shape_places(const lmsi_shape *shape, cl_uint units, uint32_t max_rows);

/* "team=1,lanes=16,chunk=32,fuse_from=8" */
void lmsi_shape_print(const lmsi_shape *shape, char text[LMSI_SHAPE_BYTES]);

/* Reads what lmsi_shape_print() writes, or a part of it in any order; what is not in the text
 * is 0. Returns 0 if the text is wrong, and says why. */
int lmsi_shape_read(const char *text, lmsi_shape *out, char *problem, size_t problem_size);

/* Fields of `asked` that are not 0 replace those of the shape. Returns whether there are
 * any. */
int lmsi_shape_replace(lmsi_shape *shape, const lmsi_shape *asked);

/* Is it whole, and does the device take it? */
int lmsi_shape_fits(const lms_context *ctx, const lmsi_shape *shape);

#endif
