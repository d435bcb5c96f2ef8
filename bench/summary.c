#include "summary.h"

#include "stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A case's ratio, and how far its rounds were apart. */
typedef struct figure {
    double ratio;
    double spread;
    char name[96];
} figure;

static int by_ratio(const void *a, const void *b)
{
    const double x = ((const figure *)a)->ratio, y = ((const figure *)b)->ratio;
    return (x > y) - (x < y);
}

static double spread_of(double ratio, double p5, double p95) { return (p95 - p5) / 2 / ratio; }

/* "peaked 64 x 128256 float32  0.93 of a read's speed (median of 12; from 0.61, top-p 0.5, to
 * 1)" */
static void print_line(const char *title, figure *figures, size_t count)
{
    qsort(figures, count, sizeof *figures, by_ratio);
    printf("  %-32s %.2f of a read's speed", title,
           (figures[(count - 1) / 2].ratio + figures[count / 2].ratio) / 2);
    if (count > 1) {
        printf(" (median of %zu; from %.2f, %s, to %.2f)", count, figures[0].ratio,
               figures[0].name, figures[count - 1].ratio);
    }
    printf("\n");
}

/* Every other case had its rounds less far apart. */
static void print_spread(const figure *figures, size_t count)
{
    double *const spreads = calloc(count, sizeof *spreads);
    if (spreads == NULL) return;
    for (size_t i = 0; i < count; ++i) spreads[i] = figures[i].spread;
    const double median = quantile(spreads, count, 0.5);
    printf("  %-32s \xc2\xb1%.0f %% (5th to 95th percentile, median of the cases)%s\n",
           "spread", 100 * median, median > 0.25 ? ": the machine was busy, or is shared" : "");
    free(spreads);
}

static bool is_alike(const setting *a, const setting *b)
{
    return a->rows == b->rows && a->vocab == b->vocab && a->dtype == b->dtype &&
           a->rotated == b->rotated;
}

/* The size of which most was measured: it has all strategies. */
static const setting *main_size(const results *all)
{
    const setting *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < all->count; ++i) {
        size_t count = 0;
        for (size_t k = 0; k < all->count; ++k) {
            count += is_alike(&all->cases[k].what, &all->cases[i].what);
        }
        if (count > most) {
            most = count;
            best = &all->cases[i].what;
        }
    }
    return best;
}

static bool is_ours(const result *r)
{
    return strcmp(subject_who(r->subject), "lmsample") == 0 && r->ratio > 0;
}

static void summarize_cases(const results *all, figure *figures)
{
    const setting *const size = main_size(all);
    size_t total = 0;
    char title[96];
    for (int shape = 0; shape < SHAPES; ++shape) {
        size_t count = 0;
        for (size_t i = 0; i < all->count; ++i) {
            const result *const r = &all->cases[i];
            if (!is_ours(r) || !is_alike(&r->what, size) || (int)r->what.shape != shape)
                continue;
            figures[count].ratio = r->ratio;
            snprintf(figures[count++].name, sizeof figures->name, "%s",
                     subject_name(r->subject));
        }
        snprintf(title, sizeof title, "%s %u x %u %s", shape_name((bench_shape)shape),
                 size->rows, size->vocab, dtype_name(size->dtype));
        if (count > 0) print_line(title, figures, count);
    }
    for (size_t i = 0; i < all->count; ++i) {
        const result *const r = &all->cases[i];
        if (!is_ours(r)) continue;
        figures[total] = (figure){r->ratio, spread_of(r->ratio, r->ratio_p5, r->ratio_p95), ""};
        snprintf(figures[total++].name, sizeof figures->name, "%s with %s %u x %u %s",
                 subject_name(r->subject), shape_name(r->what.shape), r->what.rows,
                 r->what.vocab, dtype_name(r->what.dtype));
    }
    if (total == 0) return;
    print_line("all cases", figures, total);
    print_spread(figures, total);
}

static void summarize_beams(const results *all, figure *figures)
{
    double *const over = calloc(all->beam_count, sizeof *over);
    if (over == NULL) return;
    for (size_t i = 0; i < all->beam_count; ++i) {
        const beam_result *const r = &all->beams[i];
        over[i] = r->over_top_k;
        figures[i] = (figure){r->ratio, spread_of(r->ratio, r->ratio_p5, r->ratio_p95), ""};
        snprintf(figures[i].name, sizeof figures->name, "%s with %s %u x %u beams of %u %s",
                 beam_mode_name(r->mode), shape_name(r->what.shape), r->what.requests,
                 r->what.width, r->what.vocab, dtype_name(r->what.dtype));
    }
    print_line("beam search", figures, all->beam_count);
    printf("  %-32s %.2f of a top-k step's time (median; at most %.2f)\n", "",
           quantile(over, all->beam_count, 0.5), quantile(over, all->beam_count, 1.0));
    print_spread(figures, all->beam_count);
    free(over);
}

static void summarize_contrasts(const results *all, figure *figures)
{
    for (int call = CALL_SELECT; call <= CALL_PROPOSE; ++call) {
        size_t count = 0;
        for (size_t i = 0; i < all->contrast_count; ++i) {
            const contrastive_result *const r = &all->contrasts[i];
            if ((int)r->call != call) continue;
            figures[count] =
                (figure){r->ratio, spread_of(r->ratio, r->ratio_p5, r->ratio_p95), ""};
            snprintf(figures[count++].name, sizeof figures->name, "%u x %u x %u, k %u, %s",
                     r->what.size.requests, r->what.size.context, r->what.size.width,
                     r->what.size.k, dtype_name(r->what.dtype));
        }
        if (count == 0) continue;
        print_line(contrastive_call_name((contrastive_call)call), figures, count);
        print_spread(figures, count);
    }
}

void print_summary(const results *all)
{
    const size_t count = all->count + all->beam_count + all->contrast_count;
    figure *const figures = calloc(count + 1, sizeof *figures);
    if (figures == NULL || count == 0) {
        free(figures);
        return;
    }
    printf("\nsummary\n");
    if (all->count > 0) summarize_cases(all, figures);
    if (all->beam_count > 0) summarize_beams(all, figures);
    if (all->contrast_count > 0) summarize_contrasts(all, figures);
    free(figures);
}
