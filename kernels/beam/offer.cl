/* offer.cl - what a live beam offers (specification, section 13): the eligible tokens' masses
 * and scores, and the list of the best. beam/offer_steps.cl has the order of the steps.
 *
 * Listed are the first `want` kept tokens by falling score, then id: as many as their group can
 * need. Scores are monotone in the logit, but different logits can have one score: those of the
 * last score are the class of ties, of which the lowest ids are taken. */
#pragma once
#include "beam/records.h"
#include "draw/without_replacement.cl"
#include "row/maxima.cl"

typedef enum lms_offer_step {
    LMS_OFFER_WHOLE, /* the maximum, ... */
    LMS_OFFER_TOTAL, /* ... and the mass of the row before tokens are suppressed   */
    LMS_OFFER_CUT,   /* the row's cut, or the last token worth listing: cut/       */
    LMS_OFFER_MASS,  /* the mass that log-probabilities are relative to            */
    LMS_OFFER_LIST,  /* how many tokens are worth listing, and which               */
    LMS_OFFER_DRAW,  /* one more drawn without replacement                         */
    LMS_OFFER_DONE
} lms_offer_step;

/* What a team knows of its beam and row. */
typedef struct lms_offer {
    lms_offer_step step;
    uint mode;
    bool is_of_eligible; /* log-probabilities are relative to eligible tokens, else to all */
    float scale;         /* log2(e) / temperature */
    float sums_scale;    /* ... at which the tile pass has summed */
    __global const int *ends;
    uint end_count;      /* ends that are suppressed */
    uint want;
    long score;          /* the beam's */
    long value;
    bool is_listing;     /* the cut that is looked for is that of what is worth listing */
    bool is_filtered;    /* the row's rules may cut off some tokens, ... */
    lms_cut kept;        /* ... and keep these */
    lms_scaled scaled;   /* the row at the temperature's scale */
    int low, high;       /* the class of ties: low <= key <= high */
    lms_inverse inverse; /* 1 / temperature */
    int top_key;         /* what log-probabilities are relative to: a key, ... */
    long norm;           /* ... and the mass */
    lms_clocks clocks;
    long last_value;
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
    const int key = lms_key(lms_read_one(&row->logits, id));
    c.score = lms_score_of(o, key);
    c.value = c.score;
    c.token = (int)id;
    c.logprob = lms_nats(lms_logprob_of(o, key));
    return c;
}

/* --- Masses ------------------------------------------------------------------------------- */

/* Has the tile pass summed at the temperature's scale? */
bool lms_sums_fit(const lms_offer *o) { return o->sums_scale == o->scale; }

/* Suppressed tokens are read as -inf from here on. In the own tiles that have any, the maxima
 * and the sum of weights are made anew. */
void lms_suppress_own(lms_row *row, const lms_offer *o)
{
    lms_tiles tiles;
    tiles.groups = row->groups;
    tiles.keys = row->tile_keys;
    tiles.sums = row->sums;
    tiles.scale = o->sums_scale;
    row->logits.suppressed = o->ends;
    row->logits.suppressed_count = o->end_count;
    for (uint i = 0; i < o->end_count; ++i) {
        const uint tile = (uint)o->ends[i] / LMS_TILE;
        if (tile < row->first || tile >= row->last) continue;
        lms_do_tile(&row->logits, tile, &tiles);
        lms_sum_tile(&row->logits, tile, &tiles);
    }
}

/* The sum of a tile's weights, of tokens that a cut keeps. */
ulong lms_kept_sum(const lms_row *row, lms_cut cut, lms_unit unit, uint tile)
{
    const uint begin = tile * LMS_TILE;
    lms_pairs sum = (lms_pairs)(0);
    for (uint at = begin; at < begin + LMS_TILE; at += LMS_LANES) {
        const lms_floats x = lms_read(&row->logits, at);
        const lms_ints w = lms_weights(unit, x) & lms_kept(cut, lms_keys(x), at);
        sum += lms_widen(LMS_V(as_uint)(w));
    }
    return lms_sum_pairs(sum);
}

/* The own tiles' masses of eligible tokens, into row->sums. */
ulong lms_eligible_own(const lms_row *row, const lms_offer *o)
{
    const bool is_summed = !o->is_filtered && lms_sums_fit(o);
    ulong mass = 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        const lms_unit unit = lms_unit_of(&o->scaled, row->tile_keys[tile]);
        ulong sum = row->sums[tile];
        if (row->tile_keys[tile] < o->kept.key) {
            sum = 0;
        } else if (!is_summed) {
            sum = lms_kept_sum(row, o->kept, unit, tile);
        }
        row->sums[tile] = lms_mass_of_sum(unit.shift, sum);
        mass += row->sums[tile];
    }
    return mass;
}

ulong lms_offer_total(const lms_row *row, const lms_offer *o)
{
    return lms_sums_fit(o) ? lms_summed_own(row, &o->scaled) : lms_total_own(row, &o->scaled);
}

/* --- The list ----------------------------------------------------------------------------- */

/* Tokens of a group above the class of ties, and in it, as bits of the lanes from `at` on. */
typedef struct lms_hits {
    uint above;
    uint tied;
} lms_hits;

lms_hits lms_hits_of(const lms_row *row, const lms_offer *o, uint at)
{
    const lms_ints keys = lms_keys(lms_read(&row->logits, at));
    const lms_ints kept = lms_kept(o->kept, keys, at);
    lms_hits h;
    h.above = lms_mask(kept & (keys > o->high));
    h.tied = lms_mask(kept & (keys >= o->low) & (keys <= o->high));
    return h;
}

/* Lists the tokens of some hits, behind counts of those before. */
void lms_list_hits(const lms_row *row, const lms_offer *o, ulong quota, uint at, lms_hits h,
                   lms_hits before)
{
    for (uint both = h.above | h.tied; both; both &= both - 1) {
        const uint bit = 31 - clz(both & -both);
        const uint place = before.above + min(before.tied, (uint)quota);
        if (h.tied >> bit & 1) {
            if (before.tied++ >= quota) continue;
        } else {
            ++before.above;
        }
        if (place >= o->want) continue; /* somebody writes to the logits */
        o->out[place] = lms_candidate_of(o, row, at + bit);
    }
}

/* Counts the own kept tokens above the class of ties, and, times 2^32, those in it; with
 * `write`, lists them, from the counts `at` on, of the class as many as `quota`. Meanwhile a
 * CPU asks for some of the next row. */
ulong lms_offer_own(const lms_row *row, const lms_offer *o, ulong at, ulong quota, bool write)
{
    const int least = o->high == LMS_NEVER ? o->kept.key : max(o->kept.key, o->low);
    const uint ahead = write ? row->tiles : 0;
    lms_hits count;
    count.above = (uint)at;
    count.tied = (uint)(at >> 32);
    for (uint tile = row->first; tile < row->last; ++tile) {
        lms_prefetch_next(row, (ahead + tile) * LMS_NEXT, LMS_NEXT);
        if (row->tile_keys[tile] < least) continue;
        for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
            const uint group = tile * LMS_TILE_GROUPS + i / LMS_GROUP;
            if (row->groups[group] < least) continue;
            const lms_hits h = lms_hits_of(row, o, tile * LMS_TILE + i);
            if (write) lms_list_hits(row, o, quota, tile * LMS_TILE + i, h, count);
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
