/* tune_rig.h - logits on a device, on which samplers of any shape are timed. */
#ifndef CLI_TUNE_RIG_H
#define CLI_TUNE_RIG_H

#include "tune_shape.h"

#include <lmsample.h>

#include <stddef.h>

enum {
    TUNE_VOCAB = 128256, /* Llama 3's */
    TUNE_ROWS = 64,      /* of the large batch, where memory is not short */
    TUNE_STRATEGIES = 4
};

/* greedy, temperature, top-k 50, top-p 0.9 */
extern const char *const tune_strategies[TUNE_STRATEGIES];

typedef struct tune_rig {
    lms_context *context;
    lms_dtype type;
    uint32_t rows;     /* of the large batch */
    uint32_t all_rows; /* of logits: more than most caches hold, where there is memory */
    cl_mem logits;     /* [all_rows][TUNE_VOCAB]: peaked rows and flat ones in turn */
    cl_mem params;     /* [TUNE_STRATEGIES][rows] */
    cl_mem tokens;     /* [rows] */
} tune_rig;

/* A call that is timed: `rows` rows with one strategy. */
typedef struct tune_case {
    size_t strategy;
    uint32_t rows;
} tune_case;

/* Prints what is wrong and returns an exit status, as the others do. */
int tune_rig_open(tune_rig *rig, lms_context *context, lms_dtype type);
void tune_rig_close(tune_rig *rig);

/* A sampler of a shape. Where the device takes no such shape, *out is NULL and `problem` says
 * why. */
int tune_rig_sampler(const tune_rig *rig, const tune_shape *shape, lms_sampler **out,
                     char *problem, size_t problem_size);

/* Runs a call `times` times, each to its end, on rows of logits from `first` on and always new
 * ones. `first` has any value. */
int tune_rig_time(const tune_rig *rig, lms_sampler *sampler, const tune_case *c, size_t first,
                  size_t times, double *seconds);

/* The tokens of a call on the first rows. */
int tune_rig_tokens(const tune_rig *rig, lms_sampler *sampler, const tune_case *c,
                    int32_t *tokens);

#endif
