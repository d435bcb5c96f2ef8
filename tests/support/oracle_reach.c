/* The oracle's reach (section 7), the groups that attempts propose from, and their envelope
 * (section 5). */
#include "oracle_row.h"

#include <stdlib.h>

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

static int compare_ranks(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* The rank of the first token of a group in the order; UINT32_MAX if the group is dead. */
static uint32_t first_rank(const oracle_row *row, uint32_t group)
{
    const uint32_t end = smaller((group + 1) * ORACLE_GROUP, row->vocab);
    uint32_t rank = UINT32_MAX;
    for (uint32_t i = group * ORACLE_GROUP; i < end; i++) {
        rank = smaller(rank, row->rank[i]);
    }
    return rank;
}

/* How many tokens of the order may be the first of a group that top-k leaves in reach. */
static uint32_t reach_of_top_k(const oracle_row *row, const uint32_t *ranking)
{
    const uint32_t k = (uint32_t)row->params.top_k;
    uint32_t end = k >= row->live_groups ? row->live : ranking[k - 1] + 1;
    if (row->params.flags & ORACLE_TOP_K_TIES) {
        const float last = row->logits[row->order[end - 1]];
        while (end < row->live && row->logits[row->order[end]] == last) {
            end++;
        }
    }
    return end;
}

bool oracle_reach_at_first(oracle_row *row)
{
    uint32_t *const ranking = malloc(row->group_count * sizeof *ranking);
    if (!ranking) {
        return false;
    }
    row->live_groups = 0;
    for (uint32_t g = 0; g < row->group_count; g++) {
        row->reach[g] = first_rank(row, g);
        if (row->reach[g] != UINT32_MAX) {
            ranking[row->live_groups++] = row->reach[g];
        }
    }
    qsort(ranking, row->live_groups, sizeof *ranking, compare_ranks);
    uint32_t end = row->live;
    if (oracle_row_has_top_k(row)) {
        end = smaller(end, reach_of_top_k(row, ranking));
    }
    if (row->params.min_p > 0.0f) {
        end = smaller(end, row->min_p);
    }
    for (uint32_t g = 0; g < row->group_count; g++) {
        if (row->reach[g] >= end) {
            row->reach[g] = UINT32_MAX;
        }
    }
    free(ranking);
    return true;
}

bool oracle_envelope_allocate(const oracle_row *row, oracle_envelope *envelope)
{
    envelope->bounds = calloc(row->group_count, sizeof *envelope->bounds);
    envelope->tiles = calloc(row->tile_count, sizeof *envelope->tiles);
    envelope->in_row = calloc(row->tile_count, sizeof *envelope->in_row);
    return envelope->bounds && envelope->tiles && envelope->in_row;
}

void oracle_envelope_free(oracle_envelope *envelope)
{
    free(envelope->bounds);
    free(envelope->tiles);
    free(envelope->in_row);
}

void oracle_envelope_measure(const oracle_row *row, uint32_t x, oracle_envelope *envelope)
{
    envelope->all = 0;
    for (uint32_t t = 0; t < row->tile_count; t++) {
        envelope->tiles[t] = 0;
    }
    for (uint32_t g = 0; g < row->group_count; g++) {
        const uint32_t begin = g * ORACLE_GROUP;
        const uint32_t size = smaller(ORACLE_GROUP, row->vocab - begin);
        envelope->bounds[g] = 0;
        if (row->reach[g] < x) {
            const uint32_t best = row->order[row->reach[g]];
            envelope->bounds[g] = oracle_bound(row->at_t.weights[best]);
        }
        envelope->tiles[begin / ORACLE_TILE] += size * envelope->bounds[g];
    }
    for (uint32_t t = 0; t < row->tile_count; t++) {
        const oracle_tile *const tile = &row->at_t.tiles[t];
        envelope->in_row[t] =
            tile->counts ? oracle_in_row_units(envelope->tiles[t], tile->shift) : 0;
        envelope->all += envelope->in_row[t];
    }
}
