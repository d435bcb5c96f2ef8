#include "gen_requests.h"

#include "gen.h"
#include "memory.h"
#include "oracle_rows.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

const char *gen_edit_name(gen_edit kind)
{
    static const char *const names[] = {
#define GEN_EDIT_TEXT(name) #name,
        GEN_EDITS(GEN_EDIT_TEXT)
#undef GEN_EDIT_TEXT
    };
    return names[kind];
}

static uint32_t below(const gen_of *g, uint32_t end) { return gen_below(end, g->state); }

static bool one_in(const gen_of *g, uint32_t n) { return below(g, n) == 0; }

static float between(const gen_of *g, double low, double high)
{
    return (float)rows_between(g->state, low, high);
}

static int32_t some_token(const gen_of *g) { return (int32_t)below(g, g->vocab); }

/* Of a slot if it has any, else any. */
static int32_t seen_token(const gen_of *g, const oracle_sequence *s)
{
    if (s->length == 0 || one_in(g, 4)) return some_token(g);
    return s->tokens[below(g, s->length)];
}

static uint32_t some_length(const gen_of *g, uint32_t longest)
{
    if (one_in(g, 8)) return 0;
    if (one_in(g, 8)) return longest;
    if (one_in(g, 2)) return below(g, longest < 40 ? longest + 1 : 40);
    return below(g, longest + 1);
}

uint32_t gen_slot(requests *r, const gen_of *g)
{
    const uint32_t length = some_length(g, g->longest);
    const uint32_t few = 1 + below(g, 9), period = 1 + below(g, 30);
    const uint32_t way = below(g, 4);
    int32_t *const tokens = memory_zeroed(length, sizeof *tokens);
    int32_t alphabet[10] = {0};
    for (uint32_t i = 0; i < LENGTH(alphabet); ++i) alphabet[i] = some_token(g);
    for (uint32_t i = 0; i < length; ++i) {
        tokens[i] = way == 0 ? some_token(g) : alphabet[below(g, few)];
        if (way == 1 && i >= period && !one_in(g, 50)) tokens[i] = tokens[i - period];
    }
    const uint32_t prompt = one_in(g, 4) ? 0 : one_in(g, 4) ? length : below(g, length + 1);
    const uint32_t ignored = one_in(g, 2) ? 0 : below(g, prompt + 1);
    const uint32_t name = requests_add_slot(r, tokens, length, prompt, ignored);
    free(tokens);
    return name;
}

/* --- lists --- */

static float some_value(const gen_of *g)
{
    static const float edges[] = {INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0.0f,   -0.0f,
                                  1e-45f,   -1e-40f,   1e30f,   -1e30f,   1e-30f, 0x1p-64f};
    if (g->wild && one_in(g, 6)) return edges[below(g, LENGTH(edges))];
    return one_in(g, 3) ? between(g, -100.0, 100.0) : between(g, -4.0, 4.0);
}

static uint32_t list_length(const gen_of *g)
{
    if (one_in(g, 12)) return 0;
    if (one_in(g, 8)) return below(g, g->vocab + 1) % 4000;
    return 1 + below(g, 30);
}

/* Some ids are those of the sequence, and some are there more than once. */
static uint32_t some_list(requests *r, const gen_of *g, const oracle_sequence *s)
{
    const uint32_t count = list_length(g);
    const bool near = one_in(g, 4);
    const int32_t at = some_token(g);
    int32_t *const ids = memory_zeroed(count, sizeof *ids);
    float *const values = memory_zeroed(count, sizeof *values);
    for (uint32_t i = 0; i < count; ++i) {
        ids[i] = one_in(g, 2) ? seen_token(g, s) : some_token(g);
        if (near) ids[i] = (int32_t)(((uint32_t)at + below(g, 64)) % g->vocab);
        if (i > 0 && one_in(g, 8)) ids[i] = ids[below(g, i)];
        values[i] = some_value(g);
    }
    const uint32_t name = requests_add_list(r, ids, values, count);
    free(ids);
    free(values);
    return name;
}

/* `tail`: all but the last token are most times the sequence's last ones; else a sequence is
 * from anywhere in it. */
static uint32_t some_sequences(requests *r, const gen_of *g, const oracle_sequence *s,
                               bool tail)
{
    enum {
        MOST = 12,
        LONGEST = 8
    };
    int32_t ids[MOST * (LONGEST + 1)];
    float values[MOST * (LONGEST + 1)];
    const uint32_t sequences = below(g, MOST + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < sequences; ++i) {
        const uint32_t length = one_in(g, 12) ? 0 : one_in(g, 3) ? 1 : 1 + below(g, LONGEST);
        const uint32_t end = s->length > length ? s->length - length : 0;
        const uint32_t from = tail ? end + 1 : below(g, end + 1);
        for (uint32_t j = 0; j < length; ++j) {
            const bool there = from + j < s->length && !one_in(g, 40);
            ids[count] = there ? s->tokens[from + j] : seen_token(g, s);
            values[count++] = some_value(g);
        }
        ids[count] = LMS_NO_TOKEN;
        values[count++] = some_value(g);
    }
    return requests_add_list(r, ids, values, count);
}

/* One or two short ones, so that what is behind the last one is long enough to be repeated. */
static uint32_t few_breakers(requests *r, const gen_of *g, const oracle_sequence *s)
{
    int32_t ids[8];
    uint32_t count = 0;
    for (uint32_t i = 1 + below(g, 2); i > 0 && s->length > 3; --i) {
        const uint32_t length = 1 + below(g, 3), from = below(g, s->length - 2);
        for (uint32_t j = 0; j < length; ++j) ids[count++] = s->tokens[from + j];
        ids[count++] = LMS_NO_TOKEN;
    }
    return requests_add_list(r, ids, NULL, count);
}

/* As long as the n-grams: the sequence's last tokens and another one. */
static uint32_t one_ngram(requests *r, const gen_of *g, const oracle_sequence *s, uint32_t n)
{
    const uint32_t before = n - 1 < s->length ? n - 1 : s->length;
    int32_t *const ids = memory_zeroed(before + 1, sizeof *ids);
    for (uint32_t i = 0; i < before; ++i) ids[i] = s->tokens[s->length - before + i];
    ids[before] = some_token(g);
    const uint32_t name = requests_add_list(r, ids, NULL, before + 1);
    free(ids);
    return name;
}

/* --- records --- */

static float some_penalty(const gen_of *g)
{
    static const float edges[] = {FLT_MAX, -FLT_MAX, 1e-45f, -1e-40f, 1e-19f, 0x1p-64f, 1e20f};
    if (g->wild && one_in(g, 6)) return edges[below(g, LENGTH(edges))];
    return between(g, -2.0, 2.0);
}

static void set_repetition(lms_row_edits *e, const gen_of *g)
{
    static const float edges[] = {0x1p-24f, 0x1p24f, 0x1.fffffep-1f, 0x1.000002p0f, 2.0f, 3.0f};
    e->repetition = between(g, 0.8, 1.6);
    if (g->wild && one_in(g, 4)) e->repetition = edges[below(g, LENGTH(edges))];
}

static void set_dry(requests *r, lms_row_edits *e, const gen_of *g, const oracle_sequence *s)
{
    e->dry_multiplier = between(g, 0.1, 2.0);
    e->dry_base = one_in(g, 8) ? 1.0f : between(g, 1.0, 2.0);
    e->dry_allowed_length = one_in(g, 8) ? below(g, 40) : below(g, 4);
    e->dry_range = one_in(g, 2) ? 0 : below(g, 2 * s->length + 2);
    if (one_in(g, 4)) e->dry_breakers = some_sequences(r, g, s, false);
    if (e->dry_breakers == 0 && one_in(g, 2)) e->dry_breakers = few_breakers(r, g, s);
    if (g->wild && one_in(g, 6)) e->dry_multiplier = one_in(g, 2) ? FLT_MAX : 1e-40f;
    if (g->wild && one_in(g, 6)) e->dry_base = one_in(g, 2) ? FLT_MAX : 20.0f;
    if (!g->wild && s->length > 20) e->dry_base = between(g, 1.0, 1.1);
}

static void set_decay(requests *r, lms_row_edits *e, const gen_of *g, const oracle_sequence *s)
{
    e->decay_factor = one_in(g, 6) ? 1.0f : between(g, 1.0, 1.02);
    e->decay_start = below(g, s->length - s->prompt + 2);
    if (e->end_tokens == 0) e->end_tokens = some_list(r, g, s);
    if (g->wild && one_in(g, 4)) e->decay_factor = one_in(g, 2) ? FLT_MAX : 3.0f;
}

static void set_top_p_decay(lms_row_edits *e, const gen_of *g, const oracle_sequence *s)
{
    e->top_p_decay = one_in(g, 4) ? 1.0f : between(g, 0.5, 1.0);
    e->top_p_min = one_in(g, 3) ? 0.0f : between(g, 0.0, 1.0);
    if (one_in(g, 2)) e->top_p_reset = 1u + (uint32_t)seen_token(g, s);
    if (g->wild && one_in(g, 4)) e->top_p_decay = one_in(g, 2) ? 1e-40f : 1e-10f;
    if (g->wild && one_in(g, 8)) e->top_p_min = one_in(g, 2) ? 1e-40f : 1e-20f;
}

static void set_guidance(lms_row_edits *e, const gen_of *g)
{
    static const float edges[] = {0.0f, -0.0f, 1e-40f, FLT_MAX, -FLT_MAX, -1.0f, 1e30f, 2.0f};
    e->guidance = between(g, -1.0, 3.0);
    if (g->wild && one_in(g, 4)) e->guidance = edges[below(g, LENGTH(edges))];
}

static uint32_t some_flags(const gen_of *g)
{
    static const uint32_t presets[] = {LMS_EDITS_VLLM,      LMS_EDITS_HUGGING_FACE,
                                       LMS_EDITS_LLAMA_CPP, LMS_EDITS_TENSORRT_LLM,
                                       LMS_EDITS_SGLANG,    LMS_EDITS_MLC};
    if (one_in(g, 2)) return presets[below(g, LENGTH(presets))];
    return (uint32_t)rows_random(g->state) & LMS_EDIT_FLAGS & ~LMS_IGNORE_END;
}

static void set_sequence_bans(requests *r, lms_row_edits *e, const gen_of *g, uint32_t kinds,
                              const oracle_sequence *s)
{
    if (kinds >> GEN_EDIT_NGRAM & 1) e->ngram = 1 + below(g, one_in(g, 6) ? 400 : 4);
    if (kinds >> GEN_EDIT_ENCODER_NGRAM & 1) {
        e->encoder_ngram = 1 + below(g, one_in(g, 6) ? 40 : 3);
        if (one_in(g, 2)) e->encoder = some_list(r, g, s);
        if (one_in(g, 4)) e->encoder = one_ngram(r, g, s, e->encoder_ngram);
        if (e->encoder == 0 && !one_in(g, 12)) {
            e->encoder = requests_add_list(r, s->tokens, NULL, s->length);
        }
    }
    if (kinds >> GEN_EDIT_BAD_WORDS & 1) e->bad_words = some_sequences(r, g, s, true);
}

uint32_t gen_edits(requests *r, const gen_of *g, uint32_t kinds, uint32_t slot)
{
    const oracle_sequence none = {NULL, 0, 0, 0};
    const oracle_sequence of_slot = slot > 0 ? r->slots[slot - 1] : none, *const s = &of_slot;
    lms_row_edits e = LMS_ROW_EDITS_INIT;
    e.flags = some_flags(g);
    if (one_in(g, 3)) e.window = 1 + below(g, 2 * s->length + 2);
    if (kinds >> GEN_EDIT_BIAS & 1) e.bias = some_list(r, g, s);
    if (kinds >> GEN_EDIT_SEQUENCE_BIAS & 1) e.sequence_bias = some_sequences(r, g, s, true);
    if (kinds >> GEN_EDIT_REPETITION & 1) set_repetition(&e, g);
    if (kinds >> GEN_EDIT_FREQUENCY & 1) e.frequency = some_penalty(g);
    if (kinds >> GEN_EDIT_PRESENCE & 1) e.presence = some_penalty(g);
    if (kinds >> GEN_EDIT_DRY & 1) set_dry(r, &e, g, s);
    if (kinds >> GEN_EDIT_DECAY & 1) set_decay(r, &e, g, s);
    if (kinds >> GEN_EDIT_ALLOWED & 1) e.allowed = some_list(r, g, s);
    if (kinds >> GEN_EDIT_BANNED & 1) e.banned = some_list(r, g, s);
    if (kinds >> GEN_EDIT_END_TOKENS & 1) {
        if (e.end_tokens == 0) e.end_tokens = some_list(r, g, s);
        e.min_tokens = below(g, 2 * (s->length - s->prompt) + 2);
        if (one_in(g, 3)) e.flags |= LMS_IGNORE_END;
    }
    set_sequence_bans(r, &e, g, kinds, s);
    if (kinds >> GEN_EDIT_FORCED & 1) e.forced = 1u + (uint32_t)some_token(g);
    if (kinds >> GEN_EDIT_TOP_P_DECAY & 1) set_top_p_decay(&e, g, s);
    if (kinds >> GEN_EDIT_GUIDANCE & 1) set_guidance(&e, g);
    return requests_add_edits(r, &e);
}

uint32_t gen_edit_kinds(uint64_t *state)
{
    const uint32_t all = (1u << GEN_EDIT_KINDS) - 1;
    const uint32_t forced = gen_below(12, state) ? 1u << GEN_EDIT_FORCED : 0;
    const uint32_t allowed = gen_below(3, state) ? 1u << GEN_EDIT_ALLOWED : 0;
    const uint32_t any = (uint32_t)rows_random(state), more = (uint32_t)rows_random(state);
    switch (gen_below(3, state)) {
    case 0: return 1u << gen_below(GEN_EDIT_KINDS, state);
    case 1: return any & more & all & ~forced & ~allowed;
    default: return (any | more) & all & ~forced & ~allowed;
    }
}

uint32_t gen_wants(requests *r, const gen_of *g)
{
    static const uint32_t of[] = {LMS_WANT_RAW, LMS_WANT_EDITED, LMS_WANT_PROCESSED};
    const oracle_sequence none = {NULL, 0, 0, 0};
    lms_row_wants w = {0, 0, 0, 0};
    w.flags = of[below(g, LENGTH(of))];
    if (w.flags != LMS_WANT_PROCESSED && one_in(g, 3)) w.flags |= LMS_WANT_LOGITS;
    if (one_in(g, 2)) w.flags |= LMS_WANT_RANK_FROM_0;
    if (!one_in(g, 4))
        w.top_n = below(g, (one_in(g, 2) || r->max_top < 5 ? r->max_top : 5) + 1);
    if (!one_in(g, 3)) {
        int32_t ids[LMS_MAX_NAMED];
        const uint32_t most = r->named_stride < LMS_MAX_NAMED ? r->named_stride : LMS_MAX_NAMED;
        const uint32_t count = below(g, most + 1);
        for (uint32_t i = 0; i < count; ++i) ids[i] = seen_token(g, &none);
        w.named = requests_add_list(r, ids, NULL, count);
    }
    return requests_add_wants(r, &w);
}

void gen_masks(requests *r, const gen_of *g, uint32_t count)
{
    const uint32_t type = one_in(g, 2) ? LMS_MASK_BITS : LMS_MASK_BYTES;
    const uint32_t unit = type == LMS_MASK_BITS ? 32 : 1, all = (g->vocab + unit - 1) / unit;
    const uint32_t columns = one_in(g, 3) ? 1 + below(g, all) : all;
    requests_set_masks(r, count, type, columns, columns + (one_in(g, 2) ? below(g, 9) : 0));
    for (uint32_t m = 0; m < count; ++m) {
        const uint32_t most = one_in(g, 8) ? 1 : 1 + below(g, 40), way = below(g, 6);
        for (uint32_t t = 0; t < g->vocab && t / unit < columns; ++t) {
            bool on = below(g, 40) < most;
            if (way == 0) on = true;
            if (way == 1) on = !one_in(g, 200);
            if (way == 2) on = one_in(g, 200);
            if (way == 3) on = t / 300 % 3 == 1; /* whole tiles */
            if (m == 0 && count > 3) on = false;
            if (on) requests_allow(r, m, t);
        }
        /* bits beyond V are nobody's */
        if (unit == 32 && columns == all && g->vocab % 32 > 0 && one_in(g, 2)) {
            requests_allow(r, m, all * 32 - 1);
        }
    }
}
