/* results.h - what was measured, and what follows from it. */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "beam_cases.h"
#include "cases.h"
#include "contrastive_cases.h"
#include "request_cases.h"

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
    double mean_s;
    double p95_s;
    double p99_s;
    double read_median_s;
    double device_s; /* of the kernels, by the device's clock */
    double read_device_s;
    size_t draws;      /* rows of all steps; 0 where none are drawn */
    double attempts;   /* mean of a draw */
    double passes;     /* over all of a row's exponentials, mean of a draw */
    double pass_share; /* of the draws, those that needed one */
    unsigned launches;
    unsigned checked_rows;
} result;

/* A batch in which every row differs, over the mean of the uniform ones it is made of. */
typedef struct mixed {
    setting what;
    double over_mean;
} mixed;

/* A batch of peaked rows and a flat one, over the mean of uniform batches, by rows. */
typedef struct heavy {
    uint32_t rows;
    uint32_t vocab;
    lms_dtype dtype;
    unsigned repeats;
    double over_mean; /* median of the rounds */
    double over_mean_p5;
    double over_mean_p95;
    double median_s;
    double peaked_median_s;
    double flat_median_s;
} heavy;

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

/* Steps of beam search, beside reads and top-k steps of the same rows. */
typedef struct beam_result {
    beam_setting what;
    unsigned mode;
    unsigned repeats;
    size_t batches;
    size_t batch_bytes;
    bool reads_on_device;
    double ratio; /* median of the paired ratios read / step */
    double ratio_p5;
    double ratio_p95;
    double over_top_k; /* the same of step / top-k step */
    double over_top_k_p5;
    double over_top_k_p95;
    double median_s;
    double p95_s;
    double p99_s;
    double read_median_s;
    double top_k_median_s;
    double device_s;
    unsigned launches;
    unsigned checked_rows;
} beam_result;

/* Steps in which some requests are done, or the search is made for wider ones: beside steps of
 * the live beams alone. */
typedef struct beam_part {
    beam_setting what; /* no modes */
    uint32_t live;     /* requests */
    uint32_t max_width;
    unsigned repeats;
    double over_alone; /* median of the paired ratios */
    double over_alone_p5;
    double over_alone_p95;
    double median_s;
    double alone_median_s;
} beam_part;

/* A call of contrastive search, beside reads of the contexts, or of propose's logits. */
typedef struct contrastive_result {
    contrastive_setting what;
    contrastive_call call;
    uint32_t vocab; /* of propose alone */
    unsigned repeats;
    size_t batches; /* that are rotated over: sets of contexts, or batches of logits */
    size_t bytes;   /* of one, as stored */
    bool reads_on_device;
    double ratio; /* median of the paired ratios read / call */
    double ratio_p5;
    double ratio_p95;
    double median_s;
    double p95_s;
    double p99_s;
    double read_median_s;
    double device_s;
    unsigned launches;
    unsigned checked_rows;
} contrastive_result;

/* A figure by both clocks, or the median of paired ratios with its spread. */
typedef struct clocks {
    double wall;
    double cpu;
} clocks;

typedef struct paired {
    clocks ratio;
    double wall_p5;
    double wall_p95;
} paired;

/* Steps whose rows have requests, beside steps of the same rows that have none. */
typedef struct request_result {
    request_setting what;
    unsigned which; /* of request_cases */
    unsigned repeats;
    size_t batches;
    size_t batch_bytes;
    paired over[2]; /* of request_bases; NAN where it is not beside that */
    paired over_beside;
    clocks median_s;
    clocks base_median_s[2];
    unsigned launches;
    unsigned checked_rows;
} request_result;

/* A simulation of serving. Seconds are of whole steps, or of parts of them. */
typedef struct serve_result {
    setting what;
    double seconds; /* that it took */
    size_t steps;
    double rows_per_step;
    uint64_t tokens;
    double tokens_per_s;
    uint64_t arrived;  /* requests */
    uint64_t finished; /* sequences */
    uint64_t waiting;  /* requests at the end */
    double calls_per_step;
    double launches_per_step;
    double median_s;
    double p99_s;
    double sampler_median_s;
    double beam_median_s;
    double contrastive_median_s;
    size_t resident_begin;
    size_t resident_end;
    size_t device_begin;
    size_t device_end;
    unsigned samples;  /* sequences that were had again alone, */
    uint64_t compared; /* and their tokens */
} serve_result;

typedef struct results {
    result *cases;
    size_t count;
    size_t room;
    mixed *mixed;
    size_t mixed_count;
    heavy *heavy;
    size_t heavy_count;
    linear *linear;
    size_t linear_count;
    beam_result *beams;
    size_t beam_count;
    beam_part *beam_parts;
    size_t beam_part_count;
    contrastive_result *contrasts;
    size_t contrast_count;
    request_result *requests;
    size_t request_count;
    serve_result serving;
    bool has_serving;
    double cold_s; /* NAN: not measured */
    double warm_s;
    bool is_interrupted;
} results;

void results_add(results *all, const result *one);
void results_add_mixed(results *all, const setting *what, double over_mean);
void results_add_heavy(results *all, const heavy *one);
void results_add_line(results *all, const linear *line);
void results_add_beam(results *all, const beam_result *one);
void results_add_beam_part(results *all, const beam_part *one);
void results_add_contrastive(results *all, const contrastive_result *one);
void results_add_request(results *all, const request_result *one);
void results_free(results *all);

/* Least squares of the relative residuals, so that small batches count as much as large. Fills
 * in points, fixed_s, s_per_logit and worst_relative_residual. */
void fit_line(const double *logits, const double *seconds, unsigned count, linear *out);

/* Whether the times are on a line: a machine that is busy gives ones that are not. */
bool line_fits(const linear *line);

/* Sorts the values. `share` is in [0, 1]; between two values it is in proportion. */
double quantile(double *values, size_t count, double share);

#endif
