/* next.cl - which step follows which: the same decision in all work-items of a team. */

/* Groups that are worth listing when nobody says how many tokens count. */
#define LMS_HEAD_GROUPS 240u

/* What no such list holds: its tokens weigh at most 2^30 each, and in flat rows much less. */
#define LMS_LIST_MASS ((ulong)LMS_HEAD_GROUPS << (30 + LMS_GUARD_BITS))

void lms_to_draw(lms_task *t)
{
    t->draw_scale = lms_at_scale(lms_scale(t->p.temperature), t->outcome.max_key);
    t->step = LMS_STEP_ENVELOPE;
}

/* First bins: of 1/32 octave of probability, which suit most rows; of keys, where nothing but the
 * maximum has any. */
void lms_suit_bins(const lms_task *t, lms_search *f)
{
    f->linear = t->filter_scale.huge ? 0.0f : t->filter_scale.s * 32.0f;
    lms_fit_bins(f);
}

void lms_to_row_bins(lms_task *t)
{
    lms_suit_bins(t, &t->f);
    t->step = LMS_STEP_ROW_BINS;
}

/* The candidates did not fit the list. */
void lms_overflow(lms_task *t)
{
    if (t->narrowed) {
        lms_fit_bins(&t->f);
        t->step = lms_single_key(&t->f) ? LMS_STEP_ROW_TIES : LMS_STEP_ROW_BINS;
    } else if (t->for_k || t->whole) {
        t->f.low = LMS_NEVER;
        lms_to_row_bins(t);
    } else {
        t->step = LMS_STEP_BASE;
    }
}

/* Lists the tokens above f.low, if that says anything. */
void lms_to_list(lms_task *t)
{
    t->narrowed = false;
    if (t->f.low == LMS_NEVER) {
        lms_overflow(t);
    } else {
        t->step = LMS_STEP_COUNT;
    }
}

/* Looks for a key with at least k tiles or groups above it: at least k tokens are above it, and for
 * most data not many more. */
void lms_to_head(lms_task *t, const lms_row *row, uint k)
{
    t->by_tile = k <= row->tiles / 2;
    if (k > row->tiles * LMS_TILE_GROUPS / 2) {
        lms_to_list(t);
        return;
    }
    t->head = lms_search_of(k, false, LMS_NEVER, row->max_key);
    lms_suit_bins(t, &t->head);
    t->step = LMS_STEP_HEAD;
}

void lms_to_top_p(lms_task *t, const lms_row *row)
{
    if (!lms_has_top_p(t)) {
        lms_to_draw(t);
        return;
    }
    t->for_k = false;
    t->f = lms_search_of(1, true, LMS_NEVER, row->max_key);
    if (t->whole) {
        t->base = lms_cut_none();
        t->step = LMS_STEP_TOTAL;
    } else {
        t->f.low = t->base.key - 1;
        lms_to_list(t);
    }
}

/* The end of a search. */
void lms_found_cut(lms_task *t, const lms_row *row, lms_cut cut)
{
    if (!t->for_k) {
        t->cut = lms_tighter(t->cut, cut);
        lms_to_draw(t);
        return;
    }
    if (t->p.flags & LMS_TOP_K_TIES) cut.id = UINT_MAX;
    t->cut = lms_tighter(t->cut, cut);
    t->base = lms_tighter(t->base, cut);
    lms_to_top_p(t, row);
}

/* min-p needs nothing but the row's maximum; the others have steps of their own. */
void lms_to_filters(lms_task *t, const lms_row *row)
{
    const bool top_k = lms_has_top_k(t, row);
    t->cut = lms_cut_none();
    t->base = lms_cut_none();
    if (!top_k && !lms_has_min_p(t) && !lms_has_top_p(t)) {
        lms_to_draw(t);
        return;
    }
    t->outcome.filtered = LMS_FILTERED;
    const float temperature = t->p.flags & LMS_TEMPERATURE_LAST ? 1.0f : t->p.temperature;
    t->filter_scale = lms_at_scale(lms_scale(temperature), row->max_key);
    t->whole = true;
    if (lms_has_min_p(t)) {
        t->cut = lms_min_p(&t->filter_scale, t->p.min_p);
        if (!(t->p.flags & LMS_MIN_P_LAST)) {
            t->base = t->cut;
            t->whole = false;
        }
    }
    if (top_k || t->p.flags & LMS_TOP_P_WHOLE_ROW) t->whole = t->p.flags & LMS_TOP_P_WHOLE_ROW;
    if (top_k) {
        t->for_k = true;
        t->f = lms_search_of((uint)t->p.top_k, false, LMS_NEVER, row->max_key);
        lms_to_head(t, row, (uint)t->p.top_k);
    } else {
        lms_to_top_p(t, row);
    }
}

void lms_after_maximum(lms_task *t, lms_row *row, int max_key)
{
    row->max_key = max_key;
    t->outcome.max_key = max_key;
    t->step = LMS_STEP_DONE;
    if (max_key == LMS_NEVER) {
        t->outcome.status |= LMS_ROW_EMPTY;
        return;
    }
    if (max_key == LMS_KEY_INF) t->outcome.status |= LMS_ROW_INF_SEEN;
    if (lms_is_greedy(t)) {
        t->outcome.filtered = LMS_GREEDY;
        t->step = LMS_STEP_FIRST;
    } else {
        lms_to_filters(t, row);
    }
}

void lms_after_head(lms_task *t, const lms_meeting *m)
{
    if (m->bin == LMS_BINS) {
        lms_to_list(t); /* fewer than k are live */
        return;
    }
    lms_narrow(&t->head, *m);
    /* A few too many cost less than another round. */
    if (lms_single_key(&t->head) || m->bin_measure <= 8 + t->head.target / 8) {
        t->f.low = t->head.low;
        lms_to_list(t);
    } else {
        lms_fit_bins(&t->head);
    }
}

void lms_to_list_bins(lms_task *t)
{
    lms_fit_bins(&t->f);
    t->step = lms_single_key(&t->f) ? LMS_STEP_LIST_TIES : LMS_STEP_LIST_BINS;
}

void lms_after_list(lms_task *t)
{
    if (t->narrowed || t->for_k) {
        lms_to_list_bins(t);
    } else {
        t->step = LMS_STEP_LIST_MASS;
    }
}

/* Top-p's candidates are listed. Either the cut is among them, or the search goes on below. */
void lms_after_list_mass(lms_task *t, ulong mass)
{
    if (!t->whole) t->f.target = lms_share_of(mass, t->p.top_p);
    if (mass >= t->f.target) {
        lms_to_list_bins(t);
    } else {
        t->f.before = mass;
        t->f.high = t->f.low;
        t->f.low = LMS_NEVER;
        lms_to_row_bins(t);
    }
}

void lms_after_row_bins(lms_task *t, const lms_row *row, const lms_meeting *m)
{
    if (m->bin == LMS_BINS) {
        lms_found_cut(t, row, lms_cut_none()); /* all of them do not reach the target */
        return;
    }
    lms_narrow(&t->f, *m);
    t->narrowed = true;
    t->step = LMS_STEP_COUNT;
}

void lms_after_attempts(lms_task *t, long best)
{
    t->step = LMS_STEP_DONE;
    if (best != LMS_NOT_DRAWN) {
        t->outcome.token = (int)(best & 0xffffffffl);
        return;
    }
    t->attempt += LMS_TEAM;
    if (t->attempt < t->source.attempts) {
        t->step = LMS_STEP_ATTEMPTS;
    } else if (t->source.attempts < LMS_ATTEMPTS) {
        t->outcome.status |= LMS_ROW_UNIFORMS_SPENT;
    } else {
        t->step = LMS_STEP_FIRST;
    }
}

void lms_next(lms_task *t, lms_row *row, const lms_meeting *m)
{
    t->before = m->before;
    switch (t->step) {
    case LMS_STEP_MAXIMUM: lms_after_maximum(t, row, (int)m->best); break;
    case LMS_STEP_FIRST:
        t->outcome.token = (int)-m->best;
        t->step = LMS_STEP_DONE;
        break;
    case LMS_STEP_HEAD: lms_after_head(t, m); break;
    case LMS_STEP_TOTAL:
        t->f.target = lms_share_of(m->total, t->p.top_p);
        if (t->f.target > LMS_LIST_MASS) {
            lms_to_row_bins(t);
        } else {
            lms_to_head(t, row, min(LMS_HEAD_GROUPS, row->tiles * LMS_TILE_GROUPS / 2));
        }
        break;
    case LMS_STEP_BASE:
        t->f.target = lms_share_of(m->total, t->p.top_p);
        lms_to_row_bins(t);
        break;
    case LMS_STEP_COUNT:
        t->listed = (uint)min(m->total, (ulong)LMS_LIST + 1);
        if (t->listed > LMS_LIST) {
            lms_overflow(t);
        } else {
            t->step = LMS_STEP_LIST;
        }
        break;
    case LMS_STEP_LIST: lms_after_list(t); break;
    case LMS_STEP_LIST_MASS: lms_after_list_mass(t, m->total); break;
    case LMS_STEP_LIST_BINS:
        lms_narrow(&t->f, *m);
        lms_to_list_bins(t);
        break;
    case LMS_STEP_LIST_TIES: t->step = LMS_STEP_LIST_WALK; break;
    case LMS_STEP_ROW_BINS: lms_after_row_bins(t, row, m); break;
    case LMS_STEP_ROW_TIES: t->step = LMS_STEP_ROW_WALK; break;
    case LMS_STEP_LIST_WALK:
    case LMS_STEP_ROW_WALK:
        lms_found_cut(t, row, lms_cut_at(t->f.high, (uint)m->best));
        break;
    case LMS_STEP_ENVELOPE:
        t->envelope = m->total;
        t->step = LMS_TEAM > 1 ? LMS_STEP_PREFIX : LMS_STEP_ATTEMPTS;
        break;
    case LMS_STEP_PREFIX: t->step = LMS_STEP_ATTEMPTS; break;
    case LMS_STEP_ATTEMPTS: lms_after_attempts(t, m->best); break;
    default: break;
    }
}
