#include "logits.h"

#include <math.h>

const char *bench_shape_name(bench_shape shape)
{
    static const char *const names[BENCH_SHAPES] = {"peaked", "dominant", "flat"};
    return names[shape];
}

/* splitmix64: well mixed from any seed, and the row is the same everywhere. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double uniform(uint64_t *state) { return ((double)(next(state) >> 11) + 0.5) * 0x1p-53; }

void bench_row(float *row, uint32_t vocab, bench_shape shape, uint64_t seed)
{
    static const double sigmas[BENCH_SHAPES] = {5.0, 2.0, 1.0};
    const double pi = 3.14159265358979323846;
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    double mass = 0.0;
    for (uint32_t i = 0; i < vocab; ++i) {
        const double radius = sqrt(-2.0 * log(uniform(&state)));
        const double x = sigmas[shape] * radius * cos(2.0 * pi * uniform(&state));
        row[i] = (float)x;
        mass += exp(x);
    }
    if (shape == BENCH_DOMINANT && vocab > 0)
        row[next(&state) % vocab] = (float)log(9.0 * mass);
}
