/* common.h - a model, and sequences that it goes on writing, for tests and benchmark. */
#ifndef LLAMA_LMS_TESTS_COMMON_H
#define LLAMA_LMS_TESTS_COMMON_H

#include "llama_lms.h"

#include "ggml-backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* llama.cpp's own samplers, by whatever arguments this version has. */
static inline struct llama_sampler *own_penalties(int32_t vocab, int32_t last_n, float repeat,
                                                  float freq, float present)
{
#ifdef LLAMA_LMS_PENALTIES_5
    return llama_sampler_init_penalties(vocab, last_n, repeat, freq, present);
#else
    (void)vocab;
    return llama_sampler_init_penalties(last_n, repeat, freq, present);
#endif
}

static inline struct llama_sampler *own_dry(const struct llama_model *model, float multiplier,
                                            float base, int32_t allowed, int32_t last_n,
                                            const char **breakers, size_t count)
{
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
#ifdef LLAMA_LMS_DRY_7
    return llama_sampler_init_dry(vocab, multiplier, base, allowed, last_n, breakers, count);
#else
    return llama_sampler_init_dry(vocab, llama_model_n_ctx_train(model), multiplier, base,
                                  allowed, last_n, breakers, count);
#endif
}

static void stop(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, llama_lms_error_message());
    exit(EXIT_FAILURE);
}

static void must(lms_status status, const char *what)
{
    if (status != LMS_OK) stop(what);
}

static void print_errors(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR || getenv("LLAMA_LMS_VERBOSE")) fputs(text, stderr);
}

static const char *const PROMPTS[] = {
    "The lighthouse had been dark for eleven years when",
    "Photosynthesis takes place in the",
    "Once upon a time there was a fox who",
    "The committee met on Tuesday to discuss the budget, and",
    "Dear Ms Alvarez, thank you for",
    "In chess, the two players move in turn, and",
    "The train to Hamburg was late again, so",
    "To bake bread, first mix the flour and",
};

static inline struct llama_model *load_model(const char *file)
{
    llama_log_set(print_errors, NULL);
    ggml_backend_load_all();
    llama_backend_init();
    struct llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = 0;
    struct llama_model *model = llama_model_load_from_file(file, params);
    if (!model) exit(EXIT_FAILURE);
    return model;
}

/* The tokens of a prompt; other ones, by a number in front, for each sequence. */
static inline int32_t tokens_of(const struct llama_model *model, int number,
                                llama_token *tokens, int32_t most)
{
    char text[256];
    const int kinds = (int)(sizeof PROMPTS / sizeof *PROMPTS);
    const int size = number < kinds ? snprintf(text, sizeof text, "%s", PROMPTS[number])
                                    : snprintf(text, sizeof text, "Chapter %d. %s",
                                               number / kinds, PROMPTS[number % kinds]);
    return llama_tokenize(llama_model_get_vocab(model), text, size, tokens, most, true, false);
}

static inline void add_token(struct llama_batch *batch, llama_token token, llama_pos place,
                             int sequence, int8_t wanted)
{
    const int i = batch->n_tokens++;
    batch->token[i] = token;
    batch->pos[i] = place;
    batch->n_seq_id[i] = 1;
    batch->seq_id[i][0] = sequence;
    batch->logits[i] = wanted;
}

static inline uint32_t noise(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x45d9f3bu;
    x = (x ^ (x >> 16)) * 0x45d9f3bu;
    return x ^ (x >> 16);
}

/* Logits that depend on `number` alone; a few hundred tokens stand out. */
static inline llama_token_data_array fill_row(llama_token_data *data, int32_t vocab,
                                              uint32_t number)
{
    for (int32_t i = 0; i < vocab; ++i) {
        const uint32_t x = noise((uint32_t)i * 7919u + number * 104729u);
        data[i].id = i;
        data[i].logit = (float)(x % 4096) / 512.0f + (x >> 12 < 1024 ? 6.0f : 0.0f);
        data[i].p = 0;
    }
    const llama_token_data_array array = {data, (size_t)vocab, -1, false};
    return array;
}

#endif
