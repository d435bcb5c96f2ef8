/* contrastive/rows.cl - the k most probable tokens of each request, from its row of logits
 * (specification, section 19).
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
#include "cut/next.cl"
#include "cut/part.cl"
#include "sample/maxima.cl"

long lms_proposal_source(const lms_proposal_entry *e, __global const int *index, uint has_index,
                         ulong r)
{
    return has_index ? (long)index[r] : (long)e->index;
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_contrastive_tiles(__global const lms_element *logits, ulong offset, ulong stride,
                           ulong logits_rows, uint vocab,
                           __global const lms_proposal_entry *entries,
                           __global const int *index, ulong index_offset, uint has_index,
                           __global int *groups, __global int *tile_keys, __global ulong *sums,
                           __global uint *seen)
{
    __local lms_tile_shared shared;
    const uint row = (uint)get_global_id(1);
    const uint chunk = (uint)get_group_id(0), chunks = (uint)get_num_groups(0);
    const lms_proposal_entry e = entries[row];
    const long source = lms_proposal_source(&e, index + index_offset, has_index, row);
    if (source < 0 || (ulong)source >= logits_rows) return;
    const lms_tiles tiles = lms_tiles_with_sums(groups, tile_keys, sums, row, vocab,
                                                &e.filters);
    lms_do_chunk(logits + offset + (ulong)source * stride, vocab, chunk, &tiles,
                 seen + (ulong)row * chunks + chunk, &shared);
}

/* The row of an entry, if it will be read: it may as well come while another is worked on. */
__global const lms_element *lms_next_proposed(__global const lms_proposal_entry *entries,
                                            uint rows, ulong r,
                                            __global const lms_element *logits, ulong stride,
                                            ulong logits_rows, __global const int *index,
                                            uint has_index)
{
    if (r >= rows) return 0;
    const lms_proposal_entry e = entries[r];
    const long source = lms_proposal_source(&e, index, has_index, r);
    return source < 0 || (ulong)source >= logits_rows ? 0 : logits + (ulong)source * stride;
}

/* A row that can be read, to DONE. */
void lms_propose_row(lms_row *row, lms_task *t, lms_proposal *o)
{
    t->step = LMS_STEP_MAXIMUM;
    t->before = 0;
    while (t->step != LMS_STEP_DONE) {
        const bool own_step = t->step > LMS_STEP_DONE;
        const lms_part part = own_step ? lms_proposal_part(row, t, o) : lms_part_of(row, t);
        const lms_meeting m =
            lms_meet(row->shared, part, own_step ? 0 : lms_target_of_step(t));
        if (own_step) {
            lms_next_proposal(t, o, row, &m);
        } else {
            lms_next(t, row, &m);
        }
        if (t->step == LMS_STEP_ENVELOPE) lms_after_proposal_cut(t, o); /* in place of a draw */
    }
    lms_rank_own(row, t, o);
    lms_sync();
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_contrastive_rows(__global const lms_element *logits, ulong offset, ulong stride,
                          ulong logits_rows, uint vocab,
                          __global const lms_proposal_entry *entries, uint rows,
                          __global const int *index, ulong index_offset, uint has_index,
                          __global int *groups, __global int *tile_keys,
                          __global const uint *seen, uint chunks, uint with_tiles,
                          __global ulong *list, __global ulong *sums, __global lms_pick *picks,
                          __global lms_token *tokens, ulong tokens_offset,
                          __global float *probs, ulong probs_offset,
                          __global uint *status, ulong status_offset, uint has_status,
                          __global ulong *proposals)
{
    __local lms_shared shared;
    const ulong team = get_group_id(0), teams = get_num_groups(0);
    lms_clear_own_bins(&shared);
    /* A team has one row, unless it is a work-item: no barrier is in a loop over rows. */
    const ulong rounds = LMS_TEAM == 1 ? (rows + teams - 1) / teams : 1;
    for (ulong round = 0; round < rounds; ++round) {
        const ulong r = round * teams + team;
        if (r >= rows) continue;
        const lms_proposal_entry e = entries[r];
        const long source = lms_proposal_source(&e, index + index_offset, has_index, r);
        lms_proposal o;
        o.k = e.k;
        o.searching = false;
        o.kept = lms_cut_none();
        o.mass = 1;
        o.count = 0;
        o.picks = picks + team * 2 * LMS_MAX_CONTRASTIVE_K;
        o.ranked = o.picks + LMS_MAX_CONTRASTIVE_K;
        lms_task task;
        task.filters = e.filters;
        task.cut = lms_cut_none();
        task.outcome.filtered = 0;
        task.outcome.status = 0;
        task.attempt = 0;
        if (source == LMS_SKIP_ROW) {
            task.outcome.status = LMS_ROW_SKIPPED;
        } else if (source < 0 || (ulong)source >= logits_rows) {
            task.outcome.status = LMS_ROW_BAD_INDEX;
        } else {
            lms_row row = lms_row_at(logits + offset + (ulong)source * stride, vocab, team,
                                     groups, tile_keys, list, sums, &shared);
#if LMS_TEAM == 1
            row.next = lms_next_proposed(entries, rows, r + teams, logits + offset, stride,
                                         logits_rows, index + index_offset, has_index);
            if (with_tiles) {
                const lms_tiles tiles = lms_tiles_with_sums(groups, tile_keys, sums, team,
                                                            vocab, &e.filters);
                task.outcome.status = lms_do_tiles(row.x, vocab, 0, row.tiles, &tiles);
            }
#endif
            for (uint i = 0; i < chunks && !with_tiles; ++i) {
                task.outcome.status |= seen[r * chunks + i];
            }
            lms_propose_row(&row, &task, &o);
        }
        if (lms_item() != 0) continue;
        float prob = 1.0f;
        for (uint i = 0; i < e.k; ++i) {
            const ulong at = (ulong)e.first_row + i;
            if (i < o.count) prob = fmin(prob, o.ranked[i].prob);
            tokens[tokens_offset + at] =
                i < o.count ? (lms_token)o.ranked[i].token : (lms_token)LMS_NO_TOKEN;
            probs[probs_offset + at] = i < o.count ? prob : 0.0f;
        }
        if (has_status) status[status_offset + r] = task.outcome.status;
        proposals[e.slot] = e.proposal;
    }
}
