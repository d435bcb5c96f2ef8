#include "generate_engine.h"

#include "build_notice.h"
#include "clock.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

/* Page by page, so that a device that shares the memory can use it in place. */
static float *allocate_logits(size_t slots, size_t vocab)
{
    const size_t page = 4096;
    return aligned_alloc(page, (slots * vocab * sizeof(float) + page - 1) / page * page);
}

static bool allocate(engine *e)
{
    const size_t slots = (size_t)e->slot_count;
    e->slots = lm_batch_create(e->model, e->slot_count);
    e->logits = allocate_logits(slots, (size_t)lm_vocab(e->model));
    e->running = calloc(slots, sizeof(sequence *));
    e->params = calloc(slots, sizeof *e->params);
    e->index = calloc(slots, sizeof *e->index);
    e->tokens = calloc(slots, sizeof *e->tokens);
    e->statuses = calloc(slots, sizeof *e->statuses);
    e->kept = calloc(slots, sizeof *e->kept);
    e->logprob = calloc(slots, sizeof *e->logprob);
    e->logprob_raw = calloc(slots, sizeof *e->logprob_raw);
    return e->slots != NULL && e->logits != NULL && e->running != NULL && e->params != NULL &&
           e->index != NULL && e->tokens != NULL && e->statuses != NULL && e->kept != NULL &&
           e->logprob != NULL && e->logprob_raw != NULL;
}

int engine_open(engine *e, const generate_options *options, const lm_model *model, int slots)
{
    *e = (engine){.options = options, .model = model, .slot_count = slots};
    if (!allocate(e)) {
        return fail(EXIT_MEMORY, "--batch: %d sequences at once: out of memory", slots);
    }
    const int exit_status = sampling_open(&options->sampling, &e->context);
    if (exit_status != EXIT_DONE) return exit_status;
    const lms_sampler_desc desc = {
        .vocab = (uint32_t)lm_vocab(model),
        .max_rows = (uint32_t)slots,
        .logits = LMS_FLOAT32,
        .outputs =
            options->has_details ? LMS_OUT_LOGPROB_RAW | LMS_OUT_LOGPROB | LMS_OUT_KEPT : 0,
    };
    build_notice_begin();
    const lms_status status = lms_sampler_create(e->context, &desc, &e->sampler);
    build_notice_end();
    return status == LMS_OK ? EXIT_DONE : fail_library("sampler", status);
}

void engine_close(engine *e)
{
    lms_sampler_destroy(e->sampler);
    lms_context_destroy(e->context);
    lm_batch_free(e->slots);
    free(e->logits);
    free(e->running);
    free(e->entries);
    free(e->params);
    free(e->index);
    free(e->tokens);
    free(e->statuses);
    free(e->kept);
    free(e->logprob);
    free(e->logprob_raw);
}

void engine_start(engine *e, sequence *s)
{
    int slot = 0;
    while (e->running[slot] != NULL) slot++;
    e->running[slot] = s;
    e->active++;
}

/* A sequence that has just begun feeds its whole prompt, others their last token. */
static size_t tokens_to_feed(const sequence *s) { return s->count > 0 ? 1 : s->prompt->count; }

static bool make_room_for_entries(engine *e)
{
    size_t count = 0;
    for (int slot = 0; slot < e->slot_count; slot++) {
        if (e->running[slot] != NULL) count += tokens_to_feed(e->running[slot]);
    }
    if (count <= e->entry_room) return true;
    free(e->entries);
    e->entries = malloc(count * sizeof *e->entries);
    e->entry_room = e->entries != NULL ? count : 0;
    return e->entries != NULL;
}

static int feed(engine *e)
{
    size_t count = 0;
    if (!make_room_for_entries(e)) return fail_memory("prompts");
    for (int slot = 0; slot < e->slot_count; slot++) {
        const sequence *const s = e->running[slot];
        if (s == NULL) continue;
        const size_t tokens = tokens_to_feed(s);
        for (size_t i = 0; i < tokens; i++) {
            const int32_t token =
                s->count > 0 ? s->tokens[s->count - 1].token : s->prompt->tokens[i];
            e->entries[count++] = (lm_entry){.slot = slot, .token = token};
        }
        e->entries[count - 1].logits = e->logits + (size_t)slot * (size_t)lm_vocab(e->model);
    }
    if (lm_batch_step(e->slots, e->entries, count) != 0) {
        return fail(EXIT_INPUT, "model: a sequence is longer than the model's context");
    }
    return EXIT_DONE;
}

static int sample(engine *e)
{
    lms_sample_host_args batch = {.rows = 0,
                                  .logits = e->logits,
                                  .logits_rows = (size_t)e->slot_count,
                                  .params = e->params,
                                  .index = e->index,
                                  .tokens = e->tokens,
                                  .status = e->statuses};
    if (e->options->has_details) {
        batch.kept = e->kept;
        batch.logprob = e->logprob;
        batch.logprob_raw = e->logprob_raw;
    }
    for (int slot = 0; slot < e->slot_count; slot++) {
        const sequence *const s = e->running[slot];
        if (s == NULL) continue;
        e->params[batch.rows] = s->params;
        e->params[batch.rows].step += s->count;
        e->index[batch.rows++] = slot;
    }
    const lms_status status = lms_sample_host(e->sampler, &batch);
    return status == LMS_OK ? EXIT_DONE : fail_library("sampler", status);
}

static int keep_token(engine *e, int row)
{
    const int slot = e->index[row];
    sequence *const s = e->running[slot];
    const drawn_token drawn = {e->tokens[row], e->kept[row], e->logprob[row],
                               e->logprob_raw[row]};
    if (LMS_ROW_CODE(e->statuses[row]) == LMS_ROW_EMPTY) {
        s->end = SEQUENCE_NO_TOKEN;
    } else if (LMS_ROW_CODE(e->statuses[row]) != LMS_ROW_OK) {
        return fail(EXIT_DEVICE, "sampler: a row has status 0x%x", (unsigned)e->statuses[row]);
    } else if (!sequence_add(s, e->options, e->model, drawn)) {
        return fail_memory("text");
    } else {
        e->token_count++;
    }
    if (s->end != SEQUENCE_GOES_ON) {
        lm_batch_truncate(e->slots, slot, 0);
        e->running[slot] = NULL;
        e->active--;
    }
    return EXIT_DONE;
}

int engine_step(engine *e)
{
    const int rows = e->active;
    const double start = clock_seconds();
    int exit_status = feed(e);
    const double middle = clock_seconds();
    if (exit_status == EXIT_DONE) exit_status = sample(e);
    e->model_seconds += middle - start;
    e->sampler_seconds += clock_seconds() - middle;
    for (int row = 0; row < rows && exit_status == EXIT_DONE; row++) {
        exit_status = keep_token(e, row);
    }
    return exit_status;
}
