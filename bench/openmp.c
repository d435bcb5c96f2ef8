#include "openmp.h"

#include <math.h>
#include <stdlib.h>

#ifdef _OPENMP
#include <omp.h>
#endif

static size_t thread_number(void)
{
#ifdef _OPENMP
    return (size_t)omp_get_thread_num();
#else
    return 0;
#endif
}

static size_t largest(const float *row, size_t vocab)
{
    size_t best = 0;
    for (size_t i = 1; i < vocab; ++i) {
        if (row[i] > row[best]) best = i;
    }
    return best;
}

/* Moves the k largest to the front (Hoare's quickselect). */
static void select_largest(openmp_candidate *c, size_t n, size_t k)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)n - 1;
    const ptrdiff_t last = (ptrdiff_t)k - 1;
    while (low < high) {
        const float pivot = c[low + (high - low) / 2].weight;
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (c[i].weight > pivot) ++i;
            while (c[j].weight < pivot) --j;
            if (i <= j) {
                const openmp_candidate t = c[i];
                c[i++] = c[j];
                c[j--] = t;
            }
        }
        if (last <= j) {
            high = j;
        } else if (last >= i) {
            low = i;
        } else {
            return;
        }
    }
}

static int by_weight(const void *a, const void *b)
{
    const float x = ((const openmp_candidate *)a)->weight;
    const float y = ((const openmp_candidate *)b)->weight;
    return (x < y) - (x > y);
}

static double turn_to_weights(openmp_candidate *c, size_t n, float maximum, float temperature)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; ++i) {
        c[i].weight = expf((c[i].weight - maximum) / temperature);
        sum += (double)c[i].weight;
    }
    return sum;
}

/* The shortest prefix of the sorted candidates that reaches the share p of their sum. */
static size_t nucleus(openmp_candidate *c, size_t n, double sum, double p)
{
    double mass = 0.0;
    qsort(c, n, sizeof *c, by_weight);
    for (size_t i = 0; i < n; ++i) {
        mass += (double)c[i].weight;
        if (mass >= p * sum) return i + 1;
    }
    return n;
}

/* Leaves the survivors of the filters in c, as weights: their number, and their sum in *sum. */
static size_t filter(const float *row, size_t vocab, const openmp_params *p,
                     openmp_candidate *c, double *sum)
{
    const float maximum = row[largest(row, vocab)];
    size_t n = vocab, kept = 0;
    for (size_t i = 0; i < vocab; ++i) c[i] = (openmp_candidate){row[i], (int32_t)i};
    if (p->top_k > 0 && (size_t)p->top_k < n) {
        select_largest(c, n, (size_t)p->top_k);
        n = (size_t)p->top_k;
    }
    *sum = turn_to_weights(c, n, maximum, p->temperature);
    if (p->top_p < 1.0f) n = nucleus(c, n, *sum, (double)p->top_p);
    if (p->top_p >= 1.0f && p->min_p <= 0.0f) return n;
    *sum = 0.0;
    for (size_t i = 0; i < n; ++i) {
        if (c[i].weight < p->min_p) continue;
        *sum += (double)c[i].weight;
        c[kept++] = c[i];
    }
    return kept;
}

/* splitmix64 of the seed, from 0 to below 1 */
static double uniform(uint64_t seed)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int32_t draw(const openmp_candidate *c, size_t n, double sum, uint64_t seed)
{
    const double target = uniform(seed) * sum;
    double mass = 0.0;
    for (size_t i = 0; i < n; ++i) {
        mass += (double)c[i].weight;
        if (mass > target) return c[i].id;
    }
    return c[n - 1].id;
}

static int32_t sample_row(const float *row, size_t vocab, const openmp_params *p,
                          openmp_candidate *c)
{
    double sum = 0.0;
    if (p->temperature <= 0.0f || p->top_k == 1) return (int32_t)largest(row, vocab);
    const size_t n = filter(row, vocab, p, c, &sum);
    return draw(c, n, sum, p->seed);
}

void openmp_sample(const float *logits, size_t rows, size_t vocab, const openmp_params *params,
                   int threads, openmp_candidate *scratch, int32_t *tokens)
{
    (void)threads; /* where there is no OpenMP */
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (size_t r = 0; r < rows; ++r) {
        tokens[r] = sample_row(logits + r * vocab, vocab, &params[r],
                               scratch + thread_number() * vocab);
    }
}

size_t openmp_kept(const float *row, size_t vocab, const openmp_params *params,
                   openmp_candidate *scratch, int32_t *ids)
{
    double sum = 0.0;
    if (params->temperature <= 0.0f || params->top_k == 1) {
        ids[0] = (int32_t)largest(row, vocab);
        return 1;
    }
    const size_t n = filter(row, vocab, params, scratch, &sum);
    for (size_t i = 0; i < n; ++i) ids[i] = scratch[i].id;
    return n;
}
