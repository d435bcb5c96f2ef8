/* The oracle's hidden states: how they are kept (section 20), products and norms (21). */
#include "oracle_contrastive.h"

#include "memory.h"
#include "oracle.h"

#include <math.h>

static uint32_t field_of(float x) { return oracle_bits(x) >> 23 & 0xffu; }

/* The largest field of a state. */
static uint32_t largest_field(const float *x, uint32_t width)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < width; i++) {
        if (field_of(x[i]) > largest) {
            largest = field_of(x[i]);
        }
    }
    return largest;
}

/* An element in a state whose largest field is `largest`. */
static float scaled(float x, uint32_t largest)
{
    const uint32_t field = field_of(x);
    if (field == 0 || field + 40 < largest) {
        return 0.0f;
    }
    return oracle_float((oracle_bits(x) & 0x807fffffu) | (field + 127 - largest) << 23);
}

oracle_state *oracle_state_new(const float *x, uint32_t width, bool float16)
{
    oracle_state *const state = memory_zeroed(1, sizeof *state + width * sizeof *state->kept);
    const uint32_t largest = largest_field(x, width);
    state->width = width;
    state->bad = largest == 0xffu;
    if (state->bad) {
        return state;
    }
    for (uint32_t i = 0; i < width; i++) {
        state->kept[i] = float16 ? x[i] : scaled(x[i], largest);
    }
    state->inverse = oracle_inverse(oracle_dot(state->kept, state->kept, width));
    return state;
}

float oracle_dot(const float *a, const float *b, uint32_t width)
{
    float s[16] = {0.0f};
    for (uint32_t e = 0; e < width; e++) {
        s[e % 16] = fmaf(a[e], b[e], s[e % 16]);
    }
    for (uint32_t n = 8; n > 0; n /= 2) {
        for (uint32_t l = 0; l < n; l++) {
            s[l] = s[l] + s[l + n];
        }
    }
    return s[0];
}

float oracle_inverse(float n)
{
    if (n == 0.0f) {
        return 0.0f;
    }
    const float h = n * 0.5f;
    float y = oracle_float(0x5f3759dfu - (oracle_bits(n) >> 1));
    for (int i = 0; i < 3; i++) {
        const float hy = h * y;
        y = y * fmaf(-hy, y, 1.5f);
    }
    const float ny = n * y;
    const float e = fmaf(-ny, y, 1.0f);
    const float half_y = y * 0.5f;
    return fmaf(half_y, e, y);
}
