/* What the oracle expects of a row with a request, and what such a row is in print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batch.h"

#include "memory.h"
#include "oracle_outputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t bits_of(float x) { return batch_one_nan(oracle_bits(x)); }

static oracle_params params_of(const batch *b, uint32_t r)
{
    oracle_params p;
    _Static_assert(sizeof p == sizeof b->params[r], "the same fields");
    memcpy(&p, &b->params[r], sizeof p);
    return p;
}

/* Nothing but the status. */
static void expect_none(const batch *b, uint32_t r, uint32_t status, batch_out *out)
{
    for (size_t i = 0; i < BATCH_OUTPUTS; ++i) {
        const size_t columns = batch_columns(b, i);
        const bool floats = batch_outputs[i].floats && batch_outputs[i].wanted != LMS_OUT_PROBS;
        uint32_t *const values = *batch_member(out, i);
        for (size_t j = 0; j < columns; ++j)
            values[r * columns + j] = floats ? bits_of(NAN) : 0;
    }
    for (uint32_t i = 0; i < b->requests->top_stride; ++i) {
        out->top_tokens[r * b->requests->top_stride + i] = (uint32_t)LMS_NO_TOKEN;
    }
    out->token[r] = LMS_NO_TOKEN;
    out->status[r] = status;
}

/* Outputs that tell of a token. */
static void expect_of(const batch *b, uint32_t r, const oracle_both *row, uint32_t token,
                      const lms_row_wants *wants, batch_out *out)
{
    const requests *const q = b->requests;
    const oracle_tables tables = requests_tables(q, b->logits_rows);
    const oracle_list named = oracle_list_of(&tables.lists, wants->named);
    const bool logits = wants->flags & LMS_WANT_LOGITS;
    const bool from_0 = wants->flags & LMS_WANT_RANK_FROM_0;
    out->logprob_raw[r] = bits_of(oracle_value(row, ORACLE_RAW, token, logits));
    out->logprob_edited[r] = bits_of(oracle_value(row, ORACLE_EDITED, token, logits));
    out->logprob[r] = bits_of(oracle_value(row, ORACLE_PROCESSED, token, false));
    out->rank_raw[r] = oracle_rank(row, ORACLE_RAW, token, from_0);
    out->rank_edited[r] = oracle_rank(row, ORACLE_EDITED, token, from_0);
    out->entropy_raw[r] = bits_of(oracle_entropy(row, ORACLE_RAW));
    out->entropy[r] = bits_of(oracle_entropy(row, ORACLE_PROCESSED));
    uint32_t *const top_values = out->top_values + (size_t)r * q->top_stride;
    uint32_t *const values = out->named_values + (size_t)r * q->named_stride;
    oracle_top(row, wants, q->top_stride,
               (int32_t *)out->top_tokens + (size_t)r * q->top_stride, (float *)top_values);
    oracle_named(row, wants, &named, q->named_stride, (float *)values);
    for (uint32_t i = 0; i < q->top_stride; ++i) top_values[i] = batch_one_nan(top_values[i]);
    for (uint32_t i = 0; i < q->named_stride; ++i) values[i] = batch_one_nan(values[i]);
}

/* The row's token, drawn or given. */
static oracle_result draw(const batch *b, uint32_t r, const oracle_row *row,
                          const oracle_params *edited)
{
    const size_t words = 4 * (size_t)b->uniforms_per_row * r;
    const uint32_t target = b->params[r].target;
    oracle_result result = {.token = -1, .status = oracle_row_status(row)};
    if (target == 0) {
        oracle_draw(row, edited->seed, edited->step, b->uniforms ? b->uniforms + words : NULL,
                    b->uniforms_per_row, &result);
    } else if (oracle_row_live(row) > 0) {
        result.token = target - 1;
        result.kept = oracle_row_kept(row);
    }
    return result;
}

void batch_expect_request(const batch *b, uint32_t r, batch_out *out)
{
    static const lms_row_wants nothing = {0, 0, 0, 0};
    const oracle_params p = params_of(b, r), raw = {.temperature = 1.0f, .top_p = 1.0f};
    const oracle_tables tables = requests_tables(b->requests, b->logits_rows);
    if (b->index[r] < 0 || (uint32_t)b->index[r] >= b->logits_rows) {
        expect_none(b, r, LMS_ROW_BAD_INDEX, out);
        return;
    }
    const uint32_t bad = oracle_check_request(&p, b->vocab, &tables);
    expect_none(b, r, bad, out);
    if (bad) return;
    const float *const stored = b->logits + (size_t)b->index[r] * b->vocab;
    float *const edited = memory_zeroed(b->vocab, sizeof *edited);
    const oracle_request request = oracle_request_of(&p, b->vocab, b->logits, &tables);
    const oracle_params left = oracle_edited_params(&p, &request);
    oracle_edit(&request, stored, b->vocab, edited);
    const oracle_both row = {stored, edited, oracle_prepare(stored, b->vocab, &raw),
                             oracle_prepare(edited, b->vocab, &left)};
    assert_true(row.raw != NULL && row.edited != NULL);
    const oracle_result result = draw(b, r, row.edited, &left);
    out->token[r] = result.token;
    out->status[r] = result.status;
    out->kept[r] = (uint32_t)result.kept;
    if (result.token >= 0) oracle_probs(row.edited, (float *)out->probs + (size_t)r * b->vocab);
    if (result.token >= 0 || p.target > 0) {
        expect_of(b, r, &row, p.target > 0 ? p.target - 1 : (uint32_t)result.token,
                  p.wants > 0 ? &tables.wants[p.wants - 1] : &nothing, out);
    }
    oracle_row_free(row.raw);
    oracle_row_free(row.edited);
    free(edited);
}

/* --- in print --- */

static void tell_list(const requests *q, const char *name, uint32_t list)
{
    if (list == 0 || list > q->list_count) return;
    const uint32_t first = q->list_offsets[list - 1], end = q->list_offsets[list];
    print_error("  %s:", name);
    for (uint32_t i = first; i < end && i < first + 40; ++i) {
        print_error(" %d:%a", (int)q->list_ids[i], (double)q->list_values[i]);
    }
    print_error("%s (%u)\n", end > first + 40 ? " ..." : "", end - first);
}

static void tell_edits(const requests *q, const lms_row_edits *e)
{
    print_error("  edits: repetition %a frequency %a presence %a window %u flags 0x%x "
                "min_tokens %u ngram %u encoder_ngram %u\n",
                (double)e->repetition, (double)e->frequency, (double)e->presence, e->window,
                e->flags, e->min_tokens, e->ngram, e->encoder_ngram);
    print_error("  dry %a * %a, allowed %u, range %u; forced %u; decay %u %a; top_p %a %a %u; "
                "guidance %a\n",
                (double)e->dry_multiplier, (double)e->dry_base, e->dry_allowed_length,
                e->dry_range, e->forced, e->decay_start, (double)e->decay_factor,
                (double)e->top_p_decay, (double)e->top_p_min, e->top_p_reset,
                (double)e->guidance);
    tell_list(q, "bias", e->bias);
    tell_list(q, "sequence_bias", e->sequence_bias);
    tell_list(q, "allowed", e->allowed);
    tell_list(q, "banned", e->banned);
    tell_list(q, "bad_words", e->bad_words);
    tell_list(q, "end_tokens", e->end_tokens);
    tell_list(q, "encoder", e->encoder);
    tell_list(q, "dry_breakers", e->dry_breakers);
}

void batch_tell_request(const batch *b, uint32_t r)
{
    const requests *const q = b->requests;
    const lms_row_params *const p = &b->params[r];
    const lms_request *const request = &p->request;
    print_error(
        "  slot %llu edits %u mask %u (type %u, %u columns) unconditional %u wants %u\n",
        (unsigned long long)request->slot, request->edits, request->mask, q->mask_type,
        q->mask_columns, request->unconditional, p->wants);
    if (request->slot > 0 && request->slot <= q->slot_count) {
        const oracle_sequence *const s = &q->slots[request->slot - 1];
        const uint32_t first = s->length > 60 ? s->length - 60 : 0;
        print_error("  %u tokens, prompt %u, ignored %u:%s", s->length, s->prompt, s->ignored,
                    first > 0 ? " ..." : "");
        for (uint32_t i = first; i < s->length; ++i) print_error(" %d", (int)s->tokens[i]);
        print_error("\n");
    }
    if (request->edits > 0 && request->edits <= q->edit_count) {
        tell_edits(q, &q->edits[request->edits - 1]);
    }
    if (p->wants > 0 && p->wants <= q->want_count) {
        const lms_row_wants *const w = &q->wants[p->wants - 1];
        print_error("  wants: top_n %u flags %u\n", w->top_n, w->flags);
        tell_list(q, "named", w->named);
    }
}
