#include "results.h"

#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile(double *values, size_t count, double share)
{
    if (count == 0) return NAN;
    qsort(values, count, sizeof *values, ascending);
    const double place = share * (double)(count - 1);
    const size_t below = (size_t)place;
    if (below + 1 >= count) return values[count - 1];
    const double part = place - (double)below;
    return values[below] * (1.0 - part) + values[below + 1] * part;
}

void results_add(results *all, const result *one)
{
    if (all->count == all->room) {
        all->room = 2 * all->room + 64;
        all->cases = realloc(all->cases, all->room * sizeof *all->cases);
        if (all->cases == NULL) fail("out of memory for results");
    }
    all->cases[all->count++] = *one;
}

void results_add_mixed(results *all, const setting *what, double over_mean)
{
    all->mixed = realloc(all->mixed, (all->mixed_count + 1) * sizeof *all->mixed);
    if (all->mixed == NULL) fail("out of memory for results");
    all->mixed[all->mixed_count++] = (mixed){*what, over_mean};
}

void results_add_heavy(results *all, const heavy *one)
{
    all->heavy = realloc(all->heavy, (all->heavy_count + 1) * sizeof *all->heavy);
    if (all->heavy == NULL) fail("out of memory for results");
    all->heavy[all->heavy_count++] = *one;
}

void results_add_line(results *all, const linear *line)
{
    all->linear = realloc(all->linear, (all->linear_count + 1) * sizeof *all->linear);
    if (all->linear == NULL) fail("out of memory for results");
    all->linear[all->linear_count++] = *line;
}

void results_add_beam(results *all, const beam_result *one)
{
    all->beams = realloc(all->beams, (all->beam_count + 1) * sizeof *all->beams);
    if (all->beams == NULL) fail("out of memory for results");
    all->beams[all->beam_count++] = *one;
}

void results_add_beam_part(results *all, const beam_part *one)
{
    all->beam_parts =
        realloc(all->beam_parts, (all->beam_part_count + 1) * sizeof *all->beam_parts);
    if (all->beam_parts == NULL) fail("out of memory for results");
    all->beam_parts[all->beam_part_count++] = *one;
}

void results_add_contrastive(results *all, const contrastive_result *one)
{
    all->contrasts =
        realloc(all->contrasts, (all->contrast_count + 1) * sizeof *all->contrasts);
    if (all->contrasts == NULL) fail("out of memory for results");
    all->contrasts[all->contrast_count++] = *one;
}

void results_add_request(results *all, const request_result *one)
{
    all->requests = realloc(all->requests, (all->request_count + 1) * sizeof *all->requests);
    if (all->requests == NULL) fail("out of memory for results");
    all->requests[all->request_count++] = *one;
}

void fit_line(const double *logits, const double *seconds, unsigned count, linear *out)
{
    double w = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (unsigned i = 0; i < count; ++i) {
        const double weight = 1.0 / (seconds[i] * seconds[i]);
        w += weight;
        x += weight * logits[i];
        y += weight * seconds[i];
        xx += weight * logits[i] * logits[i];
        xy += weight * logits[i] * seconds[i];
    }
    out->points = count;
    out->s_per_logit = (w * xy - x * y) / (w * xx - x * x);
    out->fixed_s = (y - out->s_per_logit * x) / w;
    out->worst_relative_residual = 0.0;
    for (unsigned i = 0; i < count; ++i) {
        const double there = out->fixed_s + out->s_per_logit * logits[i];
        const double residual = fabs(seconds[i] - there) / seconds[i];
        if (residual > out->worst_relative_residual) out->worst_relative_residual = residual;
    }
}

bool line_fits(const linear *line)
{
    return line->fixed_s >= 0 && line->s_per_logit > 0 && line->worst_relative_residual <= 0.25;
}

void results_free(results *all)
{
    free(all->cases);
    free(all->mixed);
    free(all->heavy);
    free(all->linear);
    free(all->beams);
    free(all->beam_parts);
    free(all->contrasts);
    free(all->requests);
    memset(all, 0, sizeof *all);
}
