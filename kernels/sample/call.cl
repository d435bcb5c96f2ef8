/* call.cl - what a call of a sampler works on, and what is known of its rows before and after
 * they are sampled. */
#pragma once
#include "cut/cutting.cl"
#include "draw/drawing.cl"
#include "edits/call.cl"
#include "row/params.h"

/* What a call works on. */
typedef struct lms_call {
    __global const lms_element *logits;
    ulong stride;
    ulong logits_rows;
    uint vocab;
    uint rows;
    __global const int *index; /* or 0 */
    __global const lms_row_params *params;
    __global const uint *words; /* or 0 */
    uint attempts;
    uint wants_cut; /* LMS_CUT_...: outputs tell what rows keep */
    lms_workspace workspace;
#ifdef LMS_REQUESTS
    lms_requests requests;
    uint told; /* LMS_OUT_...: what is told of rows by who samples them */
    bool appends; /* each row's token to its slot */
#endif
} lms_call;

/* The index of row r: a row of the logits, LMS_SKIP_ROW, or, where it comes from the device,
 * anything. Whoever calls this checks it. */
long lms_logits_row_of(const lms_call *c, ulong r)
{
    return c->index ? (long)c->index[r] : (long)r;
}

/* The logits that this work-item reads after row r, or 0: they may as well come while that one
 * is computed with. */
__global const lms_element *lms_after(const lms_call *c, ulong r)
{
    const long next = r + 1 < c->rows ? lms_logits_row_of(c, r + 1) : LMS_SKIP_ROW;
    if (next < 0 || (ulong)next >= c->logits_rows) return 0;
    return c->logits + (ulong)next * c->stride;
}

/* The parameters of row r. */
lms_row_params lms_params_of_row(const lms_call *c, ulong r)
{
#ifdef LMS_REQUESTS
    return lms_params_of(&c->requests, c->params, r);
#else
    return c->params[r];
#endif
}

/* 1 + the token of a row, if that is given, and none drawn; else 0. */
uint lms_target_of(const lms_row_params *p)
{
#ifdef LMS_REQUESTS
    return p->target;
#else
    (void)p;
    return 0;
#endif
}

lms_words lms_words_of(const lms_call *c, ulong r, const lms_row_params *p)
{
    lms_words words;
    words.seed = p->seed;
    words.step = p->step;
    words.given = c->attempts ? c->words + r * c->attempts * 4 : 0;
    words.attempts = c->attempts ? min(c->attempts, LMS_ATTEMPTS) : LMS_ATTEMPTS;
    return words;
}

/* Is the cut of row r to be found, whatever its token needs? */
uint lms_wants_cut(const lms_call *c, ulong r, const lms_row_params *p)
{
#ifdef LMS_REQUESTS
    return lms_row_wants_cut(&c->requests, r, p, c->wants_cut);
#else
    (void)r;
    (void)p;
    return c->wants_cut;
#endif
}

/* Why row r cannot be sampled, or LMS_ROW_OK. */
uint lms_refusal(const lms_call *c, ulong r, long logits_row, const lms_row_params *p)
{
#ifdef LMS_REQUESTS
    /* Who prepares rows has looked at all of it; records of the host have been, before. */
    const uint field = LMS_ROW_FIELD(lms_refused(&c->requests, r));
    (void)p;
#else
    const uint field = lms_bad_field(*p);
    (void)r;
#endif
    if (logits_row == LMS_SKIP_ROW) return LMS_ROW_SKIPPED;
    if (logits_row < 0 || (ulong)logits_row >= c->logits_rows) return LMS_ROW_BAD_INDEX;
    return field ? LMS_ROW_BAD_PARAMS | field << 8 : LMS_ROW_OK;
}

/* What is known of row r before it is looked at; with a status, that is all. */
lms_outcome lms_outcome_of(const lms_call *c, ulong r, const lms_row_params *p)
{
    const lms_cut no_cut = lms_cut_none();
    lms_outcome outcome;
    outcome.logits_row = lms_logits_row_of(c, r);
    outcome.token = LMS_NO_TOKEN;
    outcome.status = lms_refusal(c, r, outcome.logits_row, p);
    outcome.filtered = 0;
    outcome.attempts = 0;
    outcome.passes = 0;
    outcome.max_key = LMS_NEVER;
    outcome.cut_key = no_cut.key;
    outcome.cut_id = no_cut.id;
    return outcome;
}

/* A row has been sampled. */
void lms_put_outcome(lms_outcome *outcome, bool is_greedy, const lms_rules *rules, int max_key,
                     const lms_cutting *c, const lms_drawing *d)
{
    outcome->token = d->token;
    outcome->attempts = d->attempts;
    outcome->passes = d->judge.passes;
    outcome->status = c->seen | d->status;
    outcome->max_key = max_key;
    outcome->cut_key = c->cut.key;
    outcome->cut_id = c->cut.id;
    if (max_key == LMS_NEVER) return;
    if (is_greedy) outcome->filtered = LMS_GREEDY;
    if (lms_has_rules(rules)) outcome->filtered = LMS_FILTERED;
}

/* A row of the logits, as it is stored. */
lms_logits lms_stored_row(const lms_call *c, ulong i)
{
    return lms_logits_at(c->logits + i * c->stride, c->vocab);
}

lms_row lms_row_to_sample(const lms_call *c, ulong r, long logits_row, ulong place,
                          __local lms_shared *shared)
{
    const lms_logits x = lms_stored_row(c, (ulong)logits_row);
#ifdef LMS_REQUESTS
    const lms_logits edited = lms_edited_logits(&c->requests, r, place, x);
    return lms_row_at(edited, &c->workspace, place, shared);
#else
    (void)r;
    return lms_row_at(x, &c->workspace, place, shared);
#endif
}
