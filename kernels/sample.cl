/* sample.cl - a row's token, from the maxima of its groups and the few logits they point to.
 *
 *   in   logits, index as for lms_tile_maxima; its outputs, or with_tiles (teams of one only):
 *        then the row's tiles are done here, while the row is in the cache; params
 *        lms_row_params[rows]; words uint[rows][attempts][4] or none
 *   out  tokens int or long[rows]; status uint[rows]; outcome lms_outcome[rows] for lms_report
 *   run  LMS_TEAM * rows work-items in work-groups of LMS_TEAM: one team a row
 *   mem  sizeof(lms_shared) local; list and sums: LMS_LIST entries and `tiles` sums a row,
 *        global
 *
 * A row is a sequence of supersteps: lms_part_of() does a work-item's part of one, lms_meet()
 * combines the parts, lms_next() decides on the next step, alike in all work-items.
 *
 *   MAXIMUM -> FIRST                                                                greedy
 *   MAXIMUM -> [top-k] -> [top-p] -> ENVELOPE -> PREFIX -> ATTEMPTS                 all others
 *
 *   top-k:   HEAD .. -> COUNT -> LIST -> LIST_BINS .. -> LIST_TIES -> LIST_WALK
 *   top-p:   TOTAL -> HEAD .. -> COUNT -> LIST -> LIST_BINS .. -> LIST_TIES -> LIST_WALK
 *   too many candidates for the list, or too little mass among them:
 *            [BASE ->] ROW_BINS .. -> COUNT -> LIST -> LIST_BINS ..   or   ROW_TIES -> ROW_WALK
 */

#if LMS_TOKENS == 2
typedef long lms_token;
#else
typedef int lms_token;
#endif

/* What the bins are to reach; 0 in a step that does not use them. */
ulong lms_target_of_step(const lms_task *t)
{
    switch (t->step) {
    case LMS_STEP_HEAD: return LMS_TEAM == 1 ? 0 : t->head.target - t->head.before;
    case LMS_STEP_LIST_BINS:
    case LMS_STEP_ROW_BINS: return t->f.target - t->f.before;
    default: return 0;
    }
}

/* A row that can be sampled, from MAXIMUM to DONE. */
void lms_sample_row(lms_row *row, lms_task *t)
{
    t->step = LMS_STEP_MAXIMUM;
    t->attempt = 0;
    t->before = 0;
    lms_clear_own_bins(row->shared);
    while (t->step != LMS_STEP_DONE) {
        const lms_part part = lms_part_of(row, t);
        const lms_meeting m = lms_meet(row->shared, part, lms_target_of_step(t));
        lms_next(t, row, &m);
    }
}

__kernel __attribute__((reqd_work_group_size(LMS_TEAM, 1, 1)))
void lms_sample(__global const lms_logit *logits, ulong offset, ulong stride, ulong logits_rows,
                uint vocab, __global const int *index, ulong index_offset, uint has_index,
                __global const lms_row_params *params, ulong params_offset,
                __global const uint *words, ulong words_offset, uint attempts,
                __global int *groups, __global int *tile_keys, __global const uint *seen,
                uint chunks, uint with_tiles, __global ulong *list,
                __global ulong *sums, __global lms_outcome *outcomes,
                __global lms_token *tokens, ulong tokens_offset,
                __global uint *status, ulong status_offset, uint has_status)
{
    __local lms_shared shared;
    const size_t r = get_group_id(0);
    const long source_row = has_index ? (long)index[index_offset + r] : (long)r;
    lms_task task;
    task.p = params[params_offset + r];
    task.outcome.token = LMS_NO_TOKEN;
    task.outcome.filtered = 0;
    task.outcome.max_key = LMS_NEVER;
    task.cut = lms_cut_none();
    task.outcome.source = source_row;
    const uint field = lms_bad_field(task.p);
    if (source_row == LMS_SKIP_ROW) {
        task.outcome.status = LMS_ROW_SKIPPED;
    } else if (source_row < 0 || (ulong)source_row >= logits_rows) {
        task.outcome.status = LMS_ROW_BAD_INDEX;
    } else if (field) {
        task.outcome.status = LMS_ROW_BAD_PARAMS | field << 8;
    } else {
        lms_row row = lms_row_at(logits + offset + (ulong)source_row * stride, vocab, r, groups,
                                 tile_keys, list, sums, &shared);
        task.source.seed = task.p.seed;
        task.source.step = task.p.step;
        task.source.words = attempts ? words + (words_offset + r * attempts) * 4 : 0;
        task.source.attempts = attempts ? min(attempts, LMS_ATTEMPTS) : LMS_ATTEMPTS;
        task.outcome.status = 0;
#if LMS_TEAM == 1
        if (with_tiles) {
            const lms_tiles tiles =
                lms_tiles_of(groups, tile_keys, sums, r, vocab, &task.p);
            task.outcome.status = lms_do_tiles(row.x, vocab, 0, row.tiles, &tiles);
        }
#endif
        for (uint i = 0; i < chunks && !with_tiles; ++i) {
            task.outcome.status |= seen[r * chunks + i];
        }
        lms_sample_row(&row, &task);
    }
    task.outcome.cut_key = task.cut.key;
    task.outcome.cut_id = task.cut.id;
    if (lms_lane() == 0) {
        outcomes[r] = task.outcome;
        tokens[tokens_offset + r] = (lms_token)task.outcome.token;
        if (has_status) status[status_offset + r] = task.outcome.status;
    }
}
