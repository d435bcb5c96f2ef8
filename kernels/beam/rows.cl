/* rows.cl - what the live beams of a step offer: each beam's best tokens and their scores, from
 * its row of logits.
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
#include "beam/offer_row.cl"
#include "beam/slots.cl"
#include "edits/rows.cl"

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_tiles(LMS_LOGITS_ARGUMENTS, uint vocab, __global const lms_beam_entry *entries,
                    __global lms_beam_state *states, __global lms_beam_group *beam_groups,
                    uint max_width, LMS_TILE_PASS_ARGUMENTS LMS_AND_REQUESTS)
{
    __local lms_tile_shared shared;
    const ulong row = lms_row_of_group();
    const lms_beam_entry e = entries[row];
    const lms_beams beams = lms_beams_of(states, beam_groups, 0, 0, max_width, 0);
    if (!lms_is_live(&beams, e)) return;
    const lms_workspace workspace = LMS_TILE_PASS_WORKSPACE;
    const lms_filters filters = states[e.slot].p.filters;
    LMS_REQUESTS_OF_CALL;
    const lms_logits x = LMS_EDITED_FOR_TILES(e.row, row);
    const float scale = lms_finds_scale() ? lms_sums_scale(&filters, vocab) : 0.0f;
    lms_do_chunk(&x, &workspace, row, scale, chunk, &shared);
}

lms_offer lms_offer_of(const lms_beams *b, lms_beam_entry e, uint vocab,
                       __global lms_candidate *out)
{
    const lms_beam_params p = b->states[e.slot].p;
    lms_offer o;
    o.mode = p.mode;
    o.is_of_eligible = p.mode != LMS_BEAM_SEARCH || (p.flags & LMS_BEAM_RENORMALIZE);
    o.scale = lms_scale(p.filters.temperature);
    o.sums_scale = lms_sums_scale(&p.filters, vocab);
    o.clocks.seed = p.seed;
    o.clocks.stream = 1 + e.beam;
    o.clocks.turn = b->states[e.slot].step;
    o.clocks.drawn = 0;
    o.ends = b->ends + (ulong)e.slot * b->max_ends;
    o.end_count = o.clocks.turn < p.min_length ? p.end_tokens : 0;
    o.want = lms_beam_wanted(&p);
    o.score = 0;
    o.value = 0;
    if (o.clocks.turn > 0) {
        const lms_beam_live live = b->live[(ulong)e.slot * b->max_width + e.beam];
        o.score = live.score;
        o.value = live.value;
    }
    o.is_listing = false;
    o.inverse = lms_inverse_of(p.filters.temperature);
    o.out = out;
    o.count = 0;
    return o;
}

/* The beam of a row whose request is bad: by a team. */
void lms_refuse_beam(__global lms_beam_offer *offer)
{
    if (lms_item() != 0) return;
    offer->count = 0;
    offer->seen = LMS_BEAM_BAD_REQUEST;
}

/* Rows of teams of one: in every round all teams have one each, in an order that changes from
 * round to round. Else, where live rows are at equal distances, one team could have all. */
ulong lms_row_of_round(ulong round, ulong team, ulong teams)
{
    return round * teams + (team + 5 * round) % teams;
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_beam_rows(LMS_LOGITS_ARGUMENTS, uint vocab, __global const lms_beam_entry *entries,
                   uint rows, LMS_BEAMS_ARGUMENTS, LMS_ROW_PASS_ARGUMENTS,
                   __global lms_candidate *candidates, uint max_candidates,
                   __global lms_beam_offer *offers LMS_AND_REQUESTS)
{
    __local lms_shared shared;
    LMS_OURS lms_offering offering;
    const ulong team = get_group_id(0), teams = get_num_groups(0);
    const ulong rounds = lms_rounds(rows, teams);
    const lms_beams beams = LMS_BEAMS;
    const lms_workspace workspace = LMS_ROW_PASS_WORKSPACE;
    LMS_REQUESTS_OF_CALL;
    lms_begin_meetings(&shared);
    for (ulong round = 0; round < rounds; ++round) {
        const ulong r = lms_row_of_round(round, team, teams);
        const ulong next = lms_row_of_round(round + 1, team, teams);
        if (r >= rows || !lms_is_live(&beams, entries[r])) continue;
        const lms_beam_entry e = entries[r];
        const lms_filters filters = states[e.slot].p.filters;
        if (LMS_REQUEST_STATUS(r) != LMS_ROW_OK) {
            lms_refuse_beam(&offers[r]);
            continue;
        }
        lms_row row =
            lms_row_at(LMS_EDITED_ROW(e.row, r, team), &workspace, team, &shared);
        if (LMS_TEAM == 1 && next < rows && lms_is_live(&beams, entries[next])) {
            row.next = LMS_LOGITS_ROW(entries[next].row).stored;
        }
        if (lms_item() == 0) {
            lms_cutting cutting = lms_cutting_of(lms_rules_of(&filters, vocab));
            lms_offer offer = lms_offer_of(&beams, e, vocab, candidates + r * max_candidates);
            lms_begin_offer(&offer);
            cutting.seen = LMS_BEGIN_ROW(&row, r, team, filters, offer.sums_scale);
            offering.cutting = cutting;
            offering.offer = offer;
        }
#if LMS_TEAM == 1
        lms_offer_row(&row, &offering);
#else
        if (lms_item() == 0) offering.row = row;
        lms_offer_row(&shared, &offering);
#endif
        if (lms_item() != 0) continue;
        offers[r].count = offering.offer.count;
        offers[r].seen = offering.cutting.seen & (LMS_ROW_NAN_SEEN | LMS_ROW_INF_SEEN);
    }
}
