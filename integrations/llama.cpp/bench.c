/* bench.c - what choosing tokens costs behind llama_decode, in turn by each way:
 *
 *     bench MODEL [rounds [sequences...]]       11 rounds of 1, 8 and 32 sequences by default
 *
 * Each way is asked once for each of the sequences' tokens, all by llama.cpp's usual
 * parameters, once without and once with penalties. Medians of the processor time (all threads,
 * those that spin too) and of the wall time of a step, and of the ratio to llama.cpp's chain in
 * the same round. In the graph, draws are a part of llama_decode. `lms_sample_host` is the
 * library's call alone, on the same logits with the same records.
 *
 * In the environment: LLAMA_THREADS, of llama.cpp; LLAMA_POLL, see add_pool; LMS_DEVICE, as
 * lms_context_open takes it. */
#define _POSIX_C_SOURCE 200809L
#include "tests/common.h"

#include <time.h>

enum {
    MOST = 256, /* sequences */
    PROMPT = 32
};

typedef enum way {
    CHAIN, /* llama.cpp's samplers, llama_sampler_sample */
    PLAIN, /* ours, llama_sampler_sample */
    ONE,   /* ours, llama_lms_sampler_sample */
    BATCH, /* ours, llama_lms_sample */
    CALL,  /* lms_sample_host */
    GRAPH, /* ours in the graph */
    WAYS
} way;
static const char *const NAMES[WAYS] = {"llama.cpp's chain",        "llama_sampler_sample",
                                        "llama_lms_sampler_sample", "llama_lms_sample",
                                        "lms_sample_host",          "in the graph"};

typedef struct times {
    double wall, cpu;
} times;

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static times now(void)
{
    const times t = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
    return t;
}

static times since(times t)
{
    const times n = now();
    const times d = {n.wall - t.wall, n.cpu - t.cpu};
    return d;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

typedef struct run {
    struct llama_model *model;
    llama_lms *l;
    int n, rounds;
    bool penalties;
    struct llama_context *ctx, *graph_ctx;
    struct llama_sampler *samplers[WAYS][MOST];
    llama_pos places[2][MOST];
    llama_token last[MOST];
    lms_row_params params[MOST];
    lms_row_edits edits;
} run;

static llama_lms_params params_of(const run *r, int i)
{
    llama_lms_params p = LLAMA_LMS_PARAMS_INIT;
    p.seed = (uint64_t)i;
    if (r->penalties) {
        p.penalty_repeat = 1.1f;
        p.penalty_freq = 0.1f;
        p.penalty_present = 0.1f;
    }
    return p;
}

static struct llama_sampler *own_chain(const run *r, int i)
{
    const llama_lms_params p = params_of(r, i);
    const int32_t vocab = llama_vocab_n_tokens(llama_model_get_vocab(r->model));
    struct llama_sampler *c = llama_sampler_chain_init(llama_sampler_chain_default_params());
    if (r->penalties) {
        llama_sampler_chain_add(c, own_penalties(vocab, p.penalty_last_n, p.penalty_repeat,
                                                 p.penalty_freq, p.penalty_present));
    }
    llama_sampler_chain_add(c, llama_sampler_init_top_k(p.top_k));
    llama_sampler_chain_add(c, llama_sampler_init_top_p(p.top_p, 0));
    llama_sampler_chain_add(c, llama_sampler_init_min_p(p.min_p, 0));
    llama_sampler_chain_add(c, llama_sampler_init_temp(p.temp));
    llama_sampler_chain_add(c, llama_sampler_init_dist((uint32_t)p.seed));
    return c;
}

/* A pool of ggml's own threads, as llama.cpp's server makes one: LLAMA_POLL is how long, of
 * 100, they spin behind a graph before they sleep. ggml with OpenMP has none. */
static void add_pool(struct llama_context *ctx)
{
    typedef ggml_threadpool_t make(struct ggml_threadpool_params *);
    const char *poll = getenv("LLAMA_POLL");
    ggml_backend_reg_t cpu = ggml_backend_reg_by_name("CPU");
    if (!poll || !cpu || !ctx) return;
    make *new_pool = (make *)ggml_backend_reg_get_proc_address(cpu, "ggml_threadpool_new");
    if (!new_pool) return;
    struct ggml_threadpool_params params = ggml_threadpool_params_default(llama_n_threads(ctx));
    params.poll = (uint32_t)atoi(poll);
    ggml_threadpool_t pool = new_pool(&params); /* until the process ends */
    if (pool) llama_attach_threadpool(ctx, pool, pool);
}

static struct llama_context *make_context(run *r, bool graph)
{
    struct llama_context_params cp = llama_context_default_params();
    cp.n_seq_max = (uint32_t)r->n;
    cp.n_batch = cp.n_ubatch = (uint32_t)(r->n * PROMPT < 512 ? 512 : r->n * PROMPT);
    cp.n_ctx = (uint32_t)(r->n * (WAYS * (r->rounds + 2) + PROMPT));
#ifdef LLAMA_LMS_UNIFIED
    cp.kv_unified = true;
#endif
    const char *threads = getenv("LLAMA_THREADS");
    if (threads) cp.n_threads = cp.n_threads_batch = atoi(threads);
#ifdef LLAMA_LMS_TEST_GRAPH
    static struct llama_sampler_seq_config configs[MOST];
    for (int i = 0; i < r->n && graph; ++i) {
        configs[i].seq_id = i;
        configs[i].sampler = r->samplers[GRAPH][i];
    }
    if (graph) {
        cp.samplers = configs;
        cp.n_samplers = (size_t)r->n;
        cp.n_outputs_max_per_seq = 1;
    }
#else
    if (graph) return NULL;
#endif
    struct llama_context *ctx = llama_init_from_model(r->model, cp);
    add_pool(ctx);
    return ctx;
}

static void open_run(run *r)
{
    const lms_row_params none = LMS_ROW_PARAMS_INIT;
    for (int i = 0; i < r->n; ++i) {
        const llama_lms_params p = params_of(r, i);
        for (int w = 0; w < WAYS; ++w) {
            if (w == CALL) continue;
            struct llama_sampler *ours = w == CHAIN ? NULL : llama_sampler_init_lms(r->l, &p);
            if (w != CHAIN && !ours) stop("llama_sampler_init_lms");
            r->samplers[w][i] =
                w == CHAIN ? own_chain(r, i)
                           : llama_sampler_chain_init(llama_sampler_chain_default_params());
            if (ours) llama_sampler_chain_add(r->samplers[w][i], ours);
        }
        r->params[i] = none;
        llama_lms_convert(&p, &r->params[i], &r->edits);
    }
    r->ctx = make_context(r, false);
    r->graph_ctx = make_context(r, true);
    if (!r->ctx) exit(EXIT_FAILURE);
}

static void close_run(run *r)
{
    llama_free(r->ctx);
    if (r->graph_ctx) llama_free(r->graph_ctx);
    for (int i = 0; i < r->n; ++i) {
        for (int w = 0; w < WAYS; ++w) {
            if (r->samplers[w][i]) llama_sampler_free(r->samplers[w][i]);
        }
        if (r->params[i].request.slot) {
            lms_slots_close(llama_lms_lms_slots(r->l), r->params[i].request.slot);
        }
    }
}

/* A slot for each row of `call`, with what the others have accepted. */
static void open_slots(run *r, const llama_token *prompt, uint32_t count, int i)
{
    const lms_slots_open_args args = {.count = 1,
                                      .lengths = &count,
                                      .tokens = prompt,
                                      .token_count = count,
                                      .names = &r->params[i].request.slot};
    lms_slots *slots = llama_lms_lms_slots(r->l);
    if (!r->penalties) return;
    must(lms_slots_open_host(slots, &args), "lms_slots_open_host");
    r->params[i].request.edits = 1;
}

static void prefill(run *r)
{
    struct llama_batch batch = llama_batch_init(r->n * PROMPT, 0, 1);
    for (int i = 0; i < r->n; ++i) {
        llama_token prompt[PROMPT];
        const int32_t count = tokens_of(r->model, i, prompt, PROMPT);
        for (int32_t k = 0; k < count; ++k) {
            add_token(&batch, prompt[k], k, i, k == count - 1);
            for (int w = 0; w < WAYS; ++w) {
                if (r->samplers[w][i]) llama_sampler_accept(r->samplers[w][i], prompt[k]);
            }
        }
        r->last[i] = prompt[count - 1];
        r->places[0][i] = r->places[1][i] = count;
        open_slots(r, prompt, (uint32_t)count, i);
    }
    if (llama_decode(r->ctx, batch)) exit(EXIT_FAILURE);
    if (r->graph_ctx && llama_decode(r->graph_ctx, batch)) exit(EXIT_FAILURE);
    llama_batch_free(batch);
}

static void call(run *r, llama_token *tokens)
{
    const lms_tables tables = {.edit_count = 1, .edits = &r->edits};
    const lms_sample_host_args args = {.rows = (uint32_t)r->n,
                                       .logits = llama_get_logits(r->ctx),
                                       .params = r->params,
                                       .tables = r->penalties ? &tables : NULL,
                                       .append = r->penalties,
                                       .tokens = tokens};
    if (lms_sample_host(llama_lms_lms_sampler(r->l), &args) != LMS_OK) {
        fprintf(stderr, "lms_sample_host: %s\n", lms_error_message());
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < r->n; ++i) r->params[i].step++;
}

static void sample_all(run *r, llama_token *tokens)
{
    int32_t positions[MOST];
    for (int i = 0; i < r->n; ++i) positions[i] = i;
    must(llama_lms_sample(r->l, r->ctx, (uint32_t)r->n, r->samplers[BATCH], positions, NULL,
                          tokens),
         "llama_lms_sample");
}

/* One step: decode, and one token of each sequence. */
static times step(run *r, way w, times *decode)
{
    struct llama_context *ctx = w == GRAPH ? r->graph_ctx : r->ctx;
    static struct llama_batch batch;
    if (!batch.token) batch = llama_batch_init(MOST, 0, 1);
    llama_token tokens[MOST];
    batch.n_tokens = 0;
    for (int i = 0; i < r->n; ++i) {
        add_token(&batch, r->last[i], r->places[w == GRAPH][i]++, i, 1);
    }
    times t = now();
    if (llama_decode(ctx, batch)) exit(EXIT_FAILURE);
    llama_synchronize(ctx);
    *decode = since(t);
    t = now();
    if (w == BATCH) {
        sample_all(r, tokens);
    } else if (w == CALL) {
        call(r, tokens);
    }
    for (int i = 0; i < r->n; ++i) {
        struct llama_sampler *smpl = r->samplers[w][i];
        if (w == ONE) tokens[i] = llama_lms_sampler_sample(smpl, ctx, i);
        if (w == CHAIN || w == PLAIN || w == GRAPH) {
            tokens[i] = llama_sampler_sample(smpl, ctx, i);
        }
    }
    t = since(t);
    for (int i = 0; i < r->n; ++i) r->last[i] = tokens[i];
    return t;
}

/* What llama_lms_sample adds to lms_sample_host: both in turn, on the same logits. */
static void measure_own_cost(run *r)
{
    enum {
        TIMES = 101
    };
    double with[TIMES], without[TIMES], more[TIMES];
    llama_token tokens[MOST];
    for (int i = 0; i < TIMES; ++i) {
        times t = now();
        call(r, tokens);
        without[i] = 1e6 * since(t).cpu;
        t = now();
        sample_all(r, tokens);
        with[i] = 1e6 * since(t).cpu;
        more[i] = with[i] - without[i];
    }
    printf("  own cost of llama_lms_sample: %.1f us CPU a step (median of differences; %.1f "
           "between medians of %.1f and %.1f)\n",
           median(more, TIMES), median(with, TIMES) - median(without, TIMES),
           median(with, TIMES), median(without, TIMES));
}

static void measure(run *r)
{
    static double wall[WAYS][1024], cpu[WAYS][1024], whole[WAYS][1024], ratio[WAYS][1024];
    open_run(r);
    prefill(r);
    for (int round = -1; round < r->rounds; ++round) {
        for (int w = 0; w < WAYS; ++w) {
            times decode = {0, 0};
            if (w == GRAPH && !r->graph_ctx) continue;
            const times t = step(r, w, &decode);
            if (round < 0) continue; /* kernels, caches */
            wall[w][round] = 1e6 * t.wall;
            cpu[w][round] = 1e6 * t.cpu;
            whole[w][round] = 1e3 * (decode.cpu + t.cpu);
        }
        for (int w = 0; w < WAYS && round >= 0; ++w) {
            ratio[w][round] = cpu[CHAIN][round] / cpu[w][round];
        }
    }
    printf("%d sequences%s\n", r->n, r->penalties ? ", with penalties" : "");
    for (int w = 0; w < WAYS; ++w) {
        if (w == GRAPH && !r->graph_ctx) continue;
        printf("  %-26s ", NAMES[w]);
        if (w != GRAPH) {
            printf("%5.0f us CPU a token, %5.2f times as fast; a step %6.0f us CPU, %6.0f us "
                   "wall; ",
                   median(cpu[w], r->rounds) / r->n, median(ratio[w], r->rounds),
                   median(cpu[w], r->rounds), median(wall[w], r->rounds));
        }
        printf("with llama_decode %.1f ms CPU\n", median(whole[w], r->rounds));
    }
    measure_own_cost(r);
    fflush(stdout);
    close_run(r);
}

int main(int argc, char **argv)
{
    static const int usual[] = {1, 8, 32};
    if (argc < 2) {
        fprintf(stderr, "usage: bench MODEL [rounds [sequences...]]\n");
        return 2;
    }
    run r = {.rounds = argc > 2 ? atoi(argv[2]) : 11};
    if (r.rounds < 1 || r.rounds > 1024) return 2;
    r.model = load_model(argv[1]);
    llama_lms_options options = LLAMA_LMS_OPTIONS_INIT;
    options.device = getenv("LMS_DEVICE");
    options.max_sequences = WAYS * MOST;
    options.max_length = 1024;
    must(lms_context_open(options.device, &options.context), "lms_context_open");
    must(llama_lms_create(r.model, &options, &r.l), "llama_lms_create");
    const int kinds = argc > 3 ? argc - 3 : 3;
    for (int k = 0; k < 2 * kinds; ++k) {
        r.n = argc > 3 ? atoi(argv[3 + k / 2]) : usual[k / 2];
        r.penalties = k % 2;
        if (r.n < 1 || r.n > MOST) return 2;
        measure(&r);
    }
    llama_lms_destroy(r.l);
    lms_context_destroy(options.context);
    llama_model_free(r.model);
    return EXIT_SUCCESS;
}
