/* beam/offer.cl - what a live beam offers (specification, section 13): steps of its row beyond those
 * of task.cl, which find the filters' cut, and the key that is worth listing.
 *
 *   [WHOLE -> TOTAL ->] MAXIMUM -> [filters] -> MASS -> [top-k] -> TALLY -> LIST    search
 *                                                    -> DRAW, DRAW ..               drawn
 *
 * WHOLE and TOTAL are for rows of which end tokens are suppressed: log-probabilities may be
 * relative to the row as it is. Then those tokens are dead: lms_logits() reads them as -inf,
 * and what the tile pass has found out about their tiles is made anew.
 *
 * Listed are the first `want` kept tokens by falling score, then id: as many as their group can
 * need. Scores are monotone in the logit, but different logits can have one score: those of the
 * last score are the class of ties, of which the lowest ids are taken. */
#pragma once
#include "beam/records.h"
#include "cut/task.cl"
#include "numeric/fixed.cl"
#include "row/masses.cl"

#define LMS_DRAW_BLOCKS 64u

/* What a row's work-items know of their beam, beside the task. */
typedef struct lms_offer {
    uint mode;
    bool of_eligible; /* log-probabilities are relative to the eligible tokens, else to all */
    bool sums_fit;    /* the tile pass has summed at the temperature's scale */
    float sums_scale; /* ... or at this one */
    __global const int *ends;
    uint end_count;   /* ends that are suppressed */
    __global int *groups; /* the row's, to be made anew where those are */
    __global int *tile_keys;
    uint want;
    ulong seed;
    uint beam;
    uint turn;        /* the request's step */
    long score;       /* the beam's */
    long value;
    bool searching;   /* for the key that is worth listing */
    lms_cut kept;     /* by the filters */
    int low, high;    /* the class of ties: low <= key <= high */
    ulong quota;      /* of it */
    lms_inverse inverse; /* 1 / temperature */
    int top_key;      /* what log-probabilities are relative to: a key, ... */
    long norm;        /* ... and the mass */
    /* The draw that is next. */
    ulong left;       /* mass */
    ulong first_left; /* ... before the first one */
    float time;
    long last_value;
    int last_token;
    uint drawn;
#if LMS_TEAM == 1
    ulong blocks[LMS_DRAW_BLOCKS]; /* masses of runs of tiles, to find a tile by */
#endif
    __global lms_candidate *out;
    uint count;
} lms_offer;

long lms_logprob_of(const lms_offer *o, int key)
{
    ulong gap = 0;
    if (key != o->top_key) {
        gap = lms_gap(o->inverse, lms_logit_of(o->top_key), lms_logit_of(key));
    }
    return -((long)gap + o->norm);
}

/* The score of a candidate, monotone in its key. */
long lms_score_of(const lms_offer *o, int key)
{
    return max(o->score + lms_logprob_of(o, key), LMS_SCORE_FLOOR);
}

lms_candidate lms_candidate_of(const lms_offer *o, const lms_row *row, uint id)
{
    lms_candidate c;
    const int key = lms_key(lms_element_at(row->x, id));
    c.score = lms_score_of(o, key);
    c.value = c.score;
    c.token = (int)id;
    c.logprob = lms_nats(lms_logprob_of(o, key));
    return c;
}

/* --- Masses ------------------------------------------------------------------------------- */

/* Suppressed tokens are dead from here on. In the own tiles that have any, the maxima and the
 * sum of weights are made anew. */
void lms_suppress_own(lms_row *row, const lms_offer *o)
{
    row->dead = o->ends;
    row->dead_count = o->end_count;
    for (uint i = 0; i < o->end_count; ++i) {
        const uint tile = (uint)o->ends[i] / LMS_TILE;
        if (tile < row->first || tile >= row->last) continue;
        int tile_key = LMS_NEVER;
        for (uint g = 0; g < LMS_TILE_GROUPS; ++g) {
            const uint group = tile * LMS_TILE_GROUPS + g;
            lms_ints best = (lms_ints)(LMS_NEVER);
            for (uint at = 0; at < LMS_GROUP; at += LMS_LANES) {
                best = max(best, lms_keys(lms_logits(row, group * LMS_GROUP + at)));
            }
            o->groups[group] = lms_max(best);
            tile_key = max(tile_key, lms_max(best));
        }
        o->tile_keys[tile] = tile_key;
        const lms_unit unit = lms_unit_alone(o->sums_scale, tile_key);
        row->sums[tile] = lms_tile_sum_of(row, tile, unit);
    }
}

/* Weights of a tile's eligible tokens. */
void lms_eligible_weights(const lms_row *row, const lms_offer *o, lms_unit unit, uint tile,
                          uint *w)
{
    const uint begin = tile * LMS_TILE;
    for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
        const lms_floats x = lms_logits(row, begin + i);
        const lms_ints kept = lms_kept(o->kept, lms_keys(x), begin + i);
        LMS_V(vstore)(LMS_V(as_uint)(lms_weights(unit, x) & kept), 0, w + i);
    }
}

ulong lms_sum_weights(const uint *w)
{
    ulong sum = 0;
    for (uint i = 0; i < LMS_TILE; ++i) sum += w[i];
    return sum;
}

/* The own tiles' masses of eligible tokens, into row->sums. */
ulong lms_eligible_own(const lms_row *row, const lms_task *t, const lms_offer *o)
{
    const bool filtered = (t->outcome.filtered & LMS_FILTERED) != 0;
    ulong mass = 0;
    uint w[LMS_TILE];
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(&t->draw_scale, row->tile_keys[tile]);
        ulong sum = row->sums[tile];
        if (row->tile_keys[tile] < o->kept.key) {
            sum = 0;
        } else if (filtered || !o->sums_fit) {
            lms_eligible_weights(row, o, unit, tile, w);
            sum = lms_sum_weights(w);
        }
        row->sums[tile] = lms_mass_of_sum(unit.shift, sum);
        mass += row->sums[tile];
    }
    return mass;
}

ulong lms_total_of(const lms_row *row, const lms_task *t, const lms_offer *o)
{
    return o->sums_fit ? lms_summed_own(row, &t->draw_scale)
                       : lms_total_own(row, &t->draw_scale);
}

/* --- The list ----------------------------------------------------------------------------- */

/* Tokens of a group above the class of ties, and in it, as bits of the lanes from `at` on. */
typedef struct lms_hits {
    uint above;
    uint tied;
} lms_hits;

lms_hits lms_hits_of(const lms_row *row, const lms_offer *o, uint at)
{
    const lms_ints keys = lms_keys(lms_logits(row, at));
    const lms_ints kept = lms_kept(o->kept, keys, at);
    lms_hits h;
    h.above = lms_mask(kept & (keys > o->high));
    h.tied = lms_mask(kept & (keys >= o->low) & (keys <= o->high));
    return h;
}

/* Lists the tokens of some hits, behind counts of those before. */
void lms_list_hits(const lms_row *row, const lms_offer *o, uint at, lms_hits h, lms_hits before)
{
    for (uint both = h.above | h.tied; both; both &= both - 1) {
        const uint bit = 31 - clz(both & -both);
        const uint place = before.above + min(before.tied, (uint)o->quota);
        if (h.tied >> bit & 1) {
            if (before.tied++ >= o->quota) continue;
        } else {
            ++before.above;
        }
        if (place >= o->want) continue; /* somebody writes to the logits */
        o->out[place] = lms_candidate_of(o, row, at + bit);
    }
}

/* Counts the own kept tokens above the class of ties, and, times 2^32, those in it; with
 * `write`, lists them, from the counts `at` on. Meanwhile a CPU asks for some of the next
 * row. */
ulong lms_offer_own(const lms_row *row, const lms_offer *o, ulong at, bool write)
{
    const int least = o->high == LMS_NEVER ? o->kept.key : max(o->kept.key, o->low);
    lms_hits count;
    count.above = (uint)at;
    count.tied = (uint)(at >> 32);
    for (uint tile = row->first; tile < row->last; ++tile) {
        lms_prefetch_next(row, (write ? row->tiles + tile : tile) * LMS_NEXT, LMS_NEXT);
        if (row->tile_keys[tile] < least) continue;
        for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
            const uint group = tile * LMS_TILE_GROUPS + i / LMS_GROUP;
            if (row->groups[group] < least) continue;
            const lms_hits h = lms_hits_of(row, o, tile * LMS_TILE + i);
            if (write) lms_list_hits(row, o, tile * LMS_TILE + i, h, count);
            count.above += popcount(h.above);
            count.tied += popcount(h.tied);
        }
    }
    return (ulong)count.tied << 32 | count.above;
}

/* The last key from `in` on, which has this score, towards `out`, which has not, that has. */
int lms_last_with(const lms_offer *o, long score, long in, long out)
{
    while (out - in > 1 || in - out > 1) {
        const long middle = in + (out - in) / 2;
        if (lms_score_of(o, (int)middle) == score) {
            in = middle;
        } else {
            out = middle;
        }
    }
    return (int)in;
}

/* The keys of one score with `key`; nearly always that one alone. */
void lms_class_of(lms_offer *o, const lms_row *row, int key)
{
    const long score = lms_score_of(o, key);
    o->low = key;
    o->high = key;
    if (key - 1 > LMS_NEVER && lms_score_of(o, key - 1) == score) {
        o->low = lms_last_with(o, score, key, LMS_NEVER);
    }
    if (key < row->max_key && lms_score_of(o, key + 1) == score) {
        o->high = lms_last_with(o, score, key, (long)row->max_key + 1);
    }
}
