/* The oracle's draw (section 7), its results (sections 9 and 10) and a row's accessors. */
#include "oracle.h"
#include "oracle_row.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

/* Where a draw's words come from: Philox, or what the caller supplies. */
typedef struct oracle_draw_from {
    uint64_t seed;
    uint64_t step;
    const uint32_t *uniforms; /* NULL: Philox */
    uint32_t supply;          /* of uniforms, in attempts */
} oracle_draw_from;

static uint64_t high_product(uint64_t a, uint64_t b) { return (uint64_t)((u128)a * b >> 64); }

/* The token that an attempt proposes, or -1. */
static int64_t proposed(const oracle_row *row, const oracle_envelope *envelope,
                        const uint32_t words[4])
{
    const uint64_t for_tile = words[0] | (uint64_t)words[1] << 32;
    const uint64_t for_slot = words[2] | (uint64_t)words[3] << 32;
    uint64_t place = high_product(for_tile, envelope->all);
    uint32_t t = 0;
    while (place >= envelope->in_row[t]) {
        place -= envelope->in_row[t];
        t++;
    }
    place = high_product(for_slot, envelope->tiles[t]);
    uint32_t group = t * (ORACLE_TILE / ORACLE_GROUP);
    for (;; group++) {
        const uint32_t first = group * ORACLE_GROUP;
        const uint32_t rest = row->vocab - first;
        const uint64_t size = rest < ORACLE_GROUP ? rest : ORACLE_GROUP;
        const uint64_t slots = size * envelope->bounds[group];
        if (place < slots) {
            break;
        }
        place -= slots;
    }
    const uint64_t slot = place / envelope->bounds[group];
    const uint64_t rest = place % envelope->bounds[group];
    const uint32_t token = group * ORACLE_GROUP + (uint32_t)slot;
    return rest < row->at_t.weights[token] ? (int64_t)token : -1;
}

/* The envelope of a round after the first, in which the groups before the token of rank `x` are
 * in reach. Ends the program if memory is out. */
static const oracle_envelope *shrink(const oracle_row *row, uint32_t x, oracle_envelope *made)
{
    if (!made->bounds && !oracle_envelope_allocate(row, made)) {
        fprintf(stderr, "oracle: out of memory\n");
        abort();
    }
    oracle_envelope_measure(row, x, made);
    return made;
}

/* Attempt `a` of a draw takes these words. */
static void make_words(const oracle_draw_from *from, uint32_t a, uint32_t words[4])
{
    if (from->uniforms) {
        memcpy(words, &from->uniforms[4 * (uint64_t)a], 4 * sizeof *words);
        return;
    }
    const uint32_t key[2] = {(uint32_t)from->seed, (uint32_t)(from->seed >> 32)};
    const uint32_t counter[4] = {a, 0, (uint32_t)from->step, (uint32_t)(from->step >> 32)};
    oracle_philox(counter, key, words);
}

static void draw_token(const oracle_row *row, const oracle_draw_from *from, oracle_result *out)
{
    oracle_envelope later = {0};
    const oracle_envelope *envelope = &row->envelope;
    uint32_t x = UINT32_MAX; /* the rank of the best token that was proposed and not kept */
    uint32_t x_of_reach = UINT32_MAX;
    for (uint32_t a = 0; a < ORACLE_ATTEMPTS; a++) {
        if (from->uniforms && a == from->supply) {
            out->status = ORACLE_UNIFORMS_SPENT | row->seen;
            break;
        }
        if (a % ORACLE_ROUND == 0 && x < x_of_reach) {
            envelope = shrink(row, x, &later);
            x_of_reach = x;
        }
        uint32_t words[4];
        make_words(from, a, words);
        out->attempts = a + 1;
        const int64_t token = proposed(row, envelope, words);
        if (token >= 0 && oracle_row_is_kept(row, (uint32_t)token)) {
            out->token = token;
            break;
        }
        if (token >= 0 && row->rank[token] < x) {
            x = row->rank[token];
        }
    }
    if (out->attempts == ORACLE_ATTEMPTS && out->token < 0) {
        out->token = row->order[0];
    }
    oracle_envelope_free(&later);
}

void oracle_draw(const oracle_row *row, uint64_t seed, uint64_t step, const uint32_t *uniforms,
                 uint32_t uniform_attempts, oracle_result *out)
{
    *out = (oracle_result){.token = -1, .status = row->status};
    out->logprob_raw = NAN;
    out->logprob = NAN;
    if ((row->status & 0xffu) != ORACLE_OK) {
        return;
    }
    if (row->greedy) {
        out->token = row->order[0];
    } else {
        const oracle_draw_from from = {seed, step, uniforms, uniform_attempts};
        draw_token(row, &from, out);
    }
    if (out->token >= 0) {
        out->kept = row->kept;
        out->logprob_raw = oracle_row_logprob_raw(row, (uint32_t)out->token);
        out->logprob = oracle_row_logprob(row, (uint32_t)out->token);
    }
}

/* K of section 9: ln of `mass`, relative to that of the row's first token */
static float log_mass(const oracle_row *row, const oracle_measure *measure, uint64_t mass)
{
    const uint64_t first = oracle_measure_mass(measure, row->order[0]);
    const uint64_t c = oracle_lg(mass) - oracle_lg(first);
    return (float)c * 0x1.62e430p-33f;
}

/* x - m; equal infinities have no difference of their own */
static float below_top(const oracle_row *row, uint32_t token)
{
    const float x = row->logits[token];
    const float top = row->logits[row->order[0]];
    return x == top ? 0.0f : x - top;
}

float oracle_row_logprob_raw(const oracle_row *row, uint32_t token)
{
    const float k = log_mass(row, &row->at_one, row->at_one.total);
    return below_top(row, token) - k;
}

float oracle_row_logprob(const oracle_row *row, uint32_t token)
{
    if (row->greedy) {
        return 0.0f;
    }
    const float k = log_mass(row, &row->at_t, row->kept_mass);
    const float octaves = below_top(row, token) * row->at_t.scale;
    return fmaf(octaves, 0x1.62e430p-1f, -k);
}

void oracle_probs(const oracle_row *row, float *probs)
{
    for (uint32_t i = 0; i < row->vocab; i++) {
        probs[i] = 0.0f;
    }
    if (row->kept == 0) {
        return;
    }
    if (row->greedy) {
        probs[row->order[0]] = 1.0f;
        return;
    }
    const float all = (float)row->kept_mass;
    const float reciprocal = oracle_reciprocal(all);
    for (uint32_t i = 0; i < row->kept; i++) {
        const uint32_t token = row->order[i];
        const float mass = (float)oracle_measure_mass(&row->at_t, token);
        probs[token] = mass == all ? 1.0f : mass * reciprocal;
    }
}

uint32_t oracle_row_status(const oracle_row *row) { return row->status; }

float oracle_row_logit(const oracle_row *row, uint32_t token) { return row->logits[token]; }
uint32_t oracle_row_vocab(const oracle_row *row) { return row->vocab; }

uint32_t oracle_row_live(const oracle_row *row) { return row->live; }

bool oracle_row_greedy(const oracle_row *row) { return row->greedy; }

bool oracle_row_filtered(const oracle_row *row) { return row->filtered; }

const uint32_t *oracle_row_order(const oracle_row *row) { return row->order; }

uint32_t oracle_row_kept(const oracle_row *row) { return row->kept; }

bool oracle_row_is_kept(const oracle_row *row, uint32_t token)
{
    return row->rank[token] < row->kept;
}

uint32_t oracle_row_top_k(const oracle_row *row) { return row->top_k; }

uint32_t oracle_row_min_p(const oracle_row *row) { return row->min_p; }

uint32_t oracle_row_top_p(const oracle_row *row) { return row->top_p; }

const oracle_measure *oracle_row_measure(const oracle_row *row, bool at_one)
{
    return at_one || row->greedy ? &row->at_one : &row->at_t;
}

uint64_t oracle_row_kept_mass(const oracle_row *row) { return row->kept_mass; }

long double oracle_row_draw_mass(const oracle_row *row, uint32_t token)
{
    if (!oracle_row_is_kept(row, token)) {
        return 0.0L;
    }
    if (row->greedy) {
        return 1.0L;
    }
    /* a kept token's group is in reach, so E_t is not 0 */
    const uint32_t t = token / ORACLE_TILE;
    return (long double)row->at_t.weights[token] * (long double)row->envelope.in_row[t] /
           (long double)row->envelope.tiles[t];
}

uint64_t oracle_row_envelope(const oracle_row *row) { return row->envelope.all; }

uint64_t oracle_row_group_bound(const oracle_row *row, uint32_t group)
{
    return row->envelope.bounds[group];
}
