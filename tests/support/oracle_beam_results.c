/* The results of a request: section 17. */
#include "oracle_beam.h"
#include "oracle_beam_state.h"

#include <stdlib.h>

typedef struct entry {
    uint32_t class; /* 1 or 2 */
    uint32_t group;
    uint32_t from_live; /* pools come before live beams */
    uint32_t place;
    oracle_rating rating;
    const oracle_hypothesis *what;
} entry;

static int order_of(uint32_t a, uint32_t b) { return a < b ? -1 : a > b; }

static int compare_entries(const void *left, const void *right)
{
    const entry *const a = left;
    const entry *const b = right;
    if (a->class != b->class) {
        return order_of(a->class, b->class);
    }
    const int rated = oracle_rating_compare(a->rating, b->rating);
    if (rated != 0) {
        return -rated;
    }
    if (a->group != b->group) {
        return order_of(a->group, b->group);
    }
    if (a->from_live != b->from_live) {
        return order_of(a->from_live, b->from_live);
    }
    return order_of(a->place, b->place);
}

static uint32_t list_group(const oracle_beam *b, uint32_t g, entry *out)
{
    const lms_beam_params *const p = &b->params;
    const oracle_group *const group = &b->groups[g];
    const bool competes =
        (p->flags & LMS_BEAM_KEEP_LIVE) != 0 && group->end != ORACLE_DONE_EARLY;
    const uint64_t length = oracle_rated_length(p, group->t, false);
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->pooled; i++) {
        const oracle_hypothesis *const h = &group->pool[i];
        out[count++] = (entry){1, g, 0, i, h->rating, h};
    }
    for (uint32_t i = 0; i < group->live; i++) {
        const oracle_hypothesis *const h = &group->beams[i];
        const oracle_rating rating = oracle_rated(p, h->score, h->value, length);
        out[count++] = (entry){competes ? 1 : 2, g, 1, i, rating, h};
    }
    return count;
}

static void fill(oracle_beam_result *result, const entry *from)
{
    const oracle_node *node = from->what->node;
    const uint32_t length = node ? node->length : 0;
    result->length = length;
    result->rating = from->rating;
    result->score = from->what->score;
    result->tokens = oracle_allocate(length, sizeof *result->tokens);
    result->beams = oracle_allocate(length, sizeof *result->beams);
    result->logprobs = oracle_allocate(length, sizeof *result->logprobs);
    for (; node; node = node->before) {
        result->tokens[node->length - 1] = node->token;
        result->beams[node->length - 1] = node->beam;
        result->logprobs[node->length - 1] = node->logprob;
    }
}

void oracle_results_free(oracle_beam *b)
{
    for (uint32_t i = 0; i < b->result_count; i++) {
        free(b->results[i].tokens);
        free(b->results[i].beams);
        free(b->results[i].logprobs);
    }
    b->result_count = 0;
}

uint32_t oracle_beam_results(oracle_beam *b, const oracle_beam_result **results)
{
    entry *const entries = oracle_allocate(2 * (size_t)b->params.width, sizeof *entries);
    uint32_t count = 0;
    for (uint32_t g = 0; g < b->params.groups; g++) {
        count += list_group(b, g, entries + count);
    }
    qsort(entries, count, sizeof *entries, compare_entries);
    oracle_results_free(b);
    for (uint32_t i = 0; i < count && i < b->params.results; i++) {
        fill(&b->results[b->result_count++], &entries[i]);
    }
    free(entries);
    *results = b->results;
    return b->result_count;
}
