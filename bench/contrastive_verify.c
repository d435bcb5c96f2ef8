#include "contrastive_verify.h"

#include "say.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 2,
    REQUESTS_MOST = 2,
    PARTS = 16 /* of a context, for the threads */
};

typedef struct checking {
    const contrasts *c;
    uint32_t set;
    uint32_t request;
    size_t first;      /* the request's first candidate among the states */
    float *candidates; /* [k][width] */
    double *norms;     /* [k] */
    double penalties[PARTS][LMS_MAX_CONTRASTIVE_K];
} checking;

static double dot(const float *a, const float *b, uint32_t width)
{
    double sums[8] = {0.0}, sum = 0.0;
    uint32_t i = 0;
    for (; i + 8 <= width; i += 8) {
        for (uint32_t l = 0; l < 8; ++l) sums[l] += (double)a[i + l] * b[i + l];
    }
    for (; i < width; ++i) sum += (double)a[i] * b[i];
    for (uint32_t l = 0; l < 8; ++l) sum += sums[l];
    return sum;
}

static float *host_floats(size_t count)
{
    float *const memory = malloc(count * sizeof *memory);
    if (memory == NULL) fail("out of memory for states");
    return memory;
}

static double cosine(const checking *j, uint32_t candidate, const float *x, double norm)
{
    const uint32_t width = j->c->size.width;
    const double product = dot(j->candidates + (size_t)candidate * width, x, width);
    const double norms = j->norms[candidate] * norm;
    return norms > 0.0 ? product / norms : 0.0;
}

/* The largest cosines of a part of the context. */
static void check_part(void *job, size_t part)
{
    checking *const j = job;
    const contrastive_size *const size = &j->c->size;
    const size_t first =
        (size_t)j->set * j->c->states->what.rows + (size_t)j->request * size->context;
    const size_t end = size->context * (part + 1) / PARTS;
    float *const x = host_floats(size->width);
    for (uint32_t i = 0; i < size->k; ++i) j->penalties[part][i] = -INFINITY;
    for (size_t position = size->context * part / PARTS; position < end; ++position) {
        pool_row(j->c->states->logits, first + position, x);
        const double norm = sqrt(dot(x, x, size->width));
        for (uint32_t i = 0; i < size->k; ++i)
            j->penalties[part][i] = fmax(j->penalties[part][i], cosine(j, i, x, norm));
    }
    free(x);
}

static void begin(checking *j)
{
    const uint32_t k = j->c->size.k, width = j->c->size.width;
    j->candidates = host_floats((size_t)k * width);
    j->norms = calloc(k, sizeof *j->norms);
    if (j->norms == NULL) fail("out of memory for states");
    for (uint32_t i = 0; i < k; ++i) {
        float *const x = j->candidates + (size_t)i * width;
        pool_row(j->c->states->logits, j->first + i, x);
        j->norms[i] = sqrt(dot(x, x, width));
    }
    crew_run(j->c->on->all, check_part, j, PARTS);
    for (unsigned part = 1; part < PARTS; ++part) {
        for (uint32_t i = 0; i < k; ++i)
            j->penalties[0][i] = fmax(j->penalties[0][i], j->penalties[part][i]);
    }
}

/* What has been chosen is part of the context. */
static void append(checking *j, uint32_t chosen)
{
    const float *const x = j->candidates + (size_t)chosen * j->c->size.width;
    for (uint32_t i = 0; i < j->c->size.k; ++i)
        j->penalties[0][i] = fmax(j->penalties[0][i], cosine(j, i, x, j->norms[chosen]));
}

static void wrong(const checking *j, const char *what, double found, double wanted)
    __attribute__((noreturn));
static void wrong(const checking *j, const char *what, double found, double wanted)
{
    const contrastive_size *const s = &j->c->size;
    fail("contrastive search, %u x %u x %u %s, k %u, position %u: request %u has %s %.9g, it "
         "should be %.9g",
         s->requests, s->context, s->width, dtype_name(j->c->states->what.dtype), s->k,
         j->c->lengths[j->set], j->request, what, found, wanted);
}

/* The bound of docs/reference/specification.md, section 24. */
static double error_of_penalty(uint32_t width)
{
    const uint32_t roundings = (width + 15) / 16 + 4;
    return (2.0 * roundings + 12.0) * 0x1p-24;
}

/* Returns the candidate that was chosen: the first one of the largest score. */
static uint32_t compare(const checking *j)
{
    const contrasts *const c = j->c;
    const uint32_t k = c->size.k, first = j->request * k;
    const double alpha = (double)CONTRASTIVE_ALPHA, error = error_of_penalty(c->size.width);
    uint32_t best = 0;
    for (uint32_t i = 0; i < k; ++i) {
        const double penalty = j->penalties[0][i];
        const double score = (1.0 - alpha) * c->probs_given[first + i] - alpha * penalty;
        const double found = c->penalties[first + i], found_score = c->scores[first + i];
        if (!(fabs(found - penalty) <= error)) wrong(j, "a penalty of", found, penalty);
        if (!(fabs(found_score - score) <= alpha * error + 3 * 0x1p-24))
            wrong(j, "a score of", found_score, score);
        if (c->scores[first + i] > c->scores[first + best]) best = i;
    }
    if (c->rows[j->request] != (int32_t)(first + best))
        wrong(j, "chosen row", c->rows[j->request], first + best);
    if (c->next[j->request] != (int32_t)(1000 * j->request + best))
        wrong(j, "token", c->next[j->request], 1000.0 * j->request + best);
    return best;
}

unsigned verify_contrasts(contrasts *c, uint32_t set)
{
    static checking checks[REQUESTS_MOST];
    const uint32_t requests = c->size.requests;
    const unsigned count = requests < REQUESTS_MOST ? requests : REQUESTS_MOST;
    const size_t candidates = contrasts_candidates(c, set, 0);
    contrasts_restart(c, set);
    contrasts_fill(c, set, c->on->queue);
    for (unsigned i = 0; i < count; ++i) {
        const uint32_t request = i == 0 ? 0 : requests - 1;
        checks[i] = (checking){
            .c = c, .set = set, .request = request, .first = candidates + request * c->size.k};
        begin(&checks[i]);
    }
    for (unsigned step = 0; step < STEPS; ++step) {
        contrasts_offer(c, set);
        contrasts_select_scored(c, set, candidates);
        for (unsigned i = 0; i < count; ++i) append(&checks[i], compare(&checks[i]));
    }
    for (unsigned i = 0; i < count; ++i) {
        free(checks[i].candidates);
        free(checks[i].norms);
    }
    return STEPS * count * c->size.k;
}

/* The candidates' logits fall, no other token's is larger, and probabilities are those of the
 * whole row, within their error. */
static void check_proposal(const contrasts *c, uint32_t request, const float *x)
{
    const uint32_t k = c->size.k;
    const int32_t *const tokens = c->proposed + request * k;
    float most = -INFINITY, before = INFINITY;
    double sum = 0.0;
    for (uint32_t t = 0; t < c->vocab; ++t) most = fmaxf(most, x[t]);
    for (uint32_t t = 0; t < c->vocab; ++t) sum += exp((double)x[t] - (double)most);
    for (uint32_t i = 0; i < k; ++i) {
        float p;
        memcpy(&p, c->proposed + (c->size.requests + request) * k + i, sizeof p);
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= c->vocab || !(x[tokens[i]] <= before))
            fail("propose: request %u: token %d is candidate %u", request, tokens[i], i);
        before = x[tokens[i]];
        if (!(fabs(p - exp((double)before - (double)most) / sum) <= 1e-4 * (double)p))
            fail("propose: request %u: candidate %u has probability %.9g", request, i,
                 (double)p);
    }
    uint32_t larger = 0;
    for (uint32_t t = 0; t < c->vocab; ++t) larger += x[t] > before;
    if (larger >= k) fail("propose: request %u leaves out larger logits", request);
}

unsigned verify_proposal(const contrasts *c, const pool *logits, size_t first)
{
    float *const x = host_floats(c->vocab);
    for (uint32_t r = 0; r < c->size.requests; ++r) {
        pool_row(logits, first + r, x);
        check_proposal(c, r, x);
    }
    free(x);
    return c->size.requests * c->size.k;
}
