/* beam/rows.cl - what the live beams of a step offer: each beam's best tokens and their scores,
 * from its row of logits.
 *
 *   in   logits [..][stride]; entries lms_beam_entry[rows], the beams of the call; states,
 *        groups and live of the slots; ends int[slots][max_ends]
 *   out  candidates [rows][stride of candidates], offers lms_beam_offer[rows]; nothing of beams
 *        that are not live
 *   run  lms_beam_tiles: as lms_tile_maxima, a row of work-groups for each entry.
 *        lms_beam_rows: work-groups of LMS_TEAM: one an entry, or, in teams of one, any number,
 *        which share out the entries
 *   mem  as for lms_sample
 */
#pragma once
#include "beam/offer_steps.cl"
#include "beam/slots.cl"
#include "cut/next.cl"
#include "sample/maxima.cl"

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_tiles(__global const lms_element *logits, ulong offset, ulong stride, uint vocab,
                    __global const lms_beam_entry *entries, __global lms_beam_state *states,
                    __global lms_beam_group *beam_groups, uint max_width, __global int *groups,
                    __global int *tile_keys, __global ulong *sums, __global uint *seen)
{
    __local lms_tile_shared shared;
    const uint row = (uint)get_global_id(1);
    const uint chunk = (uint)get_group_id(0), chunks = (uint)get_num_groups(0);
    const lms_beam_entry e = entries[row];
    const lms_beams beams = {states, beam_groups, 0, 0, max_width, 0};
    if (!lms_is_live(&beams, e)) return;
    const lms_filters filters = states[e.slot].p.filters;
    const lms_tiles tiles =
        lms_tiles_with_sums(groups, tile_keys, sums, row, vocab, &filters);
    lms_do_chunk(logits + offset + (ulong)e.row * stride, vocab, chunk, &tiles,
                 seen + (ulong)row * chunks + chunk, &shared);
}

lms_offer lms_offer_of(const lms_beams *b, lms_beam_entry e, uint vocab,
                       __global lms_candidate *out)
{
    const lms_beam_params p = b->states[e.slot].p;
    lms_offer o;
    o.mode = p.mode;
    o.of_eligible = p.mode != LMS_BEAM_SEARCH || (p.flags & LMS_BEAM_RENORMALIZE);
    o.sums_scale = lms_sums_scale(&p.filters, vocab);
    o.sums_fit = o.sums_scale == lms_scale(p.filters.temperature);
    o.turn = b->states[e.slot].step;
    o.ends = b->ends + (ulong)e.slot * b->max_ends;
    o.end_count = o.turn < p.min_length ? p.end_tokens : 0;
    o.want = lms_beam_wanted(&p);
    o.seed = p.seed;
    o.beam = e.beam;
    o.score = 0;
    o.value = 0;
    if (o.turn > 0) {
        const lms_beam_live live = b->live[(ulong)e.slot * b->max_width + e.beam];
        o.score = live.score;
        o.value = live.value;
    }
    o.searching = false;
    o.inverse = lms_inverse_of(p.filters.temperature);
    o.drawn = 0;
    o.out = out;
    o.count = 0;
    return o;
}

/* A live beam's row, to DONE. */
void lms_offer_row(lms_row *row, lms_task *t, lms_offer *o)
{
    lms_to_offer(t, o);
    t->before = 0;
    while (t->step != LMS_STEP_DONE) {
        const bool own_step = t->step > LMS_STEP_DONE;
        const lms_part part = own_step ? lms_offer_part(row, t, o) : lms_part_of(row, t);
        const lms_meeting m =
            lms_meet(row->shared, part, own_step ? 0 : lms_target_of_step(t));
        if (own_step) {
            lms_next_offer(t, o, row, &m);
        } else {
            lms_next(t, row, &m);
        }
        if (t->step == LMS_STEP_ENVELOPE) lms_after_cut(t, o, row); /* in place of a draw */
    }
}

/* Rows of teams of one: in every round all teams have one each, but not always in the same
 * order, so that live rows in every so-and-so-many-th place are not all one team's. */
ulong lms_row_of_round(ulong round, ulong team, ulong teams)
{
    return round * teams + (team + 5 * round) % teams;
}

/* The row of an entry, if it will be read: it may as well come while another is worked on. */
__global const lms_element *lms_next_live(const lms_beams *b,
                                        __global const lms_beam_entry *entries, uint rows,
                                        ulong r, __global const lms_element *logits, ulong stride)
{
    if (r >= rows || !lms_is_live(b, entries[r])) return 0;
    return logits + (ulong)entries[r].row * stride;
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_rows(__global const lms_element *logits, ulong offset, ulong stride, uint vocab,
                   __global const lms_beam_entry *entries, uint rows, LMS_BEAMS_ARGUMENTS,
                   __global int *groups, __global int *tile_keys,
                   __global const uint *seen, uint chunks, uint with_tiles,
                   __global ulong *list, __global ulong *sums,
                   __global lms_candidate *candidates, uint max_candidates,
                   __global lms_beam_offer *offers)
{
    __local lms_shared shared;
    const lms_beams beams = LMS_BEAMS;
    const ulong team = get_group_id(0);
    lms_clear_own_bins(&shared);
    const ulong teams = get_num_groups(0), end = (rows + teams - 1) / teams;
    /* A team has one row, unless it is a work-item: no barrier is in a loop over rows. */
    for (ulong round = 0; round < (LMS_TEAM == 1 ? end : 1); ++round) {
        const ulong r = lms_row_of_round(round, team, teams);
        if (r >= rows) continue;
        const lms_beam_entry e = entries[r];
        if (!lms_is_live(&beams, e)) continue;
        const lms_filters filters = states[e.slot].p.filters;
        lms_row row = lms_row_at(logits + offset + (ulong)e.row * stride, vocab, team, groups,
                                 tile_keys, list, sums, &shared);
        if (LMS_TEAM == 1) {
            row.next = lms_next_live(&beams, entries, rows,
                                     lms_row_of_round(round + 1, team, teams),
                                     logits + offset, stride);
        }
        lms_task task;
        task.filters = filters;
        task.cut = lms_cut_none();
        task.outcome.status = 0;
        task.outcome.filtered = 0;
        task.attempt = 0;
        lms_offer offer = lms_offer_of(&beams, e, vocab, candidates + r * max_candidates);
        offer.groups = groups + team * row.tiles * LMS_TILE_GROUPS;
        offer.tile_keys = tile_keys + team * row.tiles;
#if LMS_TEAM == 1
        if (with_tiles) {
            const lms_tiles tiles =
                lms_tiles_with_sums(groups, tile_keys, sums, team, vocab, &filters);
            task.outcome.status = lms_do_tiles(row.x, vocab, 0, row.tiles, &tiles);
        }
#endif
        for (uint i = 0; i < chunks && !with_tiles; ++i) {
            task.outcome.status |= seen[r * chunks + i];
        }
        lms_offer_row(&row, &task, &offer);
        if (lms_item() != 0) continue;
        offers[r].count = offer.count;
        offers[r].seen = task.outcome.status & (LMS_ROW_NAN_SEEN | LMS_ROW_INF_SEEN);
    }
}
