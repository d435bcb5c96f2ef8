#include "edge_batch.h"

#include "edge.h"
#include "memory.h"
#include "oracle.h"
#include "oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float beside(double x, float most, uint64_t *state)
{
    const float near = (float)x;
    if (near <= 0.0f) return 0x1p-149f;
    return fminf(rows_neighbour(near, (int32_t)gen_below(3, state) - 1), most);
}

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* How many tokens of the order are top-p's base; 0: the whole row is. */
static uint32_t base_of(const oracle_row *row, const lms_filters *f)
{
    const bool has_k = f->top_k > 0 && (uint32_t)f->top_k < oracle_row_vocab(row);
    const bool has_min_p = f->min_p > 0.0f && !(f->flags & LMS_MIN_P_LAST);
    if ((f->flags & LMS_TOP_P_WHOLE_ROW) || !(has_k || has_min_p)) return 0;
    return has_min_p ? smaller(oracle_row_top_k(row), oracle_row_min_p(row))
                     : oracle_row_top_k(row);
}

/* The share of the base that is before a token of it, or that includes it. */
static float top_p_at(const oracle_row *row, const lms_filters *f, uint64_t *state)
{
    const oracle_measure *const m =
        oracle_row_measure(row, (f->flags & LMS_TEMPERATURE_LAST) != 0);
    const uint32_t base = base_of(row, f), *const order = oracle_row_order(row);
    const uint32_t end = base > 0 ? base : oracle_row_live(row);
    const uint32_t at = (uint32_t)exp2(rows_between(state, 0.0, log2(end)));
    uint64_t mass = 0, before = 0;
    for (uint32_t i = 0; i < end; ++i) {
        if (i == at) before = mass;
        mass += oracle_measure_mass(m, order[i]);
    }
    if (before == 0) before = oracle_measure_mass(m, order[0]);
    return beside((double)before / (double)(base > 0 ? mass : m->total), 0x1.fffffep-1f, state);
}

void edge_aim(lms_filters *f, const float *x, uint32_t vocab, uint64_t *state)
{
    const bool has_top_p = f->top_p > 0.0f && f->top_p < 1.0f;
    const bool has_k = f->top_k > 0 && (uint32_t)f->top_k < vocab;
    oracle_params params = {.temperature = f->temperature, .top_p = 1.0f, .flags = f->flags};
    oracle_row *row = oracle_prepare(x, vocab, &params);
    if (row == NULL || oracle_row_greedy(row) || oracle_row_live(row) == 0) {
        oracle_row_free(row);
        return;
    }
    const uint32_t live = oracle_row_live(row), *const order = oracle_row_order(row);
    const uint32_t rank = (uint32_t)exp2(rows_between(state, 0.0, log2(live + 1.0))) - 1;
    const double t = f->flags & LMS_TEMPERATURE_LAST ? 1.0 : (double)f->temperature;
    const double gap = (double)x[order[smaller(rank, live - 1)]] - (double)x[order[0]];
    if (has_k) f->top_k = (int32_t)(rank + gen_below(3, state));
    if (f->min_p > 0.0f) f->min_p = beside(exp(gap / t), 1.0f, state);
    if (!(f->min_p <= 1.0f)) f->min_p = 0.5f; /* both logits are infinite */
    params.top_k = f->top_k;
    params.min_p = f->min_p;
    oracle_row_free(row);
    row = oracle_prepare(x, vocab, &params);
    if (row != NULL && has_top_p) f->top_p = top_p_at(row, f, state);
    oracle_row_free(row);
}

void edge_give_words(batch *b, uint32_t attempts, uint64_t *state)
{
    const size_t words = 4 * (size_t)b->rows * attempts;
    b->uniforms_per_row = attempts;
    b->uniforms = memory_zeroed(words, sizeof *b->uniforms);
    for (size_t i = 0; i < words; ++i) b->uniforms[i] = (uint32_t)rows_random(state);
}

batch *edge_batch(uint32_t vocab, uint32_t rows, lms_dtype dtype, uint32_t attempts,
                  uint32_t *turn, uint64_t *state)
{
    batch *const b = batch_new(vocab, rows, (rows + 3) / 4, dtype);
    float *const x = memory_zeroed(vocab, sizeof *x);
    for (uint32_t l = 0; l < b->logits_rows; ++l) {
        const float temperature = edge_temperature(state);
        const char *const name = edge_row(x, vocab, temperature, state);
        batch_set_logits(b, l, x, name);
        for (uint32_t r = l; r < rows; r += b->logits_rows) {
            lms_filters *const f = &b->params[r].filters;
            gen_params(&b->params[r], (*turn)++, vocab, state);
            f->temperature = temperature;
            if (f->flags & LMS_TEMPERATURE_LAST && gen_below(2, state)) f->temperature = 1.3f;
            if (gen_below(4, state)) edge_aim(f, b->logits + (size_t)l * vocab, vocab, state);
        }
    }
    if (attempts > 0) edge_give_words(b, attempts, state);
    free(x);
    return b;
}

static void small_bases_row(float *x, uint32_t vocab, uint64_t *state)
{
    const uint32_t heads = 1 + gen_below(6, state),
                   lower = 1 + gen_below(vocab / 32 - 5, state);
    for (uint32_t t = 0; t < vocab; ++t) x[t] = -9.0f;
    for (uint32_t g = 0; g < lower; ++g) x[(2 + g) * 32 + gen_below(32, state)] = -0.5f;
    for (uint32_t h = 0; h < heads; ++h) x[gen_below(64, state)] = h % 2 ? 0.0f : 0.1f;
}

batch *small_bases_batch(uint32_t vocab, uint32_t rows, uint32_t logits_rows, uint64_t *state)
{
    batch *const b = batch_new(vocab, rows, logits_rows, LMS_FLOAT32);
    for (uint32_t l = 0; l < b->logits_rows; ++l) {
        b->names[l] = "head and tied groups";
        small_bases_row(b->logits + (size_t)l * vocab, vocab, state);
    }
    for (uint32_t r = 0; r < b->rows; ++r) {
        lms_filters *const f = &b->params[r].filters;
        gen_params(&b->params[r], 3 | r % 16 << 3, vocab, state);
        f->temperature = (float)rows_between(state, 0.5, 2.0);
        f->top_k = 1 + (int32_t)gen_below(12, state);
        f->top_p = (float)rows_between(state, 0.01, 0.99);
        if (gen_below(4, state) == 0) f->min_p = (float)rows_between(state, 0.1, 0.9);
    }
    return b;
}
