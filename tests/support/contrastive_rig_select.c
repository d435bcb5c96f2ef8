/* Choices of the device and of the oracle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "contrastive_rig_step.h"

#include "device.h"
#include "gen.h"
#include "memory.h"
#include "oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* --- what is given --- */

static float some_prob(contrastive_rig *r, float before)
{
    static const float edges[] = {0.0f,      -0.0f, 1.0f,    0x1p-64f,       0x1.fffffep-65f,
                                  1e-40f,    NAN,   -1e-45f, 0x1.000002p+0f, INFINITY,
                                  -INFINITY, -1.0f};
    if (contrastive_rig_below(r, 8) == 0) {
        return edges[contrastive_rig_below(r, LENGTH(edges))];
    }
    if (contrastive_rig_below(r, 3) == 0) return before;
    return (float)rows_uniform(&r->random);
}

/* Candidates that nobody proposed: any tokens, none at some places, equal probabilities, some
 * that are none. */
static void some_candidates(contrastive_rig *r, oracle_candidates *c)
{
    float before = 0.25f;
    const bool bad = contrastive_rig_below(r, 2);
    for (uint32_t n = 0; n < LMS_MAX_CONTRASTIVE_K; ++n) {
        c->tokens[n] = (int32_t)(rows_random(&r->random) >> 33);
        if (bad && contrastive_rig_below(r, 4) == 0) {
            c->tokens[n] = contrastive_rig_below(r, 2) ? LMS_NO_TOKEN : INT32_MIN;
        }
        c->probs[n] = some_prob(r, before);
        before = c->probs[n];
    }
}

static void make_given(contrastive_rig *r, const rig_step *s, const rig_proposal *p,
                       rig_choice *c)
{
    const size_t token = r->c->tokens == LMS_INT64 ? 8 : 4;
    const size_t o = contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 20);
    c->given = memory_zeroed(s->count, sizeof *c->given);
    c->own = r->c->hostile ? contrastive_rig_below(r, 2) : contrastive_rig_below(r, 8) == 0;
    if (s->count) memcpy(c->given, p->candidates, s->count * sizeof *c->given);
    if (!c->own) return;
    out_array_new(r->ctx, &c->tokens, "own tokens", token, o, s->rows);
    out_array_new(r->ctx, &c->probs, "own probs", 4, o + 1, s->rows);
    for (uint32_t i = 0; i < s->count; ++i) {
        some_candidates(r, &c->given[i]);
        for (uint32_t n = 0; n < r->slots[s->slots[i]].params.k; ++n) {
            out_array_token(&c->tokens, rig_first_row(r, s, i) + n, c->given[i].tokens[n]);
            out_array_f32(&c->probs, rig_first_row(r, s, i) + n, c->given[i].probs[n]);
        }
    }
    out_array_upload(r->queue, &c->tokens);
    out_array_upload(r->queue, &c->probs);
}

static void make_hidden(contrastive_rig *r, const rig_step *s, rig_choice *c)
{
    c->states = memory_zeroed(s->rows, sizeof *c->states);
    rig_hidden_new(r, &c->hidden, s->rows);
    for (uint32_t i = 0; i < s->count; ++i) {
        const uint32_t first = rig_first_row(r, s, i);
        for (uint32_t n = 0; n < r->slots[s->slots[i]].params.k; ++n) {
            if (c->given[i].tokens[n] < 0) continue;
            c->states[first + n] = rig_hidden_put(r, &c->hidden, first + n, s->slots[i]);
        }
    }
    rig_hidden_upload(r, &c->hidden);
}

static void make_outputs(contrastive_rig *r, const rig_step *s, rig_choice *c)
{
    const size_t token = r->c->tokens == LMS_INT64 ? 8 : 4;
    const size_t o = contrastive_rig_below(r, 2) ? 0 : contrastive_rig_below(r, 20);
    const uint32_t wanted = contrastive_rig_below(r, 2) ? 31 : contrastive_rig_below(r, 32);
    lms_context *const ctx = r->ctx;
    out_array_new(ctx, &c->next, "next", token, o, s->count);
    out_array_new(ctx, &c->rows, "rows", 4, o + 1, s->count);
    if (wanted & 1) out_array_new(ctx, &c->scores, "scores", 4, o + 2, s->count);
    if (wanted & 2) out_array_new(ctx, &c->penalties, "penalties", 4, o + 3, s->count);
    if (wanted & 4) out_array_new(ctx, &c->row_scores, "row_scores", 4, o + 4, s->rows);
    if (wanted & 8) {
        out_array_new(ctx, &c->row_penalties, "row_penalties", 4, o + 5, s->rows);
    }
    if (wanted & 16) out_array_new(ctx, &c->status, "choice status", 4, o + 6, s->count);
}

void rig_choice_new(contrastive_rig *r, const rig_step *s, const rig_proposal *p, rig_choice *c)
{
    memset(c, 0, sizeof *c);
    c->chosen = memory_zeroed(s->count, sizeof *c->chosen);
    make_given(r, s, p, c);
    make_hidden(r, s, c);
    make_outputs(r, s, c);
}

/* --- what is made of it --- */

static void ask_oracle(contrastive_rig *r, const rig_step *s, rig_choice *c, uint32_t i)
{
    const contrastive_slot *const slot = &r->slots[s->slots[i]];
    const oracle_context context = {slot->length, slot->states};
    const uint32_t first = rig_first_row(r, s, i);
    oracle_choice choice;
    oracle_choose(&context, &slot->params, c->given[i].tokens, c->given[i].probs,
                  c->states + first, &choice);
    for (uint32_t n = 0; n < slot->params.k; ++n) {
        out_array_f32(&c->row_scores, first + n, choice.scores[n]);
        out_array_f32(&c->row_penalties, first + n, choice.penalties[n]);
    }
    const bool any = choice.candidate >= 0;
    const uint32_t row = first + (any ? (uint32_t)choice.candidate : 0);
    out_array_token(&c->next, i, any ? c->given[i].tokens[choice.candidate] : LMS_NO_TOKEN);
    c->chosen[i] = any ? (int32_t)row : LMS_SKIP_ROW;
    out_array_i32(&c->rows, i, c->chosen[i]);
    out_array_f32(&c->scores, i, choice.score);
    out_array_f32(&c->penalties, i, choice.penalty);
    out_array_i32(&c->status, i, (int32_t)choice.status);
    contrastive_rig_push(r, s->slots[i], any ? c->states[row] : NULL);
}

bool rig_choice_run(contrastive_rig *r, const rig_step *s, const rig_proposal *p, rig_choice *c)
{
    lms_contrastive_select_args call = {0};
    cl_event event = NULL;
    const bool fits = contrastive_rig_fits(r, s->slots, NULL, s->count);
    call.requests = s->count;
    call.slots = s->slots;
    call.first_rows = s->first_rows;
    call.candidate_rows = contrastive_rig_below(r, 2) ? s->rows : 0;
    call.hidden = (lms_view){c->hidden.mem, c->hidden.offset, NULL};
    call.row_stride =
        c->hidden.stride == r->c->width && contrastive_rig_below(r, 2) ? 0 : c->hidden.stride;
    call.tokens = out_array_view(c->own ? &c->tokens : &p->tokens);
    call.probs = out_array_view(c->own ? &c->probs : &p->probs);
    call.next = out_array_view(&c->next);
    call.rows = out_array_view(&c->rows);
    call.scores = out_array_view(&c->scores);
    call.penalties = out_array_view(&c->penalties);
    call.row_scores = out_array_view(&c->row_scores);
    call.row_penalties = out_array_view(&c->row_penalties);
    call.status = out_array_view(&c->status);
    const lms_status status =
        lms_contrastive_select(r->search, r->queue, &call, 0, NULL, &event);
    if (!fits) {
        assert_int_equal(status, LMS_E_CONTEXT_FULL);
        device_require(clFinish(r->queue), "clFinish");
        r->unfinished = 0;
        return false;
    }
    device_require(status, "lms_contrastive_select");
    contrastive_rig_wait(r, event);
    for (uint32_t i = 0; i < s->count; ++i) ask_oracle(r, s, c, i);
    r->chosen += s->count;
    return true;
}

bool rig_choice_check(contrastive_rig *r, rig_choice *c)
{
    out_array *const all[] = {&c->tokens,     &c->probs,         &c->next,
                              &c->rows,       &c->scores,        &c->penalties,
                              &c->row_scores, &c->row_penalties, &c->status};
    bool good = true;
    for (size_t i = 0; i < LENGTH(all); ++i) {
        good = out_array_check(r->queue, all[i]) && good;
    }
    return good;
}

void rig_choice_free(rig_choice *c)
{
    rig_hidden_free(&c->hidden);
    free(c->states);
    free(c->given);
    free(c->chosen);
}
