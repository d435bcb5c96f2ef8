#include "contrastive_gen.h"

#include "gen.h"
#include "oracle_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

const char *state_name(state_kind kind)
{
    static const char *const names[] = {
#define STATE_TEXT(name) #name,
        STATE_KINDS(STATE_TEXT)
#undef STATE_TEXT
    };
    return names[kind];
}

/* The exponents of the type's largest finite values and of its smallest normal ones. */
static int largest_exponent(lms_dtype dtype) { return dtype == LMS_FLOAT16 ? 14 : 126; }
static int smallest_exponent(lms_dtype dtype) { return dtype == LMS_FLOAT16 ? -14 : -126; }

/* Element i of a direction: the same whoever asks. */
static float direction_at(uint64_t direction, uint32_t i)
{
    uint64_t state = direction + (uint64_t)i * UINT64_C(0x2545F4914F6CDD1D);
    return (float)rows_normal(&state);
}

static float with_exponent(int from, int to, uint64_t *state)
{
    const double x = exp2(rows_between(state, (double)from, (double)to));
    return (float)(gen_below(2, state) ? x : -x);
}

/* An element of every state by itself. */
static float scattered(state_kind kind, lms_dtype dtype, uint64_t *state)
{
    const int most = largest_exponent(dtype), least = smallest_exponent(dtype);
    switch (kind) {
    case STATE_COARSE: return (float)gen_below(3, state) - 1.0f;
    case STATE_ZERO: return gen_below(2, state) ? 0.0f : -0.0f;
    case STATE_HUGE_ONES: return with_exponent(most, most + 1, state);
    case STATE_TINY_ONES: return with_exponent(least - 8, least + 3, state);
    case STATE_SUBNORMAL: return with_exponent(least - 23, least, state);
    case STATE_MIXED: return with_exponent(least, most, state);
    case STATE_ANY_FINITE:
        if (dtype == LMS_FLOAT16) return with_exponent(least - 10, most + 1, state);
        return rows_any_float(state) * 0.5f;
    default: return (float)rows_normal(state);
    }
}

void state_fill(state_kind kind, uint64_t direction, float *x, uint32_t width, lms_dtype dtype,
                uint64_t *state)
{
    const uint32_t one = gen_below(width, state);
    float factor = kind == STATE_OPPOSITE ? -1.0f : 1.0f;
    switch (kind) {
    case STATE_CROWDED: factor = 8.0f; break;
    case STATE_SCALED: factor = ldexpf(factor, (int)gen_below(9, state) - 4); break;
    case STATE_UNIT:
        for (uint32_t i = 0; i < width; ++i) x[i] = 0.0f;
        x[one] = gen_below(2, state) ? 1.0f : -3.0f;
        return;
    default: break;
    }
    for (uint32_t i = 0; i < width; ++i) {
        switch (kind) {
        case STATE_CROWDED:
            x[i] = factor * direction_at(direction, i) + (float)rows_normal(state);
            break;
        case STATE_DIRECTION:
        case STATE_OPPOSITE:
        case STATE_SCALED: x[i] = factor * direction_at(direction, i); break;
        default: x[i] = scattered(kind, dtype, state);
        }
    }
    if (kind == STATE_OUTLIER) x[one] = with_exponent(8, 13, state);
}

void state_spoil(float *x, uint32_t width, uint64_t *state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    x[gen_below(width, state)] = bad[gen_below(LENGTH(bad), state)];
}

static float some_alpha(uint64_t *state)
{
    static const float edges[] = {0.0f,   0.0f,     1.0f,   0.6f, 0.6f,  0x1p-24f,      -0.0f,
                                  1e-45f, 0x1p-60f, 1e-19f, 0.5f, 1e-3f, 0x1.fffffep-1f};
    if (gen_below(2, state)) return (float)rows_uniform(state);
    return edges[gen_below(LENGTH(edges), state)];
}

static void some_range(lms_contrastive_params *p, uint32_t length, uint64_t *state)
{
    if (gen_below(3, state) == 0) p->context_begin = gen_below(length + 1, state);
    if (gen_below(3, state) == 0) p->context_window = gen_below(length + 1, state);
    if (gen_below(40, state) == 0) p->context_begin = 0x7fffffffu + gen_below(2, state);
    if (gen_below(40, state) == 0) p->context_begin = UINT32_MAX;
    if (gen_below(40, state) == 0) p->context_window = UINT32_MAX - gen_below(2, state);
    if (gen_below(20, state) == 0) p->context_window = 1;
}

void contrastive_gen(lms_contrastive_params *p, const contrastive_limits *limits,
                     uint64_t *state)
{
    lms_row_params row;
    const uint32_t filters = gen_below(2, state) ? 0 : gen_below(8, state);
    do {
        gen_params(&row, filters | gen_below(16, state) << 3, limits->vocab, state);
    } while (!(row.filters.temperature > 0.0f && row.filters.top_p > 0.0f));
    *p = (lms_contrastive_params)LMS_CONTRASTIVE_PARAMS_INIT(some_alpha(state), limits->k);
    if (gen_below(3, state)) p->k = 1 + gen_below(limits->k, state);
    p->filters = row.filters;
    if (gen_below(2, state)) p->filters.temperature = 1.0f;
    some_range(p, limits->length, state);
}

void contrastive_gen_tell(const lms_contrastive_params *p)
{
    fprintf(stderr,
            "  alpha %a, k %u, begin %u, window %u, temperature %a, top_p %a, min_p %a, "
            "top_k %d, filter flags %u\n",
            (double)p->alpha, p->k, p->context_begin, p->context_window,
            (double)p->filters.temperature, (double)p->filters.top_p, (double)p->filters.min_p,
            (int)p->filters.top_k, p->filters.flags);
}
