/* A request of beam search: its state, its pools and when they are done (section 16). */
#include "oracle_beam.h"
#include "oracle_beam_state.h"

#include <stdlib.h>
#include <string.h>

void *oracle_allocate(size_t count, size_t size)
{
    void *const p = calloc(count ? count : 1, size);
    if (!p) {
        abort();
    }
    return p;
}

oracle_beam *oracle_beam_new(const lms_beam_params *p, const int32_t *ends, uint32_t vocab)
{
    oracle_beam *const b = oracle_allocate(1, sizeof *b);
    b->params = *p;
    b->vocab = vocab;
    b->per_group = p->width / p->groups;
    b->most = (p->end_tokens ? 1 + p->end_tokens : 2) * b->per_group;
    b->ends = oracle_allocate(p->end_tokens, sizeof *b->ends);
    if (p->end_tokens) {
        memcpy(b->ends, ends, p->end_tokens * sizeof *b->ends);
    }
    b->groups = oracle_allocate(p->groups, sizeof *b->groups);
    for (uint32_t g = 0; g < p->groups; g++) {
        b->groups[g].live = 1;
        b->groups[g].beams = oracle_allocate(b->per_group, sizeof *b->groups[g].beams);
        b->groups[g].pool = oracle_allocate(b->per_group, sizeof *b->groups[g].pool);
    }
    b->results = oracle_allocate(p->results, sizeof *b->results);
    return b;
}

void oracle_beam_free(oracle_beam *b)
{
    if (!b) {
        return;
    }
    oracle_results_free(b);
    free(b->results);
    for (uint32_t g = 0; g < b->params.groups; g++) {
        free(b->groups[g].beams);
        free(b->groups[g].pool);
    }
    while (b->nodes) {
        oracle_node *const next = b->nodes->next_made;
        free(b->nodes);
        b->nodes = next;
    }
    free(b->groups);
    free(b->ends);
    free(b);
}

const oracle_hypothesis *oracle_beam_at(const oracle_beam *b, uint32_t n)
{
    const oracle_group *const group = &b->groups[n / b->per_group];
    const uint32_t i = n % b->per_group;
    return i < group->live ? &group->beams[i] : NULL;
}

bool oracle_beam_done(const oracle_beam *b) { return b->status & LMS_BEAM_DONE; }

bool oracle_beam_reads(const oracle_beam *b, uint32_t n)
{
    if (b->t == 0) {
        return n == 0;
    }
    return b->groups[n / b->per_group].end == ORACLE_GOES_ON && oracle_beam_at(b, n) != NULL;
}

uint32_t oracle_beam_sequence(const oracle_beam *b, uint32_t n, int32_t *tokens)
{
    const oracle_hypothesis *const beam = oracle_beam_at(b, n);
    const uint32_t length = beam && beam->node ? beam->node->length : 0;
    const oracle_node *node = length ? beam->node : NULL;
    for (; node && tokens; node = node->before) {
        tokens[node->length - 1] = node->token;
    }
    return length;
}

int64_t oracle_beam_score(const oracle_beam *b, uint32_t n)
{
    const oracle_hypothesis *const beam = oracle_beam_at(b, n);
    return beam ? beam->score : ORACLE_BEAM_NONE;
}

int64_t oracle_beam_value(const oracle_beam *b, uint32_t n)
{
    const oracle_hypothesis *const beam = oracle_beam_at(b, n);
    return beam ? beam->value : ORACLE_BEAM_NONE;
}

/* --- section 16 --- */

uint64_t oracle_rated_length(const lms_beam_params *p, uint64_t tokens, bool ended)
{
    uint64_t length = tokens;
    if (ended && (p->flags & LMS_BEAM_LENGTH_WITHOUT_END)) {
        length--;
    }
    if (p->length_counts == LMS_BEAM_LENGTH_WITH_PROMPT) {
        length += p->prompt_length;
    }
    return length ? length : 1;
}

oracle_rating oracle_rated(const lms_beam_params *p, int64_t score, int64_t value,
                           uint64_t length)
{
    if (p->mode == LMS_BEAM_STOCHASTIC) {
        return oracle_rating_of(value);
    }
    if (p->length_counts == LMS_BEAM_LENGTH_NONE) {
        return oracle_rating_of(score);
    }
    return oracle_beam_rate(score, length, p->length_penalty);
}

bool oracle_is_end(const oracle_beam *b, uint32_t token)
{
    for (uint32_t i = 0; i < b->params.end_tokens; i++) {
        if (b->ends[i] == (int32_t)token) {
            return true;
        }
    }
    return false;
}

static const oracle_node *append(oracle_beam *b, const oracle_node *before,
                                 const oracle_candidate *c)
{
    oracle_node *const node = oracle_allocate(1, sizeof *node);
    node->before = before;
    node->length = before ? before->length + 1 : 1;
    node->token = (int32_t)c->token;
    /* at the first step every group reads the request's first row */
    node->beam = before ? (int32_t)c->beam : 0;
    node->logprob = c->logprob;
    node->next_made = b->nodes;
    b->nodes = node;
    return node;
}

oracle_hypothesis oracle_follow(oracle_beam *b, const oracle_candidate *c)
{
    const oracle_node *const node = append(b, oracle_beam_at(b, c->beam)->node, c);
    return (oracle_hypothesis){node, c->score, c->value, {0}};
}

/* Behind all that are rated as high. */
void oracle_enter(oracle_beam *b, oracle_group *group, const oracle_candidate *c)
{
    oracle_hypothesis entry = oracle_follow(b, c);
    const uint64_t length =
        oracle_rated_length(&b->params, entry.node->length, oracle_is_end(b, c->token));
    entry.rating = oracle_rated(&b->params, c->score, c->value, length);
    uint32_t at = group->pooled;
    while (at > 0 && oracle_rating_compare(group->pool[at - 1].rating, entry.rating) < 0) {
        at--;
    }
    if (at == b->per_group) {
        return;
    }
    if (group->pooled < b->per_group) {
        group->pooled++;
    }
    for (uint32_t i = group->pooled - 1; i > at; i--) {
        group->pool[i] = group->pool[i - 1];
    }
    group->pool[at] = entry;
}

/* Whether early_stopping ends a group whose live beams have t tokens. */
static bool is_early(const oracle_beam *b, const oracle_group *group, int64_t best)
{
    const lms_beam_params *const p = &b->params;
    if (group->pooled < b->per_group || p->early_stopping == LMS_BEAM_EARLY_OFF) {
        return false;
    }
    if (p->early_stopping == LMS_BEAM_EARLY_YES) {
        return true;
    }
    if (group->live == 0) {
        return false;
    }
    const bool at_most = p->early_stopping == LMS_BEAM_EARLY_NEVER && p->length_penalty > 0.0f;
    const uint64_t length = oracle_rated_length(p, at_most ? p->max_length : group->t, false);
    const oracle_hypothesis *const first = &group->beams[0];
    const bool by_candidate = p->flags & LMS_BEAM_STOP_BY_CANDIDATE;
    const oracle_rating hope = oracle_rated(p, by_candidate ? best : first->score,
                                            by_candidate ? best : first->value, length);
    return oracle_rating_compare(group->pool[b->per_group - 1].rating, hope) >= 0;
}

void oracle_judge(const oracle_beam *b, oracle_group *group, int64_t best)
{
    if (is_early(b, group, best)) {
        group->end = ORACLE_DONE_EARLY;
    } else if (group->t == b->params.max_length || group->live == 0) {
        group->end = ORACLE_DONE_BY_LENGTH;
    }
}
