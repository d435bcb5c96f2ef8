/* sequence.c - draws for sequences: their slots, and the tables of a call. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

lms_status llama_lms_accept(llama_lms_seq *seq, llama_token token)
{
    if (!llama_lms_push(&seq->tokens, token) || !llama_lms_activate(seq, token)) {
        return llama_lms_fail(LMS_E_MEMORY, "no memory for %zu tokens", seq->tokens.count + 1);
    }
    if (seq->drawn) {
        seq->drawn--;
        seq->row.step++;
    }
    return LMS_OK;
}

/* ---------------------------------------------------------------------------------------------
 * Slots
 */
static bool has_penalties(const lms_row_edits *e)
{
    return !(e->repetition == 1.0f) || !(e->frequency == 0.0f) || !(e->presence == 0.0f);
}

/* More than penalties and DRY, which only a caller can have asked for, by the record. */
static bool has_more(const lms_row_edits *e)
{
    return e->ngram || e->min_tokens || !(e->decay_factor == 0.0f);
}

static bool has_edits(const llama_lms_seq *seq)
{
    const lms_row_edits *e = &seq->edits;
    return has_penalties(e) || has_more(e) || e->dry_multiplier > 0.0f || seq->bias_ids.count ||
           e->forced;
}

static bool has_history(const llama_lms_seq *seq)
{
    const lms_row_edits *e = &seq->edits;
    return has_penalties(e) || has_more(e) || e->dry_multiplier > 0.0f;
}

/* The first of the tokens that count. */
static size_t first_that_counts(const llama_lms_seq *seq)
{
    const lms_row_edits *e = &seq->edits;
    size_t most = 0;
    if (has_more(e)) return 0;
    if (has_penalties(e)) {
        if (!e->window) return 0;
        most = e->window;
    }
    if (e->dry_multiplier > 0.0f) {
        if (!e->dry_range) return 0;
        if (e->dry_range > most) most = e->dry_range;
    }
    return seq->tokens.count > most ? seq->tokens.count - most : 0;
}

void llama_lms_drop_slot(llama_lms_seq *seq)
{
    if (seq->slot) lms_slots_close(seq->l->slots, seq->slot);
    seq->slot = 0;
    seq->in_slot = 0;
}

static lms_status open_slot(llama_lms_seq *seq)
{
    llama_lms *l = seq->l;
    const size_t from = first_that_counts(seq);
    const size_t count = seq->tokens.count - from;
    if (count >= l->options.max_length) {
        return llama_lms_fail(LMS_E_CONTEXT_FULL,
                              "a sequence has %zu tokens that penalties or DRY look at; "
                              "options.max_length is %u",
                              count, (unsigned)l->options.max_length);
    }
    llama_lms_drop_slot(seq);
    const uint32_t length = (uint32_t)count;
    const int32_t *tokens = count ? seq->tokens.data + from : NULL;
    const lms_slots_open_args args = {.count = 1,
                                      .lengths = &length,
                                      .tokens = tokens,
                                      .token_count = count,
                                      .names = &seq->slot};
    const lms_status status = lms_slots_open_host(l->slots, &args);
    if (status != LMS_OK) {
        seq->slot = 0;
        if (status != LMS_E_CONTEXT_FULL) return llama_lms_passed(status);
        return llama_lms_fail(status, "options.max_sequences: is %u: %s",
                              (unsigned)l->options.max_sequences, lms_error_message());
    }
    seq->in_slot = seq->tokens.count;
    seq->slot_from = from;
    return LMS_OK;
}

static lms_status append_one(llama_lms_seq *seq)
{
    const lms_slots_append_host_args args = {
        .count = 1, .names = &seq->slot, .tokens = seq->tokens.data + seq->in_slot};
    const lms_status status = lms_slots_append_host(seq->l->slots, &args);
    if (status != LMS_OK) return llama_lms_passed(status);
    seq->in_slot++;
    return LMS_OK;
}

/* Its slot has all the tokens that were accepted, and room for one more. */
static lms_status fill_slot(llama_lms_seq *seq)
{
    if (!has_history(seq)) return LMS_OK;
    if (!seq->l->slots) {
        return llama_lms_fail(LMS_E_ARGUMENT, "options: a sampler has penalties or DRY, but "
                                              "requests or max_sequences is 0");
    }
    const size_t missing = seq->tokens.count - seq->in_slot;
    const size_t length = seq->tokens.count - seq->slot_from;
    if (!seq->slot || missing > 1 || length + 1 > seq->l->options.max_length) {
        return open_slot(seq);
    }
    return missing ? append_one(seq) : LMS_OK;
}

/* ---------------------------------------------------------------------------------------------
 * Tables
 */

/* A list, which rows name by what is returned; 0: no memory. `values` may be NULL. */
static uint32_t add_list(llama_lms *l, const ints *ids, const float *values)
{
    const size_t begin = l->ids.count;
    const size_t end = begin + ids->count;
    if (!llama_lms_reserve(&l->ids, end) || !llama_lms_push(&l->offsets, (int32_t)end))
        return 0;
    if (l->values_capacity < l->ids.capacity) {
        float *larger = realloc(l->values, l->ids.capacity * sizeof *larger);
        if (!larger) return 0;
        l->values = larger;
        l->values_capacity = l->ids.capacity;
    }
    memcpy(l->ids.data + begin, ids->data, ids->count * sizeof *ids->data);
    if (values) {
        memcpy(l->values + begin, values, ids->count * sizeof *values);
    } else {
        memset(l->values + begin, 0, ids->count * sizeof *values);
    }
    l->ids.count = end;
    return (uint32_t)l->offsets.count - 1;
}

/* A copy of the sequence's mask, cut or filled up to whole rows. */
static bool add_mask(llama_lms *l, uint32_t number, const llama_lms_seq *seq)
{
    const size_t words = (l->vocab + 31) / 32;
    if (number >= l->masks) {
        const size_t masks = l->masks ? 2 * l->masks : 4;
        uint32_t *larger = realloc(l->mask, masks * words * sizeof *larger);
        if (!larger) return false;
        l->mask = larger;
        l->masks = masks;
    }
    const size_t given = seq->mask_words < words ? seq->mask_words : words;
    uint32_t *to = l->mask + number * words;
    memcpy(to, seq->mask, given * sizeof *to);
    memset(to + given, 0, (words - given) * sizeof *to);
    return true;
}

/* Row `row` of the call and what it names. */
static bool add_row(llama_lms *l, uint32_t row, const llama_lms_seq *seq, lms_tables *tables)
{
    lms_row_params *params = &l->params[row];
    const lms_request request = {0};
    *params = seq->row;
    params->request = request;
    params->wants = 0;
    if (has_edits(seq)) {
        lms_row_edits *edits = &l->edits[tables->edit_count];
        *edits = seq->edits;
        if (seq->bias_ids.count) {
            edits->bias = add_list(l, &seq->bias_ids, seq->bias_values);
            if (!edits->bias) return false;
        }
        if (seq->breakers.count) {
            edits->dry_breakers = add_list(l, &seq->breakers, NULL);
            if (!edits->dry_breakers) return false;
        }
        params->request.edits = ++tables->edit_count;
        if (has_history(seq)) params->request.slot = seq->slot;
    }
    if (seq->mask) {
        if (!add_mask(l, tables->mask_count, seq)) return false;
        params->request.mask = ++tables->mask_count;
    }
    if (seq->wants.top_n) {
        l->wants[tables->want_count] = seq->wants;
        params->wants = ++tables->want_count;
    }
    return true;
}

static lms_status add_rows(llama_lms *l, uint32_t n, llama_lms_seq *const *seqs,
                           lms_tables *tables)
{
    l->ids.count = 0;
    l->offsets.count = 0;
    bool done = llama_lms_push(&l->offsets, 0);
    for (uint32_t i = 0; i < n && done; ++i) done = add_row(l, i, seqs[i], tables);
    if (!done) return llama_lms_fail(LMS_E_MEMORY, "no memory for the tables of a call");
    tables->edits = l->edits;
    tables->wants = l->wants;
    tables->list_count = (uint32_t)l->offsets.count - 1;
    tables->list_offsets = (const uint32_t *)l->offsets.data;
    tables->list_ids = l->ids.data;
    tables->list_values = l->values;
    tables->masks = l->mask;
    tables->mask_columns = (l->vocab + 31) / 32;
    return LMS_OK;
}

/* What became of each row. */
static void tell(uint32_t n, llama_lms_seq *const *seqs, const lms_sample_host_args *args)
{
    const int32_t *tokens = args->tokens;
    for (uint32_t i = 0; i < n; ++i) {
        llama_lms_seq *seq = seqs[i];
        seq->status = LMS_OK;
        seq->message[0] = '\0';
        if (tokens[i] != LMS_NO_TOKEN) continue;
        seq->status = LMS_E_ARGUMENT;
        snprintf(seq->message, sizeof seq->message,
                 "the row has no token: every logit is NaN, -inf or banned (status 0x%x)",
                 (unsigned)args->status[i]);
    }
}

lms_status llama_lms_draw(llama_lms *l, uint32_t n, llama_lms_seq *const *seqs,
                          const lms_sample_host_args *given)
{
    lms_sample_host_args args = *given;
    lms_tables tables = {0};
    bool appends = false;
    for (uint32_t i = 0; i < n; ++i) {
        const lms_status filled = fill_slot(seqs[i]);
        if (filled != LMS_OK) return filled;
        appends = appends || has_history(seqs[i]);
    }
    const lms_status added = add_rows(l, n, seqs, &tables);
    if (added != LMS_OK) return added;
    const bool asks = tables.edit_count || tables.mask_count || tables.want_count;
    args.rows = n;
    args.params = l->params;
    args.tables = asks ? &tables : NULL;
    args.append = args.append && appends;
    if (!args.status) args.status = l->status;
    if (!args.top_tokens) args.top_stride = 0;
    const lms_status status = lms_sample_host(l->sampler, &args);
    if (status != LMS_OK) return llama_lms_passed(status);
    tell(n, seqs, &args);
    return LMS_OK;
}
