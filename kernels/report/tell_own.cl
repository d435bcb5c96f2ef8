/* tell_own.cl - a work-item's part of the steps in which a row tells what its request wants. No
 * barriers here. */
#pragma once
#include "report/best.cl"
#include "report/probs.cl"
#include "report/telling.cl"
#include "row/maxima.cl"

/* What a work-item brings to a meeting. */
typedef struct lms_tell_part {
    lms_part part; /* mass; the first token, or the largest key */
    ulong depth;
    ulong rank;
    ulong count;
} lms_tell_part;

/* A row as it is stored, with its own maxima. */
lms_row lms_raw_row(const lms_row *edited, const lms_requests *q, ulong place)
{
    lms_row row = *edited;
    row.logits = lms_logits_at(edited->logits.stored, edited->logits.vocab);
    row.groups = q->raw_keys + place * row.tiles * (LMS_TILE_GROUPS + 1);
    row.tile_keys = row.groups + row.tiles * LMS_TILE_GROUPS;
    row.max_key = LMS_NEVER;
    return row;
}

#if LMS_TEAM == 1

lms_tiles lms_tiles_of_row(const lms_row *row, float scale)
{
    lms_tiles tiles;
    tiles.groups = row->groups;
    tiles.keys = row->tile_keys;
    tiles.sums = row->sums;
    tiles.scale = scale;
    return tiles;
}

/* Maxima before edits; with a scale, sums too. */
void lms_raw_tiles_own(const lms_row *raw, float scale)
{
    const lms_tiles tiles = lms_tiles_of_row(raw, scale);
    lms_do_tiles(&raw->logits, 0, raw->tiles, &tiles, 0);
}

/* The sum of a tile with edits. */
void lms_sum_edited_tile(const lms_row *row, const lms_tiles *tiles, uint tile)
{
    const uint begin = tile * LMS_TILE, end = begin + LMS_TILE;
    const lms_unit unit = lms_unit_alone(tiles->scale, row->tile_keys[tile]);
    lms_pairs sum = (lms_pairs)(0);
    if (row->tile_keys[tile] == LMS_NEVER) { /* most tiles, where few tokens are allowed */
        tiles->sums[tile] = 0;
        return;
    }
    if (end > row->logits.vocab || unit.huge || unit.c != 0.0f) {
        lms_sum_tile(&row->logits, tile, tiles);
        return;
    }
    for (uint at = begin; at < end; at += LMS_LANES) {
        const lms_floats v = lms_read(&row->logits, at);
        sum += lms_widen(LMS_V(as_uint)(lms_weights_plain(unit.s, unit.h, v)));
    }
    tiles->sums[tile] = lms_sum_pairs(sum);
}

/* The row's mass, by blocks of tiles. */
ulong lms_mass_own(const lms_row *row, const lms_scaled *scaled)
{
    const lms_tiles tiles = lms_tiles_of_row(row, scaled->s);
    const uint whole = row->logits.vocab / LMS_TILE;
    for (uint first = 0; first < row->tiles; first += LMS_BLOCK_TILES) {
        const uint last = min(first + LMS_BLOCK_TILES, row->tiles);
        const bool is_block = first + LMS_BLOCK_TILES <= whole &&
                              !lms_is_edited(&row->logits, first * LMS_TILE, last * LMS_TILE);
        if (is_block && lms_sums_of_block(&row->logits, first, &tiles)) continue;
        for (uint tile = first; tile < last; ++tile) lms_sum_edited_tile(row, &tiles, tile);
    }
    return lms_summed_own(row, scaled);
}

#else

/* Maxima of groups before edits, a group to each work-item in turn. */
void lms_raw_groups_own(const lms_row *raw)
{
    uint seen = 0;
    for (uint g = lms_item_of(raw); g < raw->tiles * LMS_TILE_GROUPS; g += LMS_TEAM) {
        raw->groups[g] = lms_group_key(&raw->logits, g * LMS_GROUP, &seen);
    }
}

/* ... and those of tiles; returns the largest. */
int lms_raw_tiles_own(const lms_row *raw)
{
    int largest = LMS_NEVER;
    for (uint tile = lms_item_of(raw); tile < raw->tiles; tile += LMS_TEAM) {
        const int key = lms_max8(vload8(tile, raw->groups));
        raw->tile_keys[tile] = key;
        largest = max(largest, key);
    }
    return largest;
}

ulong lms_mass_own(const lms_row *row, const lms_scaled *scaled)
{
    return lms_total_own(row, scaled);
}

#endif

/* Sums of a view that has a live token. */
void lms_tell_sums_own(const lms_row *row, const lms_telling *o, lms_tell_part *own)
{
    const bool is_cut_off = lms_is_cut_off(o), needs_mass = lms_needs_mass(o);
    const bool needs_count = o->needs & LMS_OUT_KEPT && !o->is_greedy;
    if (o->needs & (LMS_OUT_RANK_RAW | LMS_OUT_RANK_EDITED)) {
        const int key = lms_key(lms_read_one(&row->logits, o->token));
        own->rank = lms_count_from_own(row, lms_least_of_rank(o, key));
    }
    if (needs_count && !is_cut_off) own->count = lms_count_from_own(row, LMS_NEVER + 1);
    if (lms_is_of_first(o)) {
        own->part.best = lms_first_own(row);
    } else if (o->needs & (LMS_OUT_ENTROPY_RAW | LMS_OUT_ENTROPY)) {
        const lms_depth_part sum = lms_depth_own(row, &o->scaled, o->kept, is_cut_off);
        own->part.sum = sum.mass;
        own->depth = sum.depth;
        if (needs_count && is_cut_off) own->count = lms_count_kept_own(row, o->kept);
    } else if (is_cut_off && (needs_count || needs_mass)) {
        const lms_kept_part sum = lms_kept_own(row, &o->scaled, o->kept);
        own->part.sum = sum.mass;
        own->count = sum.count;
    } else if (needs_mass) {
        own->part.sum = o->is_summed ? lms_summed_own(row, &o->scaled)
                                     : lms_mass_own(row, &o->scaled);
    }
}

/* --- Outputs ------------------------------------------------------------------------------ */

/* The own ones of the best tokens. */
void lms_store_best_own(const lms_tell_to *to, const lms_row *row, const lms_telling *o)
{
    __global int *const tokens = to->top_tokens + o->r * to->top_stride;
    __global float *const values = to->top_values + o->r * to->top_stride;
    for (uint i = lms_item_of(row); i < o->top_n; i += LMS_TEAM) {
        if (i >= o->listed) {
            tokens[i] = LMS_NO_TOKEN;
            values[i] = LMS_NAN;
            continue;
        }
        const uint id = row->list_id[i];
#if LMS_TEAM == 1
        const uint rank = o->listed > LMS_FEW_BEST ? i : lms_best_before(row, o->listed, i);
#else
        const uint rank = lms_best_before(row, o->listed, i);
#endif
        tokens[rank] = (int)id;
        values[rank] = lms_value_of(o, row->max_key, id, lms_logit_of(row->list_key[i]));
    }
}

void lms_store_named_own(const lms_tell_to *to, const lms_requests *q, const lms_row *row,
                         const lms_telling *o)
{
    __global float *const values = to->named_values + o->r * to->named_stride;
    for (uint i = lms_item_of(row); i < o->named; i += LMS_TEAM) {
        const uint id = (uint)q->lists.ids[o->names + i];
        values[i] = id < row->logits.vocab ? lms_value_at(o, row, id) : LMS_NAN;
    }
}

/* What there is once of a row, by one work-item. */
void lms_store_numbers(const lms_tell_to *to, const lms_row *row, const lms_telling *o)
{
    const ulong r = o->r;
    const bool is_live = row->max_key != LMS_NEVER, is_first = lms_is_of_first(o);
    const float x = lms_read_one(&row->logits, o->token);
    const float value = lms_value_of(o, row->max_key, o->token, x);
    const bool is_below = lms_key(x) == LMS_NEVER && !(o->flags & LMS_WANT_RANK_FROM_0);
    const int rank = (int)o->rank + (is_below ? 1 : 0);
    float entropy = is_live ? 0.0f : LMS_NAN;
    if (is_live && !is_first && o->needs & (LMS_OUT_ENTROPY_RAW | LMS_OUT_ENTROPY)) {
        entropy = lms_entropy_of(o->depth, o->mass, o->norm);
    }
    if (o->needs & LMS_OUT_LOGPROB_RAW) to->of_all.logprob_raw[r] = value;
    if (o->needs & LMS_OUT_LOGPROB_EDITED) to->logprob_edited[r] = value;
    if (o->needs & LMS_OUT_LOGPROB) to->of_all.logprob[r] = value;
    if (o->needs & LMS_OUT_RANK_RAW) to->rank_raw[r] = rank;
    if (o->needs & LMS_OUT_RANK_EDITED) to->rank_edited[r] = rank;
    if (o->needs & LMS_OUT_ENTROPY_RAW) to->entropy_raw[r] = entropy;
    if (o->needs & LMS_OUT_ENTROPY) to->entropy[r] = entropy;
    if (o->needs & LMS_OUT_KEPT) to->of_all.kept[r] = is_first && is_live ? 1 : (int)o->count;
}

/* This work-item's part of the outputs of a view. */
void lms_store_view_own(const lms_tell_to *to, const lms_requests *q, const lms_row *row,
                        const lms_telling *o)
{
    if (o->needs & LMS_OUT_TOP) lms_store_best_own(to, row, o);
    if (o->needs & LMS_OUT_NAMED) lms_store_named_own(to, q, row, o);
    if (o->needs & LMS_OUT_PROBS) {
        __global float *const probs = to->of_all.probs + o->r * to->of_all.probs_stride;
        const bool is_live = row->max_key != LMS_NEVER, is_first = lms_is_of_first(o);
        lms_store_probs(row, &o->scaled, o->kept, is_live && !is_first ? o->mass : 0,
                        is_live && is_first ? o->kept.id : UINT_MAX, probs);
    }
    if (lms_item_of(row) == 0) lms_store_numbers(to, row, o);
}

/* What is behind the tokens that a row wants, and all of one that tells nothing. */
void lms_store_nothing_own(const lms_tell_to *to, ulong r, uint top_n, uint named)
{
    const ulong top = to->of_all.wanted & LMS_OUT_TOP ? to->top_stride : 0;
    const ulong names = to->of_all.wanted & LMS_OUT_NAMED ? to->named_stride : 0;
    for (ulong i = top_n + lms_item(); i < top; i += LMS_TEAM) {
        to->top_tokens[r * top + i] = LMS_NO_TOKEN;
        to->top_values[r * top + i] = LMS_NAN;
    }
    for (ulong i = named + lms_item(); i < names; i += LMS_TEAM) {
        to->named_values[r * names + i] = LMS_NAN;
    }
}

/* A row that has no token to tell of. */
void lms_store_none_own(const lms_tell_to *to, const lms_row *row, ulong r)
{
    const uint wanted = to->of_all.wanted;
    const ulong stride = to->of_all.probs_stride;
    const lms_scaled none = lms_at_scale(1.0f, 0);
    lms_store_nothing_own(to, r, 0, 0);
    if (wanted & LMS_OUT_PROBS) {
        lms_store_probs(row, &none, lms_cut_none(), 0, UINT_MAX, to->of_all.probs + r * stride);
    }
    if (lms_item() != 0) return;
    if (wanted & LMS_OUT_LOGPROB_RAW) to->of_all.logprob_raw[r] = LMS_NAN;
    if (wanted & LMS_OUT_LOGPROB_EDITED) to->logprob_edited[r] = LMS_NAN;
    if (wanted & LMS_OUT_LOGPROB) to->of_all.logprob[r] = LMS_NAN;
    if (wanted & LMS_OUT_RANK_RAW) to->rank_raw[r] = 0;
    if (wanted & LMS_OUT_RANK_EDITED) to->rank_edited[r] = 0;
    if (wanted & LMS_OUT_ENTROPY_RAW) to->entropy_raw[r] = LMS_NAN;
    if (wanted & LMS_OUT_ENTROPY) to->entropy[r] = LMS_NAN;
    if (wanted & LMS_OUT_KEPT) to->of_all.kept[r] = 0;
}
