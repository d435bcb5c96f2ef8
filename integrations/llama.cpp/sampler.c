/* sampler.c - a llama_sampler: for one sequence, anywhere that llama.cpp takes one. */
#include "internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static llama_lms_seq *state(const struct llama_sampler *smpl) { return smpl->ctx; }

/* What cannot be returned is kept for llama_lms_sampler_status. */
static void keep(llama_lms_seq *seq, lms_status status)
{
    seq->status = status;
    snprintf(seq->message, sizeof seq->message, "%s", llama_lms_error_message());
}

/* ---------------------------------------------------------------------------------------------
 * Draws in llama_sampler_sample
 */
static const char *get_name(const struct llama_sampler *smpl)
{
    (void)smpl;
    return "lmsample";
}

static void accept(struct llama_sampler *smpl, llama_token token)
{
    const lms_status status = llama_lms_accept(state(smpl), token);
    if (status != LMS_OK) keep(state(smpl), status);
}

llama_token llama_lms_draw_one(llama_lms_seq *seq, const float *logits)
{
    llama_token token = LLAMA_TOKEN_NULL;
    const lms_sample_host_args args = {.logits = logits, .tokens = &token};
    lms_status status = llama_lms_draw(seq->l, 1, &seq, &args);
    if (status == LMS_OK) return token;
    keep(seq, status);
    return LLAMA_TOKEN_NULL;
}

/* The candidates in their places of a row of the vocabulary; what is no candidate is -inf. */
static bool spread(llama_lms *l, const llama_token_data_array *candidates)
{
    if (!l->logits) l->logits = malloc(l->vocab * sizeof *l->logits);
    if (!l->logits) return false;
    if (candidates->size < l->vocab) {
        for (uint32_t i = 0; i < l->vocab; ++i) l->logits[i] = -INFINITY;
    }
    for (size_t i = 0; i < candidates->size; ++i) {
        const llama_token_data *c = &candidates->data[i];
        if ((uint32_t)c->id < l->vocab) l->logits[c->id] = c->logit;
    }
    return true;
}

static int64_t find(const llama_token_data_array *candidates, llama_token token)
{
    const size_t size = candidates->size;
    if ((size_t)token < size && candidates->data[token].id == token) return token;
    for (size_t i = 0; i < size; ++i) {
        if (candidates->data[i].id == token) return (int64_t)i;
    }
    return 0;
}

/* Where nothing can be drawn: llama.cpp ends the process if nothing is selected. */
static int64_t find_largest(const llama_token_data_array *candidates)
{
    size_t best = 0;
    for (size_t i = 1; i < candidates->size; ++i) {
        if (candidates->data[i].logit > candidates->data[best].logit) best = i;
    }
    return (int64_t)best;
}

static void apply(struct llama_sampler *smpl, llama_token_data_array *candidates)
{
    llama_lms_seq *seq = state(smpl);
    llama_token token = LLAMA_TOKEN_NULL;
    if (!candidates->size) return;
    pthread_mutex_lock(&seq->l->lock);
    if (spread(seq->l, candidates)) {
        token = llama_lms_draw_one(seq, seq->l->logits);
    } else {
        keep(seq, llama_lms_fail(LMS_E_MEMORY, "no memory for a row of logits"));
    }
    pthread_mutex_unlock(&seq->l->lock);
    seq->drawn = 1;
    candidates->selected =
        token == LLAMA_TOKEN_NULL ? find_largest(candidates) : find(candidates, token);
}

static void reset(struct llama_sampler *smpl)
{
    llama_lms_seq *seq = state(smpl);
    pthread_mutex_lock(&seq->l->lock);
    llama_lms_drop_slot(seq);
    pthread_mutex_unlock(&seq->l->lock);
    seq->tokens.count = 0;
    seq->breakers.count = 0;
    seq->row.step = 0;
    seq->drawn = 0;
    seq->status = LMS_OK;
    seq->message[0] = '\0';
}

static void free_seq(llama_lms_seq *seq)
{
    pthread_mutex_lock(&seq->l->lock);
    llama_lms_drop_slot(seq);
    pthread_mutex_unlock(&seq->l->lock);
    while (seq->draws) {
        graph_draw *next = seq->draws->next;
        free(seq->draws);
        seq->draws = next;
    }
    free(seq->bias_ids.data);
    free(seq->bias_values);
    free(seq->breakers.data);
    free(seq->tokens.data);
    free(seq);
}

static void free_sampler(struct llama_sampler *smpl) { free_seq(state(smpl)); }

/* ---------------------------------------------------------------------------------------------
 * Samplers
 */
#ifdef LLAMA_LMS_COPY_STATE
/* The tokens and the step, not the graph. */
static void copy_state(const struct llama_sampler *from, struct llama_sampler *to)
{
    const llama_lms_seq *source = state(from);
    llama_lms_seq *seq = state(to);
    reset(to);
    for (size_t i = 0; i < source->tokens.count; ++i) {
        const lms_status status = llama_lms_accept(seq, source->tokens.data[i]);
        if (status != LMS_OK) keep(seq, status);
    }
    seq->row = source->row;
    seq->edits = source->edits;
    seq->mask = source->mask;
    seq->mask_words = source->mask_words;
    seq->drawn = source->drawn;
}
#endif

static struct llama_sampler *clone(const struct llama_sampler *smpl);

static struct llama_sampler_i interface = {
    .name = get_name,
    .accept = accept,
    .apply = apply,
    .reset = reset,
    .clone = clone,
    .free = free_sampler,
#ifdef LLAMA_LMS_GRAPH
    .backend_init = llama_lms_graph_init,
    .backend_apply = llama_lms_graph_apply,
#endif
#ifdef LLAMA_LMS_GRAPH_RESET
    .backend_reset = llama_lms_graph_reset,
#endif
#ifdef LLAMA_LMS_COPY_STATE
    .copy_state = copy_state,
#endif
};

static bool copy_bias(llama_lms_seq *seq, const llama_logit_bias *bias, size_t count)
{
    if (!count) return true;
    seq->bias_values = malloc(count * sizeof *seq->bias_values);
    if (!seq->bias_values) return false;
    for (size_t i = 0; i < count; ++i) {
        if (!llama_lms_push(&seq->bias_ids, bias[i].token)) return false;
        seq->bias_values[i] = bias[i].bias;
    }
    return true;
}

/* What the first draw would refuse is refused here. */
static lms_status check(const llama_lms_seq *seq, int edited)
{
    const llama_lms_options *options = &seq->l->options;
    const uint32_t field = lms_row_params_check(&seq->row);
    if (field) {
        const char *name = field == LMS_FIELD_TEMPERATURE ? "temp"
                           : field == LMS_FIELD_TOP_P     ? "top_p"
                           : field == LMS_FIELD_MIN_P     ? "min_p"
                                                          : "params";
        return llama_lms_fail(LMS_E_ROW_PARAMS,
                              "%s: is out of its range (temp %g, top_p %g, min_p %g)", name,
                              (double)seq->row.filters.temperature,
                              (double)seq->row.filters.top_p, (double)seq->row.filters.min_p);
    }
    if (seq->edits.dry_multiplier > 0.0f && !(options->requests & LMS_REQUESTS_DRY)) {
        return llama_lms_fail(LMS_E_ARGUMENT,
                              "dry_multiplier: is %g, but options.requests has "
                              "no LMS_REQUESTS_DRY",
                              (double)seq->edits.dry_multiplier);
    }
    if ((edited || seq->bias_ids.count) && !options->requests) {
        return llama_lms_fail(LMS_E_ARGUMENT, "params: there are penalties or a bias, but "
                                              "options.requests is 0");
    }
    const float repetition = seq->edits.repetition;
    if (!(repetition > 0.0f) || isinf(repetition)) {
        return llama_lms_fail(LMS_E_ARGUMENT, "penalty_repeat: is %g, must be above 0",
                              (double)repetition);
    }
    return LMS_OK;
}

static lms_status make(llama_lms_seq *seq, const llama_lms_params *params)
{
    const int edited = llama_lms_convert(params, &seq->row, &seq->edits);
    seq->wants.top_n = params->n_probs;
    if (!copy_bias(seq, params->logit_bias, params->logit_bias_count)) {
        return llama_lms_fail(LMS_E_MEMORY, "no memory for logit_bias");
    }
    const lms_status checked = check(seq, edited);
    if (checked != LMS_OK || !(seq->edits.dry_multiplier > 0.0f)) return checked;
    llama_lms *l = seq->l;
    pthread_mutex_lock(&l->lock);
    const lms_status found = llama_lms_find_breakers(
        l, params->dry_sequence_breakers, params->dry_breaker_count, &seq->all_breakers);
    pthread_mutex_unlock(&l->lock);
    return found;
}

/* A sampler for a sequence, which is freed if there is none. */
static struct llama_sampler *wrap(llama_lms_seq *seq)
{
    struct llama_sampler *smpl = llama_sampler_init(&interface, seq);
    if (!smpl) {
        llama_lms_fail(LMS_E_MEMORY, "no memory for a sampler");
        free_seq(seq);
    }
    return smpl;
}

struct llama_sampler *llama_sampler_init_lms(llama_lms *l, const llama_lms_params *params)
{
    if (!l || !params) {
        llama_lms_fail(LMS_E_ARGUMENT, "%s: is NULL", l ? "params" : "l");
        return NULL;
    }
    llama_lms_seq *seq = calloc(1, sizeof *seq);
    if (!seq) {
        llama_lms_fail(LMS_E_MEMORY, "no memory for a sampler");
        return NULL;
    }
    seq->l = l;
    if (make(seq, params) == LMS_OK) return wrap(seq);
    free_seq(seq);
    return NULL;
}

static bool copy_ints(ints *to, const ints *from)
{
    if (!llama_lms_reserve(to, from->count)) return false;
    if (from->count) memcpy(to->data, from->data, from->count * sizeof *to->data);
    to->count = from->count;
    return true;
}

/* A clone has all but the slot, which it fills for itself. llama.cpp has no way to hear that it
 * failed but NULL, on which its own chain ends the process. */
static struct llama_sampler *clone(const struct llama_sampler *smpl)
{
    const llama_lms_seq *from = state(smpl);
    llama_lms_seq *seq = malloc(sizeof *seq);
    if (!seq) return NULL;
    *seq = *from;
    const ints none = {0};
    seq->bias_ids = seq->breakers = seq->tokens = none;
    seq->bias_values = NULL;
    seq->slot = 0;
    seq->in_slot = 0;
    seq->in_graph = false;
    seq->draws = seq->next_draw = NULL;
    const size_t values = from->bias_ids.count * sizeof *seq->bias_values;
    if (values) seq->bias_values = malloc(values);
    if ((values && !seq->bias_values) || !copy_ints(&seq->bias_ids, &from->bias_ids) ||
        !copy_ints(&seq->breakers, &from->breakers) ||
        !copy_ints(&seq->tokens, &from->tokens)) {
        free_seq(seq);
        return NULL;
    }
    if (values) memcpy(seq->bias_values, from->bias_values, values);
    return wrap(seq);
}

llama_lms_seq *llama_lms_seq_of(const struct llama_sampler *smpl)
{
    if (!smpl) return NULL;
    if (smpl->iface == &interface) return state(smpl);
    struct llama_sampler *chain = (struct llama_sampler *)smpl; /* it is only looked at */
    if (strcmp(llama_sampler_name(smpl), "chain") != 0 || llama_sampler_chain_n(chain) != 1) {
        return NULL;
    }
    const struct llama_sampler *only = llama_sampler_chain_get(chain, 0);
    return only && only->iface == &interface ? state(only) : NULL;
}

lms_status llama_lms_sampler_status(const struct llama_sampler *smpl, const char **message)
{
    const llama_lms_seq *seq = llama_lms_seq_of(smpl);
    if (message) *message = seq ? seq->message : "";
    return seq ? seq->status : LMS_OK;
}

void llama_lms_sampler_set_mask(struct llama_sampler *smpl, const uint32_t *mask, size_t words)
{
    llama_lms_seq *seq = llama_lms_seq_of(smpl);
    if (!seq) return;
    seq->mask = mask;
    seq->mask_words = mask ? words : 0;
}

lms_row_params *llama_lms_sampler_row(struct llama_sampler *smpl)
{
    llama_lms_seq *seq = llama_lms_seq_of(smpl);
    return seq ? &seq->row : NULL;
}

lms_row_edits *llama_lms_sampler_edits(struct llama_sampler *smpl)
{
    llama_lms_seq *seq = llama_lms_seq_of(smpl);
    return seq ? &seq->edits : NULL;
}
