#include "gen.h"

#include "oracle_rows.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

const char *gen_name(gen_kind kind)
{
    static const char *const names[] = {
#define GEN_TEXT(name) #name,
        GEN_ROWS(GEN_TEXT)
#undef GEN_TEXT
    };
    return names[kind];
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

uint32_t gen_below(uint32_t end, uint64_t *state)
{
    return (uint32_t)(rows_random(state) % end);
}

static bool one_in(uint32_t n, uint64_t *state) { return gen_below(n, state) == 0; }

static float some_nan(uint64_t *state)
{
    return float_of(((uint32_t)rows_random(state) & 0x807fffffu) | 0x7f800001u);
}

static float normal(double sigma, uint64_t *state)
{
    return (float)(sigma * rows_normal(state));
}

static void fill(float *x, uint32_t vocab, float value)
{
    for (uint32_t i = 0; i < vocab; ++i) x[i] = value;
}

static void fill_tiles(float *x, uint32_t vocab, double step, bool shuffled, uint64_t *state)
{
    double top = 20.0;
    for (uint32_t i = 0; i < vocab; ++i) {
        if (i % 256 == 0) {
            top = shuffled ? -step * (double)gen_below(vocab / 256 + 1, state) : top - step;
        }
        x[i] = (float)(top + rows_normal(state));
    }
}

static void fill_heavy_tail(float *x, uint32_t vocab, uint64_t *state)
{
    const double power = rows_between(state, 0.9, 2.0);
    for (uint32_t i = 0; i < vocab; ++i) {
        const double rank = 1.0 + (double)vocab * rows_uniform(state);
        x[i] = (float)(30.0 - power * log(rank) - 20.0 * log1p(rank / (double)vocab));
    }
}

static void fill_ladder(float *x, uint32_t vocab, uint64_t *state)
{
    const double step = exp2(rows_between(state, -12.0, 4.0)) * (one_in(2, state) ? 1.0 : -1.0);
    const double top = rows_between(state, -50.0, 50.0);
    for (uint32_t i = 0; i < vocab; ++i) x[i] = (float)(top - step * (double)i);
}

/* A value of every token by itself. */
static float scattered(gen_kind kind, uint64_t *state)
{
    const float g = normal(1.0, state);
    switch (kind) {
    case GEN_NORMAL_TINY: return 0.01f * g;
    case GEN_NORMAL_ONE: return g;
    case GEN_NORMAL_FIVE: return 5.0f * g;
    case GEN_NORMAL_WIDE: return 50.0f * g;
    case GEN_THREE_VALUES: return (float)gen_below(3, state) * 0.75f - 1.0f;
    case GEN_ALL_NAN: return some_nan(state);
    case GEN_NAN_LACED: return one_in(10, state) ? some_nan(state) : 3.0f * g;
    case GEN_MASKED: return one_in(50, state) ? g : -INFINITY;
    case GEN_HUGE_SCALE: return 1e30f * g;
    case GEN_HUGE_NEGATIVE: return -1e30f - 1e28f * g;
    case GEN_HUGE_EDGE: return 0x1p+40f * 0.69314718f * (1.0f + 1e-3f * g);
    case GEN_SUBNORMAL: return float_of((uint32_t)rows_random(state) & 0x807fffffu);
    case GEN_ZEROS: return one_in(2, state) ? 0.0f : -0.0f;
    case GEN_COARSE: return rows_to_bfloat16_value(2.0f * g);
    case GEN_ANY_FINITE: return rows_any_float(state);
    case GEN_ANY_BITS: return float_of((uint32_t)rows_random(state));
    case GEN_PLUS_INF:
        if (one_in(40, state)) return INFINITY;
        if (one_in(40, state)) return some_nan(state);
        return one_in(40, state) ? -INFINITY : g;
    case GEN_ZEROS_AND_LESS:
        if (one_in(8, state)) return -1.0f;
        if (one_in(64, state)) return float_of(1u + gen_below(3, state));
        return one_in(2, state) ? 0.0f : -0.0f;
    default: return 0.0f;
    }
}

void gen_row(gen_kind kind, float *x, uint32_t vocab, uint64_t *state)
{
    const uint32_t one = gen_below(vocab, state);
    switch (kind) {
    case GEN_EQUAL: fill(x, vocab, normal(10.0, state)); return;
    case GEN_DEAD: fill(x, vocab, -INFINITY); return;
    case GEN_LADDER: fill_ladder(x, vocab, state); return;
    case GEN_HEAVY_TAIL: fill_heavy_tail(x, vocab, state); return;
    case GEN_STEEP_TILES: fill_tiles(x, vocab, 3.7, true, state); return;
    case GEN_FALLING_TILES: fill_tiles(x, vocab, 0.4, false, state); return;
    case GEN_ONE_HOT:
        fill(x, vocab, normal(1.0, state));
        x[one] += 25.0f;
        return;
    case GEN_LAST_ONLY:
        fill(x, vocab, -INFINITY);
        x[vocab - 1] = normal(10.0, state);
        return;
    case GEN_ONE_TILE:
        fill(x, vocab, -INFINITY);
        for (uint32_t i = one & ~255u; i < vocab && i < (one | 255u) + 1; ++i) {
            x[i] = normal(2.0, state);
        }
        return;
    case GEN_HEAD_TAIL:
        for (uint32_t i = 0; i < vocab; ++i) x[i] = normal(0.5, state);
        x[one] = (float)rows_between(state, 12.0, 20.0);
        return;
    case GEN_NEIGHBOURS: {
        const float base =
            ldexpf(1.0f + 0.7f * (float)rows_uniform(state), (int)gen_below(20, state) - 12);
        const uint32_t span = 1 + gen_below(2 * vocab, state);
        for (uint32_t i = 0; i < vocab; ++i) {
            x[i] = rows_neighbour(base, -(int32_t)gen_below(span, state));
        }
        return;
    }
    default:
        for (uint32_t i = 0; i < vocab; ++i) x[i] = scattered(kind, state);
        /* masked does not mean empty */
        if (kind == GEN_MASKED) x[one] = 0.5f;
    }
}

uint16_t gen_to_bfloat16(float x)
{
    const uint32_t bits = bits_of(x);
    if (x != x) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

uint16_t gen_to_half(float x)
{
    const uint32_t sign = bits_of(x) >> 16 & 0x8000u;
    const double magnitude = fabs((double)x);
    if (x != x) return (uint16_t)(sign | 0x7c00u | (bits_of(x) & 0x3ffu) | 1u);
    if (magnitude >= 65520.0) return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x1p-14) return (uint16_t)(sign | (uint32_t)nearbyint(magnitude * 0x1p24));
    int exponent;
    const double mantissa = frexp(magnitude, &exponent); /* in [1/2, 1) */
    /* a mantissa that rounds up to 2^11 carries into the exponent by itself */
    const uint32_t rounded = (uint32_t)nearbyint(mantissa * 0x1p11);
    return (uint16_t)(sign | (((uint32_t)(exponent + 13) << 10) + rounded));
}

static float pick(const float *values, size_t count, uint64_t *state)
{
    return values[gen_below((uint32_t)count, state)];
}

static float some_temperature(uint64_t *state)
{
    static const float edges[] = {0x1p-64f, 1e-6f, 0.1f,   0.7f, 1.0f,    1.0f,
                                  1.0f,     1.3f,  100.0f, 1e6f, 0x1p+64f};
    if (one_in(24, state)) return 0.0f;
    if (one_in(8, state)) return (float)exp2(rows_between(state, -64.0, 64.0));
    if (one_in(3, state)) return (float)rows_between(state, 0.05, 3.0);
    return pick(edges, LENGTH(edges), state);
}

static int32_t some_top_k(uint32_t vocab, uint64_t *state)
{
    const int32_t v = (int32_t)vocab;
    /* around the list's capacity and around what makes a search look at tiles or at groups */
    const int32_t edges[] = {1,       2,     3,    20,    50,   239,       240,      241,
                             2000,    2047,  2048, 2049,  2100, v / 2,     v / 32,   v / 64,
                             v / 512, v - 1, v,    v + 1, -1,   INT32_MAX, INT32_MIN};
    if (one_in(3, state)) return (int32_t)gen_below(vocab + 2, state);
    return edges[gen_below(LENGTH(edges), state)];
}

static float some_top_p(uint64_t *state)
{
    static const float edges[] = {1e-45f, 1e-38f, 1e-7f,    0.01f,      0.1f,
                                  0.25f,  0.5f,   0.75f,    0.9f,       0.95f,
                                  0.99f,  0.999f, 0.99999f, 0.9999999f, 0x1.fffffep-1f};
    if (one_in(40, state)) return one_in(2, state) ? -INFINITY : -0.0f;
    if (one_in(3, state)) return (float)rows_between(state, 0.0, 1.0);
    return pick(edges, LENGTH(edges), state);
}

static float some_min_p(uint64_t *state)
{
    static const float edges[] = {
        1e-45f,   3e-45f,        1e-40f,         0x1p-126f,      1e-30f, 1e-10f, 1e-4f,
        0.02f,    0.05f,         0.1f,           0.3f,           0.5f,   0.9f,   0.999f,
        0.99999f, 0x1.ffffep-1f, 0x1.fffff0p-1f, 0x1.fffffep-1f, 1.0f};
    if (one_in(3, state)) return (float)exp2(rows_between(state, -20.0, 0.0));
    return pick(edges, LENGTH(edges), state);
}

void gen_params(lms_row_params *p, uint32_t turn, uint32_t vocab, uint64_t *state)
{
    *p = (lms_row_params)LMS_ROW_PARAMS_INIT;
    p->seed = rows_random(state) >> gen_below(64, state);
    p->step = rows_random(state) >> gen_below(64, state);
    p->filters.temperature = some_temperature(state);
    if (turn & 1) p->filters.top_k = some_top_k(vocab, state);
    if (turn & 2) p->filters.top_p = some_top_p(state);
    if (turn & 4) p->filters.min_p = some_min_p(state);
    p->filters.flags = turn >> 3 & LMS_FILTER_FLAGS;
    if (!(turn & 2) && one_in(4, state)) p->filters.top_p = one_in(2, state) ? INFINITY : 1.5f;
    if (!(turn & 4) && one_in(4, state))
        p->filters.min_p = one_in(2, state) ? -INFINITY : -0.0f;
}

void gen_hostile(lms_row_params *p, uint64_t *state)
{
    static const float temperatures[] = {-1.0f,  -1e-30f,  0x1.fffffep-65f, 0x1.000002p+64f,
                                         1e-45f, INFINITY, -INFINITY,       NAN};
    static const float min_ps[] = {NAN, 1.0000001f, 2.0f, INFINITY};
    gen_params(p, gen_below(128, state), 1000, state);
    const uint32_t bad = 1 + gen_below(31, state);
    if (bad & 1) p->filters.temperature = pick(temperatures, LENGTH(temperatures), state);
    if (bad & 2) p->filters.top_p = some_nan(state);
    if (bad & 4) p->filters.min_p = pick(min_ps, LENGTH(min_ps), state);
    if (bad & 8) p->filters.flags |= 0x10u << gen_below(28, state);
    if (bad & 16) p->reserved[gen_below(2, state)] = 1u << gen_below(32, state);
}

void gen_early(lms_row_params *p, uint64_t *state)
{
    const uint32_t bad = (1 | gen_below(16, state)) << gen_below(4, state);
    if (bad & 1) p->filters.rules = 1u << gen_below(32, state);
    if (bad & 2) p->request.slot = 1u << gen_below(32, state);
    if (bad & 4) p->request.edits = 1u << gen_below(32, state);
    if (bad & 8) p->wants = 1u << gen_below(32, state);
    if (bad & 16) p->reserved[gen_below(2, state)] = 1u << gen_below(32, state);
}
