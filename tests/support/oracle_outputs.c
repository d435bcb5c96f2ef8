#include "oracle_outputs.h"

#include <math.h>

static const oracle_row *row_of(const oracle_both *row, oracle_of of)
{
    return of == ORACLE_RAW ? row->raw : row->edited;
}

static const float *logits_of(const oracle_both *row, oracle_of of)
{
    return of == ORACLE_RAW ? row->stored : row->edited_logits;
}

float oracle_value(const oracle_both *row, oracle_of of, uint32_t token, bool logits)
{
    const oracle_row *const measured = row_of(row, of);
    const float x = logits_of(row, of)[token];
    if (oracle_row_live(measured) == 0) {
        return NAN;
    }
    if (of == ORACLE_PROCESSED) {
        return oracle_row_is_kept(measured, token) ? oracle_row_logprob(measured, token)
                                                   : -INFINITY;
    }
    if (oracle_is_dead(x)) {
        return x;
    }
    return logits ? oracle_row_logit(measured, token) : oracle_row_logprob_raw(measured, token);
}

uint32_t oracle_rank(const oracle_both *row, oracle_of of, uint32_t token, bool from_0)
{
    const oracle_row *const measured = row_of(row, of);
    const float *const logits = logits_of(row, of);
    const uint32_t vocab = oracle_row_vocab(measured);
    const bool dead = oracle_is_dead(logits[token]);
    uint32_t count = dead && !from_0 ? 1 : 0;
    for (uint32_t t = 0; t < vocab; t++) {
        if (oracle_is_dead(logits[t])) {
            continue;
        }
        if (dead || oracle_key(logits[t]) > oracle_key(logits[token]) ||
            (oracle_key(logits[t]) == oracle_key(logits[token]) && !from_0)) {
            count++;
        }
    }
    return count;
}

/* --- entropy --- */

/* z(x) of section 4, for a scale for which the row is not huge. */
static float z_of(const oracle_row *row, const oracle_measure *m, uint32_t token)
{
    const uint32_t first = oracle_row_order(row)[0];
    const oracle_split split = oracle_split_at(oracle_row_logit(row, first), m->scale);
    return fmaf(oracle_row_logit(row, token), m->scale, -split.h) - split.c;
}

static uint64_t depth_of(const oracle_row *row, const oracle_measure *m, uint32_t token)
{
    if (m->huge) {
        return 0;
    }
    const float gap = z_of(row, m, oracle_row_order(row)[0]) - z_of(row, m, token);
    return (uint64_t)(fminf(gap, 512.0f) * 0x1p14f + 0.5f);
}

float oracle_entropy(const oracle_both *both, oracle_of of)
{
    const oracle_row *const row = row_of(both, of);
    const uint32_t vocab = oracle_row_vocab(row);
    if (oracle_row_live(row) == 0) {
        return NAN;
    }
    if (of == ORACLE_PROCESSED && oracle_row_greedy(row)) {
        return 0.0f;
    }
    const oracle_measure *const m = oracle_row_measure(row, of == ORACLE_RAW);
    const uint64_t mass = of == ORACLE_RAW ? m->total : oracle_row_kept_mass(row);
    uint64_t all = 0;
    for (uint32_t first = 0; first < vocab; first += ORACLE_TILE) {
        const oracle_tile *const tile = &m->tiles[first / ORACLE_TILE];
        uint64_t sum = 0;
        for (uint32_t t = first; t < vocab && t < first + ORACLE_TILE && tile->counts; t++) {
            const bool counts = of == ORACLE_RAW ? !oracle_is_dead(both->stored[t])
                                                 : oracle_row_is_kept(row, t);
            sum += counts ? m->weights[t] * depth_of(row, m, t) : 0;
        }
        all += tile->shift >= 60 ? 0 : sum >> tile->shift;
    }
    const uint64_t first_mass = oracle_measure_mass(m, oracle_row_order(row)[0]);
    const float k = (float)(oracle_lg(mass) - oracle_lg(first_mass)) * 0x1.62e430p-33f;
    return fmaf((float)all * oracle_reciprocal((float)mass), 0x1.62e430p-2f, k);
}

/* --- top and named --- */

static oracle_of of_wants(const lms_row_wants *wants)
{
    if (wants->flags & LMS_WANT_PROCESSED) {
        return ORACLE_PROCESSED;
    }
    return wants->flags & LMS_WANT_EDITED ? ORACLE_EDITED : ORACLE_RAW;
}

void oracle_top(const oracle_both *row, const lms_row_wants *wants, uint32_t capacity,
                int32_t *tokens, float *values)
{
    const oracle_of of = of_wants(wants);
    const oracle_row *const measured = row_of(row, of);
    const uint32_t *const order = oracle_row_order(measured);
    const uint32_t all =
        of == ORACLE_PROCESSED ? oracle_row_kept(measured) : oracle_row_live(measured);
    for (uint32_t i = 0; i < capacity; i++) {
        const bool some = i < wants->top_n && i < all;
        tokens[i] = some ? (int32_t)order[i] : LMS_NO_TOKEN;
        values[i] =
            some ? oracle_value(row, of, order[i], wants->flags & LMS_WANT_LOGITS) : NAN;
    }
}

void oracle_named(const oracle_both *row, const lms_row_wants *wants, const oracle_list *list,
                  uint32_t capacity, float *values)
{
    for (uint32_t i = 0; i < capacity; i++) {
        values[i] = i < list->count ? oracle_value(row, of_wants(wants), (uint32_t)list->ids[i],
                                                   wants->flags & LMS_WANT_LOGITS)
                                    : NAN;
    }
}
