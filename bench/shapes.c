#include "shapes.h"

#include <math.h>

typedef struct making {
    bench_shape shape;
    float *rows;
    uint32_t vocab;
} making;

const char *shape_name(bench_shape shape)
{
    static const char *const names[SHAPES + 1] = {
        "peaked", "dominant", "model", "flat", "equal", "zipf", "gumbel", "real", "half flat"};
    return names[shape];
}

uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double random_uniform(uint64_t *state)
{
    return ((double)(random_next(state) >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller: two from two. */
static void fill_normal(float *row, uint32_t vocab, double sigma, uint64_t *state)
{
    const double pi = 3.14159265358979323846;
    for (uint32_t i = 0; i < vocab; i += 2) {
        const double radius = sigma * sqrt(-2.0 * log(random_uniform(state)));
        const double angle = 2.0 * pi * random_uniform(state);
        row[i] = (float)(radius * cos(angle));
        if (i + 1 < vocab) row[i + 1] = (float)(radius * sin(angle));
    }
}

/* A token gets nine tenths of the mass. */
static void let_one_dominate(float *row, uint32_t vocab, uint64_t *state)
{
    double mass = exp((double)row[0]);
    for (uint32_t i = 1; i < vocab; ++i) mass += exp((double)row[i]);
    row[random_next(state) % vocab] = (float)log(9.0 * mass);
}

static void fill_zipf(float *row, uint32_t vocab, uint64_t *state)
{
    for (uint32_t i = 0; i < vocab; ++i) {
        const uint32_t j = (uint32_t)(random_next(state) % (i + 1));
        row[i] = row[j];
        row[j] = (float)(-1.1 * log((double)i + 1.0));
    }
}

static void fill_row(void *job, size_t part)
{
    const making *const m = job;
    float *const row = m->rows + part * m->vocab;
    uint64_t state = (part + 1) * 0x9e3779b97f4a7c15u + 1;
    switch (m->shape) {
    case SHAPE_PEAKED: fill_normal(row, m->vocab, 5.0, &state); break;
    case SHAPE_HALF_FLAT:
        fill_normal(row, m->vocab, part % BASE_ROWS < BASE_ROWS / 2 ? 5.0 : 1.0, &state);
        break;
    case SHAPE_DOMINANT:
        fill_normal(row, m->vocab, 2.0, &state);
        let_one_dominate(row, m->vocab, &state);
        break;
    case SHAPE_EQUAL:
        for (uint32_t i = 0; i < m->vocab; ++i) row[i] = 1.0f;
        break;
    case SHAPE_ZIPF: fill_zipf(row, m->vocab, &state); break;
    case SHAPE_GUMBEL:
        for (uint32_t i = 0; i < m->vocab; ++i)
            row[i] = (float)-log(-log(random_uniform(&state)));
        break;
    default: fill_normal(row, m->vocab, 1.0, &state); break;
    }
}

void shape_rows(crew *all, bench_shape shape, const char *model, float *rows, size_t count,
                uint32_t vocab)
{
    making m = {shape, rows, vocab};
    if (shape == SHAPE_MODEL) {
        model_rows(model, rows, count, vocab);
    } else {
        crew_run(all, fill_row, &m, count);
    }
}
