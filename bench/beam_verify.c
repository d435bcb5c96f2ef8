#include "beam_verify.h"

#include "oracle_beam.h"
#include "say.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 2, /* of one row each request, then of all beams */
    REQUESTS_MOST = 2,
    ROWS_MOST = 32 /* more are the first request's alone */
};

typedef struct checking {
    const beams *s;
    const beam_call *all;
    const batches *b;
    size_t which;
    uint32_t requests[REQUESTS_MOST];
    unsigned count;
    oracle_beam *searches[REQUESTS_MOST];
    oracle_beam_move *moves[REQUESTS_MOST];
    unsigned rows;
} checking;

/* The oracle sorts all candidates. It gets no more than can be picked: of a row, as many as a
 * step has, and those that other groups can have made worse. */
static lms_beam_params oracle_beam_params(const beams *s, uint32_t request)
{
    lms_beam_params p = beam_params(s->mode, s->width, request);
    if (p.mode == LMS_BEAM_SEARCH)
        p.filters.top_k = (int32_t)(beam_candidates(s->width) + s->width);
    return p;
}

static void begin(checking *c)
{
    const uint32_t last = c->s->requests - 1;
    c->requests[c->count++] = 0;
    if (last > 0 && 2 * c->s->width <= ROWS_MOST) c->requests[c->count++] = last;
    for (unsigned i = 0; i < c->count; ++i) {
        const lms_beam_params p = oracle_beam_params(c->s, c->requests[i]);
        c->searches[i] = oracle_beam_new(&p, NULL, c->b->what.vocab);
        c->moves[i] = calloc(c->s->width, sizeof *c->moves[i]);
        if (c->searches[i] == NULL || c->moves[i] == NULL) fail("out of memory for the oracle");
    }
}

static void step_oracle(void *job, size_t part)
{
    checking *const c = job;
    const uint32_t width = c->s->width, vocab = c->b->what.vocab;
    const size_t first = c->which * c->b->what.rows + (size_t)c->requests[part] * width;
    float *const x = malloc((size_t)width * vocab * sizeof *x);
    if (x == NULL) fail("out of memory for %u rows", width);
    for (uint32_t n = 0; n < width; ++n)
        pool_row(c->b->logits, first + n, x + (size_t)n * vocab);
    oracle_beam_step(c->searches[part], x, vocab, c->moves[part]);
    free(x);
}

static void compare(const checking *c, unsigned i)
{
    const uint32_t first = c->requests[i] * c->s->width;
    for (uint32_t n = 0; n < c->s->width; ++n) {
        const oracle_beam_move *const wanted = &c->moves[i][n];
        const uint32_t row = first + n;
        const long long parent = c->all->parents[row] - (long long)first;
        if (parent == wanted->parent && c->all->tokens[row] == wanted->token &&
            c->all->scores[row] == wanted->score)
            continue;
        fail("%s, %s, %u x %u beams of %u %s, step %u: beam %u of request %u has parent %lld, "
             "token %d, score %lld, the oracle has %d, %d, %lld",
             beam_strategy(c->s->mode), shape_name(c->b->what.shape), c->s->requests,
             c->s->width, c->b->what.vocab, dtype_name(c->b->what.dtype), c->s->length, n,
             c->requests[i], parent, c->all->tokens[row], (long long)c->all->scores[row],
             wanted->parent, wanted->token, (long long)wanted->score);
    }
}

unsigned verify_beams(beams *s, beam_call *all, const batches *b, size_t which)
{
    checking c;
    memset(&c, 0, sizeof c);
    c.s = s;
    c.all = all;
    c.b = b;
    begin(&c);
    beams_restart(s);
    for (unsigned step = 0; step < STEPS; ++step) {
        c.which = (which + step) % b->count;
        beams_step_scored(s, all, batch_logits(b, c.which));
        crew_run(s->on->all, step_oracle, &c, c.count);
        for (unsigned i = 0; i < c.count; ++i) compare(&c, i);
        c.rows += c.count * (step == 0 ? 1 : s->width);
    }
    for (unsigned i = 0; i < c.count; ++i) {
        oracle_beam_free(c.searches[i]);
        free(c.moves[i]);
    }
    return c.rows;
}
