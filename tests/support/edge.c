#include "edge.h"

#include "gen.h"
#include "oracle_rows.h"

#include <float.h>
#include <math.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* What a row is made of: logits in octaves of weight at its temperature. */
typedef struct edge {
    float *x;
    uint32_t vocab;
    double octave;
    uint64_t *state;
} edge;

static float at(const edge *e, double octaves)
{
    return (float)fmax(-FLT_MAX, fmin(FLT_MAX, octaves * e->octave));
}

static void fill(const edge *e, float value)
{
    for (uint32_t i = 0; i < e->vocab; ++i) e->x[i] = value;
}

static uint32_t below(const edge *e, uint32_t end) { return gen_below(end, e->state); }

static double between(const edge *e, double low, double high)
{
    return rows_between(e->state, low, high);
}

/* One or two levels, at any part of an octave; the upper one has any number of tokens. */
static void fill_levels(const edge *e)
{
    const double top = between(e, -8.0, 8.0);
    const double depth = below(e, 2) ? between(e, 0.0, 3.0) : between(e, 0.0, 40.0);
    const uint32_t n = 1 + below(e, e->vocab);
    for (uint32_t i = 0; i < e->vocab; ++i) {
        e->x[i] = at(e, below(e, e->vocab) < n ? top : top - depth);
    }
}

/* Tokens of different weights in groups of their own, above a tail that weighs as much. */
static void fill_heads(const edge *e)
{
    const uint32_t heads = 1 + below(e, 40);
    fill(e, at(e, log2(between(e, 0.1, 20.0) / e->vocab)));
    for (uint32_t h = 0; h < heads; ++h) {
        e->x[below(e, e->vocab)] = at(e, between(e, -4.0, 0.0));
    }
}

/* Every tile a number of octaves below the first, around those at which its masses are rounded,
 * vanish or do not count. */
static void fill_shifts(const edge *e)
{
    static const int shifts[] = {0, 1, 12, 13, 14, 15, 29, 41, 42, 43, 44, 59, 60, 61, 64, 90};
    const double depth = between(e, 0.0, 33.0);
    double top = 0.0;
    for (uint32_t i = 0; i < e->vocab; ++i) {
        if (i % 256 == 0 && i > 0) top = -shifts[below(e, LENGTH(shifts))] + between(e, 0, 0.6);
        e->x[i] = at(e, top - (below(e, 16) ? between(e, 0.0, depth) : 0.0));
    }
}

/* Some live tokens in a group, most times one: the least that a group can weigh. */
static void fill_lonely(const edge *e)
{
    const double depth = below(e, 2) ? 0.0 : between(e, 0.0, 20.0);
    fill(e, -INFINITY);
    for (uint32_t i = 0; i < e->vocab; i += 32) {
        const uint32_t room = e->vocab - i < 32 ? e->vocab - i : 32;
        for (uint32_t n = below(e, 8) ? 1 : 3; n > 0; --n) {
            e->x[i + below(e, room)] = at(e, between(e, -depth, 0.0));
        }
    }
}

/* Logits that are so large, in octaves, that their exponents or their units are rounded. */
static void fill_far(const edge *e)
{
    static const double powers[] = {21, 22, 23, 24, 25, 26, 30, 36, 39, 40};
    const double size = exp2(powers[below(e, LENGTH(powers))] + between(e, -1e-6, 1e-6));
    const float far = at(e, below(e, 2) ? size : -size);
    const int32_t steps = 1 + (int32_t)below(e, 60);
    for (uint32_t i = 0; i < e->vocab; ++i) {
        const int32_t step = (int32_t)below(e, 2 * (uint32_t)steps) - steps;
        e->x[i] = fabsf(far) < FLT_MAX / 2 ? rows_neighbour(far, step) : far;
    }
}

/* Weights of a few units, or of none, below the largest of the tile. */
static void fill_rounded(const edge *e)
{
    const double depth = between(e, 26.0, 33.0);
    const uint32_t n = 1 + below(e, 300);
    for (uint32_t i = 0; i < e->vocab; ++i) {
        e->x[i] = at(e, below(e, n) ? -depth - between(e, 0.0, 2.0) : between(e, -0.6, 0.6));
    }
}

static void fill_normal(const edge *e)
{
    const double sigma = exp2(between(e, -6.0, 5.0));
    const double grid = below(e, 2) ? exp2(-(double)below(e, 8)) : 0.0;
    for (uint32_t i = 0; i < e->vocab; ++i) {
        const double y = sigma * rows_normal(e->state);
        e->x[i] = at(e, grid > 0.0 ? grid * nearbyint(y / grid) : y);
    }
}

/* The smallest live logits, and none smaller. */
static void fill_lowest(const edge *e)
{
    const uint32_t dead = below(e, 4);
    for (uint32_t i = 0; i < e->vocab; ++i) {
        e->x[i] = below(e, 4) < dead ? -INFINITY : -FLT_MAX;
    }
}

float edge_temperature(uint64_t *state)
{
    static const float ordinary[] = {1.0f, 1.0f, 0.7f, 1.3f};
    switch (gen_below(8, state)) {
    case 0: return 0x1p-64f;
    case 1: return 0x1p+64f;
    case 2:
    case 3: return (float)exp2(rows_between(state, -64.0, 64.0));
    default: return ordinary[gen_below(LENGTH(ordinary), state)];
    }
}

const char *edge_row(float *x, uint32_t vocab, float temperature, uint64_t *state)
{
    static const struct {
        void (*fill)(const edge *e);
        const char *name;
    } kinds[] = {{fill_levels, "levels"}, {fill_heads, "heads"},  {fill_shifts, "shifts"},
                 {fill_lonely, "lonely"}, {fill_far, "far"},      {fill_rounded, "rounded"},
                 {fill_normal, "normal"}, {fill_lowest, "lowest"}};
    const edge e = {x, vocab, (double)temperature * log(2.0), state};
    const uint32_t kind = gen_below(LENGTH(kinds) + 4, state);
    const char *name = NULL;
    uint32_t live = 0;
    if (kind < LENGTH(kinds)) {
        kinds[kind].fill(&e);
        name = kinds[kind].name;
    } else {
        const gen_kind any = (gen_kind)gen_below(GEN_KINDS, state);
        gen_row(any, x, vocab, state);
        name = gen_name(any);
    }
    for (uint32_t i = 0; i < vocab; ++i) live += x[i] > -INFINITY;
    if (live == 0) x[gen_below(vocab, state)] = 0.0f;
    return name;
}
