/* pivots.cl - for a team of one: narrows a search over the whole row in one pass. A sample of
 * its tiles says about where the cut is; the exact measure above a few keys around there leaves
 * an interval that most probably fits the list. Whatever the sample says, the cut stays. */
#pragma once
#include "select/bins.cl"

#if LMS_TEAM == 1

#define LMS_PIVOTS 6u
#define LMS_SAMPLED_TILES 16u

typedef struct lms_pivots {
    int key[LMS_PIVOTS]; /* falling */
    ulong above[LMS_PIVOTS];
} lms_pivots;

/* What a sample of the row's tiles has in each bin of a search. */
typedef struct lms_sketch {
    uint tokens[LMS_BINS + 1];
    ulong measure[LMS_BINS + 1];
    uint tiles;
} lms_sketch;

void lms_sketch_row(const lms_row *row, const lms_scaled *scaled, const lms_search *s,
                    lms_sketch *sketch)
{
    const uint whole = row->logits.vocab / LMS_TILE;
    const uint stride = max(whole / LMS_SAMPLED_TILES, 1u);
    for (uint i = 0; i <= LMS_BINS; ++i) {
        sketch->tokens[i] = 0;
        sketch->measure[i] = 0;
    }
    sketch->tiles = 0;
    for (uint tile = 0; tile < whole; tile += stride, ++sketch->tiles) {
        const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
        for (uint at = tile * LMS_TILE; at < (tile + 1) * LMS_TILE; at += LMS_LANES) {
            uint bin[LMS_LANES], rounded[LMS_LANES];
            const lms_floats x = lms_read(&row->logits, at);
            LMS_V(vstore)(lms_bins_of(s, lms_keys(x)), 0, bin);
            if (s->by_mass) LMS_V(vstore)(lms_rounded(unit, lms_weights(unit, x)), 0, rounded);
            for (uint i = 0; i < LMS_LANES; ++i) {
                const ulong mass = s->by_mass ? lms_mass_of_rounded(unit, rounded[i]) : 1;
                sketch->tokens[bin[i]] += 1;
                sketch->measure[bin[i]] += mass;
            }
        }
    }
}

/* Keys around where the sketch reaches `part` of 2^32 of its measure. Between the inner ones
 * should be half as many tokens as the list holds. False if the bins do not reach so far. */
bool lms_choose_pivots(const lms_search *s, const lms_sketch *sketch, uint tiles, ulong part,
                       lms_pivots *p)
{
    /* Where the pivots are, in half steps of tokens from where the target is reached. */
    const int place[LMS_PIVOTS] = {-10, -3, -1, 1, 3, 10};
    const int half_step = (int)max(LMS_LIST / 4 * sketch->tiles / tiles, 1u);
    ulong all = 0, sum = 0;
    int reached = 0, tokens = 0;
    uint bin = 0;
    for (uint i = 0; i < LMS_BINS; ++i) all += sketch->measure[i];
    const ulong target = mul_hi(all, part << 32);
    for (; bin < LMS_BINS - 1 && sum < target; ++bin) {
        sum += sketch->measure[bin];
        reached += (int)sketch->tokens[bin];
    }
    if (bin >= LMS_BINS - 1) return false;
    const bool in_first = bin <= 1;
    bin = 0;
    for (uint i = 0; i < LMS_PIVOTS; ++i) {
        for (; bin < LMS_BINS - 1 && tokens < reached + place[i] * half_step; ++bin) {
            tokens += (int)sketch->tokens[bin];
        }
        p->key[i] = lms_bin_top(s, bin);
        /* In the first bin there may be nothing but ties. */
        if (i == 0 && in_first) p->key[i] = s->high - 1;
        /* A float that no device takes for 0, so that floats can be compared. */
        if (abs(p->key[i]) < 0x00800000u) p->key[i] = -0x00800000;
    }
    return true;
}

/* Adds a tile's measures above the pivots, whatever tile it is. */
LMS_APART
void lms_pivot_any_tile(const lms_row *row, const lms_scaled *scaled, const lms_search *s,
                        uint tile, lms_pivots *p)
{
    const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
    const uint begin = tile * LMS_TILE, end = min(begin + LMS_TILE, row->logits.vocab);
    for (uint at = begin; at < end; at += LMS_LANES) {
        const lms_floats x = lms_read(&row->logits, at);
        const lms_ints keys = lms_keys(x);
        const lms_uints w =
            s->by_mass ? lms_rounded(unit, lms_weights(unit, x)) : (lms_uints)(1);
        for (uint j = 0; j < LMS_PIVOTS; ++j) {
            const lms_uints in = w & LMS_V(as_uint)(keys > p->key[j]);
            const ulong sum = lms_sum_pairs(lms_widen(in));
            p->above[j] += s->by_mass ? lms_mass_of_rounded(unit, sum) : sum;
        }
    }
}

/* Masses above the pivots in 4 * LMS_LANES tokens of a tile that is whole and not edited, in
 * its own units, by lanes; `is_plain` is a literal where this is called. */
LMS_INLINE void lms_pivot_masses(const lms_logits *x, uint begin, lms_unit unit, bool is_plain,
                                 const float *pivot, lms_pairs *sums)
{
    lms_uints four[LMS_PIVOTS];
#pragma unroll
    for (uint j = 0; j < LMS_PIVOTS; ++j) four[j] = (lms_uints)(0);
#pragma unroll
    for (uint i = 0; i < 4 * LMS_LANES; i += LMS_LANES) {
        const lms_floats v = lms_read_plain(x, begin + i);
        const lms_uints w = is_plain ? LMS_V(as_uint)(lms_weights_plain(unit.s, unit.h, v))
                                     : lms_rounded(unit, lms_weights(unit, v));
#pragma unroll
        for (uint j = 0; j < LMS_PIVOTS; ++j) {
            four[j] += w & LMS_V(as_uint)(v > (lms_floats)(pivot[j]));
        }
    }
#pragma unroll
    for (uint j = 0; j < LMS_PIVOTS; ++j) sums[j] += lms_widen(four[j]);
}

/* Adds the masses of a tile that is whole and not edited. */
LMS_INLINE void lms_pivot_tile(const lms_logits *x, uint begin, lms_unit unit,
                               const float *pivot, lms_pivots *p)
{
    lms_pairs sums[LMS_PIVOTS];
    for (uint j = 0; j < LMS_PIVOTS; ++j) sums[j] = (lms_pairs)(0);
    if (!unit.huge && unit.c == 0.0f && unit.shift <= LMS_GUARD_BITS) {
        for (uint i = 0; i < LMS_TILE; i += 4 * LMS_LANES) {
            lms_pivot_masses(x, begin + i, unit, true, pivot, sums);
        }
    } else {
        for (uint i = 0; i < LMS_TILE; i += 4 * LMS_LANES) {
            lms_pivot_masses(x, begin + i, unit, false, pivot, sums);
        }
    }
    for (uint j = 0; j < LMS_PIVOTS; ++j) {
        p->above[j] += lms_mass_of_rounded(unit, lms_sum_pairs(sums[j]));
    }
}

/* Adds the counts of a tile that is whole and not edited, by lanes. */
LMS_INLINE void lms_pivot_counts(const lms_logits *x, uint begin, const float *pivot,
                                 lms_ints one, lms_ints *count)
{
    for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
        const lms_floats v = lms_read_plain(x, begin + i);
#pragma unroll
        for (uint j = 0; j < LMS_PIVOTS; ++j) {
            count[j] += (v > (lms_floats)(pivot[j])) & one;
        }
    }
}

/* The measures above the pivots, of the whole row; `by_mass` is a literal where this is called,
 * so that either loop has the registers to itself. */
LMS_INLINE void lms_measure_by(const lms_row *row, const lms_scaled *scaled,
                               const lms_search *s, bool by_mass, lms_pivots *p)
{
    const lms_logits logits = row->logits;
    const lms_ints one = lms_ones(logits.vocab);
    float pivot[LMS_PIVOTS];
    lms_ints count[LMS_PIVOTS];
#pragma unroll
    for (uint j = 0; j < LMS_PIVOTS; ++j) {
        pivot[j] = lms_logit_of(p->key[j]);
        count[j] = (lms_ints)(0);
        p->above[j] = 0;
    }
    for (uint tile = 0; tile < row->tiles; ++tile) {
        const uint begin = tile * LMS_TILE, end = begin + LMS_TILE;
        if (row->tile_keys[tile] <= p->key[LMS_PIVOTS - 1]) continue;
        if (end > logits.vocab || lms_is_edited(&logits, begin, end)) {
            lms_pivot_any_tile(row, scaled, s, tile, p);
        } else if (by_mass) {
            const lms_unit unit = lms_unit_of(scaled, row->tile_keys[tile]);
            lms_pivot_tile(&logits, begin, unit, pivot, p);
        } else {
            lms_pivot_counts(&logits, begin, pivot, one, count);
        }
    }
    for (uint j = 0; j < LMS_PIVOTS; ++j) p->above[j] += (ulong)lms_sum(count[j]);
}

void lms_measure_pivots(const lms_row *row, const lms_scaled *scaled, const lms_search *s,
                        lms_pivots *p)
{
    if (s->by_mass) {
        lms_measure_by(row, scaled, s, true, p);
    } else {
        lms_measure_by(row, scaled, s, false, p);
    }
}

/* Pivots for a search whose interval has `measure` in all, or, by count, is the whole row;
 * false if there is nothing to gain. */
bool lms_find_pivots(const lms_row *row, const lms_scaled *scaled, const lms_search *s,
                     ulong measure, lms_pivots *p)
{
    lms_search bins = *s;
    lms_sketch sketch;
    const ulong need = s->target - s->above, all = s->by_mass ? measure : row->logits.vocab;
    if (scaled->huge || row->tiles < 2 * LMS_SAMPLED_TILES || need >= all) return false;
    const int up = (int)clz(all);
    const ulong part = (need << up) / max((all << up) >> 32, 1ul);
    /* Bins of 1/128 octave, or else of 1/32. */
    for (float fine = 128.0f; fine >= 32.0f; fine *= 0.25f) {
        bins.linear = scaled->s * fine;
        lms_sketch_row(row, scaled, &bins, &sketch);
        if (lms_choose_pivots(&bins, &sketch, row->tiles, min(part, 0xfffffffful), p)) {
            return true;
        }
    }
    return false;
}

/* Narrows a search, as lms_find_pivots() has it. False if it is as it was. */
bool lms_pivot_row(const lms_row *row, const lms_scaled *scaled, lms_search *s, ulong measure)
{
    lms_pivots p;
    if (!lms_find_pivots(row, scaled, s, measure, &p)) return false;
    lms_measure_pivots(row, scaled, s, &p);
    for (uint j = 0; j < LMS_PIVOTS; ++j) {
        if (p.key[j] >= s->high) continue;
        if (p.above[j] >= s->target) {
            s->low = max(s->low, p.key[j]);
            return true;
        }
        s->high = p.key[j];
        s->above = p.above[j];
    }
    return true;
}

#endif
