/* explain_chain.c - the stages of the chain, as rows of one call on the same logits.
 *
 * A filter's base is what the filters before it keep (specification, section 6), so the first
 * stages of a chain, with the same flags, are a set of parameters whose result is what the
 * whole chain has at that point. */
#include "explain.h"
#include "build_notice.h"
#include "message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const stage_names[STAGE_KINDS] = {"softmax", "temperature", "min-p",
                                              "top-k",   "top-p",       "greedy"};

static void add_stage(explanation *e, stage_kind kind, const lms_row_params *params)
{
    stage *const s = &e->stages[e->stage_count++];
    *s = (stage){.kind = kind, .params = *params};
    const char *const name = stage_names[kind];
    switch (kind) {
    case STAGE_TEMPERATURE:
        snprintf(s->label, sizeof s->label, "%s %g", name, (double)params->filters.temperature);
        break;
    case STAGE_MIN_P:
        snprintf(s->label, sizeof s->label, "%s %g", name, (double)params->filters.min_p);
        break;
    case STAGE_TOP_K:
        snprintf(s->label, sizeof s->label, "%s %d", name, (int)params->filters.top_k);
        break;
    case STAGE_TOP_P:
        snprintf(s->label, sizeof s->label, "%s %g", name, (double)params->filters.top_p);
        break;
    default: snprintf(s->label, sizeof s->label, "%s", name);
    }
}

static void add_min_p(explanation *e, lms_row_params *so_far)
{
    if (!(e->params.filters.min_p > 0)) return;
    so_far->filters.min_p = e->params.filters.min_p;
    add_stage(e, STAGE_MIN_P, so_far);
}

static void add_temperature(explanation *e, lms_row_params *so_far)
{
    if (e->params.filters.temperature == 1) return;
    so_far->filters.temperature = e->params.filters.temperature;
    add_stage(e, STAGE_TEMPERATURE, so_far);
}

static void make_chain(explanation *e)
{
    const lms_row_params *const all = &e->params;
    lms_row_params so_far = LMS_ROW_PARAMS_INIT;
    so_far.seed = all->seed;
    so_far.step = all->step;
    add_stage(e, STAGE_SOFTMAX, &so_far);
    so_far.filters.flags = all->filters.flags;
    if (all->filters.temperature == 0 || all->filters.top_p <= 0) {
        add_stage(e, STAGE_GREEDY, all);
        return;
    }
    if ((all->filters.flags & LMS_TEMPERATURE_LAST) == 0) add_temperature(e, &so_far);
    if ((all->filters.flags & LMS_MIN_P_LAST) == 0) add_min_p(e, &so_far);
    if (all->filters.top_k > 0 && (uint32_t)all->filters.top_k < e->row->vocab) {
        so_far.filters.top_k = all->filters.top_k;
        add_stage(e, STAGE_TOP_K, &so_far);
    }
    if (all->filters.top_p < 1) {
        so_far.filters.top_p = all->filters.top_p;
        add_stage(e, STAGE_TOP_P, &so_far);
    }
    if ((all->filters.flags & LMS_MIN_P_LAST) != 0) add_min_p(e, &so_far);
    if ((all->filters.flags & LMS_TEMPERATURE_LAST) != 0) add_temperature(e, &so_far);
}

/* --- The call ---------------------------------------------------------------------------- */

static int run_sampler(explanation *e, lms_sampler *sampler)
{
    lms_row_params params[STAGE_KINDS];
    const int32_t index[STAGE_KINDS] = {0};
    int32_t tokens[STAGE_KINDS], kept[STAGE_KINDS];
    uint32_t row_status[STAGE_KINDS];
    for (size_t i = 0; i < e->stage_count; i++) params[i] = e->stages[i].params;
    const lms_sample_host_args batch = {.rows = (uint32_t)e->stage_count,
                                        .logits = e->row->logits,
                                        .logits_rows = 1,
                                        .params = params,
                                        .index = index,
                                        .tokens = tokens,
                                        .status = row_status,
                                        .kept = kept,
                                        .probs = e->probs};
    const lms_status status = lms_sample_host(sampler, &batch);
    if (status != LMS_OK) return fail_library("sampling", status);
    for (size_t i = 0; i < e->stage_count; i++) {
        const uint32_t code = LMS_ROW_CODE(row_status[i]);
        if (code != LMS_ROW_OK && code != LMS_ROW_EMPTY) {
            return fail(EXIT_DEVICE, "sampling: the row has status %u", (unsigned)code);
        }
        e->stages[i].kept = (uint32_t)kept[i];
        e->stages[i].probs = e->probs + i * e->row->vocab;
    }
    e->drawn = tokens[e->stage_count - 1];
    return EXIT_DONE;
}

static int call_library(explanation *e, const sampling_options *options)
{
    lms_context *context = NULL;
    lms_sampler *sampler = NULL;
    const lms_sampler_desc desc = {.vocab = e->row->vocab,
                                   .max_rows = STAGE_KINDS,
                                   .logits = e->row->type,
                                   .outputs = LMS_OUT_KEPT | LMS_OUT_PROBS};
    int status = sampling_open(options, &context);
    if (status != EXIT_DONE) return status;
    build_notice_begin();
    const lms_status created = lms_sampler_create(context, &desc, &sampler);
    build_notice_end();
    status = created == LMS_OK ? run_sampler(e, sampler) : fail_library("sampler", created);
    lms_sampler_destroy(sampler);
    lms_context_destroy(context);
    return status;
}

/* --- Ranks ------------------------------------------------------------------------------- */

/* Ascending in the order of the specification, section 1; tokens never drawn come last. */
static uint64_t rank_key(float logit, uint32_t token)
{
    uint32_t bits = 0;
    if (isnan(logit) || logit == -INFINITY) return (uint64_t)UINT32_MAX << 32 | token;
    memcpy(&bits, &logit, sizeof bits);
    const int64_t size = bits & 0x7fffffffu;
    const int64_t key = (bits & 0x80000000u) != 0 ? -size : size;
    return (uint64_t)(0x7f800000 - key) << 32 | token;
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool rank_tokens(explanation *e)
{
    const uint32_t vocab = e->row->vocab;
    uint64_t *const keys = malloc(vocab * sizeof *keys);
    if (keys == NULL) return false;
    explain_row_floats(e->row, e->logits);
    for (uint32_t i = 0; i < vocab; i++) {
        const float logit = e->logits[i];
        keys[i] = rank_key(logit, i);
        e->nans += isnan(logit) ? 1 : 0;
        e->infinites += logit == INFINITY;
        e->live += keys[i] >> 32 != UINT32_MAX;
    }
    qsort(keys, vocab, sizeof *keys, compare_keys);
    for (uint32_t i = 0; i < vocab; i++) e->order[i] = (int32_t)(keys[i] & UINT32_MAX);
    free(keys);
    return true;
}

/* --- Sums -------------------------------------------------------------------------------- */

static double sum_ranks(const explanation *e, const stage *s, uint32_t from, uint32_t to)
{
    double sum = 0;
    for (uint32_t i = from; i < to; i++) sum += (double)s->probs[e->order[i]];
    return sum;
}

static double entropy_of(const explanation *e, const stage *s)
{
    double entropy = 0;
    for (uint32_t i = 0; i < s->kept; i++) {
        const double p = (double)s->probs[e->order[i]];
        if (p > 0) entropy -= p * log(p);
    }
    return entropy > 0 ? entropy : 0;
}

static void fill_sums(explanation *e, const stage *s, double *sums)
{
    double sum = 0;
    for (uint32_t i = 0; i < e->row->vocab; i++) {
        sum += (double)s->probs[e->order[i]];
        sums[i] = sum;
    }
}

/* The row whose mass top-p takes its share of. */
static const stage *base_of(const explanation *e, const stage *s)
{
    if ((s->params.filters.flags & LMS_TOP_P_WHOLE_ROW) == 0) return s - 1;
    const bool is_heated = e->stages[1].kind == STAGE_TEMPERATURE &&
                           (s->params.filters.flags & LMS_TEMPERATURE_LAST) == 0;
    return &e->stages[is_heated ? 1 : 0];
}

static void measure(explanation *e, stage *s)
{
    s->entropy = entropy_of(e, s);
    if (s->kind == STAGE_SOFTMAX || s->kept == 0) return;
    const stage *const before = s - 1;
    s->removed = before->kept - s->kept;
    s->removed_probability = sum_ranks(e, before, s->kept, before->kept);
    s->reached = (double)before->probs[e->order[s->kept - 1]];
    if (s->kind == STAGE_TOP_P) {
        s->reached = sum_ranks(e, base_of(e, s), 0, s->kept);
        s->threshold = (double)s->params.filters.top_p;
    } else if (s->kind == STAGE_MIN_P) {
        s->threshold = (double)s->params.filters.min_p * (double)before->probs[e->order[0]];
    }
}

int explain_compute(explanation *e, const explain_row *row, const explain_options *options)
{
    const size_t vocab = row->vocab;
    const lms_row_params *const params = &options->sampling.params;
    *e = (explanation){.row = row,
                       .number = options->row,
                       .seed = params->seed,
                       .params = *params,
                       .drawn = LMS_NO_TOKEN};
    e->params.seed = lms_row_seed(e->seed, e->number);
    make_chain(e);
    e->order = calloc(vocab, sizeof *e->order);
    e->logits = malloc(vocab * sizeof *e->logits);
    e->sums[0] = malloc(vocab * sizeof *e->sums[0]);
    e->sums[1] = malloc(vocab * sizeof *e->sums[1]);
    e->probs = malloc(e->stage_count * vocab * sizeof *e->probs);
    if (e->order == NULL || e->logits == NULL || e->sums[0] == NULL || e->sums[1] == NULL ||
        e->probs == NULL || !rank_tokens(e)) {
        return fail_memory("the row");
    }
    const int status = call_library(e, &options->sampling);
    if (status != EXIT_DONE) return status;
    for (size_t i = 0; i < e->stage_count; i++) measure(e, &e->stages[i]);
    fill_sums(e, &e->stages[0], e->sums[0]);
    fill_sums(e, explain_last(e), e->sums[1]);
    return EXIT_DONE;
}

void explain_free(explanation *e)
{
    free(e->order);
    free(e->logits);
    free(e->sums[0]);
    free(e->sums[1]);
    free(e->probs);
}

const stage *explain_last(const explanation *e) { return &e->stages[e->stage_count - 1]; }

const stage *explain_removed_by(const explanation *e, uint32_t rank)
{
    for (size_t i = 1; i < e->stage_count; i++) {
        if (rank >= e->stages[i].kept) return &e->stages[i];
    }
    return NULL;
}

uint32_t explain_rank(const explanation *e, int32_t token)
{
    uint32_t rank = 0;
    while (rank + 1 < e->row->vocab && e->order[rank] != token) rank++;
    return rank;
}

double explain_choices(const stage *s) { return s->kept == 0 ? 0 : exp(s->entropy); }
