/* part.cl - a work-item's part of every step. No barriers here. */

/* The lowest id with the largest key, negated; LONG_MIN if it is not in the own tiles. */
long lms_first_own(const lms_row *row)
{
    for (uint tile = row->first; tile < row->last; ++tile) {
        if (row->tile_keys[tile] != row->max_key) continue;
        for (uint i = tile * LMS_TILE; i < row->vocab; ++i) {
            if (lms_key(lms_load(row->x, i)) == row->max_key) return -(long)i;
        }
    }
    return LONG_MIN;
}

void lms_bin_head(const lms_row *row, const lms_task *t)
{
    const uint per = t->by_tile ? 1 : LMS_TILE_GROUPS;
    __global const int *const keys = t->by_tile ? row->tile_keys : row->groups;
    uint i = row->first * per;
    for (; i + 8 <= row->last * per; i += 8) {
        lms_bin_add8(row->shared, lms_bins_of8(&t->head, vload8(0, keys + i)), (ulong8)(1));
    }
    for (; i < row->last * per; ++i) {
        if (lms_inside(&t->head, keys[i])) {
            lms_bin_add(row->shared, lms_bin_of(&t->head, keys[i]), 1);
        }
    }
}

lms_part lms_part_of(const lms_row *row, lms_task *t)
{
    lms_part part;
    uint id = 0;
    part.sum = 0;
    part.best = LONG_MIN;
    switch (t->step) {
    case LMS_STEP_MAXIMUM:
        part.best = LMS_NEVER;
        for (uint i = row->first; i < row->last; ++i) {
            part.best = max(part.best, (long)row->tile_keys[i]);
        }
        break;
    case LMS_STEP_FIRST: part.best = lms_first_own(row); break;
    case LMS_STEP_HEAD: lms_bin_head(row, t); break;
    case LMS_STEP_TOTAL: part.sum = lms_total_own(row, &t->filter_scale); break;
    case LMS_STEP_BASE: part.sum = lms_kept_own(row, &t->filter_scale, t->base).mass; break;
    case LMS_STEP_COUNT:
        part.sum = lms_list_own(row, &t->filter_scale, &t->f, 0, LMS_TEAM == 1);
        break;
    case LMS_STEP_LIST:
        if (LMS_TEAM > 1) lms_list_own(row, &t->filter_scale, &t->f, (uint)t->before, true);
        break;
    case LMS_STEP_LIST_MASS:
        part.sum = lms_listed_mass(row, t->listed, t->base);
        break;
    case LMS_STEP_LIST_BINS: lms_bin_list(row, &t->f, t->listed); break;
    case LMS_STEP_LIST_TIES: part.sum = lms_tie_list(row, &t->f, t->listed, 0, &id); break;
    case LMS_STEP_LIST_WALK:
        if (lms_my_turn(t)) {
            lms_tie_list(row, &t->f, t->listed, t->f.target - t->f.before - t->before, &id);
            part.best = id;
        }
        break;
    case LMS_STEP_ROW_BINS: lms_bin_row(row, &t->filter_scale, &t->f); break;
    case LMS_STEP_ROW_TIES:
        part.sum = lms_tie_row(row, &t->filter_scale, &t->f, 0, &id);
        break;
    case LMS_STEP_ROW_WALK:
        if (lms_my_turn(t)) {
            const ulong stop = t->f.target - t->f.before - t->before;
            lms_tie_row(row, &t->filter_scale, &t->f, stop, &id);
            part.best = id;
        }
        break;
    case LMS_STEP_ENVELOPE: part.sum = lms_envelope_own(row, &t->draw_scale, t->cut); break;
    case LMS_STEP_PREFIX:
        for (uint i = row->first; i < row->last; ++i) row->prefix[i] += t->before;
        break;
    case LMS_STEP_ATTEMPTS:
        part.best = lms_try(row, &t->draw_scale, t->cut, t->envelope, &t->source, t->attempt);
        break;
    default: break;
    }
    t->own = part.sum;
    return part;
}
