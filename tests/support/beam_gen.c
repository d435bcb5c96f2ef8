#include "beam_gen.h"

#include "gen.h"
#include "oracle_rows.h"

#include <stdio.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* Temperature and filters as of rows, but never greedy. */
static void some_filters(lms_beam_params *p, uint32_t vocab, uint64_t *state)
{
    lms_row_params row;
    const uint32_t filters = gen_below(2, state) ? 0 : gen_below(8, state);
    do {
        gen_params(&row, filters | gen_below(16, state) << 3, vocab, state);
    } while (!(row.filters.temperature > 0.0f && row.filters.top_p > 0.0f));
    p->filters = row.filters;
    if (gen_below(2, state)) p->filters.temperature = 1.0f;
}

static uint32_t some_mode(uint32_t modes, uint64_t *state)
{
    for (;;) {
        const uint32_t mode = gen_below(LMS_BEAM_MODES, state);
        if (modes >> mode & 1u) return mode;
    }
}

static void some_groups(lms_beam_params *p, uint64_t *state)
{
    static const float penalties[] = {0.0f, -0.0f, 1e-45f, 0x1p-33f, 0x1p-32f, 0.25f, 0.5f,
                                      1.0f, 3.0f,  1e5f,   0x1p28f,  0x1p29f,  1e12f, 3e38f};
    if (p->mode != LMS_BEAM_SEARCH || gen_below(3, state)) return;
    do {
        p->groups = 1 + gen_below(p->width, state);
    } while (p->width % p->groups);
    do {
        p->diversity_penalty = penalties[gen_below(LENGTH(penalties), state)];
    } while (p->groups > 1 && p->diversity_penalty < 0x1p-32f);
}

static float some_length_penalty(uint64_t *state)
{
    static const float edges[] = {0.0f, -0.0f, 1e-45f, 0.5f,  1.0f,   1.0f,   2.0f,
                                  3.0f, 10.0f, 31.0f,  33.0f, -0.5f,  -1.0f,  -2.0f,
                                  0.6f, 1.5f,  40.5f,  3e38f, -3e38f, -40.0f, -1e-45f};
    if (gen_below(3, state) == 0) return (float)rows_between(state, -16.0, 16.0);
    return edges[gen_below(LENGTH(edges), state)];
}

static void some_lengths(lms_beam_params *p, uint32_t most, uint64_t *state)
{
    static const uint32_t prompts[] = {0, 1, 7, 1000, 1048576, 0x7fffffffu};
    p->length_penalty = some_length_penalty(state);
    p->length_counts = gen_below(2, state) ? LMS_BEAM_LENGTH_GENERATED : gen_below(3, state);
    p->prompt_length = prompts[gen_below(LENGTH(prompts), state)];
    p->max_length = 1 + gen_below(most, state);
    if (gen_below(3, state) == 0) p->min_length = gen_below(p->max_length + 2, state);
    p->early_stopping = gen_below(LMS_BEAM_EARLIES, state);
}

static void some_ends(lms_beam_params *p, int32_t *ends, const beam_limits *l, uint64_t *state)
{
    const uint32_t few = l->end_tokens < 3 ? l->end_tokens : 3;
    p->end_tokens = gen_below((gen_below(2, state) ? few : l->end_tokens) + 1, state);
    for (uint32_t i = 0; i < p->end_tokens; ++i) ends[i] = (int32_t)gen_below(l->vocab, state);
    /* of a large vocabulary no token but the first and last is likely to be met */
    if (p->end_tokens && gen_below(2, state)) ends[0] = 0;
    if (p->end_tokens > 1 && gen_below(2, state)) ends[1] = (int32_t)l->vocab - 1;
}

void beam_gen(lms_beam_params *p, int32_t *ends, const beam_limits *limits, uint64_t *state)
{
    *p = (lms_beam_params)LMS_BEAM_PARAMS_INIT(1 + gen_below(limits->width, state));
    if (gen_below(4, state) == 0) p->width = limits->width;
    p->seed = rows_random(state) >> gen_below(64, state);
    p->mode = some_mode(limits->modes, state);
    p->flags = gen_below(2, state) ? gen_below(LMS_BEAM_FLAGS + 1, state) : 0;
    p->results = 1 + gen_below(p->width, state);
    some_filters(p, limits->vocab, state);
    some_groups(p, state);
    some_lengths(p, limits->length, state);
    some_ends(p, ends, limits, state);
}

void beam_gen_tell(const lms_beam_params *p, const int32_t *ends)
{
    static const char *const modes[] = {"search", "stochastic", "sample"};
    fprintf(stderr,
            "  %s, seed 0x%llx, width %u, groups %u, diversity %a, flags 0x%x, results %u\n"
            "  temperature %a, top_p %a, min_p %a, top_k %d, filter flags %u\n"
            "  length penalty %a, counts %u, prompt %u, early %u, length %u to %u, ends",
            modes[p->mode], (unsigned long long)p->seed, p->width, p->groups,
            (double)p->diversity_penalty, p->flags, p->results, (double)p->filters.temperature,
            (double)p->filters.top_p, (double)p->filters.min_p, (int)p->filters.top_k,
            p->filters.flags, (double)p->length_penalty, p->length_counts, p->prompt_length,
            p->early_stopping, p->min_length, p->max_length);
    for (uint32_t i = 0; i < p->end_tokens && i < 20; ++i) fprintf(stderr, " %d", (int)ends[i]);
    fprintf(stderr, "%s (%u)\n", p->end_tokens > 20 ? " ..." : "", p->end_tokens);
}
