/* The oracle's rows: order, tiles, masses, filters and what a row can return. */
#include "oracle.h"
#include "oracle_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

typedef struct ranked {
    int32_t key;
    uint32_t token;
} ranked;

static int compare_ranked(const void *left, const void *right)
{
    const ranked *a = left;
    const ranked *b = right;
    if (a->key != b->key) {
        return a->key > b->key ? -1 : 1;
    }
    return a->token < b->token ? -1 : 1;
}

/* Section 1. */
static bool read_logits(oracle_row *row, const float *logits)
{
    ranked *const list = malloc(row->vocab * sizeof *list);
    if (!list) {
        return false;
    }
    for (uint32_t i = 0; i < row->vocab; i++) {
        const float x = logits[i];
        row->rank[i] = UINT32_MAX;
        row->logits[i] = x;
        if (x != x) {
            row->seen |= ORACLE_SAW_NAN;
        }
        if (oracle_is_dead(x)) {
            continue;
        }
        list[row->live].key = oracle_key(x);
        list[row->live].token = i;
        if (list[row->live].key == 0) {
            row->logits[i] = 0.0f;
        }
        if (list[row->live].key == 0x7f800000) {
            row->seen |= ORACLE_SAW_INF;
        }
        row->live++;
    }
    qsort(list, row->live, sizeof *list, compare_ranked);
    for (uint32_t i = 0; i < row->live; i++) {
        row->order[i] = list[i].token;
        row->rank[list[i].token] = i;
    }
    free(list);
    return true;
}

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Weights and S_t of one tile, its top and split; a dead tile stays all zero. */
static void measure_tile(const oracle_row *row, oracle_measure *measure, uint32_t t)
{
    oracle_tile *const tile = &measure->tiles[t];
    const uint32_t first = t * ORACLE_TILE;
    const uint32_t end = smaller(first + ORACLE_TILE, row->vocab);
    for (uint32_t i = first; i < end; i++) {
        if (row->rank[i] != UINT32_MAX && (!tile->live || row->logits[i] > tile->top)) {
            tile->live = true;
            tile->top = row->logits[i];
        }
    }
    if (!tile->live) {
        return;
    }
    tile->split = oracle_split_at(tile->top, measure->scale);
    for (uint32_t i = first; i < end; i++) {
        uint32_t weight = 0;
        if (row->rank[i] == UINT32_MAX) {
            weight = 0;
        } else if (tile->split.huge) {
            weight = row->logits[i] == tile->top ? UINT32_C(1) << ORACLE_W : 0;
        } else {
            weight = oracle_weight(row->logits[i], measure->scale, &tile->split);
        }
        measure->weights[i] = weight;
        tile->weight_sum += weight;
    }
}

uint64_t oracle_in_row_units(uint64_t value, uint64_t shift)
{
    return shift >= 60 ? 0 : (value << ORACLE_GUARD) >> shift;
}

/* Sections 3 and 4 of a row that is not empty. */
static bool measure_row(const oracle_row *row, float scale, oracle_measure *measure)
{
    measure->scale = scale;
    measure->tiles = calloc(row->tile_count, sizeof *measure->tiles);
    measure->weights = calloc(row->vocab, sizeof *measure->weights);
    if (!measure->tiles || !measure->weights) {
        return false;
    }
    bool any = false;
    for (uint32_t t = 0; t < row->tile_count; t++) {
        measure_tile(row, measure, t);
        const oracle_tile *const tile = &measure->tiles[t];
        if (tile->live && !tile->split.huge &&
            (!any || tile->split.m > measure->top_exponent)) {
            any = true;
            measure->top_exponent = tile->split.m;
        }
    }
    const uint32_t first = row->order[0];
    measure->huge = measure->tiles[first / ORACLE_TILE].split.huge;
    if (measure->huge) {
        measure->top_exponent = 0;
    }
    for (uint32_t t = 0; t < row->tile_count; t++) {
        oracle_tile *const tile = &measure->tiles[t];
        tile->counts =
            tile->live && (measure->huge ? tile->top == row->logits[first] : !tile->split.huge);
        if (!tile->counts) {
            continue;
        }
        if (!measure->huge) {
            tile->shift = (uint64_t)(measure->top_exponent - tile->split.m);
        }
        measure->total += oracle_in_row_units(tile->weight_sum, tile->shift);
    }
    return true;
}

uint64_t oracle_measure_mass(const oracle_measure *measure, uint32_t token)
{
    const oracle_tile *const tile = &measure->tiles[token / ORACLE_TILE];
    return tile->counts ? oracle_mass(measure->weights[token], tile->shift) : 0;
}

/* The mass of the first `count` tokens of the order. */
static uint64_t prefix_mass(const oracle_row *row, const oracle_measure *measure,
                            uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += oracle_measure_mass(measure, row->order[i]);
    }
    return sum;
}

/* --- section 6: each filter keeps a prefix of the order and is told by its length --- */

static float logit_at(const oracle_row *row, uint32_t rank)
{
    return row->logits[row->order[rank]];
}

static uint32_t run_equal_to(const oracle_row *row, uint32_t rank)
{
    uint32_t end = rank + 1;
    while (end < row->live && logit_at(row, end) == logit_at(row, rank)) {
        end++;
    }
    return end;
}

static uint32_t cut_top_k(const oracle_row *row)
{
    const uint32_t k = (uint32_t)row->params.top_k;
    if (k >= row->live) {
        return row->live;
    }
    return row->params.flags & ORACLE_TOP_K_TIES ? run_equal_to(row, k - 1) : k;
}

static uint32_t cut_min_p(const oracle_row *row, float scale)
{
    const float top = logit_at(row, 0);
    const oracle_split split = oracle_split_at(top, scale);
    if (row->params.min_p == 1.0f || split.huge) {
        return run_equal_to(row, 0);
    }
    uint32_t a;
    int b;
    oracle_decompose(row->params.min_p, &a, &b);
    const int64_t log = (int64_t)oracle_lg(a) + (int64_t)b * (INT64_C(1) << 32);
    const float lambda = (float)log * 0x1p-32f;
    const float z_top = fmaf(top, scale, -split.h) - split.c;
    uint32_t count = 0;
    while (count < row->live) {
        const float z = fmaf(logit_at(row, count), scale, -split.h) - split.c;
        if (!(z - z_top >= lambda)) {
            break;
        }
        count++;
    }
    return count;
}

static uint32_t cut_top_p(const oracle_row *row, const oracle_measure *measure, uint64_t base)
{
    uint32_t a;
    int b;
    oracle_decompose(row->params.top_p, &a, &b);
    /* top_p < 1 makes b negative; the product has at most 87 bits */
    const u128 product = (u128)a * base;
    const unsigned shift = (unsigned)-b;
    const uint64_t threshold =
        shift >= 128 ? 1 : (uint64_t)((product + (((u128)1 << shift) - 1)) >> shift);
    uint64_t before = 0;
    uint32_t count = 0;
    while (count < row->live && before < threshold) {
        before += oracle_measure_mass(measure, row->order[count]);
        count++;
    }
    return count;
}

bool oracle_row_has_top_k(const oracle_row *row)
{
    return row->params.top_k > 0 && (uint32_t)row->params.top_k < row->vocab;
}

static void apply_filters(oracle_row *row)
{
    const oracle_params *const p = &row->params;
    const bool at_one = p->flags & ORACLE_TEMPERATURE_LAST;
    const oracle_measure *const measure = at_one ? &row->at_one : &row->at_t;
    const bool use_k = oracle_row_has_top_k(row);
    const bool use_min = p->min_p > 0.0f;
    const bool use_p = p->top_p < 1.0f;
    row->filtered = use_k || use_min || use_p;
    if (use_k) {
        row->top_k = cut_top_k(row);
    }
    if (use_min) {
        row->min_p = cut_min_p(row, measure->scale);
    }
    if (use_p) {
        const bool min_counts = use_min && !(p->flags & ORACLE_MIN_P_LAST);
        const bool whole = (p->flags & ORACLE_TOP_P_WHOLE_ROW) || (!use_k && !min_counts);
        const uint32_t base = min_counts ? smaller(row->top_k, row->min_p) : row->top_k;
        row->top_p =
            cut_top_p(row, measure, whole ? measure->total : prefix_mass(row, measure, base));
    }
    row->kept = smaller(row->top_k, smaller(row->min_p, row->top_p));
    row->kept_mass = row->filtered ? prefix_mass(row, &row->at_t, row->kept) : row->at_t.total;
}

/* --- rows --- */

static bool evaluate(oracle_row *row)
{
    row->top_k = row->min_p = row->top_p = row->live;
    if (!measure_row(row, oracle_scale(1.0f), &row->at_one)) {
        return false;
    }
    row->greedy = row->params.temperature == 0.0f || row->params.top_p <= 0.0f;
    if (row->greedy) {
        row->kept = 1;
        return true;
    }
    if (!measure_row(row, oracle_scale(row->params.temperature), &row->at_t)) {
        return false;
    }
    apply_filters(row);
    if (!oracle_reach_at_first(row)) {
        return false;
    }
    oracle_envelope_measure(row, UINT32_MAX, &row->envelope);
    return true;
}

oracle_row *oracle_prepare(const float *logits, uint32_t vocab, const oracle_params *p)
{
    if (vocab < 1 || vocab > ORACLE_VOCAB_MAX) {
        return NULL;
    }
    oracle_row *const row = calloc(1, sizeof *row);
    if (!row) {
        return NULL;
    }
    row->vocab = vocab;
    row->tile_count = (vocab + ORACLE_TILE - 1) / ORACLE_TILE;
    row->group_count = (vocab + ORACLE_GROUP - 1) / ORACLE_GROUP;
    row->params = *p;
    row->logits = calloc(vocab, sizeof *row->logits);
    row->order = calloc(vocab, sizeof *row->order);
    row->rank = calloc(vocab, sizeof *row->rank);
    row->reach = calloc(row->group_count, sizeof *row->reach);
    bool good = row->logits && row->order && row->rank && row->reach &&
                oracle_envelope_allocate(row, &row->envelope);
    row->status = oracle_check_params(p);
    if (good && row->status == ORACLE_OK) {
        good = read_logits(row, logits);
        row->status = (row->live ? ORACLE_OK : ORACLE_EMPTY) | row->seen;
        good = good && (row->live == 0 || evaluate(row));
    }
    if (!good) {
        oracle_row_free(row);
        return NULL;
    }
    return row;
}

void oracle_row_free(oracle_row *row)
{
    if (!row) {
        return;
    }
    free(row->at_t.tiles);
    free(row->at_t.weights);
    free(row->at_one.tiles);
    free(row->at_one.weights);
    free(row->logits);
    free(row->order);
    free(row->rank);
    free(row->reach);
    oracle_envelope_free(&row->envelope);
    free(row);
}

bool oracle_sample(const float *logits, uint32_t vocab, const oracle_params *p,
                   const uint32_t *uniforms, uint32_t uniform_attempts, oracle_result *out)
{
    oracle_row *const row = oracle_prepare(logits, vocab, p);
    if (!row) {
        return false;
    }
    oracle_draw(row, p->seed, p->step, uniforms, uniform_attempts, out);
    oracle_row_free(row);
    return true;
}
