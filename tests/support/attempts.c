/* Expected attempts by the rounds' transitions from one reach to the next. */
#include "attempts.h"

#include <math.h>
#include <stdlib.h>

/*
 * The groups in reach are the first ones of their ranking, so their number tells a round's
 * reach. Everything is in the row's units; that E'_t is a whole number is left out, which is a
 * part of 2^-40.
 */
typedef struct chain {
    uint32_t groups;
    double kept;      /* K */
    double *envelope; /* [groups + 1]: E of that many groups in reach */
    double *not_kept; /* [groups]: tokens that are not kept, up to the first one of the group */
    double *expected; /* [groups + 1]: attempts from a round with that many in reach on */
} chain;

static double mass_of(const oracle_row *row, uint64_t weight, uint32_t token)
{
    const oracle_tile *const tile = &oracle_row_measure(row, false)->tiles[token / ORACLE_TILE];
    return tile->counts
               ? ldexp((double)weight, ORACLE_GUARD - (int)fmin((double)tile->shift, 2000))
               : 0.0;
}

/* Goes through the order, in which the groups' first tokens come by the groups' ranking. */
static double walk(const oracle_row *row, chain *c, bool *seen)
{
    const oracle_measure *const measure = oracle_row_measure(row, false);
    double all = 0.0; /* Z */
    double not_kept = 0.0;
    for (uint32_t i = 0; i < oracle_row_live(row); i++) {
        const uint32_t token = oracle_row_order(row)[i];
        const uint32_t group = token / ORACLE_GROUP;
        const uint64_t bound = oracle_row_group_bound(row, group);
        if (bound == 0) {
            continue;
        }
        const double mass = mass_of(row, measure->weights[token], token);
        all += mass;
        if (i < oracle_row_kept(row)) {
            c->kept += mass;
        } else {
            not_kept += mass;
        }
        if (!seen[group]) {
            const uint32_t rest = oracle_row_vocab(row) - group * ORACLE_GROUP;
            const uint64_t size = rest < ORACLE_GROUP ? rest : ORACLE_GROUP;
            seen[group] = true;
            c->not_kept[c->groups] = not_kept;
            c->envelope[c->groups + 1] =
                c->envelope[c->groups] + mass_of(row, size * bound, token);
            c->groups++;
        }
    }
    return all;
}

/* x^ROUND */
static double of_round(double x)
{
    for (uint32_t i = 1; i < ORACLE_ROUND; i *= 2) {
        x *= x;
    }
    return x;
}

/*
 * With n groups in reach. The next round has at most i of them if the best that is proposed is
 * not behind the first token of group i of the ranking, counted from 0.
 */
static double expect_from(const chain *c, uint32_t n)
{
    const double accepted = c->kept / c->envelope[n];
    const double fails = of_round(1.0 - accepted);
    double sum = accepted > 0.0 ? (1.0 - fails) / accepted : 0.0;
    double at_most =
        0.0; /* the probability that none is accepted, and the next has at most i */
    for (uint32_t i = 1; i < n; i++) {
        const double more = fmax(1.0 - (c->kept + c->not_kept[i]) / c->envelope[n], 0.0);
        const double next = fails - of_round(more);
        sum += (next - at_most) * c->expected[i];
        at_most = next;
    }
    return sum / (1.0 - (fails - at_most));
}

bool attempts_expect(const oracle_row *row, const oracle_params *p, attempts *out)
{
    const uint32_t groups = (oracle_row_vocab(row) + ORACLE_GROUP - 1) / ORACLE_GROUP;
    double *const memory = calloc(3 * (size_t)groups + 2, sizeof *memory);
    bool *const seen = calloc(groups, sizeof *seen);
    if (memory && seen) {
        chain c = {.envelope = memory,
                   .not_kept = memory + groups + 1,
                   .expected = memory + 2 * (size_t)groups + 1};
        const double all = walk(row, &c, seen);
        for (uint32_t n = 1; n <= c.groups; n++) {
            c.expected[n] = expect_from(&c, n);
        }
        const bool ties = p->top_k > 0 && (uint32_t)p->top_k < oracle_row_vocab(row) &&
                          (p->flags & ORACLE_TOP_K_TIES);
        const bool narrow = p->top_p < 1.0f || ties;
        out->groups = c.groups;
        out->expected = c.expected[c.groups];
        out->first = c.kept / c.envelope[c.groups];
        out->spread = all / c.kept;
        out->bound = narrow ? (33.0 + ORACLE_ROUND) * (1.0 + log(out->spread)) : 33.0;
    }
    const bool good = memory && seen;
    free(memory);
    free(seen);
    return good;
}
