#include "beam_model.h"

#include "gen.h"
#include "oracle_rows.h"

static uint64_t hash_of(uint64_t seed, const int32_t *tokens, uint32_t length)
{
    uint64_t state = seed;
    for (uint32_t i = 0; i < length; i++) {
        state = rows_random(&state) ^ (uint64_t)(uint32_t)tokens[i];
    }
    return rows_random(&state);
}

static void fill_ties(float *x, uint32_t vocab, uint64_t *state)
{
    for (uint32_t i = 0; i < vocab; i++) {
        const uint32_t j = gen_below(i + 1, state);
        x[i] = x[j];
        x[j] = -(float)(i % 3);
    }
}

static gen_kind some_kind(uint64_t *state)
{
    static const gen_kind sane[] = {GEN_NORMAL_ONE, GEN_NORMAL_FIVE, GEN_HEAVY_TAIL,
                                    GEN_COARSE};
    if (gen_below(3, state) == 0) {
        return (gen_kind)gen_below(GEN_KINDS, state);
    }
    return sane[gen_below(4, state)];
}

void beam_model_row(const beam_model *m, const int32_t *tokens, uint32_t length, float *x)
{
    uint64_t state = hash_of(m->seed, tokens, length);
    if (m->kind == BEAM_MODEL_TIES) {
        fill_ties(x, m->vocab, &state);
    } else if (m->kind == BEAM_MODEL_NORMAL) {
        rows_fill_normal(x, m->vocab, m->sigma, &state);
    } else {
        gen_row(some_kind(&state), x, m->vocab, &state);
    }
}
