#include "exact_beam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OFFERS (EXACT_BEAM_WIDTH * EXACT_BEAM_VOCAB)

typedef struct candidate {
    double value;
    uint32_t parent;
    int32_t token;
} candidate;

typedef struct group {
    exact_sequence live[EXACT_BEAM_WIDTH];
    exact_sequence pool[EXACT_BEAM_WIDTH];
    uint32_t live_count;
    uint32_t pool_count;
    bool done;
    bool early;
} group;

typedef struct search {
    const beam_model *model;
    const lms_beam_params *p;
    const int32_t *ends;
    uint32_t t;
    uint32_t per_group;
    uint32_t taken[EXACT_BEAM_VOCAB]; /* by earlier groups, in this step */
    exact_beam_run *run;
} search;

void exact_log_softmax(const float *x, uint32_t vocab, double temperature, double *out)
{
    double top = -INFINITY;
    double sum = 0.0;
    for (uint32_t i = 0; i < vocab; i++) {
        top = fmax(top, (double)x[i] / temperature);
    }
    for (uint32_t i = 0; i < vocab; i++) {
        sum += exp((double)x[i] / temperature - top);
    }
    for (uint32_t i = 0; i < vocab; i++) {
        out[i] = (double)x[i] / temperature - top - log(sum);
    }
}

double exact_rating(const lms_beam_params *p, double score, uint32_t tokens, bool ended)
{
    double length = (double)tokens;
    if (p->length_counts == LMS_BEAM_LENGTH_NONE) {
        return score;
    }
    if (ended && (p->flags & LMS_BEAM_LENGTH_WITHOUT_END)) {
        length -= 1.0;
    }
    if (p->length_counts == LMS_BEAM_LENGTH_WITH_PROMPT) {
        length += (double)p->prompt_length;
    }
    return score / pow(fmax(length, 1.0), (double)p->length_penalty);
}

static double unit_of(const lms_beam_params *p, uint32_t tokens, bool ended)
{
    return exact_rating(p, 1.0, tokens, ended);
}

/* a > b, with ties and near ties noticed; values may be off by some part of a unit */
static bool above(search *s, double a, double b, double unit)
{
    const double size = fmax(unit, fmax(fabs(a), fabs(b)));
    const double difference = fabs(a - b) / size;
    if (difference < EXACT_BEAM_TIE) {
        return false;
    }
    s->run->close = s->run->close || difference < EXACT_BEAM_CLOSE;
    return a > b;
}

static bool is_end(const search *s, int32_t token)
{
    for (uint32_t i = 0; i < s->p->end_tokens; i++) {
        if (s->ends[i] == token) {
            return true;
        }
    }
    return false;
}

static bool is_suppressed(const search *s, uint32_t token)
{
    return s->t < s->p->min_length && is_end(s, (int32_t)token);
}

/* Takes suppressed tokens out, then all but the top_k largest: -inf. */
static void cut(const search *s, const float *x, double *logprobs)
{
    const uint32_t vocab = s->model->vocab;
    const int32_t k = s->p->filters.top_k;
    double kept = 0.0;
    for (uint32_t i = 0; i < vocab; i++) {
        int32_t before = 0;
        for (uint32_t j = 0; j < vocab; j++) {
            before += !is_suppressed(s, j) && (x[j] > x[i] || (j < i && x[j] == x[i]));
        }
        if (is_suppressed(s, i) || (k > 0 && before >= k)) {
            logprobs[i] = -INFINITY;
        }
        kept += exp(logprobs[i]);
    }
    for (uint32_t i = 0; i < vocab && (s->p->flags & LMS_BEAM_RENORMALIZE); i++) {
        logprobs[i] -= log(kept);
    }
}

/* All sums of a group, unsorted. */
static uint32_t offer(search *s, const group *g, candidate *out)
{
    float x[EXACT_BEAM_VOCAB];
    double logprobs[EXACT_BEAM_VOCAB] = {0};
    uint32_t count = 0;
    for (uint32_t n = 0; n < g->live_count; n++) {
        beam_model_row(s->model, g->live[n].tokens, g->live[n].length, x);
        exact_log_softmax(x, s->model->vocab, (double)s->p->filters.temperature, logprobs);
        cut(s, x, logprobs);
        for (uint32_t i = 0; i < s->model->vocab; i++) {
            const double penalty = (double)s->p->diversity_penalty * s->taken[i];
            if (logprobs[i] > -INFINITY) {
                out[count++] =
                    (candidate){g->live[n].score + logprobs[i] - penalty, n, (int32_t)i};
            }
        }
    }
    return count;
}

/* The best `most` to the front, in order, by selection. */
static uint32_t sort(search *s, candidate *list, uint32_t count, uint32_t most)
{
    for (uint32_t i = 0; i < most && i < count; i++) {
        uint32_t best = i;
        for (uint32_t j = i + 1; j < count; j++) {
            if (above(s, list[j].value, list[best].value, 1.0)) {
                best = j;
            }
        }
        const candidate chosen = list[best];
        memmove(&list[i + 1], &list[i], (best - i) * sizeof *list);
        list[i] = chosen;
    }
    return most < count ? most : count;
}

static exact_sequence extend(const exact_sequence *before, const candidate *c)
{
    exact_sequence longer = *before;
    longer.tokens[longer.length++] = c->token;
    longer.score = c->value;
    return longer;
}

static void enter(search *s, group *g, const candidate *c)
{
    exact_sequence entry = extend(&g->live[c->parent], c);
    entry.rating = exact_rating(s->p, entry.score, entry.length, is_end(s, c->token));
    entry.unit = unit_of(s->p, entry.length, is_end(s, c->token));
    uint32_t at = 0;
    while (at < g->pool_count &&
           !above(s, entry.rating, g->pool[at].rating, fmax(entry.unit, g->pool[at].unit))) {
        at++;
    }
    if (at == s->per_group) {
        return;
    }
    const uint32_t kept = g->pool_count < s->per_group ? g->pool_count : s->per_group - 1;
    memmove(&g->pool[at + 1], &g->pool[at], (kept - at) * sizeof entry);
    g->pool[at] = entry;
    g->pool_count = kept + 1;
}

/* Those of one step enter by parent, then token. */
static void enter_all(search *s, group *g, const candidate *list, const bool *finished,
                      uint32_t count)
{
    for (uint32_t n = 0; n < g->live_count; n++) {
        for (int32_t token = 0; token < (int32_t)s->model->vocab; token++) {
            for (uint32_t i = 0; i < count; i++) {
                if (finished[i] && list[i].parent == n && list[i].token == token) {
                    enter(s, g, &list[i]);
                }
            }
        }
    }
}

static bool is_last(const search *s)
{
    return s->t + 1 == s->p->max_length && !(s->p->flags & LMS_BEAM_KEEP_LIVE);
}

static bool is_final(const search *s, const candidate *c)
{
    return is_last(s) || is_end(s, c->token);
}

/* `best` is the best candidate's score. */
static void judge(search *s, group *g, double best)
{
    const lms_beam_params *const p = s->p;
    const bool full = g->pool_count == s->per_group && p->early_stopping != LMS_BEAM_EARLY_OFF;
    if (full && p->early_stopping == LMS_BEAM_EARLY_YES) {
        g->early = true;
    } else if (full && g->live_count) {
        const bool at_most =
            p->early_stopping == LMS_BEAM_EARLY_NEVER && p->length_penalty > 0.0f;
        const uint32_t length = at_most ? p->max_length : s->t + 1;
        const bool by_candidate = p->flags & LMS_BEAM_STOP_BY_CANDIDATE;
        const double hope =
            exact_rating(p, by_candidate ? best : g->live[0].score, length, false);
        const exact_sequence *const last = &g->pool[s->per_group - 1];
        g->early = !above(s, hope, last->rating, fmax(last->unit, unit_of(p, length, false)));
    }
    g->done = g->early || s->t + 1 == p->max_length || g->live_count == 0;
}

static void step(search *s, group *g)
{
    candidate list[OFFERS];
    bool finished[OFFERS] = {false};
    uint32_t of_beam[EXACT_BEAM_WIDTH] = {0};
    exact_sequence live[EXACT_BEAM_WIDTH] = {{0}};
    uint32_t live_count = 0;
    const uint32_t most = (s->p->end_tokens ? 1 + s->p->end_tokens : 2) * s->per_group;
    const uint32_t all = offer(s, g, list);
    const bool any_rank = s->p->flags & LMS_BEAM_END_ANY_RANK;
    sort(s, list, all, any_rank ? all : most);
    for (uint32_t i = 0; i < all; i++) {
        const bool near_top = any_rank && of_beam[list[i].parent]++ < most;
        finished[i] = i < s->per_group && is_final(s, &list[i]);
        finished[i] = finished[i] || (near_top && is_end(s, list[i].token));
        if (!is_end(s, list[i].token) && i < most && live_count < s->per_group) {
            live[live_count++] = extend(&g->live[list[i].parent], &list[i]);
        }
    }
    enter_all(s, g, list, finished, all);
    for (uint32_t i = 0; i < live_count; i++) {
        s->taken[live[i].tokens[s->t]]++;
    }
    if (is_last(s)) {
        live_count = 0;
    }
    memcpy(g->live, live, live_count * sizeof *live);
    g->live_count = live_count;
    judge(s, g, all ? list[0].value : 0.0);
}

/* The first `count` are in order. */
static void insert(search *s, exact_sequence *list, uint32_t count, const exact_sequence *entry)
{
    uint32_t at = count;
    while (at > 0 &&
           above(s, entry->rating, list[at - 1].rating, fmax(entry->unit, list[at - 1].unit))) {
        at--;
    }
    memmove(&list[at + 1], &list[at], (count - at) * sizeof *list);
    list[at] = *entry;
}

static void collect(search *s, group *groups)
{
    exact_sequence all[2][2 * EXACT_BEAM_WIDTH];
    uint32_t counts[2] = {0, 0};
    for (uint32_t g = 0; g < s->p->groups; g++) {
        group *const from = &groups[g];
        for (uint32_t i = 0; i < from->pool_count; i++) {
            insert(s, all[0], counts[0]++, &from->pool[i]);
        }
        const bool competes = (s->p->flags & LMS_BEAM_KEEP_LIVE) && !from->early;
        const uint32_t class = competes ? 0 : 1;
        for (uint32_t i = 0; i < from->live_count; i++) {
            exact_sequence *const live = &from->live[i];
            live->rating = exact_rating(s->p, live->score, live->length, false);
            live->unit = unit_of(s->p, live->length, false);
            insert(s, all[class], counts[class]++, live);
        }
    }
    for (uint32_t i = 0; i < counts[0] + counts[1] && i < s->p->results; i++) {
        s->run->results[s->run->count++] = i < counts[0] ? all[0][i] : all[1][i - counts[0]];
    }
}

void exact_beam_search(const beam_model *m, const lms_beam_params *p, const int32_t *ends,
                       exact_beam_run *out)
{
    search s = {
        .model = m, .p = p, .ends = ends, .per_group = p->width / p->groups, .run = out};
    group *const groups = calloc(p->groups, sizeof *groups);
    bool done = false;
    if (!groups) {
        abort();
    }
    memset(out, 0, sizeof *out);
    for (uint32_t g = 0; g < p->groups; g++) {
        groups[g].live_count = 1;
    }
    for (; !done; s.t++) {
        done = true;
        memset(s.taken, 0, sizeof s.taken);
        for (uint32_t g = 0; g < p->groups; g++) {
            if (!groups[g].done) {
                step(&s, &groups[g]);
                done = done && groups[g].done;
            }
        }
    }
    out->steps = s.t;
    out->early = true;
    for (uint32_t g = 0; g < p->groups; g++) {
        out->early = out->early && groups[g].early;
    }
    collect(&s, groups);
    free(groups);
}
