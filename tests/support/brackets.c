#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "brackets.h"

#include "gen.h"
#include "memory.h"
#include "oracle_rows.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

__extension__ typedef unsigned __int128 u128;

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

uint32_t bracket_vocab(uint64_t *state)
{
    const double most = gen_below(64, state) ? 12.3 : log2(BRACKET_VOCAB);
    const uint32_t about = (uint32_t)exp2(rows_between(state, 0.0, most - 0.01));
    switch (gen_below(4, state)) {
    case 0: return 1 + gen_below(3 * ORACLE_TILE, state);
    case 1: return smaller((1 + about / ORACLE_TILE) * ORACLE_TILE, BRACKET_VOCAB);
    default: return about;
    }
}

void *bracket_store(lms_dtype dtype, void *to, float *x, uint32_t vocab)
{
    uint32_t live = 0;
    if (dtype == LMS_FLOAT32) {
        memcpy(to, x, vocab * sizeof *x);
        return (float *)to + vocab;
    }
    uint16_t *const patterns = to;
    for (uint32_t i = 0; i < vocab; ++i) {
        const bool is_half = dtype == LMS_FLOAT16;
        patterns[i] = is_half ? gen_to_half(x[i]) : gen_to_bfloat16(x[i]);
        if (i == vocab - 1 && live == 0) patterns[i] = 0;
        x[i] = is_half ? oracle_from_half(patterns[i]) : oracle_from_bfloat16(patterns[i]);
        live += !oracle_is_dead(x[i]);
    }
    return patterns + vocab;
}

static const oracle_measure *measure_of(const bracket_row *a)
{
    return oracle_row_measure(a->row, false);
}

/* The share of the row that is before a token, of it and all before it, or some other; or what
 * is next to that. */
static float some_top_p(const bracket_row *a, uint32_t rank, uint64_t *state)
{
    const double total = (double)measure_of(a)->total;
    const uint64_t first = oracle_measure_mass(measure_of(a), oracle_row_order(a->row)[0]);
    const double places[] = {(double)a->before[rank], (double)a->before[rank] + 1,
                             (double)a->before[rank + 1], (double)first,
                             rows_uniform(state) * total};
    const float p = (float)(places[gen_below(LENGTH(places), state)] / total);
    if (p <= 0.0f) return 0x1p-149f;
    return fminf(rows_neighbour(p, (int32_t)gen_below(3, state) - 1), 0x1.fffffep-1f);
}

static uint32_t some_rank(const bracket_row *a, uint64_t *state)
{
    const uint32_t live = oracle_row_live(a->row);
    const uint32_t some = (uint32_t)exp2(rows_between(state, 0.0, log2(live + 1.0)));
    switch (gen_below(4, state)) {
    case 0: return gen_below(live, state);
    case 1: return live > 1 ? 1 : 0;
    default: return some - 1;
    }
}

static uint32_t some_k(uint32_t rank, uint64_t *state)
{
    switch (gen_below(4, state)) {
    case 0: return 1 + gen_below(rank + 40, state);
    case 1: return (1 + rank / 32) * 32;
    default: return rank + gen_below(3, state);
    }
}

static void measure_row(bracket_row *a, const float *x, uint32_t vocab, float temperature)
{
    const oracle_params params = {.temperature = temperature, .top_p = 1.0f};
    a->row = oracle_prepare(x, vocab, &params);
    assert_non_null(a->row);
    const uint32_t live = oracle_row_live(a->row), *const order = oracle_row_order(a->row);
    const oracle_measure *const m = measure_of(a);
    a->before = memory_zeroed(live + 1, sizeof *a->before);
    for (uint32_t i = 0; i < BRACKET_GROUPS; ++i) a->group_key[i] = INT32_MIN;
    for (uint32_t i = 0; i < live; ++i) {
        const uint32_t g = order[i] / ORACLE_GROUP;
        a->before[i + 1] = a->before[i] + oracle_measure_mass(m, order[i]);
        if (a->group_key[g] != INT32_MIN) continue;
        a->group_key[g] = oracle_key(x[order[i]]);
        a->group_weight[g] = m->weights[order[i]];
    }
}

void bracket_ask(bracket_row *a, const float *x, bracket_question *q, uint64_t *state)
{
    measure_row(a, x, q->vocab, q->temperature);
    const uint32_t *const order = oracle_row_order(a->row);
    for (uint32_t i = 0; i < BRACKET_TOKENS; ++i) {
        const uint32_t rank = some_rank(a, state);
        const uint32_t k = some_k(rank, state);
        a->rank[i] = rank;
        q->id[i] = order[rank];
        q->k[i] = k > 0 ? k : 1;
        q->top_p[i] = some_top_p(a, rank, state);
        q->low[i] = oracle_key(x[order[gen_below(oracle_row_live(a->row), state)]]);
    }
}

static uint64_t target_of(float top_p, uint64_t base)
{
    uint32_t a;
    int b;
    oracle_decompose(top_p, &a, &b);
    const unsigned shift = (unsigned)-b;
    const u128 product = (u128)a * base;
    return shift >= 128 ? 1 : (uint64_t)((product + (((u128)1 << shift) - 1)) >> shift);
}

/* What a cut at a token keeps, and what the groups have that may have any of it, tile by tile,
 * as far as maxima and the tiles' places say. */
static bracket_known exact_known(const bracket_row *a, int32_t key, uint32_t id)
{
    const oracle_measure *const m = measure_of(a);
    const uint32_t vocab = oracle_row_vocab(a->row), *const order = oracle_row_order(a->row);
    bracket_known known = {0, 0, 0, 0};
    for (uint32_t i = 0; i < oracle_row_live(a->row); ++i) {
        const int32_t own = oracle_key(oracle_row_logit(a->row, order[i]));
        if (own > key || (own == key && order[i] <= id)) known.above = a->before[i + 1];
    }
    for (uint32_t t = 0; t * ORACLE_TILE < vocab; ++t) {
        uint64_t slots = 0, all = 0;
        if (!m->tiles[t].counts || m->tiles[t].shift >= 60) continue;
        for (uint32_t g = t * 8; g < t * 8 + 8 && g * ORACLE_GROUP < vocab; ++g) {
            const uint32_t begin = g * ORACLE_GROUP, rest = vocab - begin;
            const uint32_t size = rest < ORACLE_GROUP ? rest : ORACLE_GROUP;
            if (a->group_key[g] == INT32_MIN || a->group_key[g] < key) continue;
            if (a->group_key[g] == key && t * ORACLE_TILE > id) continue;
            slots += size * oracle_bound(a->group_weight[g]);
            for (uint32_t i = begin; i < begin + size; ++i) all += m->weights[i];
        }
        known.mass += all << ORACLE_GUARD >> m->tiles[t].shift;
        known.slots += slots << ORACLE_GUARD >> m->tiles[t].shift;
        known.excess += (slots - all) << ORACLE_GUARD >> m->tiles[t].shift;
    }
    return known;
}

#define REQUIRE(a, what)                                                                       \
    do {                                                                                       \
        if (!(what)) wrong(a, #what, i);                                                       \
    } while (0)

static void wrong(const bracket_row *a, const char *what, uint32_t i)
{
    fail_msg("%s: row of seed 0x%llx (%s, vocab %u, T %a), token %u of rank %u", what,
             (unsigned long long)a->seed, a->name, oracle_row_vocab(a->row),
             log2(exp(1)) / (double)measure_of(a)->scale, i, a->rank[i]);
}

static bool holds(bracket_range range, uint64_t exact)
{
    return range.least <= exact && exact <= range.most;
}

/* A view holds what is right, and is right if it decides. */
static void check_view(const bracket_row *a, uint32_t i, const bracket_view *v, float top_p,
                       bracket_tally *tally)
{
    const uint64_t total = measure_of(a)->total, before = a->before[a->rank[i]];
    REQUIRE(a, holds(v->base, total));
    REQUIRE(a, holds(v->before, before));
    ++tally->views;
    if (!v->decides) return;
    ++tally->decided[v->keeps != 0];
    REQUIRE(a, v->keeps == (before < target_of(top_p, total)));
}

/* How much of what a sum may be off it is. */
static void measure_pass(const bracket_row *a, uint32_t finer, bracket_range range,
                         uint64_t exact, bracket_tally *tally)
{
    const double off = (double)(range.most - range.least) / 2;
    const double part = fabs((double)exact - (double)range.least - off) / off;
    if (range.least == 0 || part <= tally->pass[finer]) return;
    tally->pass[finer] = part;
    tally->pass_name[finer] = a->name;
}

/* How much of what others may weigh less than a 32nd of their bounds they do. */
static void measure_others(const bracket_row *a, uint64_t known_slots, uint64_t known_mass,
                           bracket_tally *tally)
{
    const uint64_t envelope = oracle_row_envelope(a->row);
    if (envelope <= known_slots) return;
    const uint64_t slots = envelope - known_slots;
    const uint32_t tiles = (oracle_row_vocab(a->row) + ORACLE_TILE - 1) / ORACLE_TILE;
    const double off = (double)((slots >> 24) + ((uint64_t)tiles * 8 << 15) + 2);
    const double others = (double)(measure_of(a)->total - known_mass);
    const double part = ((double)slots / 32 - others) / off;
    if (part <= tally->others) return;
    tally->others = part;
    tally->others_name = a->name;
}

static void check_known(const bracket_row *a, uint32_t i, const bracket_question *q,
                        const bracket_token *t, bracket_tally *tally)
{
    const uint32_t *const order = oracle_row_order(a->row);
    const int32_t own = oracle_key(oracle_row_logit(a->row, order[a->rank[i]]));
    const bool is_first = q->id[i] == 0;
    const int32_t keys[] = {is_first ? own + 1 : own, q->low[i], INT32_MIN + 1};
    const uint32_t ids[] = {is_first ? UINT32_MAX : q->id[i] - 1, UINT32_MAX, UINT32_MAX};
    for (size_t n = 0; n < BRACKET_CUTS; ++n) {
        const bracket_known exact = exact_known(a, keys[n], ids[n]);
        const bracket_known *const known = &t->known[n];
        REQUIRE(a, known->above == exact.above);
        REQUIRE(a, known->mass <= exact.mass);
        REQUIRE(a, known->slots >= exact.slots);
        REQUIRE(a, known->excess <= exact.excess);
        measure_others(a, known->slots, exact.mass, tally);
    }
}

static void check_parts(const bracket_row *a, uint32_t i, const bracket_question *q,
                        const bracket_answer *answer, bracket_tally *tally)
{
    const bracket_token *const t = &answer->token[i];
    check_known(a, i, q, t, tally);
    check_view(a, i, &t->near, q->top_p[i], tally);
    if (!answer->has_rough) return;
    for (uint32_t finer = 0; finer < 2; ++finer) {
        REQUIRE(a, holds(t->all[finer], measure_of(a)->total));
        REQUIRE(a, holds(t->before[finer], a->before[a->rank[i]]));
        measure_pass(a, finer, t->all[finer], measure_of(a)->total, tally);
        measure_pass(a, finer, t->before[finer], a->before[a->rank[i]], tally);
        check_view(a, i, &t->about[finer], q->top_p[i], tally);
    }
    check_view(a, i, &t->both, q->top_p[i], tally);
}

void bracket_check(const bracket_row *a, const bracket_question *q,
                   const bracket_answer *answer, bracket_tally *tally)
{
    const oracle_measure *const m = measure_of(a);
    const uint32_t *const order = oracle_row_order(a->row);
    const oracle_split *const split = &m->tiles[order[0] / ORACLE_TILE].split;
    const bool is_plain = !m->huge && split->c == 0.0f && fabsf(split->h) < 0x1p+23f;
    for (uint32_t i = 0; i < BRACKET_TOKENS; ++i) {
        const bracket_token *const t = &answer->token[i];
        const uint64_t before = a->before[a->rank[i]];
        const uint64_t target = target_of(q->top_p[i], m->total);
        uint32_t larger = a->rank[i];
        while (larger > 0 && oracle_row_logit(a->row, order[larger - 1]) ==
                                 oracle_row_logit(a->row, order[a->rank[i]])) {
            --larger;
        }
        REQUIRE(a, answer->envelope == oracle_row_envelope(a->row));
        REQUIRE(a, answer->has_near == !m->huge);
        REQUIRE(a, answer->has_rough == is_plain);
        if (answer->has_near) check_parts(a, i, q, answer, tally);
        REQUIRE(a, !t->first_is_enough || a->before[1] >= target);
        REQUIRE(a, t->top_p_keeps == (before < target));
        REQUIRE(a, t->top_p_keeps_then == (before < target_of(q->top_p[0], m->total)));
        REQUIRE(a, t->top_k_keeps == (a->rank[i] < q->k[i]));
        REQUIRE(a, t->top_k_keeps_ties == (larger < q->k[i]));
    }
}

void bracket_row_free(bracket_row *a)
{
    free(a->before);
    oracle_row_free(a->row);
}
