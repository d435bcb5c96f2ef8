/* results.h - what was measured, and what follows from it. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "cases.h"

#include <stdbool.h>
#include <stddef.h>

/* One case. Seconds are of the wall clock; NAN where there is none. */
typedef struct result {
    setting what;
    unsigned subject;
    unsigned repeats;
    size_t batches;
    size_t batch_bytes;
    bool reads_on_device;
    double ratio; /* median of the paired ratios read / step */
    double ratio_p5;
    double ratio_p95;
    double median_s;
    double p95_s;
    double p99_s;
    double read_median_s;
    double device_s; /* of the kernels, by the device's clock */
    double read_device_s;
    unsigned launches;
    unsigned checked_rows;
} result;

/* A batch in which every row differs, over the mean of the uniform ones it is made of. */
typedef struct mixed {
    setting what;
    double over_mean;
} mixed;

/* Time as fixed_s + s_per_logit * rows * vocabulary. */
typedef struct linear {
    unsigned subject;
    bench_shape shape;
    lms_dtype dtype;
    unsigned points;
    double fixed_s;
    double s_per_logit;
    double worst_relative_residual;
} linear;

typedef struct results {
    result *cases;
    size_t count;
    size_t room;
    mixed *mixed;
    size_t mixed_count;
    linear *linear;
    size_t linear_count;
    double cold_s; /* NAN: not measured */
    double warm_s;
    bool is_interrupted;
} results;

void results_add(results *all, const result *one);
void results_add_mixed(results *all, const setting *what, double over_mean);
void results_add_line(results *all, const linear *line);
void results_free(results *all);

/* Least squares of the relative residuals, so that small batches count as much as large. Fills
 * in points, fixed_s, s_per_logit and worst_relative_residual. */
void fit_line(const double *logits, const double *seconds, unsigned count, linear *out);

/* Sorts the values. `share` is in [0, 1]; between two values it is in proportion. */
double quantile(double *values, size_t count, double share);

#endif
