#include "sample_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A row's place in the arrays is its row in the logits and its slot in the model's batch. */
typedef struct {
    const setup *setup;
    sample_row *rows;
    int count;
    lm_batch *sequences;
    lms_sampler *sampler;
    cl_mem logits;
    output tokens;
    output statuses;
    output logprobs;
    lms_row_params *params;
    int32_t *index; /* its own number, or LMS_SKIP_ROW once a row's text has ended */
    lm_entry *entries;
    sample_times times;
} loop;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool make_sampler(loop *l)
{
    const setup *s = l->setup;
    const lms_sampler_desc desc = {.vocab = (uint32_t)lm_vocab(s->model),
                                   .max_rows = (uint32_t)l->count,
                                   .logits = LMS_FLOAT32,
                                   .outputs = LMS_OUT_LOGPROB_RAW};
    return succeeded(s, "cannot make a sampler",
                     lms_sampler_create(s->context, &desc, &l->sampler));
}

static bool open_loop(loop *l, int length)
{
    const setup *s = l->setup;
    const size_t count = (size_t)l->count;
    l->sequences = lm_batch_create(s->model, l->count);
    l->params = calloc(count, sizeof *l->params);
    l->index = calloc(count, sizeof *l->index);
    l->entries = calloc(count, sizeof *l->entries);
    bool good =
        l->sequences != NULL && l->params != NULL && l->index != NULL && l->entries != NULL;
    for (int row = 0; row < l->count && good; row++) {
        l->params[row] = l->rows[row].params;
        l->index[row] = row;
        l->rows[row].tokens = calloc((size_t)length, sizeof(int32_t));
        good = l->rows[row].tokens != NULL;
    }
    if (!good) {
        return fail(s, "no memory for so many texts");
    }
    return make_sampler(l) && make_input(s, l->count, lm_vocab(s->model), &l->logits) &&
           make_output(s, count * sizeof(cl_int), &l->tokens) &&
           make_output(s, count * sizeof(cl_uint), &l->statuses) &&
           make_output(s, count * sizeof(cl_float), &l->logprobs);
}

static void close_loop(loop *l)
{
    lms_sampler_destroy(l->sampler);
    free_output(&l->tokens);
    free_output(&l->statuses);
    free_output(&l->logprobs);
    if (l->logits != NULL) {
        clReleaseMemObject(l->logits);
    }
    lm_batch_free(l->sequences);
    free(l->params);
    free(l->index);
    free(l->entries);
}

static bool feed_prompts(loop *l, int length)
{
    const setup *s = l->setup;
    float *logits = map_input(s, l->logits);
    bool good = logits != NULL;
    for (int row = 0; row < l->count && good; row++) {
        good = feed_prompt(s, l->sequences, row, l->rows[row].prompt, length,
                           logits + (size_t)row * (size_t)lm_vocab(s->model), NULL) > 0;
    }
    return logits != NULL && unmap_input(s, l->logits, logits) && good;
}

/* Draws each unfinished row's next token. */
static bool sample(loop *l, int step)
{
    const setup *s = l->setup;
    for (int row = 0; row < l->count; row++) {
        l->params[row].step = (uint64_t)step;
    }
    const lms_sampler_run_args batch = {.rows = (uint32_t)l->count,
                                        .logits = {l->logits, 0},
                                        .params = l->params,
                                        .index = l->index,
                                        .tokens = {l->tokens.buffer, 0},
                                        .status = {l->statuses.buffer, 0},
                                        .logprob_raw = {l->logprobs.buffer, 0}};
    const double start = now();
    if (!succeeded(s, "cannot sample",
                   lms_sampler_run(l->sampler, s->queue, &batch, 0, NULL, NULL)) ||
        !succeeded(s, "cannot sample", clFinish(s->queue))) {
        return false;
    }
    l->times.sampler_seconds += now() - start;
    if (!read_output(s, &l->tokens) || !read_output(s, &l->statuses) ||
        !read_output(s, &l->logprobs)) {
        return false;
    }
    const uint32_t *statuses = l->statuses.copy;
    for (int row = 0; row < l->count; row++) {
        if (l->index[row] != LMS_SKIP_ROW && LMS_ROW_CODE(statuses[row]) != LMS_ROW_OK) {
            fprintf(stderr, "%s: row %d has status 0x%x\n", s->program, row,
                    (unsigned)statuses[row]);
            return false;
        }
    }
    return true;
}

/* Keeps the new tokens and lists those that the model shall go on from. */
static size_t keep_tokens(loop *l)
{
    const int32_t *tokens = l->tokens.copy;
    const float *logprobs = l->logprobs.copy;
    size_t count = 0;
    for (int row = 0; row < l->count; row++) {
        sample_row *r = &l->rows[row];
        if (l->index[row] == LMS_SKIP_ROW) {
            continue;
        }
        l->times.tokens++;
        r->tokens[r->length++] = tokens[row];
        r->logprob += (double)logprobs[row];
        if (tokens[row] == lm_end_of_text(l->setup->model)) {
            l->index[row] = LMS_SKIP_ROW;
        } else {
            l->entries[count++] = (lm_entry){.slot = row, .token = tokens[row]};
        }
    }
    return count;
}

/* Rows that are over get no new logits. They are skipped, so it is no harm that theirs are
 * undefined. */
static bool advance_model(loop *l, size_t count)
{
    const setup *s = l->setup;
    float *logits = map_input(s, l->logits);
    if (logits == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        l->entries[i].logits = logits + (size_t)l->entries[i].slot * (size_t)lm_vocab(s->model);
    }
    const bool good = lm_batch_step(l->sequences, l->entries, count) == 0 ||
                      fail(s, "a sequence is longer than the model's context");
    return unmap_input(s, l->logits, logits) && good;
}

static bool run(loop *l, int length)
{
    /* The first call pays for what the driver does only once. Drawing the same step again
     * gives the same tokens, so it may simply be repeated. */
    if (!feed_prompts(l, length) || !sample(l, 0)) {
        return false;
    }
    l->times.sampler_seconds = 0.0;
    const double start = now();
    size_t going = (size_t)l->count;
    for (int step = 0; step < length && going > 0; step++) {
        if (!sample(l, step)) {
            return false;
        }
        going = keep_tokens(l);
        if (step + 1 < length && !advance_model(l, going)) {
            return false;
        }
    }
    l->times.seconds = now() - start;
    return true;
}

bool sample_all(const setup *s, sample_row *rows, int count, int length, sample_times *times)
{
    loop l = {.setup = s, .rows = rows, .count = count};
    const bool good = open_loop(&l, length) && run(&l, length);
    close_loop(&l);
    if (times != NULL) {
        *times = l.times;
    }
    return good;
}

void sample_rows_free(sample_row *rows, int count)
{
    for (int row = 0; row < count; row++) {
        free(rows[row].tokens);
    }
}
