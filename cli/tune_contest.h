/* tune_contest.h - shapes against each other: every one runs every case in turn, round after
 * round, and what counts is the median of the ratios to the first shape's time in the same
 * round. So a machine that is slower for a while is slower for all of them. */
#ifndef CLI_TUNE_CONTEST_H
#define CLI_TUNE_CONTEST_H

#include "tune_rig.h"

#include <stdbool.h>

enum {
    CONTEST_SHAPES = 8,
    CONTEST_CASES = 32,
    CONTEST_ROUNDS = 60
};

typedef struct contestant {
    tune_shape shape;
    char problem[200];             /* why the device takes no such shape, or "" */
    double ratios[CONTEST_CASES];  /* of the times to the first one's: medians   */
    double errors[CONTEST_CASES];  /* standard ones, of the ratios' logarithms   */
    double seconds[CONTEST_CASES]; /* medians                                    */
} contestant;

typedef struct contest {
    const char *what; /* is different in the shapes */
    size_t shape_count;
    size_t case_count;
    size_t rounds;                     /* that there was time for */
    contestant shapes[CONTEST_SHAPES]; /* [0]: what the others are compared with */
    tune_case cases[CONTEST_CASES];
} contest;

/* Runs until the clock shows `deadline`, but at least a few rounds. Shapes that give different
 * tokens are an error. */
int contest_run(contest *c, const tune_rig *rig, double deadline);

/* A shape's mean ratio (the geometric one) over the cases with that many rows; 0: over all. */
double contest_mean(const contest *c, size_t shape, uint32_t rows);

/* The standard error of its logarithm, from how the rounds differ among each other; wider where
 * they are few. */
double contest_error(const contest *c, size_t shape, uint32_t rows);

bool contest_has(const contest *c, size_t shape);

#endif
