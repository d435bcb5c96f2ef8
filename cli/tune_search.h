/* tune_search.h - the fastest shape of a device for one type of logits: one field of the shape
 * after the other, and what was found against the shape in use once more. */
#ifndef CLI_TUNE_SEARCH_H
#define CLI_TUNE_SEARCH_H

#include "tune_contest.h"

enum {
    TUNE_CONTESTS = 5
};

/* A smaller difference is none: machines are noisy. */
#define TUNE_LEAST_GAIN 0.03
/* Nor is one of fewer standard errors than this of what the rounds differ by among each
 * other. */
#define TUNE_ERRORS 3.0

typedef struct tune_result {
    lms_dtype type;
    tune_shape start;   /* in use before */
    const char *origin; /* who said so   */
    tune_shape best;    /* the same, unless another one is faster */
    uint32_t rows;      /* of the large batch */
    size_t contest_count;
    contest contests[TUNE_CONTESTS];
} tune_result;

/* Searches until about `deadline` of the clock. `is_quick`: among fewer shapes. */
int tune_search(lms_context *context, lms_dtype type, bool is_quick, double deadline,
                tune_result *result);

bool tune_is_new(const tune_result *result);

#endif
