/* What a beam offers (section 13), and drawing from it without replacement (section 15). */
#include "oracle_beam.h"
#include "oracle_beam_state.h"

#include "oracle_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t high_product(uint64_t a, uint64_t b) { return (uint64_t)((u128)a * b >> 64); }

/* The row as it is, and without what is suppressed. */
static bool read_rows(oracle_offers *offers, const lms_beam_params *p, const int32_t *ends,
                      uint32_t t, const float *logits, uint32_t vocab)
{
    const oracle_params filters = {.temperature = p->filters.temperature,
                                   .top_p = p->filters.top_p,
                                   .min_p = p->filters.min_p,
                                   .top_k = p->filters.top_k,
                                   .flags = p->filters.flags};
    oracle_row *const whole = oracle_prepare(logits, vocab, &filters);
    float *const rest = malloc(vocab * sizeof *rest);
    bool good = whole && rest;
    offers->row = whole;
    if (good && t < p->min_length && p->end_tokens > 0) {
        memcpy(rest, logits, vocab * sizeof *rest);
        for (uint32_t i = 0; i < p->end_tokens; i++) {
            rest[ends[i]] = -INFINITY;
        }
        offers->whole = whole;
        offers->row = oracle_prepare(rest, vocab, &filters);
        good = offers->row != NULL;
    }
    offers->seen = whole ? whole->seen : 0;
    free(rest);
    return good;
}

/* floor(S * 2^GUARD / 2^d) of a tile, 0 where it does not count */
static uint64_t tile_mass(const oracle_tile *tile, uint64_t sum)
{
    if (!tile->counts || tile->shift >= 60) {
        return 0;
    }
    return (sum << ORACLE_GUARD) >> tile->shift;
}

/* S_t of the eligible tokens */
static uint64_t eligible_sum(const oracle_offers *offers, uint32_t t)
{
    const oracle_row *const row = offers->row;
    uint64_t sum = 0;
    for (uint32_t i = t * ORACLE_TILE; i < (t + 1) * ORACLE_TILE && i < row->vocab; i++) {
        sum += offers->eligible[i] ? row->at_t.weights[i] : 0;
    }
    return sum;
}

bool oracle_offers_make(oracle_offers *offers, const lms_beam_params *p, const int32_t *ends,
                        uint32_t t, const float *logits, uint32_t vocab)
{
    *offers = (oracle_offers){0};
    offers->eligible = calloc(vocab, sizeof *offers->eligible);
    if (!read_rows(offers, p, ends, t, logits, vocab) || !offers->eligible) {
        oracle_offers_free(offers);
        return false;
    }
    oracle_row *const row = offers->row;
    if (row->live == 0) {
        return true;
    }
    for (uint32_t i = 0; i < row->kept; i++) {
        offers->eligible[row->order[i]] = true;
    }
    offers->count = row->kept;
    for (uint32_t i = 0; i < row->tile_count; i++) {
        offers->e_total += tile_mass(&row->at_t.tiles[i], eligible_sum(offers, i));
    }
    const bool among = (p->flags & LMS_BEAM_RENORMALIZE) != 0 || p->mode != LMS_BEAM_SEARCH;
    offers->base = among || !offers->whole ? row : offers->whole;
    offers->norm =
        oracle_beam_norm(offers->base, among ? offers->e_total : offers->base->at_t.total);
    return true;
}

void oracle_offers_free(oracle_offers *offers)
{
    oracle_row_free(offers->row);
    oracle_row_free(offers->whole);
    free(offers->eligible);
    *offers = (oracle_offers){0};
}

int64_t oracle_offers_logprob(const oracle_offers *offers, uint32_t token)
{
    const oracle_row *const row = offers->base;
    const float top = row->logits[row->order[0]];
    return -(oracle_beam_gap(top, row->logits[token], row->params.temperature) + offers->norm);
}

/* --- section 15 --- */

/* What is left of a row while tokens are drawn from it. */
typedef struct urn {
    const oracle_offers *offers;
    const oracle_draw_place *place;
    bool *left;     /* per token: eligible and not drawn */
    uint64_t *sums; /* S_t */
} urn;

static void two_words(const oracle_draw_place *place, uint32_t i, uint64_t *a, uint64_t *b)
{
    const uint32_t counter[4] = {i, 1 + place->beam, place->t, 0};
    const uint32_t key[2] = {(uint32_t)place->seed, (uint32_t)(place->seed >> 32)};
    uint32_t q[4];
    oracle_philox(counter, key, q);
    *a = q[0] | (uint64_t)q[1] << 32;
    *b = q[2] | (uint64_t)q[3] << 32;
}

static float exponential_of(const oracle_draw_place *place, uint32_t i)
{
    uint64_t a;
    uint64_t b;
    two_words(place, i, &a, &b);
    return (float)oracle_beam_exponential(a) * 0x1p-32f;
}

static float first_time(const oracle_draw_place *place)
{
    const int64_t limit = INT64_C(1) << 37;
    if (place->mode == LMS_BEAM_SAMPLE || place->t == 0) {
        return exponential_of(place, 1);
    }
    int64_t d = place->score - place->value;
    d = d > limit ? limit : d < -limit ? -limit : d;
    const u128 product = (u128)(uint64_t)(d < 0 ? -d : d) * UINT64_C(0xB8AA3B295C17F0BC);
    const int64_t size = (int64_t)(product >> 63);
    return oracle_beam_exp2(d < 0 ? -size : size);
}

static uint64_t urn_total(const urn *u)
{
    const oracle_measure *const measure = &u->offers->row->at_t;
    uint64_t total = 0;
    for (uint32_t t = 0; t < u->offers->row->tile_count; t++) {
        total += tile_mass(&measure->tiles[t], u->sums[t]);
    }
    return total;
}

/* Takes one token out, with R_j = total > 0. */
static uint32_t urn_take(urn *u, uint32_t j, uint64_t total)
{
    const oracle_measure *const measure = &u->offers->row->at_t;
    uint64_t a;
    uint64_t b;
    two_words(u->place, 2 * j, &a, &b);
    uint64_t point = high_product(a, total);
    uint32_t t = 0;
    for (uint64_t mass; point >= (mass = tile_mass(&measure->tiles[t], u->sums[t])); t++) {
        point -= mass;
    }
    const uint64_t height = high_product(b, u->sums[t]);
    uint64_t sum = 0;
    for (uint32_t i = t * ORACLE_TILE;; i++) {
        sum += u->left[i] ? measure->weights[i] : 0;
        if (sum > height) {
            u->left[i] = false;
            u->sums[t] -= measure->weights[i];
            return i;
        }
    }
}

static int64_t value_of(const oracle_draw_place *place, float tau)
{
    const int64_t value = place->score - oracle_beam_ln(tau);
    return value < ORACLE_BEAM_FLOOR ? ORACLE_BEAM_FLOOR : value;
}

static uint32_t draw_all(urn *u, uint32_t most, oracle_drawn *drawn)
{
    const oracle_draw_place *const place = u->place;
    const uint64_t first_total = urn_total(u);
    float tau = 0.0f;
    for (uint32_t j = 0; j < most; j++) {
        const uint64_t total = urn_total(u);
        if (total == 0) {
            return j;
        }
        if (j == 0) {
            tau = first_time(place);
        } else {
            const float slower = (float)first_total * oracle_reciprocal((float)total);
            const float wait = exponential_of(place, 2 * j + 1) * slower;
            tau = tau + wait;
        }
        drawn[j].token = urn_take(u, j, total);
        drawn[j].value = value_of(place, tau);
        if (j > 0 && drawn[j].value > drawn[j - 1].value) {
            drawn[j].value = drawn[j - 1].value;
        }
        if (j == 0 && place->mode == LMS_BEAM_STOCHASTIC && place->t > 0) {
            drawn[j].value = place->value;
        }
    }
    return most;
}

uint32_t oracle_offers_draw(const oracle_offers *offers, const oracle_draw_place *place,
                            uint32_t most, oracle_drawn *drawn)
{
    const uint32_t vocab = offers->row->vocab;
    if (offers->count == 0) {
        return 0;
    }
    urn u = {offers, place, calloc(vocab, sizeof *u.left),
             calloc(offers->row->tile_count, sizeof *u.sums)};
    if (!u.left || !u.sums) {
        abort();
    }
    for (uint32_t i = 0; i < vocab; i++) {
        u.left[i] = offers->eligible[i];
    }
    for (uint32_t t = 0; t < offers->row->tile_count; t++) {
        u.sums[t] = eligible_sum(offers, t);
    }
    const uint32_t count = draw_all(&u, most, drawn);
    free(u.left);
    free(u.sums);
    return count;
}
