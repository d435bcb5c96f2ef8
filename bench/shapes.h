/* shapes.h - rows of logits like those that samplers meet. */
#ifndef BENCH_SHAPES_H
#define BENCH_SHAPES_H

#include "crew.h"

#include <stddef.h>
#include <stdint.h>

typedef enum bench_shape {
    SHAPE_PEAKED,   /* normal, sigma 5: a few dozen tokens share nearly all of the mass */
    SHAPE_DOMINANT, /* normal, sigma 2, and one token with nine tenths of the mass      */
    SHAPE_MODEL,    /* of the example model, widened to the vocabulary                  */
    SHAPE_FLAT,     /* normal, sigma 1: tens of thousands of tokens share the mass      */
    SHAPE_EQUAL,    /* all the same                                                     */
    SHAPE_ZIPF,     /* log-probabilities -1.1 ln(rank), shuffled                        */
    SHAPE_GUMBEL,   /* standard Gumbel                                                  */
    SHAPE_REAL,     /* of a real model, from a file: rows_file.h                        */
    SHAPES,
    SHAPE_HALF_FLAT = SHAPES /* of BASE_ROWS rows the second half is flat, the first peaked */
} bench_shape;

/* Rows that are made of a shape; others are these, rotated. */
#define BASE_ROWS ((size_t)32)

const char *shape_name(bench_shape shape);

/* Fills rows[count][vocab] of a shape that is made. All rows differ (but for SHAPE_EQUAL), and
 * are the same on every run. `model` is the folder of the example model. */
void shape_rows(crew *all, bench_shape shape, const char *model, float *rows, size_t count,
                uint32_t vocab);

/* The same for SHAPE_MODEL. */
void model_rows(const char *model, float *rows, size_t count, uint32_t vocab);

/* splitmix64: well mixed from any seed, and the same everywhere. */
uint64_t random_next(uint64_t *state);
double random_uniform(uint64_t *state);

#endif
