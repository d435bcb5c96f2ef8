/* llama_lms.c - a sampler for a model's vocabulary, and draws with the caller's records. */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char error_message[512];

const char *llama_lms_error_message(void) { return error_message; }

lms_status llama_lms_fail(lms_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_message, sizeof error_message, format, arguments);
    va_end(arguments);
    return status;
}

lms_status llama_lms_passed(lms_status status)
{
    if (status != LMS_OK) llama_lms_fail(status, "%s", lms_error_message());
    return status;
}

bool llama_lms_reserve(ints *array, size_t count)
{
    if (count <= array->capacity) return true;
    size_t capacity = array->capacity * 2 > count ? array->capacity * 2 : count;
    if (capacity < 64) capacity = 64;
    int32_t *data = realloc(array->data, capacity * sizeof *data);
    if (!data) return false;
    array->data = data;
    array->capacity = capacity;
    return true;
}

bool llama_lms_push(ints *array, int32_t value)
{
    if (!llama_lms_reserve(array, array->count + 1)) return false;
    array->data[array->count++] = value;
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * Create, destroy
 */
/* Room for n rows of every table that has a row for each of a batch. */
static lms_status make_room(llama_lms *l, uint32_t n)
{
    if (n <= l->rows) return LMS_OK;
    const size_t rows = n > 64 ? n + n / 2 : 64;
    void *(*const grow)(void *, size_t) = realloc;
    bool done = true;
#define GROW(array)                                                                            \
    do {                                                                                       \
        void *larger = grow(l->array, rows * sizeof *l->array);                                \
        if (larger) l->array = larger;                                                         \
        done = done && larger;                                                                 \
    } while (0)
    GROW(params);
    GROW(edits);
    GROW(wants);
    GROW(seqs);
    GROW(index);
    GROW(status);
#undef GROW
    if (!done) return llama_lms_fail(LMS_E_MEMORY, "no memory for a batch of %zu rows", rows);
    l->rows = rows;
    return LMS_OK;
}

static lms_status open_context(llama_lms *l)
{
    if (l->options.context) {
        l->context = l->options.context;
        return LMS_OK;
    }
    l->own_context = true;
    return llama_lms_passed(lms_context_open(l->options.device, &l->context));
}

static lms_status make_slots(llama_lms *l)
{
    if (!l->options.requests || !l->options.max_sequences) return LMS_OK;
    const lms_slots_desc desc = {.vocab = l->vocab,
                                 .max_slots = l->options.max_sequences,
                                 .max_length = l->options.max_length};
    return llama_lms_passed(lms_slots_create(l->context, &desc, &l->slots));
}

static lms_status make(llama_lms *l)
{
    const lms_status opened = open_context(l);
    if (opened != LMS_OK) return opened;
    const lms_status made = make_slots(l);
    if (made != LMS_OK) return made;
    const lms_sampler_desc desc = {.vocab = l->vocab,
                                   .max_rows = l->options.max_rows,
                                   .logits = LMS_FLOAT32,
                                   .outputs = l->options.outputs,
                                   .max_top = l->options.max_top,
                                   .requests = l->options.requests,
                                   .slots = l->slots};
    const lms_status status = lms_sampler_create(l->context, &desc, &l->sampler);
    if (status == LMS_OK) return make_room(l, 1);
    if (status == LMS_E_BUILD) {
        return llama_lms_fail(status, "%s: %.300s", lms_error_message(),
                              lms_context_log(l->context));
    }
    return llama_lms_passed(status);
}

lms_status llama_lms_create(const struct llama_model *model, const llama_lms_options *options,
                            llama_lms **out)
{
    const llama_lms_options usual = LLAMA_LMS_OPTIONS_INIT;
    if (!out) return llama_lms_fail(LMS_E_ARGUMENT, "out: is NULL");
    *out = NULL;
    if (!model) return llama_lms_fail(LMS_E_ARGUMENT, "model: is NULL");
    llama_lms *l = calloc(1, sizeof *l);
    if (!l) return llama_lms_fail(LMS_E_MEMORY, "no memory for a llama_lms");
    l->options = options ? *options : usual;
    l->vocabulary = llama_model_get_vocab(model);
    l->vocab = (uint32_t)llama_vocab_n_tokens(l->vocabulary);
    pthread_mutex_init(&l->lock, NULL);
    const lms_status status = make(l);
    if (status != LMS_OK) {
        llama_lms_destroy(l);
        return status;
    }
    *out = l;
    return LMS_OK;
}

static void free_breakers(breakers *all)
{
    while (all) {
        breakers *next = all->next;
        free(all->key);
        free(all->sequences.data);
        free(all);
        all = next;
    }
}

void llama_lms_destroy(llama_lms *l)
{
    if (!l) return;
    lms_sampler_destroy(l->sampler);
    lms_slots_destroy(l->slots);
    if (l->own_context) lms_context_destroy(l->context);
    pthread_mutex_destroy(&l->lock);
    free_breakers(l->breakers);
    free(l->logits);
    free(l->params);
    free(l->edits);
    free(l->wants);
    free(l->seqs);
    free(l->index);
    free(l->status);
    free(l->mask);
    free(l->offsets.data);
    free(l->ids.data);
    free(l->values);
    free(l);
}

lms_sampler *llama_lms_lms_sampler(llama_lms *l) { return l->sampler; }
lms_slots *llama_lms_lms_slots(llama_lms *l) { return l->slots; }

/* ---------------------------------------------------------------------------------------------
 * Rows of the last llama_decode
 */

/* Its outputs are one behind the other, so that rows can be named by number, and nothing is
 * copied. Waits for the graph. */
static lms_status find_rows(const llama_lms *l, struct llama_context *ctx, uint32_t n,
                            const int32_t *positions, int32_t *index,
                            lms_sample_host_args *args)
{
    const float *first = llama_get_logits(ctx);
    const float *last = first ? llama_get_logits_ith(ctx, -1) : NULL;
    if (!last) {
        return llama_lms_fail(LMS_E_ROW_INDEX, "ctx: there are no logits; no token of the last "
                                               "batch asked for them, or a sampler in the "
                                               "graph has taken them");
    }
    args->logits = first;
    args->row_stride = 0;
    args->logits_rows = (size_t)(last - first) / l->vocab + 1;
    args->index = NULL;
    if (!positions) {
        if (n <= args->logits_rows) return LMS_OK;
        return llama_lms_fail(LMS_E_ROW_INDEX, "n: is %u, but the last batch has %zu outputs",
                              (unsigned)n, args->logits_rows);
    }
    args->index = index;
    for (uint32_t i = 0; i < n; ++i) {
        if (index[i] == LMS_SKIP_ROW) continue;
        const float *row = llama_get_logits_ith(ctx, positions[i]);
        if (!row) {
            return llama_lms_fail(LMS_E_ROW_INDEX, "positions[%u]: is %d, which has no logits",
                                  (unsigned)i, (int)positions[i]);
        }
        index[i] = (int32_t)((size_t)(row - first) / l->vocab);
    }
    return LMS_OK;
}

static lms_status sample_args(llama_lms *l, struct llama_context *ctx, const int32_t *positions,
                              const lms_sample_host_args *given)
{
    lms_sample_host_args args = *given;
    const lms_status room = make_room(l, args.rows);
    if (room != LMS_OK) return room;
    for (uint32_t i = 0; i < args.rows; ++i) l->index[i] = 0;
    const lms_status found = find_rows(l, ctx, args.rows, positions, l->index, &args);
    if (found != LMS_OK) return found;
    return llama_lms_passed(lms_sample_host(l->sampler, &args));
}

lms_status llama_lms_sample_args(llama_lms *l, struct llama_context *ctx,
                                 const int32_t *positions, const lms_sample_host_args *args)
{
    if (!l || !ctx || !args) {
        return llama_lms_fail(LMS_E_ARGUMENT, "%s: is NULL", !l ? "l" : !ctx ? "ctx" : "args");
    }
    if (!args->rows) return LMS_OK;
    pthread_mutex_lock(&l->lock);
    const lms_status status = sample_args(l, ctx, positions, args);
    pthread_mutex_unlock(&l->lock);
    return status;
}

lms_status llama_lms_sample_batch(llama_lms *l, struct llama_context *ctx, uint32_t n,
                                  const int32_t *positions, const lms_row_params *params,
                                  llama_token *tokens)
{
    const lms_sample_host_args args = {.rows = n, .params = params, .tokens = tokens};
    return llama_lms_sample_args(l, ctx, positions, &args);
}

/* ---------------------------------------------------------------------------------------------
 * Samplers of many sequences
 */

/* What llama.cpp's graph has drawn is taken from there. */
static bool drawn_in_graph(struct llama_context *ctx, int32_t position, llama_token *token)
{
#ifdef LLAMA_LMS_GRAPH
    *token = llama_get_sampled_token_ith(ctx, position);
    return *token != LLAMA_TOKEN_NULL;
#else
    (void)ctx, (void)position, (void)token;
    return false;
#endif
}

/* Sequences of the samplers, which are there once each. Returns how many rows are to be drawn
 * in *draws; the index of others is LMS_SKIP_ROW. */
static lms_status find_sequences(llama_lms *l, struct llama_context *ctx, uint32_t n,
                                 struct llama_sampler *const *samplers,
                                 const int32_t *positions, llama_token *tokens, uint32_t *draws)
{
    ++l->calls;
    *draws = 0;
    for (uint32_t i = 0; i < n; ++i) {
        llama_lms_seq *seq = llama_lms_seq_of(samplers[i]);
        if (!seq || seq->l != l) {
            return llama_lms_fail(LMS_E_ARGUMENT,
                                  "samplers[%u]: is no sampler of this llama_lms, nor a chain "
                                  "of one of them alone",
                                  (unsigned)i);
        }
        if (seq->call == l->calls) {
            return llama_lms_fail(LMS_E_ARGUMENT, "samplers[%u]: is there twice", (unsigned)i);
        }
        if (seq->in_graph && !positions) {
            return llama_lms_fail(LMS_E_ARGUMENT,
                                  "positions: is NULL, but samplers[%u] is in the graph",
                                  (unsigned)i);
        }
        seq->call = l->calls;
        l->seqs[i] = seq;
        const bool drawn = seq->in_graph && drawn_in_graph(ctx, positions[i], &tokens[i]);
        l->index[i] = drawn ? LMS_SKIP_ROW : 0;
        *draws += !drawn;
    }
    return LMS_OK;
}

static lms_status sample_sequences(llama_lms *l, struct llama_context *ctx, uint32_t n,
                                   struct llama_sampler *const *samplers,
                                   const int32_t *positions,
                                   const lms_sample_host_args *outputs, llama_token *tokens)
{
    lms_sample_host_args args = {0};
    uint32_t draws = 0;
    if (outputs) args = *outputs;
    lms_status status = make_room(l, n);
    if (status == LMS_OK) {
        status = find_sequences(l, ctx, n, samplers, positions, tokens, &draws);
    }
    if (status != LMS_OK) return status;
    if (draws && draws < n) {
        return llama_lms_fail(LMS_E_ARGUMENT, "samplers: some of them are in the graph");
    }
    if (draws) {
        status = find_rows(l, ctx, n, positions, l->index, &args);
        if (status != LMS_OK) return status;
        args.tokens = tokens;
        args.append = 1;
        status = llama_lms_draw(l, n, l->seqs, &args);
    }
    for (uint32_t i = 0; i < n && status == LMS_OK; ++i) {
        llama_lms_seq *seq = l->seqs[i];
        if (tokens[i] == LLAMA_TOKEN_NULL) continue;
        if (draws) seq->drawn = 1;
        status = llama_lms_accept(seq, tokens[i]);
        if (draws && l->params[i].request.slot) seq->in_slot = seq->tokens.count;
    }
    return status;
}

lms_status llama_lms_sample(llama_lms *l, struct llama_context *ctx, uint32_t n,
                            struct llama_sampler *const *samplers, const int32_t *positions,
                            const lms_sample_host_args *outputs, llama_token *tokens)
{
    if (!l || !ctx) return llama_lms_fail(LMS_E_ARGUMENT, "%s: is NULL", l ? "ctx" : "l");
    if (!n) return LMS_OK;
    if (!samplers || !tokens) {
        return llama_lms_fail(LMS_E_ARGUMENT, "%s: is NULL", tokens ? "samplers" : "tokens");
    }
    pthread_mutex_lock(&l->lock);
    const lms_status status = sample_sequences(l, ctx, n, samplers, positions, outputs, tokens);
    pthread_mutex_unlock(&l->lock);
    return status;
}

llama_token llama_lms_sampler_sample(struct llama_sampler *smpl, struct llama_context *ctx,
                                     int32_t position)
{
    llama_lms_seq *seq = llama_lms_seq_of(smpl);
    if (!seq) return llama_sampler_sample(smpl, ctx, position);
    llama_token token = LLAMA_TOKEN_NULL;
    const lms_status status = llama_lms_sample(seq->l, ctx, 1, &smpl, &position, NULL, &token);
    if (status == LMS_OK) return token;
    seq->status = status;
    snprintf(seq->message, sizeof seq->message, "%.*s", (int)sizeof seq->message - 1,
             error_message);
    return LLAMA_TOKEN_NULL;
}
