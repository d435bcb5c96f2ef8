#include "verify.h"

#include "oracle.h"
#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MOST 16u

typedef struct checking {
    batches *b;
    size_t which;
    unsigned subject;
    const arithmetic *a;
    const int32_t *index; /* of the rows of the pool, or NULL */
    uint32_t rows[ROWS_MOST];
    unsigned count;
    long long wanted[ROWS_MOST];
    uint32_t attempts[ROWS_MOST]; /* that the oracle makes */
} checking;

/* The first, the last and two between; of a batch in which every row differs one of each. */
static void choose_rows(checking *c)
{
    const uint32_t rows = c->b->what.rows;
    const uint32_t few[4] = {0, rows / 3, rows / 2 + 1, rows - 1};
    if (c->subject == EVERY_ROW_DIFFERENT) {
        for (uint32_t r = 0; r < ROW_STRATEGIES && r < rows; ++r) c->rows[c->count++] = r;
        if (rows > ROW_STRATEGIES) c->rows[c->count++] = rows - 1;
        return;
    }
    for (unsigned i = 0; i < 4; ++i) {
        if (few[i] < rows && (c->count == 0 || few[i] > c->rows[c->count - 1]))
            c->rows[c->count++] = few[i];
    }
}

/* As the sampler read it. */
static float *load_row(const checking *c, uint32_t row)
{
    const batches *const b = c->b;
    float *const x = malloc(b->what.vocab * sizeof *x);
    pool fresh = *b->logits;
    if (x == NULL) fail("out of memory for a row");
    if (!b->what.rotated) fresh.memory = b->fresh;
    const size_t of_pool = b->what.rotated ? c->which * b->what.rows + row : row;
    pool_row(&fresh, c->index != NULL ? (size_t)c->index[row] : of_pool, x);
    return x;
}

static void check_token(void *job, size_t part)
{
    checking *const c = job;
    const uint32_t row = c->rows[part];
    oracle_params params;
    oracle_result result;
    float *const x = load_row(c, row);
    _Static_assert(sizeof params == sizeof c->b->params[row], "the same fields");
    memcpy(&params, &c->b->params[row], sizeof params);
    if (!oracle_sample(x, c->b->what.vocab, &params, NULL, 0, &result))
        fail("out of memory for the oracle");
    c->wanted[part] = (long long)result.token;
    c->attempts[part] = result.attempts;
    free(x);
}

static void refuse(const checking *c, const char *what, uint32_t row, long long found,
                   long long wanted)
{
    const setting *const s = &c->b->what;
    fail("%s, %s, %u x %u %s: row %u has %s %lld, the oracle has %lld",
         subject_name(c->subject), shape_name(s->shape), s->rows, s->vocab,
         dtype_name(s->dtype), row, what, found, wanted);
}

/* A row that was decided without a draw has made no attempts. */
static unsigned check_tokens(checking *c)
{
    batches *const b = c->b;
    choose_rows(c);
    crew_run(b->on->all, check_token, c, c->count);
    batch_efforts(b);
    for (unsigned i = 0; i < c->count; ++i) {
        const uint32_t row = c->rows[i], attempts = b->efforts[row].attempts;
        if (b->drawn[row] != c->wanted[i]) refuse(c, "token", row, b->drawn[row], c->wanted[i]);
        if (attempts > 0 && attempts != c->attempts[i])
            refuse(c, "attempts", row, attempts, c->attempts[i]);
    }
    return c->count;
}

unsigned verify_tokens(batches *b, unsigned subject, size_t which)
{
    checking c = {.b = b, .which = which, .subject = subject};
    return check_tokens(&c);
}

unsigned verify_rows(batches *b, const int32_t *index)
{
    checking c = {.b = b, .subject = HEAVY_STRATEGY, .index = index};
    return check_tokens(&c);
}

static void check_maxima(const checking *c, uint32_t row, const float *x)
{
    const uint32_t vocab = c->b->what.vocab, tiles = (vocab + TILE - 1) / TILE;
    for (uint32_t g = 0; g * GROUP < vocab; ++g) {
        float most = x[(size_t)g * GROUP];
        for (uint32_t i = g * GROUP; i < vocab && i < g * GROUP + GROUP; ++i) {
            if (x[i] > most) most = x[i];
        }
        if (c->a->groups[(size_t)row * tiles * TILE_GROUPS + g] != most || c->a->nans[row])
            fail("%s: row %u, group %u is wrong", subject_name(c->subject), row, g);
    }
}

static void check_arithmetic(void *job, size_t part)
{
    checking *const c = job;
    const uint32_t row = c->rows[part];
    float *const x = load_row(c, row);
    check_maxima(c, row, x);
    if (c->subject == ROW_MASS) {
        oracle_params params;
        memset(&params, 0, sizeof params);
        params.temperature = params.top_p = 1.0f;
        oracle_row *const prepared = oracle_prepare(x, c->b->what.vocab, &params);
        if (prepared == NULL) fail("out of memory for the oracle");
        const uint64_t total = oracle_row_measure(prepared, true)->total;
        if (total != c->a->totals[row])
            fail("%s: row %u has a mass of %llu, the oracle has %llu", subject_name(c->subject),
                 row, (unsigned long long)c->a->totals[row], (unsigned long long)total);
        oracle_row_free(prepared);
    }
    free(x);
}

unsigned verify_arithmetic(batches *b, unsigned subject, size_t which, const arithmetic *a)
{
    checking c = {.b = b, .which = which, .subject = subject, .a = a};
    choose_rows(&c);
    crew_run(b->on->all, check_arithmetic, &c, c.count);
    return c.count;
}
