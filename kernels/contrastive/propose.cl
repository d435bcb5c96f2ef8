/* contrastive/propose.cl - a request's candidates (specification, section 19): steps of a row beyond those
 * of task.cl, which find the filters' cut, and then that of the first k.
 *
 *   MAXIMUM -> [filters] -> MASS -> [top-k] -> TALLY -> LIST
 */
#pragma once
#include "contrastive/records.h"
#include "cut/begin.cl"
#include "select/list.cl"
#include "row/masses.cl"

/* What a row's work-items know beside the task. */
typedef struct lms_proposal {
    uint k;
    bool searching;            /* for the k-th */
    lms_cut kept;              /* by the filters; then, of those, the first k */
    ulong mass;                /* of all that the filters keep */
    uint count;                /* candidates */
    __global lms_pick *picks;  /* [LMS_MAX_CONTRASTIVE_K], in no order */
    __global lms_pick *ranked; /* [LMS_MAX_CONTRASTIVE_K] */
} lms_proposal;

/* The own kept tokens: how many; with `write`, lists them, from place `at` on. */
ulong lms_picks_own(const lms_row *row, const lms_proposal *o, ulong at, bool write)
{
    const ulong before = at;
    for (uint tile = row->first; tile < row->last; ++tile) {
        lms_prefetch_next(row, (write ? row->tiles + tile : tile) * LMS_NEXT, LMS_NEXT);
        if (row->tile_keys[tile] < o->kept.key) continue;
        for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
            const uint begin = tile * LMS_TILE + i;
            if (row->groups[begin / LMS_GROUP] < o->kept.key) continue;
            const lms_ints keys = lms_keys(lms_logits(row, begin));
            uint hits = lms_mask(lms_kept(o->kept, keys, begin));
            if (!write) at += popcount(hits);
            for (; write && hits; hits &= hits - 1) {
                const uint id = begin + 31 - clz(hits & -hits);
                if (at >= o->k) break; /* somebody writes to the logits */
                o->picks[at].key = lms_key(lms_element_at(row->x, id));
                o->picks[at++].token = (int)id;
            }
        }
    }
    return at - before;
}

ulong lms_proposal_mass_own(const lms_row *row, const lms_task *t, const lms_proposal *o)
{
    /* Without filters, the tile pass has summed at the temperature's scale. */
    if (!(t->outcome.filtered & LMS_FILTERED)) return lms_summed_own(row, &t->draw_scale);
    return lms_kept_own(row, &t->draw_scale, o->kept).mass;
}

lms_part lms_proposal_part(const lms_row *row, lms_task *t, const lms_proposal *o)
{
    lms_part part;
    part.sum = 0;
    part.best = LONG_MIN;
    switch (t->step) {
    case LMS_STEP_PROPOSE_MASS: part.sum = lms_proposal_mass_own(row, t, o); break;
    case LMS_STEP_PROPOSE_TALLY: part.sum = lms_picks_own(row, o, 0, false); break;
    case LMS_STEP_PROPOSE_LIST: lms_picks_own(row, o, t->before, true); break;
    default: break;
    }
    return part;
}

/* Looks for the k-th token of the row; the filters' cut counts too. */
void lms_to_kth(lms_task *t, lms_proposal *o, const lms_row *row)
{
    if (o->k >= row->vocab) {
        t->step = LMS_STEP_PROPOSE_TALLY;
        return;
    }
    o->searching = true;
    t->filters.top_k = (int)o->k;
    t->filters.top_p = 1.0f;
    t->filters.min_p = 0.0f;
    t->filters.flags = 0;
    t->cut = lms_cut_none();
    lms_to_filters(t, row);
}

/* A search for a cut is over. */
void lms_after_proposal_cut(lms_task *t, lms_proposal *o)
{
    o->kept = o->searching ? lms_tighter(o->kept, t->cut) : t->cut;
    t->step = o->searching ? LMS_STEP_PROPOSE_TALLY : LMS_STEP_PROPOSE_MASS;
}

void lms_next_proposal(lms_task *t, lms_proposal *o, const lms_row *row, const lms_meeting *m)
{
    t->before = m->before;
    switch (t->step) {
    case LMS_STEP_PROPOSE_MASS:
        o->mass = m->total;
        lms_to_kth(t, o, row);
        break;
    case LMS_STEP_PROPOSE_TALLY:
        o->count = (uint)min(m->total, (ulong)o->k);
        t->step = LMS_STEP_PROPOSE_LIST;
        break;
    default: t->step = LMS_STEP_DONE; break;
    }
}

/* The own picks, by rank, with their probabilities. */
void lms_rank_own(const lms_row *row, const lms_task *t, const lms_proposal *o)
{
    const float all = (float)o->mass, factor = lms_reciprocal(all);
    for (uint i = lms_item(); i < o->count; i += LMS_TEAM) {
        const lms_pick own = o->picks[i];
        uint rank = 0;
        for (uint j = 0; j < o->count; ++j) {
            const lms_pick p = o->picks[j];
            rank += p.key > own.key || (p.key == own.key && p.token < own.token);
        }
        const ulong mass = lms_mass_of(row, &t->draw_scale, (uint)own.token, own.key);
        o->ranked[rank].token = own.token;
        o->ranked[rank].prob = lms_share((float)mass, all, factor);
    }
}
