/* serve.c - sequences with other parameters each, one of the ways of llama_lms.h:
 *
 *     serve MODEL WAY SEQUENCES STEPS OUT       WAY: batch, one, plain, graph or
 *                                               graph-batch
 *
 * OUT.tokens gets int32[steps][sequences], OUT.logits their logits, but for the graph's, which
 * has none; OUT.json parameters and prompts; standard output the texts. */
#include "common.h"

enum {
    MOST = 256, /* sequences */
    MOST_PROMPT = 64
};

static uint32_t *mask; /* letters and spaces alone */
static size_t mask_words;
static llama_logit_bias bias[40];
static const char *const BREAKERS[] = {"\n", ":", "\"", "*"};

static void make_mask(const struct llama_vocab *vocab)
{
    const int32_t count = llama_vocab_n_tokens(vocab);
    mask_words = ((size_t)count + 31) / 32;
    mask = calloc(mask_words, sizeof *mask);
    for (int32_t token = 0; token < count; ++token) {
        char text[64];
        const int32_t size = llama_token_to_piece(vocab, token, text, sizeof text, 0, true);
        bool good = size > 0;
        for (int32_t i = 0; i < size; ++i) {
            good = good && ((text[i] >= 'a' && text[i] <= 'z') || text[i] == ' ');
        }
        if (good) mask[token / 32] |= 1u << (token % 32);
    }
}

static llama_lms_params params_of(int i)
{
    llama_lms_params p = LLAMA_LMS_PARAMS_INIT;
    p.seed = 1000 + (uint64_t)i;
    switch (i % 16) {
    case 0: p.temp = 0; break;
    case 1: break; /* llama.cpp's defaults */
    case 2: p.temp = 1.2f, p.top_k = 0, p.top_p = 1, p.min_p = 0.1f; break;
    case 3: p.temp = 1, p.top_k = 0, p.top_p = 0.9f, p.min_p = 0; break;
    case 4: p.penalty_repeat = 1.3f; break;
    case 5: p.penalty_last_n = -1, p.penalty_freq = 0.5f, p.penalty_present = 0.4f; break;
    case 6: p.logit_bias = bias, p.logit_bias_count = 40; break;
    case 7: p.min_p = 0.02f; break; /* and the mask */
    case 8:
        p.dry_multiplier = 2, p.dry_allowed_length = 1, p.dry_penalty_last_n = -1;
        p.dry_sequence_breakers = BREAKERS, p.dry_breaker_count = 4, p.temp = 0;
        break;
    case 9: p.temp = 0, p.penalty_repeat = 1.2f, p.penalty_last_n = -1; break;
    case 10:
        p.logit_bias = bias, p.logit_bias_count = 40, p.penalty_present = 0.7f;
        p.min_p = 0.1f, p.top_k = 0;
        break;
    case 11: p.temp = 1, p.top_k = 0, p.top_p = 1, p.min_p = 0; break;
    case 12: p.penalty_repeat = 1.1f, p.penalty_last_n = 8; break; /* and the mask */
    case 13: p.top_k = 1; break;
    case 14: p.temp = 0.3f, p.top_k = 1000; break;
    default:
        p.logit_bias = bias, p.logit_bias_count = 40, p.penalty_repeat = 1.1f;
        p.penalty_freq = 0.2f, p.penalty_present = 0.2f, p.dry_multiplier = 0.8f;
        p.dry_sequence_breakers = BREAKERS, p.dry_breaker_count = 4;
    }
    return p;
}

static bool masked(int i) { return i % 16 == 7 || i % 16 == 12; }

static FILE *open_out(const char *out, const char *what)
{
    char name[512];
    snprintf(name, sizeof name, "%s.%s", out, what);
    FILE *file = fopen(name, "wb");
    if (!file) {
        perror(name);
        exit(EXIT_FAILURE);
    }
    return file;
}

static void write_params(FILE *file, int i, const llama_token *prompt, int32_t length)
{
    const llama_lms_params p = params_of(i);
    fprintf(
        file,
        "%s{\"seed\": %llu, \"temp\": %.9g, \"top_k\": %d, \"top_p\": %.9g, \"min_p\": %.9g,"
        " \"last_n\": %d, \"repeat\": %.9g, \"freq\": %.9g, \"present\": %.9g,"
        " \"dry\": %.9g, \"mask\": %d, \"bias\": [",
        i ? ",\n" : "[", (unsigned long long)p.seed, (double)p.temp, p.top_k, (double)p.top_p,
        (double)p.min_p, p.penalty_last_n, (double)p.penalty_repeat, (double)p.penalty_freq,
        (double)p.penalty_present, (double)p.dry_multiplier, masked(i));
    for (size_t k = 0; k < p.logit_bias_count; ++k) {
        fprintf(file, "%s[%d, %.9g]", k ? ", " : "", bias[k].token, (double)bias[k].bias);
    }
    fprintf(file, "], \"prompt\": [");
    for (int32_t k = 0; k < length; ++k) fprintf(file, "%s%d", k ? ", " : "", prompt[k]);
    fprintf(file, "]}");
}

static void print_texts(const struct llama_vocab *vocab, const llama_token *tokens, int n,
                        int steps)
{
    llama_token *one = malloc(sizeof *one * (size_t)steps);
    char *text = malloc(64 * (size_t)steps);
    for (int i = 0; i < n && i < 16; ++i) {
        for (int step = 0; step < steps; ++step) one[step] = tokens[step * n + i];
        const int32_t size =
            llama_detokenize(vocab, one, steps, text, 64 * steps - 1, false, false);
        printf("%2d %s ...%.*s\n", i, PROMPTS[i % 8], size > 0 ? size : 0, text);
    }
    free(one);
    free(text);
}

/* A run: what main has to take down again. */
typedef struct run {
    struct llama_model *model;
    const struct llama_vocab *vocab;
    llama_lms *l;
    struct llama_context *ctx;
    struct llama_batch batch;
    struct llama_sampler *samplers[MOST];
    int n, steps;
    bool graph;
    int32_t positions[MOST], lengths[MOST];
} run;

static void make_tables(const run *r)
{
    const int32_t V = llama_vocab_n_tokens(r->vocab);
    make_mask(r->vocab);
    for (int k = 0; k < 40; ++k) { /* some are banned, some wanted */
        bias[k].token = (236743 + k * 50) % V;
        bias[k].bias = k % 2 ? 4.0f : -100.0f;
    }
}

static void make_samplers(run *r)
{
    llama_lms_options options = LLAMA_LMS_OPTIONS_INIT;
    options.requests = LMS_REQUESTS_ALL;
    options.max_sequences = (uint32_t)r->n;
    options.max_length = 256;
    must(llama_lms_create(r->model, &options, &r->l), "llama_lms_create");
    for (int i = 0; i < r->n; ++i) {
        const llama_lms_params p = params_of(i);
        struct llama_sampler *ours = llama_sampler_init_lms(r->l, &p);
        if (!ours) stop("llama_sampler_init_lms");
        r->samplers[i] = llama_sampler_chain_init(llama_sampler_chain_default_params());
        llama_sampler_chain_add(r->samplers[i], ours);
        if (masked(i)) llama_lms_sampler_set_mask(r->samplers[i], mask, mask_words);
    }
}

static void make_context(run *r)
{
    struct llama_context_params cp = llama_context_default_params();
    cp.n_seq_max = (uint32_t)r->n;
    cp.n_batch = cp.n_ubatch = (uint32_t)(r->n * MOST_PROMPT);
    cp.n_ctx = (uint32_t)(r->n * (r->steps + MOST_PROMPT));
    cp.n_threads = cp.n_threads_batch = 2;
#ifdef LLAMA_LMS_UNIFIED
    cp.kv_unified = true;
#endif
#ifdef LLAMA_LMS_TEST_GRAPH
    static struct llama_sampler_seq_config configs[MOST];
    for (int i = 0; i < r->n && r->graph; ++i) {
        configs[i].seq_id = i;
        configs[i].sampler = r->samplers[i];
    }
    if (r->graph) {
        cp.samplers = configs;
        cp.n_samplers = (size_t)r->n;
        cp.n_outputs_max_per_seq = 1;
    }
#endif
    r->ctx = llama_init_from_model(r->model, cp);
    if (!r->ctx) exit(EXIT_FAILURE);
    r->batch = llama_batch_init(r->n * MOST_PROMPT, 0, 1);
}

static void add_prompts(run *r, const char *out)
{
    FILE *json = open_out(out, "json");
    for (int i = 0; i < r->n; ++i) {
        llama_token prompt[MOST_PROMPT];
        const int32_t count = tokens_of(r->model, i, prompt, MOST_PROMPT);
        if (count <= 0) exit(EXIT_FAILURE);
        write_params(json, i, prompt, count);
        for (int32_t k = 0; k < count; ++k) {
            add_token(&r->batch, prompt[k], k, i, k == count - 1);
            llama_sampler_accept(r->samplers[i], prompt[k]);
        }
        r->lengths[i] = count;
        r->positions[i] = r->batch.n_tokens - 1;
    }
    fprintf(json, "]\n");
    fclose(json);
}

static void draw(run *r, const char *way, llama_token *now)
{
    if (strstr(way, "batch")) {
        must(llama_lms_sample(r->l, r->ctx, (uint32_t)r->n, r->samplers, r->positions, NULL,
                              now),
             way);
        return;
    }
    const bool one = !strcmp(way, "one");
    for (int i = 0; i < r->n; ++i) {
        now[i] = one ? llama_lms_sampler_sample(r->samplers[i], r->ctx, r->positions[i])
                     : llama_sampler_sample(r->samplers[i], r->ctx, r->positions[i]);
    }
}

/* The tokens just drawn are the next batch. */
static void add_drawn(run *r, int step, const llama_token *now)
{
    r->batch.n_tokens = 0;
    for (int i = 0; i < r->n; ++i) {
        const char *why;
        if (llama_lms_sampler_status(r->samplers[i], &why) != LMS_OK) {
            fprintf(stderr, "sequence %d: %s\n", i, why);
            exit(EXIT_FAILURE);
        }
        add_token(&r->batch, now[i], r->lengths[i] + step, i, 1);
        r->positions[i] = i;
    }
}

static void write_logits(const run *r, FILE *dump)
{
    const size_t V = (size_t)llama_vocab_n_tokens(r->vocab);
    for (int i = 0; i < r->n; ++i) {
        fwrite(llama_get_logits_ith(r->ctx, r->positions[i]), sizeof(float), V, dump);
    }
}

int main(int argc, char **argv)
{
    static run r;
    if (argc != 6 || atoi(argv[3]) < 1 || atoi(argv[3]) > MOST || atoi(argv[4]) < 1) {
        fprintf(stderr,
                "usage: serve MODEL batch|one|plain|graph|graph-batch SEQUENCES STEPS OUT\n");
        return 2;
    }
    r.n = atoi(argv[3]);
    r.steps = atoi(argv[4]);
    r.graph = !strncmp(argv[2], "graph", 5);
#ifndef LLAMA_LMS_TEST_GRAPH
    if (r.graph) {
        printf("this llama.cpp has no samplers in the graph\n");
        return 77;
    }
#endif
    r.model = load_model(argv[1]);
    r.vocab = llama_model_get_vocab(r.model);
    make_tables(&r);
    make_samplers(&r);
    make_context(&r);
    add_prompts(&r, argv[5]);
    llama_token *tokens = malloc(sizeof *tokens * (size_t)(r.n * r.steps));
    FILE *dump = r.graph ? NULL : open_out(argv[5], "logits");
    for (int step = 0; step < r.steps; ++step) {
        llama_token *now = tokens + step * r.n;
        if (llama_decode(r.ctx, r.batch)) return EXIT_FAILURE;
        if (dump) write_logits(&r, dump);
        draw(&r, argv[2], now);
        add_drawn(&r, step, now);
    }
    if (dump) fclose(dump);
    FILE *out = open_out(argv[5], "tokens");
    fwrite(tokens, sizeof *tokens, (size_t)(r.n * r.steps), out);
    fclose(out);
    print_texts(r.vocab, tokens, r.n, r.steps);

    free(tokens);
    free(mask);
    llama_batch_free(r.batch);
    llama_free(r.ctx);
    for (int i = 0; i < r.n; ++i) llama_sampler_free(r.samplers[i]);
    llama_lms_destroy(r.l);
    llama_model_free(r.model);
    return EXIT_SUCCESS;
}
