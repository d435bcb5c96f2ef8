/* rows.cl - the k most probable tokens of each request, from its row of logits (specification,
 * section 19).
 *
 *   in   logits [logits_rows][stride]; entries lms_proposal_entry[rows]; index int[rows] or
 *        none
 *   out  tokens int or long, probs float [candidate rows]; status uint[rows]; proposals
 *        ulong[slots], the entries' names
 *   run  lms_contrastive_tiles: as lms_tile_maxima, a row of work-groups for each entry.
 *        lms_contrastive_rows: work-groups of LMS_TEAM: one an entry, or, in teams of one, any
 *        number, which share out the entries
 *   mem  as for lms_sample; picks lms_pick[teams][2 * LMS_MAX_CONTRASTIVE_K], global
 */
#pragma once
#include "contrastive/propose.cl"
#include "edits/rows.cl"
#include "row/maxima.cl"

/* The index of an entry: a row of the logits, LMS_SKIP_ROW, or, where it comes from the device,
 * anything. Whoever calls this checks it. */
long lms_proposal_row(const lms_proposal_entry *e, __global const int *index, uint has_index,
                      ulong r)
{
    return has_index ? (long)index[r] : (long)e->index;
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_contrastive_tiles(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab,
                           __global const lms_proposal_entry *entries,
                           __global const int *index, ulong index_offset, uint has_index,
                           LMS_TILE_PASS_ARGUMENTS LMS_AND_REQUESTS)
{
    __local lms_tile_shared shared;
    const ulong row = lms_row_of_group();
    const lms_proposal_entry e = entries[row];
    const long logits_row = lms_proposal_row(&e, index + index_offset, has_index, row);
    if (logits_row < 0 || (ulong)logits_row >= logits_rows) return;
    const lms_workspace workspace = LMS_TILE_PASS_WORKSPACE;
    LMS_REQUESTS_OF_CALL;
    const lms_logits x = LMS_EDITED_FOR_TILES(logits_row, row);
    const float scale = lms_finds_scale() ? lms_sums_scale(&e.filters, vocab) : 0.0f;
    lms_do_chunk(&x, &workspace, row, scale, chunk, &shared);
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_contrastive_rows(LMS_LOGITS_ARGUMENTS, ulong logits_rows, uint vocab,
                          __global const lms_proposal_entry *entries, uint rows,
                          __global const int *index, ulong index_offset, uint has_index,
                          LMS_ROW_PASS_ARGUMENTS, __global lms_pick *picks,
                          __global lms_token *tokens, ulong tokens_offset,
                          __global float *probs, ulong probs_offset,
                          __global uint *status, ulong status_offset, uint has_status,
                          __global ulong *proposals LMS_AND_REQUESTS)
{
    __local lms_shared shared;
    LMS_OURS lms_proposing proposing;
    const ulong team = get_group_id(0), teams = get_num_groups(0);
    LMS_REQUESTS_OF_CALL;
    const ulong rounds = lms_rounds(rows, teams);
    const lms_workspace workspace = LMS_ROW_PASS_WORKSPACE;
    lms_begin_meetings(&shared);
    for (ulong round = 0; round < rounds; ++round) {
        const ulong r = round * teams + team, next = r + teams;
        if (r >= rows) continue;
        const lms_proposal_entry e = entries[r];
        const long logits_row = lms_proposal_row(&e, index + index_offset, has_index, r);
        uint seen = LMS_ROW_SKIPPED, found = 0;
        if (logits_row != LMS_SKIP_ROW) seen = LMS_ROW_BAD_INDEX;
        const bool is_there = logits_row >= 0 && (ulong)logits_row < logits_rows;
        if (is_there) seen = LMS_REQUEST_STATUS(r);
        if (seen == LMS_ROW_OK) {
            lms_row row =
                lms_row_at(LMS_EDITED_ROW(logits_row, r, team), &workspace, team, &shared);
            if (LMS_TEAM == 1 && next < rows) {
                const lms_proposal_entry after = entries[next];
                const long i = lms_proposal_row(&after, index + index_offset, has_index, next);
                const bool is_next = i >= 0 && (ulong)i < logits_rows;
                row.next = is_next ? LMS_LOGITS_ROW(i).stored : 0;
            }
            if (lms_item() == 0) {
                lms_cutting cutting = lms_cutting_of(lms_rules_of(&e.filters, vocab));
                const float scale = lms_sums_scale(&e.filters, vocab);
                cutting.seen = LMS_BEGIN_ROW(&row, r, team, e.filters, scale);
                proposing.cutting = cutting;
                proposing.proposal = lms_proposal_of(e.k, e.filters.temperature,
                                                     picks + team * 2 * LMS_MAX_CONTRASTIVE_K);
            }
#if LMS_TEAM == 1
            lms_propose_row(&row, &proposing);
#else
            if (lms_item() == 0) proposing.row = row;
            lms_propose_row(&shared, &proposing);
#endif
            seen = proposing.cutting.seen;
            found = proposing.proposal.count;
        }
        if (lms_item() != 0) continue;
        __global const lms_pick *const ranked =
            picks + (team * 2 + 1) * LMS_MAX_CONTRASTIVE_K;
        float prob = 1.0f;
        for (uint i = 0; i < e.k; ++i) {
            const ulong at = (ulong)e.first_row + i;
            const bool is_found = i < found;
            if (is_found) prob = fmin(prob, ranked[i].prob);
            tokens[tokens_offset + at] =
                (lms_token)(is_found ? ranked[i].token : LMS_NO_TOKEN);
            probs[probs_offset + at] = is_found ? prob : 0.0f;
        }
        if (has_status) status[status_offset + r] = seen;
        proposals[e.slot] = e.proposal;
    }
}
