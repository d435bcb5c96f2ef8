/* explain_source.c - where the row of logits comes from. */
#include "explain.h"
#include "logits_file.h"
#include "message.h"
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SKIPPED_BYTES = 1 << 22 /* read at once on the way to a row */
};

__attribute__((format(printf, 1, 2))) static char *text_of(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *const text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text == NULL) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

static int read_row(explain_row *row, logits_file *file, uint64_t number)
{
    const size_t row_bytes = (size_t)file->vocab * logits_file_item(file);
    uint64_t chunk = SKIPPED_BYTES / row_bytes + 1;
    if (number >= file->rows) {
        if (file->rows == 0) {
            return fail(EXIT_INPUT, "--row: is %llu, but %s has no rows",
                        (unsigned long long)number, file->name);
        }
        return fail(EXIT_USAGE, "--row: is %llu, must be from 0 to %llu, the last row of %s",
                    (unsigned long long)number, (unsigned long long)file->rows - 1, file->name);
    }
    if (chunk > number + 1) chunk = number + 1;
    row->logits = malloc(chunk * row_bytes);
    if (row->logits == NULL) return fail_memory("the row");
    for (uint64_t left = number; left > 0;) {
        const uint64_t count = left < chunk ? left : chunk;
        const int status = logits_file_read(file, row->logits, count);
        if (status != EXIT_DONE) return status;
        left -= count;
    }
    return logits_file_read(file, row->logits, 1);
}

static int open_file(explain_row *row, const explain_options *options)
{
    logits_file file = {0};
    int status = logits_file_open(&file, options->logits, options->as_bfloat16);
    if (status != EXIT_DONE) return status;
    status = read_row(row, &file, options->row);
    row->vocab = file.vocab;
    row->type = file.type;
    if (status == EXIT_DONE) {
        row->title = file.is_vector ? text_of("%s", file.name)
                                    : text_of("row %llu of %s",
                                              (unsigned long long)options->row, file.name);
        if (row->title == NULL) status = fail_memory("the row");
    }
    logits_file_close(&file);
    if (status != EXIT_DONE || options->vocabulary == NULL) return status;
    return vocabulary_load(options->vocabulary, &row->texts);
}

static int run_model(explain_row *row, const int32_t *tokens, size_t count)
{
    row->vocab = (uint32_t)lm_vocab(row->model);
    row->type = LMS_FLOAT32;
    row->logits = malloc(row->vocab * sizeof(float));
    lm_batch *const batch = lm_batch_create(row->model, 1);
    int status = EXIT_DONE;
    if (batch == NULL || row->logits == NULL) {
        status = fail_memory("the model");
    } else if (lm_batch_prompt(batch, 0, tokens, count, row->logits, NULL) != 0) {
        status = fail(EXIT_USAGE, "--prompt: the model does not take it");
    }
    lm_batch_free(batch);
    return status;
}

static int open_prompt(explain_row *row, const explain_options *options)
{
    int status = model_open(options->model, &row->model);
    if (status != EXIT_DONE) return status;
    const size_t length = strlen(options->prompt);
    int32_t *const tokens = malloc((length + 1) * sizeof *tokens);
    if (tokens == NULL) return fail_memory("--prompt");
    tokens[0] = lm_end_of_text(row->model); /* it opens a text */
    const size_t count = 1 + lm_encode(row->model, options->prompt, length, tokens + 1, length);
    if (count > (size_t)lm_context(row->model)) {
        status = fail(EXIT_USAGE, "--prompt: is %zu tokens long, must be at most %d", count - 1,
                      lm_context(row->model) - 1);
    } else {
        status = run_model(row, tokens, count);
    }
    free(tokens);
    if (status != EXIT_DONE) return status;
    row->title = text_of("what follows \"%s\"", options->prompt);
    if (row->title == NULL) return fail_memory("--prompt");
    return vocabulary_of_model(row->model, &row->texts);
}

int explain_row_open(explain_row *row, const explain_options *options)
{
    *row = (explain_row){0};
    return options->prompt != NULL ? open_prompt(row, options) : open_file(row, options);
}

void explain_row_close(explain_row *row)
{
    free(row->title);
    free(row->logits);
    vocabulary_free(row->texts);
    if (row->model != NULL) lm_model_free(row->model);
}

static float from_bits(uint32_t bits)
{
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float from_float16(uint16_t pattern)
{
    const uint32_t sign = (pattern & 0x8000u) << 16;
    const uint32_t exponent = pattern >> 10 & 31u, fraction = pattern & 0x3ffu;
    if (exponent == 31) return from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    return (float)fraction * (sign == 0 ? 0x1p-24f : -0x1p-24f);
}

void explain_row_floats(const explain_row *row, float *logits)
{
    if (row->type == LMS_FLOAT32) {
        memcpy(logits, row->logits, row->vocab * sizeof *logits);
        return;
    }
    const uint16_t *const patterns = row->logits;
    for (uint32_t i = 0; i < row->vocab; i++) {
        logits[i] = row->type == LMS_FLOAT16 ? from_float16(patterns[i])
                                             : from_bits((uint32_t)patterns[i] << 16);
    }
}
