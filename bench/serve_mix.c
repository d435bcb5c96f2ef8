#include "serve_mix.h"

#include "say.h"
#include "shapes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BIAS = 100,
    END_TOKENS = 3,
    BAD_WORDS = 10,
    BREAKERS = 4,
    MIN_TOKENS = 16,
    /* Records, 1 + their number. */
    EDITS_REPETITION = SERVE_EDITS_REPETITION,
    EDITS_OPENAI,
    EDITS_BIAS,
    EDITS_MIN_TOKENS,
    EDITS_DRY,
    EDITS_NGRAM = SERVE_EDITS_NGRAM,
    EDITS_BAD_WORDS,
    EDITS_BOTH /* bias and penalties */
};

uint64_t serve_mixed(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t state = a * 0x9e3779b97f4a7c15u + b * 0xbf58476d1ce4e5b9u + c;
    random_next(&state);
    return random_next(&state);
}

int32_t serve_prompt_token(uint64_t number, uint32_t position, uint32_t vocab)
{
    /* Few tokens are most of a text: as a power of a uniform number. */
    uint64_t state = serve_mixed(number, position, 1);
    const double u = random_uniform(&state);
    return (int32_t)(u * u * u * vocab);
}

serve_limits serve_limits_of(uint32_t vocab)
{
    const bool is_small = vocab < 32000;
    return (serve_limits){vocab, is_small ? 512 : SERVE_PROMPT_MOST,
                          is_small ? 128 : SERVE_OUTPUT_MOST};
}

/* Log-normal: exp(normal * sigma) times the median, within 1 and the most. */
static uint32_t length_of(uint64_t *state, double median, double sigma, uint32_t most)
{
    const double u = random_uniform(state), v = random_uniform(state);
    const double normal = sqrt(-2.0 * log(1.0 - u)) * cos(6.283185307179586 * v);
    const double length = median * exp(sigma * normal);
    return length < 1.0 ? 1 : length > most ? most : (uint32_t)length;
}

/* --- The mix ---------------------------------------------------------------------------- */

typedef struct way {
    double share;
    float temperature;
    float top_p;
    float min_p;
    int32_t top_k;
    uint32_t edits;
} way;

static const way ways[] = {
    {0.20, 0.0f, 1.0f, 0.0f, 0, 0},                 /* greedy                     */
    {0.15, 1.0f, 1.0f, 0.0f, 0, 0},                 /* temperature alone          */
    {0.25, 0.7f, 0.95f, 0.0f, 0, 0},                /* an API's usual ones        */
    {0.20, 0.7f, 0.8f, 0.0f, 20, EDITS_REPETITION}, /* defaults of a Qwen model   */
    {0.10, 0.6f, 0.9f, 0.0f, 0, 0},                 /* defaults of a Llama model  */
    {0.05, 1.0f, 0.95f, 0.0f, 64, 0},               /* defaults of a Gemma model  */
    {0.05, 1.0f, 1.0f, 0.05f, 0, 0},                /* min-p                      */
};

/* What those have whose model has no record of its own. */
static const struct {
    double share;
    uint32_t edits;
} extras[] = {
    {0.10, EDITS_OPENAI},    {0.03, EDITS_BIAS},  {0.02, EDITS_MIN_TOKENS}, {0.01, EDITS_DRY},
    {0.01, EDITS_BAD_WORDS}, {0.01, EDITS_NGRAM}, {0.01, EDITS_BOTH},
};

static const double masked_share = 0.15, top_5_share = 0.10, top_20_share = 0.02,
                    several_share = 0.03;

static unsigned pick_way(uint64_t *state)
{
    double u = random_uniform(state);
    unsigned i = 0;
    for (; i + 1 < sizeof ways / sizeof ways[0] && u >= ways[i].share; ++i) u -= ways[i].share;
    return i;
}

static uint32_t pick_extra(uint64_t *state)
{
    double u = random_uniform(state);
    for (unsigned i = 0; i < sizeof extras / sizeof extras[0]; ++i) {
        if (u < extras[i].share) return extras[i].edits;
        u -= extras[i].share;
    }
    return 0;
}

serve_request serve_request_of(uint64_t number, const serve_limits *limits)
{
    static const lms_filters none = LMS_FILTERS_INIT;
    uint64_t state = serve_mixed(number, 0, 2);
    serve_request r;
    memset(&r, 0, sizeof r);
    const unsigned which = pick_way(&state);
    const way *const w = &ways[which];
    const double scale = limits->output_most < SERVE_OUTPUT_MOST ? 0.125 : 1.0;
    r.number = number;
    r.filters = none;
    r.filters.temperature = w->temperature;
    r.filters.top_p = w->top_p;
    r.filters.min_p = w->min_p;
    r.filters.top_k = w->top_k;
    const uint32_t extra = pick_extra(&state);
    r.edits = w->edits != 0 ? w->edits : extra;
    r.is_masked = random_uniform(&state) < masked_share;
    const double u = random_uniform(&state);
    r.wants = u < top_5_share ? 1 : u < top_5_share + top_20_share ? 2 : 0;
    r.draws = random_uniform(&state) < several_share ? SERVE_DRAWS : 1;
    r.prompt = length_of(&state, 400.0 * scale, 1.2, limits->prompt_most);
    r.output = length_of(&state, 150.0 * scale, 1.0, limits->output_most);
    r.kind = ((which * (SERVE_EDITS + 1) + r.edits) * 3 + r.wants) * 4 + 2 * r.is_masked +
             (r.draws > 1);
    return r;
}

double serve_mean_work(const serve_limits *limits)
{
    enum {
        SAMPLES = 4096
    };
    double sum = 0.0;
    for (uint64_t i = 0; i < SAMPLES; ++i) {
        const serve_request r = serve_request_of(i, limits);
        sum += (double)r.draws * r.output;
    }
    return sum / SAMPLES;
}

/* --- Tables ----------------------------------------------------------------------------- */

static int32_t random_token(uint64_t *state, uint32_t vocab)
{
    return (int32_t)(random_next(state) % vocab);
}

static void end_list(serve_tables *t, unsigned list, uint32_t entries)
{
    t->offsets[list + 1] = entries;
}

/* Lists 1: biases, 2: end tokens, 3: bad words of two tokens, 4: breakers. */
static void fill_lists(serve_tables *t, uint32_t vocab)
{
    uint64_t state = 30;
    uint32_t n = 0;
    for (unsigned i = 0; i < BIAS; ++i) {
        t->values[n] = (float)(10.0 * random_uniform(&state) - 5.0);
        t->ids[n++] = random_token(&state, vocab);
    }
    end_list(t, 0, n);
    for (unsigned i = 0; i < END_TOKENS; ++i) t->ids[n++] = random_token(&state, vocab);
    end_list(t, 1, n);
    for (unsigned i = 0; i < BAD_WORDS; ++i) {
        t->ids[n++] = random_token(&state, vocab);
        t->ids[n++] = random_token(&state, vocab);
        t->ids[n++] = LMS_NO_TOKEN;
    }
    end_list(t, 2, n);
    for (unsigned i = 0; i < BREAKERS; ++i) {
        t->ids[n++] = random_token(&state, vocab);
        t->ids[n++] = LMS_NO_TOKEN;
    }
    end_list(t, 3, n);
}

static lms_row_edits *record(serve_tables *t, unsigned name) { return &t->edits[name - 1]; }

static void fill_records(serve_tables *t)
{
    for (unsigned i = 0; i < SERVE_EDITS; ++i) t->edits[i] = (lms_row_edits)LMS_ROW_EDITS_INIT;
    record(t, EDITS_REPETITION)->repetition = 1.05f;
    record(t, EDITS_OPENAI)->frequency = record(t, EDITS_OPENAI)->presence = 0.3f;
    record(t, EDITS_BIAS)->bias = 1;
    record(t, EDITS_MIN_TOKENS)->min_tokens = MIN_TOKENS;
    record(t, EDITS_MIN_TOKENS)->end_tokens = 2;
    record(t, EDITS_DRY)->dry_multiplier = 0.8f;
    record(t, EDITS_DRY)->dry_breakers = 4;
    record(t, EDITS_NGRAM)->ngram = 3;
    record(t, EDITS_BAD_WORDS)->bad_words = 3;
    record(t, EDITS_BOTH)->repetition = 1.1f;
    record(t, EDITS_BOTH)->presence = 0.5f;
    record(t, EDITS_BOTH)->bias = 1;
    t->wants[0] = (lms_row_wants){5, 0, LMS_WANT_RAW, 0};
    t->wants[1] = (lms_row_wants){SERVE_TOP, 0, LMS_WANT_RAW, 0};
}

/* A few tokens, most, or half of them are allowed, as grammars do. */
static void fill_masks(serve_tables *t, uint32_t columns)
{
    uint64_t state = 31;
    for (uint32_t m = 0; m < SERVE_MASKS; ++m) {
        for (uint32_t w = 0; w < columns; ++w) {
            uint32_t word = (uint32_t)random_next(&state);
            for (int i = 0; i < 2; ++i) {
                if (m % 4 == 1) word &= (uint32_t)random_next(&state);
                if (m % 4 == 3) word |= (uint32_t)random_next(&state);
            }
            if (m % 4 == 2) word = w % 64 == m ? word | 1u : 0u;
            t->masks[(size_t)m * columns + w] = word;
        }
        t->masks[(size_t)m * columns] |= 1u; /* never nothing */
    }
}

void serve_tables_open(serve_tables *t, uint32_t vocab)
{
    const uint32_t columns = (vocab + 31) / 32;
    const size_t entries = BIAS + END_TOKENS + 3 * BAD_WORDS + 2 * BREAKERS;
    memset(t, 0, sizeof *t);
    t->ids = calloc(entries, sizeof *t->ids);
    t->values = calloc(entries, sizeof *t->values);
    t->masks = calloc((size_t)SERVE_MASKS * columns, sizeof *t->masks);
    if (t->ids == NULL || t->values == NULL || t->masks == NULL)
        fail("out of memory for tables");
    fill_lists(t, vocab);
    fill_records(t);
    fill_masks(t, columns);
    t->given.edits = t->edits;
    t->given.edit_count = SERVE_EDITS;
    t->given.wants = t->wants;
    t->given.want_count = 2;
    t->given.list_count = 4;
    t->given.list_offsets = t->offsets;
    t->given.list_ids = t->ids;
    t->given.list_values = t->values;
    t->given.masks = t->masks;
    t->given.mask_count = SERVE_MASKS;
    t->given.mask_columns = columns;
    t->bytes = sizeof t->edits + sizeof t->wants + sizeof t->offsets + 8 * entries +
               4 * (size_t)SERVE_MASKS * columns;
}

void serve_tables_close(serve_tables *t)
{
    free(t->ids);
    free(t->values);
    free(t->masks);
}
