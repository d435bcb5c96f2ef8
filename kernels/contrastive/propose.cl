/* propose.cl - a request's candidates (specification, section 19), the first k of the tokens
 * that its rules keep:
 *
 *   CUT -> MASS -> [CUT] -> LIST
 *
 * The first CUT is that of the row's rules, the second one that of the first k; each is a
 * sequence of steps of its own. */
#pragma once
#include "contrastive/records.h"
#include "cut/next.cl"
#include "cut/own.cl"

typedef enum lms_propose_step {
    LMS_PROPOSE_CUT,   /* the row's cut, or the k-th token: cut/          */
    LMS_PROPOSE_MASS,  /* the mass that probabilities are relative to     */
    LMS_PROPOSE_LIST,  /* how many candidates there are, and which        */
    LMS_PROPOSE_DONE
} lms_propose_step;

/* What a team knows of its row. */
typedef struct lms_proposal {
    lms_propose_step step;
    uint k;
    float scale;               /* log2(e) / temperature */
    bool is_for_k;             /* the cut that is looked for is that of the first k */
    bool is_filtered;          /* the row's rules may cut off some tokens */
    lms_cut kept;              /* by the rules; then, of those, the first k */
    lms_scaled scaled;         /* the row at the temperature's scale */
    ulong mass;                /* of all that the rules keep */
    uint count;                /* candidates */
    __global lms_pick *picks;  /* [LMS_MAX_CONTRASTIVE_K], in no order */
    __global lms_pick *ranked; /* [LMS_MAX_CONTRASTIVE_K] */
} lms_proposal;

lms_proposal lms_proposal_of(uint k, float temperature, __global lms_pick *picks)
{
    lms_proposal o;
    o.step = LMS_PROPOSE_CUT;
    o.k = k;
    o.scale = lms_scale(temperature);
    o.is_for_k = false;
    o.mass = 1;
    o.count = 0;
    o.picks = picks;
    o.ranked = picks + LMS_MAX_CONTRASTIVE_K;
    return o;
}

/* The own kept tokens: how many; with `write`, lists them, from place `at` on. */
ulong lms_picks_own(const lms_row *row, const lms_proposal *o, ulong at, bool write)
{
    const ulong first = at;
    const uint ahead = write ? row->tiles : 0;
    for (uint tile = row->first; tile < row->last; ++tile) {
        lms_prefetch_next(row, (ahead + tile) * LMS_NEXT, LMS_NEXT);
        if (row->tile_keys[tile] < o->kept.key) continue;
        for (uint i = 0; i < LMS_TILE; i += LMS_LANES) {
            const uint begin = tile * LMS_TILE + i;
            if (row->groups[begin / LMS_GROUP] < o->kept.key) continue;
            const lms_ints keys = lms_keys(lms_read(&row->logits, begin));
            uint hits = lms_mask(lms_kept(o->kept, keys, begin));
            if (!write) {
                at += popcount(hits);
                continue;
            }
            for (; hits; hits &= hits - 1) {
                const uint id = begin + 31 - clz(hits & -hits);
                if (at >= o->k) break; /* somebody writes to the logits */
                o->picks[at].key = lms_key(lms_read_one(&row->logits, id));
                o->picks[at++].token = (int)id;
            }
        }
    }
    return at - first;
}

/* Without rules, the tile pass has summed at the temperature's scale. */
ulong lms_proposal_mass_own(const lms_row *row, const lms_proposal *o)
{
    return o->is_filtered ? lms_kept_own(row, &o->scaled, o->kept).mass
                          : lms_summed_own(row, &o->scaled);
}

/* A work-item's part of a step but CUT. No barriers here. */
lms_part lms_proposal_part(const lms_row *row, LMS_OURS lms_proposal *ours)
{
    lms_part part = lms_part_make(0, LONG_MIN);
    LMS_OURS_AS(lms_proposal, o, ours);
    switch (o->step) {
    case LMS_PROPOSE_MASS: part.sum = lms_proposal_mass_own(row, o); break;
    case LMS_PROPOSE_LIST: part.sum = lms_picks_own(row, o, 0, false); break;
    case LMS_PROPOSE_CUT:
    case LMS_PROPOSE_DONE: break;
    }
    return part;
}

/* ... and what it does when all have met. */
void lms_proposal_after(const lms_row *row, LMS_OURS lms_proposal *ours, const lms_meeting *m)
{
    LMS_OURS_AS(lms_proposal, o, ours);
    if (o->step == LMS_PROPOSE_LIST) lms_picks_own(row, o, m->before, true);
}

/* The steps of a cut are over. */
void lms_after_proposal_cut(LMS_OURS lms_proposal *o, LMS_OURS const lms_cutting *c,
                            const lms_row *row)
{
    if (c->step == LMS_CUT_EMPTY) {
        o->step = LMS_PROPOSE_DONE;
    } else if (o->is_for_k) {
        o->kept = lms_tighter(o->kept, c->cut);
        o->step = LMS_PROPOSE_LIST;
    } else {
        LMS_OURS_AS(const lms_rules, rules, &c->rules);
        o->is_filtered = lms_has_rules(rules);
        o->kept = c->cut;
        o->scaled = lms_at_scale(o->scale, row->max_key);
        o->step = LMS_PROPOSE_MASS;
    }
}

/* Looks for the k-th token of the row; what the rules keep counts too. */
void lms_to_kth(LMS_OURS lms_proposal *o, LMS_OURS lms_cutting *c, const lms_row *row)
{
    o->step = LMS_PROPOSE_LIST;
    if (o->k >= row->logits.vocab) return;
    o->is_for_k = true;
    o->step = LMS_PROPOSE_CUT;
    lms_to_first_k(c, row, o->k, o->scale);
}

void lms_next_proposal(LMS_OURS lms_proposal *o, LMS_OURS lms_cutting *c, lms_row *row,
                       const lms_meeting *m)
{
    switch (o->step) {
    case LMS_PROPOSE_CUT:
        lms_next_cut(c, row, m);
        if (lms_is_cut(c)) lms_after_proposal_cut(o, c, row);
        break;
    case LMS_PROPOSE_MASS:
        o->mass = m->total;
        lms_to_kth(o, c, row);
        break;
    case LMS_PROPOSE_LIST:
        o->count = (uint)min(m->total, (ulong)o->k);
        o->step = LMS_PROPOSE_DONE;
        break;
    case LMS_PROPOSE_DONE: break;
    }
}

/* The own picks, by rank, with their probabilities. */
void lms_rank_own(const lms_row *row, const lms_proposal *o)
{
    const float all = (float)o->mass, factor = lms_reciprocal(all);
    for (uint i = lms_item(); i < o->count; i += LMS_TEAM) {
        const lms_pick own = o->picks[i];
        uint rank = 0;
        for (uint j = 0; j < o->count; ++j) {
            const lms_pick p = o->picks[j];
            rank += p.key > own.key || (p.key == own.key && p.token < own.token);
        }
        /* If somebody writes to the logits meanwhile, fewer may be listed than were counted. */
        const uint id = min((uint)own.token, row->logits.vocab - 1);
        const ulong mass = lms_mass_of(row, &o->scaled, id, own.key);
        o->ranked[rank].token = own.token;
        o->ranked[rank].prob = lms_share((float)mass, all, factor);
    }
}

typedef struct lms_proposing {
    lms_cutting cutting;
    lms_proposal proposal;
#if LMS_TEAM > 1
    lms_row row;
#endif
} lms_proposing;

#if LMS_TEAM == 1

void lms_proposal_step(lms_row *row, lms_proposing *s)
{
    const bool is_cutting = s->proposal.step == LMS_PROPOSE_CUT;
    const lms_part part =
        is_cutting ? lms_cut_part(row, &s->cutting) : lms_proposal_part(row, &s->proposal);
    const ulong target = is_cutting ? lms_cut_target(&s->cutting) : 0;
    const lms_meeting m = lms_meet(row->shared, part, target);
    lms_proposal_after(row, &s->proposal, &m);
    lms_next_proposal(&s->proposal, &s->cutting, row, &m);
}

/* A row that can be read. */
void lms_propose_row(lms_row *row, lms_proposing *s)
{
    while (s->proposal.step != LMS_PROPOSE_DONE) lms_proposal_step(row, s);
    lms_rank_own(row, &s->proposal);
}

#else

lms_part lms_proposing_part(__local lms_shared *shared, __local lms_proposing *s)
{
    if (s->proposal.step == LMS_PROPOSE_CUT) {
        return lms_cut_part(&s->row, shared, &s->cutting);
    }
    const lms_row row = lms_own_row(&s->row, shared);
    return lms_proposal_part(&row, &s->proposal);
}

void lms_proposing_after(__local lms_shared *shared, __local lms_proposing *s,
                         const lms_meeting *m)
{
    if (s->proposal.step != LMS_PROPOSE_LIST) return;
    const lms_row row = lms_own_row(&s->row, shared);
    lms_proposal_after(&row, &s->proposal, m);
}

void lms_proposal_step(__local lms_shared *shared, __local lms_proposing *s)
{
    const lms_part part = lms_proposing_part(shared, s);
    const ulong target =
        s->proposal.step == LMS_PROPOSE_CUT ? lms_cut_target(&s->cutting) : 0;
    const lms_meeting m = lms_meet(shared, part, target);
    lms_proposing_after(shared, s, &m);
    lms_sync(); /* work-item 0 changes what all have read */
    if (lms_item() == 0) {
        lms_row row = lms_own_row(&s->row, shared);
        lms_next_proposal(&s->proposal, &s->cutting, &row, &m);
        s->row.max_key = row.max_key;
    }
    lms_sync();
}

/* A row that can be read. */
void lms_propose_row(__local lms_shared *shared, __local lms_proposing *s)
{
    lms_sync(); /* work-item 0 has begun it */
    while (s->proposal.step != LMS_PROPOSE_DONE) lms_proposal_step(shared, s);
    const lms_row row = lms_own_row(&s->row, shared);
    LMS_OURS_AS(lms_proposal, o, &s->proposal);
    lms_rank_own(&row, o);
    lms_sync();
}

#endif
