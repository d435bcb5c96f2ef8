/* example.c - several sequences in one llama.cpp context, each with its own parameters;
 * lmsample draws the tokens of all of them in one call.
 *
 *     llama_lms_example MODEL.gguf [PROMPT...] */
#include "llama_lms.h"

#include "ggml-backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST = 16,  /* sequences */
    STEPS = 40, /* tokens of each */
    ROOM = 512  /* of a sequence */
};

typedef struct sequence {
    struct llama_sampler *sampler;
    const char *prompt;
    llama_pos place;
    llama_token token;
    char text[8192];
} sequence;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, llama_lms_error_message());
    exit(EXIT_FAILURE);
}

static void log_errors(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static void add(struct llama_batch *batch, llama_token token, llama_pos place, int seq, int out)
{
    const int i = batch->n_tokens++;
    batch->token[i] = token;
    batch->pos[i] = place;
    batch->n_seq_id[i] = 1;
    batch->seq_id[i][0] = seq;
    batch->logits[i] = (int8_t)out;
}

/* Each sequence its own way. */
static struct llama_sampler *make_sampler(llama_lms *lms, int i)
{
    llama_lms_params p = LLAMA_LMS_PARAMS_INIT; /* 0.8, top-k 40, top-p 0.95, min-p 0.05 */
    p.seed = 42 + (uint64_t)i;
    if (i % 4 == 1) p.temp = 0; /* greedy */
    if (i % 4 == 2) p.penalty_repeat = 1.1f, p.penalty_present = 0.3f;
    if (i % 4 == 3) p.temp = 1.2f, p.top_k = 0, p.min_p = 0.1f;
    struct llama_sampler *sampler = llama_sampler_init_lms(lms, &p);
    if (!sampler) fail("llama_sampler_init_lms");
    return sampler;
}

/* The prompt's tokens; positions[i] is where the logits of the last one will be. */
static void add_prompt(struct llama_batch *batch, const struct llama_vocab *vocab, sequence *s,
                       int i, int32_t *position)
{
    llama_token tokens[ROOM - STEPS];
    const int32_t count = llama_tokenize(vocab, s->prompt, (int32_t)strlen(s->prompt), tokens,
                                         ROOM - STEPS, true, true);
    if (count <= 0) {
        fprintf(stderr, "prompt %d is empty, or too long\n", i);
        exit(EXIT_FAILURE);
    }
    for (int32_t k = 0; k < count; ++k) {
        add(batch, tokens[k], k, i, k == count - 1);
        llama_sampler_accept(s->sampler, tokens[k]); /* penalties shall count the prompt */
    }
    s->place = count;
    *position = batch->n_tokens - 1;
}

static void add_text(const struct llama_vocab *vocab, sequence *s)
{
    char piece[256];
    const int32_t size = llama_token_to_piece(vocab, s->token, piece, sizeof piece, 0, false);
    const size_t length = strlen(s->text);
    if (size <= 0 || length + (size_t)size >= sizeof s->text) return;
    memcpy(s->text + length, piece, (size_t)size);
    s->text[length + (size_t)size] = '\0';
}

/* Goes on until every sequence has ended, or has STEPS tokens. */
static void generate(llama_lms *lms, struct llama_context *ctx, struct llama_batch *batch,
                     int32_t *positions, sequence *sequences, int n)
{
    const struct llama_vocab *vocab = llama_model_get_vocab(llama_get_model(ctx));
    int active[MOST]; /* sequences that go on */
    int count = n;
    for (int i = 0; i < n; ++i) active[i] = i;
    for (int step = 0; step < STEPS && count; ++step) {
        struct llama_sampler *samplers[MOST];
        llama_token tokens[MOST];
        if (llama_decode(ctx, *batch) != 0) exit(EXIT_FAILURE);
        for (int k = 0; k < count; ++k) samplers[k] = sequences[active[k]].sampler;
        if (llama_lms_sample(lms, ctx, (uint32_t)count, samplers, positions, NULL, tokens) !=
            LMS_OK) {
            fail("llama_lms_sample");
        }
        batch->n_tokens = 0;
        int next = 0;
        for (int k = 0; k < count; ++k) {
            sequence *s = &sequences[active[k]];
            s->token = tokens[k];
            if (tokens[k] == LLAMA_TOKEN_NULL || llama_vocab_is_eog(vocab, tokens[k])) continue;
            add_text(vocab, s);
            positions[next] = batch->n_tokens;
            add(batch, s->token, s->place++, active[k], 1);
            active[next++] = active[k];
        }
        count = next;
    }
}

int main(int argc, char **argv)
{
    static const char *const prompts[] = {"The lighthouse had been dark for", "To bake bread,",
                                          "Once upon a time", "In the year 2100,"};
    static sequence sequences[MOST];
    if (argc < 2 || argc > 2 + MOST) {
        fprintf(stderr, "usage: %s MODEL.gguf [PROMPT...]\n", argv[0]);
        return 2;
    }
    const int n = argc > 2 ? argc - 2 : 4;

    llama_log_set(log_errors, NULL);
    ggml_backend_load_all();
    struct llama_model *model =
        llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return EXIT_FAILURE;
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    struct llama_context_params params = llama_context_default_params();
    params.n_seq_max = MOST;
    params.n_ctx = MOST * ROOM;
    params.n_batch = MOST * ROOM;
    struct llama_context *ctx = llama_init_from_model(model, params);
    if (!ctx) return EXIT_FAILURE;

    llama_lms *lms = NULL;
    if (llama_lms_create(model, NULL, &lms) != LMS_OK) fail("llama_lms_create");

    struct llama_batch batch = llama_batch_init(MOST * ROOM, 0, 1);
    int32_t positions[MOST];
    for (int i = 0; i < n; ++i) {
        sequences[i].prompt = argc > 2 ? argv[2 + i] : prompts[i];
        sequences[i].sampler = make_sampler(lms, i);
        add_prompt(&batch, vocab, &sequences[i], i, &positions[i]);
    }
    generate(lms, ctx, &batch, positions, sequences, n);
    for (int i = 0; i < n; ++i) {
        printf("[%d] %s%s\n", i, sequences[i].prompt, sequences[i].text);
        llama_sampler_free(sequences[i].sampler);
    }
    llama_batch_free(batch);
    llama_lms_destroy(lms);
    llama_free(ctx);
    llama_model_free(model);
    return EXIT_SUCCESS;
}
