/* rules.cl - the rules that say which tokens of a row are kept, as its filters ask for them. A
 * rule is a file of this folder, a member of lms_rules with its line in lms_rules_none() and
 * lms_rules_of(), and its place in cut/begin.cl. If it has to know of the row what no rule has
 * asked for so far (a mean, say), that is a step more: cut/cutting.cl.
 *
 * A draw does without the cut where it can: draw/reach.cl says which groups can have a token
 * that a rule keeps, draw/judge.cl whether it keeps one.
 *
 * All of them keep a top segment of the same order, so what several keep is the tightest of
 * their cuts. */
#pragma once
#include "rules/min_p.cl"
#include "rules/top_k.cl"
#include "rules/top_p.cl"

typedef struct lms_rules {
    uint k;                  /* top-k's, or 0 */
    bool keeps_ties;         /* with the k-th */
    float min_p;             /* or 0 */
    bool is_min_p_in_base;   /* min-p counts for top-p's base */
    float top_p;             /* or 1 */
    bool is_base_whole;      /* top-p's base is the whole row */
    float scale;             /* log2(e) / temperature, as the rules see it */
} lms_rules;

/* No rule at all: every token is kept. */
lms_rules lms_rules_none(void)
{
    lms_rules r;
    r.k = 0;
    r.keeps_ties = false;
    r.min_p = 0.0f;
    r.is_min_p_in_base = false;
    r.top_p = 1.0f;
    r.is_base_whole = true;
    r.scale = 0.0f;
    return r;
}

/* The first k tokens of a row, whatever its filters are. */
lms_rules lms_rules_top_k(uint k, float scale)
{
    lms_rules r = lms_rules_none();
    r.k = k;
    r.scale = scale;
    return r;
}

bool lms_has_rules(const lms_rules *r)
{
    return r->k > 0 || as_int(r->min_p) > 0 || r->top_p < 1.0f;
}

lms_rules lms_rules_of(const lms_filters *f, uint vocab)
{
    lms_rules r = lms_rules_none();
    if (lms_has_top_k(f, vocab)) r.k = (uint)f->top_k;
    if (lms_has_min_p(f)) r.min_p = f->min_p;
    if (lms_has_top_p(f)) r.top_p = f->top_p;
    r.keeps_ties = f->flags & LMS_TOP_K_TIES;
    r.is_min_p_in_base = lms_has_min_p(f) && !(f->flags & LMS_MIN_P_LAST);
    r.is_base_whole = (f->flags & LMS_TOP_P_WHOLE_ROW) || !(r.k > 0 || r.is_min_p_in_base);
    if (lms_has_rules(&r)) {
        r.scale = lms_scale(f->flags & LMS_TEMPERATURE_LAST ? 1.0f : f->temperature);
    }
    return r;
}

/* Does what is kept depend on the mass of the whole row? */
bool lms_needs_total(const lms_rules *r) { return r->top_p < 1.0f && r->is_base_whole; }

/* By bits, subnormals included. */
bool lms_is_greedy(const lms_filters *f)
{
    return (as_uint(f->temperature) & 0x7fffffffu) == 0 || as_int(f->top_p) <= 0;
}

/* The rules of a row of the sampler, which has none if it is greedy. */
lms_rules lms_sampler_rules(const lms_filters *f, uint vocab)
{
    return lms_is_greedy(f) ? lms_rules_none() : lms_rules_of(f, vocab);
}

/* What min-p keeps of a row; all, without it. */
lms_cut lms_min_p_of(const lms_rules *r, int max_key)
{
    if (as_int(r->min_p) <= 0) return lms_cut_none();
    const lms_scaled scaled = lms_at_scale(r->scale, max_key);
    return lms_min_p_cut(&scaled, r->min_p);
}

/* Has a row's cut to be found before its token is drawn? Some outputs (`wants_cut`) tell what
 * is kept. Else each token that is proposed is judged by itself; but larger teams do not judge
 * by a base of top-p that is not the whole row. */
bool lms_needs_cut(const lms_rules *r, uint wants_cut)
{
    const bool is_hard = LMS_TEAM > 1 && r->top_p < 1.0f && !r->is_base_whole;
    return lms_has_rules(r) && (wants_cut || is_hard);
}

/* At which scale the tile pass of the sampler sums the weights of a row with these rules; 0: it
 * does not. A team of one adds them up when it has to, which is seldom. */
float lms_sums_if_needed(const lms_rules *r, uint wants_cut)
{
    if (LMS_TEAM == 1 && !lms_needs_cut(r, wants_cut)) return 0.0f;
    return lms_needs_total(r) ? r->scale : 0.0f;
}

/* At which scale it sums those of a row whose mass is wanted in any case: that of the rules
 * where a cut depends on it, else the temperature's. */
float lms_sums_scale(const lms_filters *f, uint vocab)
{
    const lms_rules rules = lms_rules_of(f, vocab);
    return lms_needs_total(&rules) ? rules.scale : lms_scale(f->temperature);
}
