#include "oracle_rows.h"

#include <math.h>
#include <string.h>

uint64_t rows_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t x = *state;
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

double rows_uniform(uint64_t *state) { return (double)(rows_random(state) >> 11) * 0x1p-53; }

double rows_between(uint64_t *state, double low, double high)
{
    return low + (high - low) * rows_uniform(state);
}

double rows_normal(uint64_t *state)
{
    const double radius = sqrt(-2.0 * log(1.0 - rows_uniform(state)));
    return radius * cos(6.283185307179586 * rows_uniform(state));
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

float rows_any_float(uint64_t *state)
{
    for (;;) {
        const float x = float_of((uint32_t)rows_random(state));
        if (isfinite(x)) {
            return x;
        }
    }
}

float rows_to_half_value(float x)
{
    if (fabsf(x) < 0x1p-14f) {
        return 0.0f;
    }
    return fabsf(x) >= 65504.0f ? copysignf(65504.0f, x) : float_of(bits_of(x) & ~0x1fffu);
}

float rows_to_bfloat16_value(float x) { return float_of(bits_of(x) & 0xffff0000u); }

float rows_neighbour(float x, int32_t steps)
{
    const uint32_t bits = bits_of(x);
    const int64_t magnitude = (int64_t)(bits & 0x7fffffffu);
    const int64_t place = (bits >> 31 ? -magnitude : magnitude) + steps;
    const uint32_t moved = (uint32_t)(place < 0 ? -place : place);
    return float_of(place < 0 ? moved | 0x80000000u : moved);
}

void rows_fill_normal(float *x, uint32_t vocab, double sigma, uint64_t *state)
{
    for (uint32_t i = 0; i < vocab; i++) {
        x[i] = (float)(sigma * rows_normal(state));
    }
}

void rows_fill_equal(float *x, uint32_t vocab, float value)
{
    for (uint32_t i = 0; i < vocab; i++) {
        x[i] = value;
    }
}

void rows_fill_head(float *x, uint32_t vocab, float head, float tail)
{
    rows_fill_equal(x, vocab, tail);
    x[0] = head;
}

void rows_fill_tiles(float *x, uint32_t vocab, double top, double depth, double fall)
{
    for (uint32_t i = 0; i < vocab; i++) {
        const uint32_t tile = i / 256u;
        const double of_tile = top - fall * (double)tile;
        x[i] = (float)(i % 256u == 77u ? of_tile : of_tile - depth);
    }
}

void rows_fill_ladder(float *x, uint32_t vocab, double top, double step)
{
    for (uint32_t i = 0; i < vocab; i++) {
        x[i] = (float)(top - step * (double)i);
    }
}

void rows_fill_any(float *x, uint32_t vocab, uint64_t *state)
{
    for (uint32_t i = 0; i < vocab; i++) {
        x[i] = rows_any_float(state);
    }
}

void rows_fill_neighbours(float *x, uint32_t vocab, float base, uint32_t span)
{
    for (uint32_t i = 0; i < vocab; i++) {
        x[i] = rows_neighbour(base, -(int32_t)(i % span));
    }
}
