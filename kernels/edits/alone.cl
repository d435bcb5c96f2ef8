/* alone.cl - the tile pass of a row and its edits of values by a team of one, while the row is
 * in the cache. */
#pragma once
#include "edits/ordered.cl"
#include "edits/steps.cl"
#include "row/maxima.cl"

#if LMS_TEAM == 1

/* What a row of logits needs for log-probabilities; its maxima and sums are left where those of
 * the row that is sampled will be. */
lms_log_scale lms_log_scale_alone(const lms_logits *x, const lms_tiles *at)
{
    lms_tiles tiles = *at;
    lms_log_scale s;
    ulong mass = 0;
    tiles.scale = lms_scale(1.0f);
    lms_do_tiles(x, 0, lms_tiles_of(x->vocab), &tiles, 0);
    s.max_key = LMS_NEVER;
    for (uint i = 0; i < lms_tiles_of(x->vocab); ++i) s.max_key = max(s.max_key, tiles.keys[i]);
    const lms_scaled scaled = lms_at_scale(tiles.scale, s.max_key);
    for (uint i = 0; i < lms_tiles_of(x->vocab); ++i) {
        mass += lms_mass_of_sum(lms_unit_of(&scaled, tiles.keys[i]).shift, tiles.sums[i]);
    }
    s.is_wanted = s.max_key != LMS_NEVER;
    s.log_mass = s.is_wanted ? lms_log_mass(&scaled, mass) : 0.0f;
    return s;
}

void lms_guide_alone(lms_edits *d, const lms_asked_edits *a, lms_logits conditional,
                     lms_logits unconditional, const lms_tiles *tiles)
{
    lms_log_scale own, other;
    own.is_wanted = false;
    other.is_wanted = false;
    if (a->e->flags & LMS_GUIDANCE_LOGPROBS) {
        own = lms_log_scale_alone(&conditional, tiles);
        other = lms_log_scale_alone(&unconditional, tiles);
    }
    lms_edit_guidance(d, conditional, unconditional, own, other, a->e->guidance);
}

/* All steps behind guidance. */
void lms_edit_all(lms_edits *d, const lms_asked_edits *a)
{
    if (!d->places) {
        lms_edit_ordered(d, a);
        return;
    }
    lms_edit_listed(d, a);
    if (lms_has_window(a)) {
        lms_count_window(d, &a->slot, a->e->flags, a->e->window, a->counts);
    }
    lms_edit_repeated(d, a);
    lms_edit_repetitions(d, a);
    lms_edit_last(d, a);
}

/* What edits have added to a tile's sum, its largest key being what it was. */
ulong lms_sum_gained(const lms_logits *x, const lms_logits *unedited, uint tile, lms_unit unit)
{
    const uint lanes = (uint)((1ul << LMS_LANES) - 1);
    lms_pairs gained = (lms_pairs)(0);
    for (uint g = tile * LMS_TILE_GROUPS; g < (tile + 1) * LMS_TILE_GROUPS; ++g) {
        const uint word = x->edited[g];
        if (!word) continue;
        for (uint i = 0; i < LMS_GROUP; i += LMS_LANES) {
            if (!(word >> i & lanes)) continue;
            const lms_ints after = lms_weights(unit, lms_read(x, g * LMS_GROUP + i));
            const lms_ints before = lms_weights(unit, lms_read(unedited, g * LMS_GROUP + i));
            gained += lms_widen(LMS_V(as_uint)(after)) - lms_widen(LMS_V(as_uint)(before));
        }
    }
    return lms_sum_pairs(gained);
}

/* Sums of the tiles in which tokens are edited: what there is more or less, or, where the
 * largest key is not as `before`, anew. */
void lms_sum_edited(const lms_logits *x, const lms_logits *unedited, const lms_tiles *t,
                    __global const int *before)
{
    for (uint tile = 0; tile < lms_tiles_of(x->vocab); ++tile) {
        if (!lms_any8(as_int8(vload8(tile, x->edited)))) continue;
        if (t->keys[tile] == before[tile] && before[tile] != LMS_NEVER) {
            t->sums[tile] += lms_sum_gained(x, unedited, tile,
                                            lms_unit_alone(t->scale, before[tile]));
        } else {
            lms_sum_tile(x, tile, t);
        }
    }
}

lms_edits lms_edits_alone(const lms_requests *q, ulong place, const lms_row *row)
{
    const ulong groups = row->tiles * LMS_TILE_GROUPS;
    lms_edits d;
    d.stored = row->logits.stored;
    d.edited = q->edited + place * groups;
    d.values = q->values + place * groups * LMS_GROUP;
    d.bans = row->logits.bans;
    d.places = row->logits.places ? q->places + place * groups : 0;
    d.next = (__global uint *)d.values + groups * LMS_GROUP / 2;
    d.placed = 0;
    d.has_keys = false;
    d.groups = row->groups;
    d.tile_keys = row->tile_keys;
    d.lost = (__global uint *)row->list_mass;
    d.lost_count = 0;
    d.read = row->logits;
    d.seen = 0;
    return d;
}

/* The tile pass of row r, and its edits; returns what was seen. Where all tokens are edited, or
 * all but one are banned, values are edited first. */
LMS_APART
uint lms_edit_alone(const lms_requests *q, const lms_workspace *w, ulong r, ulong place,
                    const lms_row_params *params, lms_logits unconditional, const lms_row *row,
                    float scale)
{
    const lms_asked_edits a = lms_asked_edits_of(q, r, place, params);
    const lms_tiles tiles = lms_tiles_at(w, place, row->logits.vocab, scale);
    const bool is_guided = lms_is_guided(q, params) && !a.e->forced;
    lms_edits d = lms_edits_alone(q, place, row);
    /* Maxima of tiles, as long as outputs have no use for the place. */
    __global int *const before = q->raw_keys + place * row->tiles * (LMS_TILE_GROUPS + 1);
    lms_row unedited = *row;
    uint seen = 0;
    unedited.logits.edited = 0;
    lms_prefetch_entries(&a.slot, 0, LMS_ENTRIES_AHEAD);
    if (is_guided) {
        lms_logits conditional = unedited.logits;
        conditional.bans = 0;
        lms_guide_alone(&d, &a, conditional, unconditional, &tiles);
    } else if (!a.e->forced) {
        seen = lms_seen_in_row(&unedited, w, r, place, scale);
        d.has_keys = true;
        for (uint i = 0; i < row->tiles && scale > 0.0f; ++i) before[i] = tiles.keys[i];
    }
    /* Not sooner, so that they are in the nearest cache when tokens are edited. */
    if (!is_guided) lms_clear_edits(&d, row->logits.vocab);
    lms_edit_all(&d, &a);
    if (!d.has_keys) return lms_do_tiles(&row->logits, 0, row->tiles, &tiles, 0);
    lms_find_lost(&d);
    if (scale > 0.0f) lms_sum_edited(&row->logits, &unedited.logits, &tiles, before);
    return seen | d.seen;
}

#endif
