#include "arithmetic.h"

#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TILES_MOST 4096u
#define GUARD 13
#define SCALE_ONE 0x1.715476p0f /* log2(e) */

typedef struct job {
    arithmetic *a;
    const arithmetic_pass *pass;
} job;

static const arithmetic_pass *best_passes(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        return avx512_passes;
    /* Whatever has AVX2 has F16C too. */
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2_passes;
#endif
    return plain_passes;
}

static uint32_t tiles_of(uint32_t vocab) { return (vocab + TILE - 1) / TILE; }

static size_t logit_bytes(const arithmetic *a) { return a->dtype == LMS_FLOAT32 ? 4 : 2; }

/* A row, and room for its last tile if that is not whole: filled up with dead tokens. */
typedef struct tiles {
    const char *row;
    size_t logit_bytes;
    uint32_t vocab;
    uint32_t count;
    _Alignas(64) uint32_t room[TILE];
} tiles;

static void open_tiles(tiles *t, const arithmetic *a, size_t row)
{
    static const uint32_t minus_infinity[3] = {0xff800000u, 0xfc00fc00u, 0xff80ff80u};
    t->vocab = a->vocab;
    t->count = tiles_of(a->vocab);
    t->logit_bytes = logit_bytes(a);
    t->row = (const char *)a->logits + row * a->vocab * t->logit_bytes;
    const uint32_t last = (t->count - 1) * TILE;
    for (uint32_t i = 0; i < TILE; ++i) t->room[i] = minus_infinity[a->dtype - LMS_FLOAT32];
    memcpy(t->room, t->row + last * t->logit_bytes, (a->vocab - last) * t->logit_bytes);
}

static const void *tile_at(const tiles *t, uint32_t tile)
{
    const size_t end = (size_t)(tile + 1) * TILE;
    return end <= t->vocab ? t->row + (end - TILE) * t->logit_bytes
                           : (const char *)(const void *)t->room;
}

/* Of the distances that were tried, from 1 to 16 KiB, this is the best: a fifth off the row's
 * mass. What is past the logits does no harm. */
static void prefetch_tile(const tiles *t, uint32_t tile)
{
    const char *const ahead = t->row + (size_t)tile * TILE * t->logit_bytes + 2048;
    for (size_t i = 0; i < TILE * t->logit_bytes; i += 64) __builtin_prefetch(ahead + i);
}

static void maxima_of_row(void *argument, size_t row)
{
    const job *const j = argument;
    tiles x;
    open_tiles(&x, j->a, row);
    float *const groups = j->a->groups + row * x.count * TILE_GROUPS;
    bool has_nan = false;
    for (uint32_t t = 0; t < x.count; ++t) {
        prefetch_tile(&x, t);
        has_nan |= j->pass->maxima(tile_at(&x, t), groups + (size_t)t * TILE_GROUPS);
    }
    j->a->nans[row] = has_nan;
}

static float largest(const float *groups)
{
    float top = groups[0];
    for (uint32_t g = 1; g < TILE_GROUPS; ++g) top = groups[g] > top ? groups[g] : top;
    return top;
}

/* No tile is huge or dead: the shapes have no such logits. */
static void mass_of_row(void *argument, size_t row)
{
    const job *const j = argument;
    tiles x;
    open_tiles(&x, j->a, row);
    float *groups = j->a->groups + row * x.count * TILE_GROUPS;
    int32_t exponents[TILES_MOST], most = INT32_MIN;
    uint64_t sums[TILES_MOST], total = 0;
    bool has_nan = false;
    for (uint32_t t = 0; t < x.count; ++t, groups += TILE_GROUPS) {
        const void *const tile = tile_at(&x, t);
        prefetch_tile(&x, t);
        has_nan |= j->pass->maxima(tile, groups);
        const float top = largest(groups);
        const float h = rintf(top * SCALE_ONE), c = rintf(fmaf(top, SCALE_ONE, -h));
        exponents[t] = (int32_t)(h + c);
        if (exponents[t] > most) most = exponents[t];
        sums[t] = j->pass->weights(tile, SCALE_ONE, h, c);
    }
    for (uint32_t t = 0; t < x.count; ++t) {
        const int32_t down = most - exponents[t];
        if (down < 64) total += sums[t] << GUARD >> down;
    }
    j->a->totals[row] = total;
    j->a->nans[row] = has_nan;
}

void arithmetic_open(arithmetic *a, size_t rows, uint32_t vocab, lms_dtype dtype)
{
    if (tiles_of(vocab) > TILES_MOST) fail("a vocabulary of %u is too large", vocab);
    memset(a, 0, sizeof *a);
    a->rows = rows;
    a->vocab = vocab;
    a->dtype = dtype;
    a->groups = calloc(rows * tiles_of(vocab) * TILE_GROUPS, sizeof *a->groups);
    a->totals = calloc(rows, sizeof *a->totals);
    a->nans = calloc(rows, sizeof *a->nans);
    if (a->groups == NULL || a->totals == NULL || a->nans == NULL)
        fail("out of memory for %zu rows", rows);
}

void arithmetic_close(arithmetic *a)
{
    free(a->groups);
    free(a->totals);
    free(a->nans);
}

void tile_maxima(crew *all, arithmetic *a)
{
    job j = {a, best_passes() + a->dtype - LMS_FLOAT32};
    crew_run(all, maxima_of_row, &j, a->rows);
}

void row_mass(crew *all, arithmetic *a)
{
    job j = {a, best_passes() + a->dtype - LMS_FLOAT32};
    crew_run(all, mass_of_row, &j, a->rows);
}
