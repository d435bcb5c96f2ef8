#include "exact.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

_Static_assert(LDBL_MANT_DIG >= 64, "the exact side needs more than double precision");

typedef struct value {
    float logit;
    uint32_t token;
} value;

static int compare_values(const void *left, const void *right)
{
    const value *a = left;
    const value *b = right;
    if (a->logit > b->logit) {
        return -1;
    }
    if (a->logit < b->logit) {
        return 1;
    }
    return a->token < b->token ? -1 : 1;
}

static long double log_ratio(float x, float top, long double temperature)
{
    if (x == top) {
        return 0.0L;
    }
    return ((long double)x - (long double)top) / temperature;
}

static bool fill(exact_row *row, const float *logits, float temperature)
{
    value *const values = malloc(row->vocab * sizeof *values);
    if (!values) {
        return false;
    }
    for (uint32_t i = 0; i < row->vocab; i++) {
        if (!isnan(logits[i]) && !(isinf(logits[i]) && logits[i] < 0)) {
            values[row->live].logit = logits[i];
            values[row->live].token = i;
            row->live++;
        }
    }
    qsort(values, row->live, sizeof *values, compare_values);
    row->prefix[0] = 0.0L;
    for (uint32_t i = 0; i < row->live; i++) {
        row->order[i] = values[i].token;
        row->log_ratio[i] = log_ratio(values[i].logit, values[0].logit, temperature);
        row->prefix[i + 1] = row->prefix[i] + expl(row->log_ratio[i]);
    }
    free(values);
    return true;
}

exact_row *exact_prepare(const float *logits, uint32_t vocab, float temperature)
{
    exact_row *const row = calloc(1, sizeof *row);
    if (!row) {
        return NULL;
    }
    row->vocab = vocab;
    row->order = malloc(vocab * sizeof *row->order);
    row->log_ratio = malloc(vocab * sizeof *row->log_ratio);
    row->prefix = malloc((vocab + 1u) * sizeof *row->prefix);
    if (!row->order || !row->log_ratio || !row->prefix || !fill(row, logits, temperature)) {
        exact_row_free(row);
        return NULL;
    }
    return row;
}

void exact_row_free(exact_row *row)
{
    if (!row) {
        return;
    }
    free(row->order);
    free(row->log_ratio);
    free(row->prefix);
    free(row);
}

uint32_t exact_top_k(const exact_row *row, const float *logits, uint32_t k, bool ties)
{
    uint32_t count = k < row->live ? k : row->live;
    while (ties && count > 0 && count < row->live &&
           !(logits[row->order[count]] < logits[row->order[count - 1]])) {
        count++;
    }
    return count;
}

uint32_t exact_min_p(const exact_row *row, long double ln_min_p)
{
    uint32_t count = 0;
    while (count < row->live && row->log_ratio[count] >= ln_min_p) {
        count++;
    }
    return count;
}

uint32_t exact_top_p(const exact_row *row, uint32_t base, long double p)
{
    const long double threshold = p * row->prefix[base];
    uint32_t count = 0;
    while (count < row->live && row->prefix[count] < threshold) {
        count++;
    }
    return count;
}

long double exact_logprob(const exact_row *row, uint32_t rank, uint32_t kept)
{
    return row->log_ratio[rank] - logl(row->prefix[kept]);
}

long double exact_total_variation(const exact_row *row, uint32_t kept, const long double *mass)
{
    long double sum = 0.0L;
    for (uint32_t i = 0; i < row->vocab; i++) {
        sum += mass[i];
    }
    long double difference = 0.0L;
    long double covered = 0.0L;
    for (uint32_t i = 0; i < kept; i++) {
        const long double q = mass[row->order[i]] / sum;
        difference += fabsl(expl(row->log_ratio[i]) / row->prefix[kept] - q);
        covered += q;
    }
    /* what the other side puts outside the kept set */
    return 0.5L * (difference + (1.0L - covered));
}
