#include "request_cases.h"

#include "say.h"

#include <stdlib.h>

const request_case request_bases[2] = {
    {.name = "temperature", .ways = WAY_PLAIN},
    {.name = "raw log-probability", .ways = WAY_PLAIN, .outputs = LMS_OUT_LOGPROB_RAW},
};

#define LOGPROB LMS_OUT_LOGPROB_RAW
#define TOP (LMS_OUT_LOGPROB_RAW | LMS_OUT_TOP)
#define EVERYTHING (ASK_PENALTIES | ASK_DRY | ASK_NGRAM | ASK_BAD_WORDS | ASK_END_TOKENS)

/* The bounds are those of docs/develop/performance.md, "What requests cost". */
const request_case request_cases[REQUEST_CASES] = {
    {.name = "no request", .over_temperature = 1.01},
    {.name = "slot and append", .history = 2000, .distinct = 1000, .ways = WAY_APPEND},
    {.name = "penalties",
     .edits = ASK_PENALTIES,
     .history = 2000,
     .distinct = 1000,
     .over_temperature = 1.15},
    {.name = "penalties 100 of 100", .edits = ASK_PENALTIES, .history = 100, .distinct = 100},
    {.name = "penalties 100 of 32000",
     .edits = ASK_PENALTIES,
     .history = 32000,
     .distinct = 100,
     .over_beside = 1.1,
     .beside = 1 + 3},
    {.name = "penalties 5000 of 32000",
     .edits = ASK_PENALTIES,
     .history = 32000,
     .distinct = 5000},
    {.name = "penalties 28000 of 32000",
     .edits = ASK_PENALTIES,
     .history = 32000,
     .distinct = 28000},
    {.name = "bias 300", .bias = 300, .over_temperature = 1.05},
    {.name = "bias 300 from host", .bias = 300, .ways = WAY_HOST},
    {.name = "bias 100000", .bias = 100000, .ways = WAY_SHARED},
    {.name = "mask", .mask = MASK_RANDOM, .over_temperature = 1.1},
    {.name = "mask from host", .mask = MASK_RANDOM, .ways = WAY_HOST},
    {.name = "mask all but 50", .mask = MASK_ALL_BUT_50, .over_temperature = 1.1},
    {.name = "mask 50 allowed", .mask = MASK_50, .over_temperature = 1.1},
    {.name = "mask bytes", .mask = MASK_BYTES},
    {.name = "n-gram", .edits = ASK_NGRAM, .history = 2000, .distinct = 1000},
    {.name = "DRY", .edits = ASK_DRY, .history = 2000, .distinct = 1000},
    {.name = "bad words", .edits = ASK_BAD_WORDS, .history = 2000, .distinct = 1000},
    {.name = "end tokens", .edits = ASK_END_TOKENS, .history = 2000, .distinct = 1000},
    {.name = "guidance", .edits = ASK_GUIDANCE},
    {.name = "raw log-probability", .outputs = LOGPROB},
    {.name = "top 20", .outputs = TOP, .top = 20},
    {.name = "top 1024", .outputs = TOP, .top = 1024},
    {.name = "top 20 processed", .outputs = TOP, .top = 20, .want_flags = LMS_WANT_PROCESSED},
    {.name = "named 128", .outputs = LOGPROB | LMS_OUT_NAMED, .named = 128},
    {.name = "ranks", .outputs = LOGPROB | LMS_OUT_RANK_RAW | LMS_OUT_RANK_EDITED},
    {.name = "entropies", .outputs = LOGPROB | LMS_OUT_ENTROPY_RAW | LMS_OUT_ENTROPY},
    {.name = "penalties + bias + mask",
     .edits = ASK_PENALTIES,
     .history = 2000,
     .distinct = 1000,
     .bias = 300,
     .mask = MASK_RANDOM},
    {.name = "penalties + bias + mask + top 20",
     .edits = ASK_PENALTIES,
     .history = 2000,
     .distinct = 1000,
     .bias = 300,
     .mask = MASK_RANDOM,
     .outputs = TOP,
     .top = 20,
     .over_temperature = 1.5,
     .over_logprob = 1.2},
    {.name = "one row asks for everything",
     .edits = EVERYTHING,
     .history = 2000,
     .distinct = 1000,
     .bias = 300,
     .mask = MASK_RANDOM,
     .outputs = LMS_OUT_TOP | LMS_OUT_NAMED,
     .top = 20,
     .named = 16,
     .ways = WAY_ONE_ROW,
     .over_temperature = 1.1},
    {.name = "8 draws of a row", .ways = WAY_DRAWS},
    {.name = "prompt log-probabilities",
     .outputs = LOGPROB | LMS_OUT_RANK_RAW,
     .ways = WAY_TARGETS},
};

const char *request_name(unsigned which) { return request_cases[which].name; }

static const choice usual_rows = {{64}, 1};
static const choice usual_vocabs = {{128256}, 1};
static const choice usual_dtypes = {{LMS_FLOAT32}, 1};
static const choice usual_shapes = {{SHAPE_PEAKED, SHAPE_FLAT}, 2};

static const choice *chosen_or(const choice *chosen, const choice *usual)
{
    return chosen->count > 0 ? chosen : usual;
}

static uint64_t chosen_cases(const selection *s)
{
    uint64_t cases = 0;
    for (unsigned i = 0; i < s->request_cases.count; ++i)
        cases |= (uint64_t)1 << s->request_cases.values[i];
    return cases != 0 ? cases : ((uint64_t)1 << REQUEST_CASES) - 1;
}

static uint64_t prompt_cases(void)
{
    uint64_t cases = 0;
    for (unsigned i = 0; i < REQUEST_CASES; ++i) {
        if (request_cases[i].ways & WAY_TARGETS) cases |= (uint64_t)1 << i;
    }
    return cases;
}

static void add(request_plan *p, request_setting s, uint64_t cases)
{
    s.cases = cases;
    if (cases != 0) p->settings[p->count++] = s;
}

/* By logits, which take time to make, so that they are made once. */
request_plan make_request_plan(const selection *s)
{
    const choice *const shapes = chosen_or(&s->shapes, &usual_shapes);
    const choice *const vocabs = chosen_or(&s->vocabs, &usual_vocabs);
    const choice *const dtypes = chosen_or(&s->dtypes, &usual_dtypes);
    const choice *const rows = chosen_or(&s->rows, &usual_rows);
    const size_t all = (size_t)shapes->count * vocabs->count * dtypes->count * rows->count;
    const uint64_t cases = chosen_cases(s), of_prompts = prompt_cases();
    request_plan p = {calloc(2 * all, sizeof *p.settings), 0};
    if (p.settings == NULL) fail("out of memory for the list of settings");
    for (size_t i = 0; i < all; ++i) {
        size_t rest = i;
        request_setting one = {0};
        one.rows = rows->values[rest % rows->count];
        rest /= rows->count;
        one.dtype = (lms_dtype)dtypes->values[rest % dtypes->count];
        rest /= dtypes->count;
        one.vocab = vocabs->values[rest % vocabs->count];
        rest /= vocabs->count;
        one.shape = (bench_shape)shapes->values[rest];
        add(&p, one, cases & ~of_prompts);
        one.rows *= PROMPT_ROWS;
        add(&p, one, cases & of_prompts);
    }
    return p;
}

void request_plan_free(request_plan *p)
{
    free(p->settings);
    p->settings = NULL;
    p->count = 0;
}
