/* brackets.cl - the pieces of draw/judge.cl, one by one, for rows and tokens of test_brackets.c,
 * which puts this behind the sampler's program and brackets.h.
 *
 *   in   logits; questions[rows]
 *   out  answers[rows]
 *   run  work-groups of one, as many as places
 *   mem  groups, tile_keys, sums, list: BRACKET_PLACES rows' */

lms_rules bracket_rules(const bracket_question *q, uint i)
{
    lms_rules r = lms_rules_none();
    r.top_p = q->top_p[i];
    r.scale = lms_scale(q->temperature);
    return r;
}

lms_judge bracket_judge(const lms_row *row, const lms_rules *rules, ulong envelope)
{
    lms_judge j = lms_judge_of_rules(rules, row->max_key, lms_cut_none());
    lms_learn_envelope(&j, row, envelope);
    return j;
}

bracket_range bracket_range_of(lms_range r)
{
    bracket_range to;
    to.least = r.least;
    to.most = r.most;
    return to;
}

bracket_view bracket_view_of(const lms_judge *j, lms_range before)
{
    bracket_view v;
    bool keeps = false;
    v.base.least = j->least;
    v.base.most = j->most;
    v.before = bracket_range_of(before);
    v.decides = lms_decides(j, before, &keeps);
    v.keeps = keeps;
    return v;
}

bracket_known bracket_known_of(lms_known known)
{
    bracket_known to;
    to.above = known.above;
    to.mass = known.mass;
    to.slots = known.slots;
    to.excess = known.excess;
    return to;
}

void bracket_parts(const lms_row *row, const bracket_question *q, uint i, lms_cut before,
                   ulong envelope, bool has_rough, __global bracket_token *to)
{
    const lms_rules rules = bracket_rules(q, i);
    lms_judge near = bracket_judge(row, &rules, envelope);
    const lms_scaled scaled = near.scaled;
    const lms_cut cuts[] = {before, lms_cut_at(q->low[i], UINT_MAX), lms_cut_none()};
    for (uint n = 0; n < BRACKET_CUTS; ++n) {
        to->known[n] = bracket_known_of(lms_know(row, 0, &scaled, cuts[n]));
    }
    const lms_range exact = lms_before_near(row, &near, before);
    to->near = bracket_view_of(&near, exact);
    if (!has_rough) return;
    for (uint finer = 0; finer < 2; ++finer) {
        lms_judge about = bracket_judge(row, &rules, envelope);
        lms_range all, kept;
        if (finer) {
            lms_finer_row(row, &scaled, before, &all, &kept);
        } else {
            lms_rough_row(row, &scaled, before, &all, &kept);
        }
        to->all[finer] = bracket_range_of(all);
        to->before[finer] = bracket_range_of(kept);
        kept = lms_before_about(row, &about, before, finer > 0);
        to->about[finer] = bracket_view_of(&about, kept);
        lms_before_about(row, &near, before, finer > 0);
    }
    to->both = bracket_view_of(&near, exact);
}

/* As a draw does it: of the groups that are listed for the k-th, if any are. */
bool bracket_keeps_of_k(const lms_row *row, uint k, bool keeps_ties, lms_cut x)
{
    lms_rules rules = lms_rules_top_k(k, 1.0f);
    rules.keeps_ties = keeps_ties;
    lms_judge j = lms_judge_of_rules(&rules, row->max_key, lms_cut_none());
    if (lms_narrows_reach(row, k)) lms_first_groups(row, k, keeps_ties, &j.listed);
    return lms_top_k_keeps(row, &j, x);
}

void bracket_row(const lms_row *row, const bracket_question *q, __global bracket_answer *to)
{
    const lms_rules first = bracket_rules(q, 0);
    const lms_scaled scaled = lms_at_scale(first.scale, row->max_key);
    const ulong envelope = lms_envelope_own(row, &scaled, lms_cut_none());
    const bool has_rough = lms_has_rough(&scaled);
    lms_judge then = bracket_judge(row, &first, envelope);
    to->envelope = envelope;
    to->has_near = !scaled.huge;
    to->has_rough = has_rough;
    for (uint i = 0; i < BRACKET_TOKENS; ++i) {
        __global bracket_token *const token = &to->token[i];
        const lms_cut x = lms_cut_at(lms_key(lms_read_one(&row->logits, q->id[i])), q->id[i]);
        const lms_cut before = lms_cut_before(x.key, x.id);
        const lms_rules rules = bracket_rules(q, i);
        lms_judge own = bracket_judge(row, &rules, envelope);
        if (!scaled.huge) bracket_parts(row, q, i, before, envelope, has_rough, token);
        token->first_is_enough = lms_is_first_enough(row, &own);
        token->top_p_keeps = lms_judge_keeps(row, &own, x);
        token->top_p_keeps_then = lms_judge_keeps(row, &then, x);
        token->top_k_keeps = bracket_keeps_of_k(row, q->k[i], false, x);
        token->top_k_keeps_ties = bracket_keeps_of_k(row, q->k[i], true, x);
    }
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void brackets(__global const lms_element *logits, __global const bracket_question *questions,
              uint rows, __global int *groups, __global int *tile_keys, __global ulong *sums,
              __global ulong *list, __global bracket_answer *answers)
{
    __local lms_shared shared;
    const ulong place = get_group_id(0);
    const lms_workspace w = lms_workspace_of(
        groups + place * BRACKET_TILES * LMS_TILE_GROUPS, tile_keys + place * BRACKET_TILES,
        sums + place * BRACKET_TILES, 0, 0, true, list + place * 2 * LMS_LIST);
    for (ulong r = place; r < rows; r += get_num_groups(0)) {
        const bracket_question q = questions[r];
        lms_row row = lms_row_at(lms_logits_at(logits + q.at, q.vocab), &w, 0, &shared);
        lms_seen_in_row(&row, &w, 0, 0, 0.0f);
        for (uint i = 0; i < row.tiles; ++i) row.max_key = max(row.max_key, row.tile_keys[i]);
        bracket_row(&row, &q, &answers[r]);
    }
}
