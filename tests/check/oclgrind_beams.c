/* oclgrind_beams.c - runs the kernels of beam search on small shapes and prints every result.
 *
 * Run once on a simulated device that finds races and stray accesses, and once on another: the
 * output has to be the same. All of a step's searches are in one batch, and the logits of a
 * step are new ones, whatever the beams are. */
#define _POSIX_C_SOURCE 200112L /* setenv() */
#include "oclgrind_print.h"

#include <math.h>
#include <string.h>

enum {
    WIDTH = 6,
    LENGTH = 4,
    ENDS = 2,
    SEARCHES = 8,
    ROWS = SEARCHES * WIDTH
};

/* Every kind of step: groups, draws of both kinds, end tokens that are suppressed, filters that
 * leave nothing else, lengths that end. */
static lms_beam_params search(int i)
{
    lms_beam_params p = LMS_BEAM_PARAMS_INIT(WIDTH);
    p.seed = 77;
    p.max_length = i % 2 == 0 ? LENGTH : LENGTH - 1;
    p.end_tokens = ENDS;
    p.results = WIDTH;
    switch (i) {
    case 0: break;
    case 1:
        p.groups = 3;
        p.diversity_penalty = 0.5f;
        break;
    case 2: p.mode = LMS_BEAM_STOCHASTIC; break;
    case 3:
        p.mode = LMS_BEAM_SAMPLE;
        p.filters.temperature = 0.7f;
        p.filters.top_p = 0.9f;
        break;
    case 4:
        p.flags = LMS_BEAM_PRESET_VLLM;
        p.early_stopping = LMS_BEAM_EARLY_OFF;
        p.length_counts = LMS_BEAM_LENGTH_WITH_PROMPT;
        p.prompt_length = 5;
        break;
    case 5:
        p.min_length = 2;
        p.filters.top_k = 1;
        p.flags = LMS_BEAM_RENORMALIZE;
        break;
    case 6:
        p.width = 2;
        p.results = 1;
        p.filters.min_p = 0.2f;
        p.length_penalty = -0.3f;
        p.early_stopping = LMS_BEAM_EARLY_YES;
        break;
    default:
        p.flags = LMS_BEAM_PRESET_TENSORRT_LLM;
        p.filters.temperature = 0x1p+40f; /* all scores nearly equal: classes of ties */
        break;
    }
    return p;
}

/* Everything that is in use, in one place. */
typedef struct beams {
    lms_context *context;
    cl_command_queue queue;
    lms_beam *beam;
    uint32_t vocab;
    cl_mem logits;
    cl_mem out[7];
} beams;

static cl_mem buffer_of(const beams *b, size_t bytes)
{
    return new_buffer(lms_context_cl_context(b->context), b->queue, bytes);
}

/* In steps of an eighth, so that there are ties; some dead, one row all of it. */
static void write_logits(const beams *b, int step)
{
    const size_t count = (size_t)ROWS * b->vocab;
    float *const x = malloc(count * sizeof *x);
    uint32_t state = (uint32_t)step + 1;
    if (x == NULL) exit(EXIT_FAILURE);
    for (size_t i = 0; i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 26) * 0.125f + (i % b->vocab < ENDS ? 2.0f : 0.0f);
        if (state >> 8 & 1 && i / b->vocab % 7 == 3) x[i] = i % 2 ? NAN : -INFINITY;
        if (i / b->vocab == 1) x[i] = -INFINITY;
    }
    check(clEnqueueWriteBuffer(b->queue, b->logits, CL_TRUE, 0, count * sizeof *x, x, 0, NULL,
                               NULL),
          "clEnqueueWriteBuffer");
    free(x);
}

static void make_outputs(beams *b)
{
    const size_t bytes = (size_t)ROWS * LENGTH * 8;
    b->logits = buffer_of(b, (size_t)ROWS * b->vocab * 4);
    for (size_t i = 0; i < COUNT(b->out); ++i) b->out[i] = buffer_of(b, bytes);
}

static void free_outputs(beams *b)
{
    clReleaseMemObject(b->logits);
    for (size_t i = 0; i < COUNT(b->out); ++i) clReleaseMemObject(b->out[i]);
}

static void run_steps(beams *b, const uint32_t *slots)
{
    static const char *const names[] = {"parents", "tokens", "scores",
                                        "fixed",   "done",   "status"};
    const lms_beam_step_args batch = {.requests = SEARCHES,
                                      .slots = slots,
                                      .logits = {b->logits, 0},
                                      .parents = {b->out[0], 0},
                                      .tokens = {b->out[1], 0},
                                      .scores = {b->out[2], 0},
                                      .scores_fixed = {b->out[3], 0},
                                      .done = {b->out[4], 0},
                                      .status = {b->out[5], 0}};
    for (int step = 0; step <= LENGTH; ++step) {
        write_logits(b, step);
        check(lms_beam_step(b->beam, b->queue, &batch, 0, NULL, NULL), "lms_beam_step");
        printf(" step %d\n", step);
        for (size_t i = 0; i < COUNT(names); ++i) {
            print_words(b->queue, names[i], b->out[i], (size_t)ROWS * 2);
        }
    }
}

static void run_results(beams *b, const uint32_t *slots)
{
    static const char *const names[] = {"counts", "lengths",        "tokens", "scores",
                                        "sums",   "token_logprobs", "beams"};
    const lms_beam_results_args output = {.requests = SEARCHES,
                                          .slots = slots,
                                          .max_results = WIDTH,
                                          .counts = {b->out[0], 0},
                                          .lengths = {b->out[1], 0},
                                          .tokens = {b->out[2], 0},
                                          .scores = {b->out[3], 0},
                                          .logprobs = {b->out[4], 0},
                                          .token_logprobs = {b->out[5], 0},
                                          .beams = {b->out[6], 0}};
    check(lms_beam_results(b->beam, b->queue, &output, 0, NULL, NULL), "lms_beam_results");
    for (size_t i = 0; i < COUNT(names); ++i) {
        print_words(b->queue, names[i], b->out[i], (size_t)ROWS * LENGTH);
    }
}

static void run_searches(beams *b, uint32_t vocab, uint32_t team)
{
    static const int32_t ends[ENDS] = {0, 1};
    uint32_t slots[SEARCHES];
    const lms_beam_desc desc = {.vocab = vocab,
                                .max_requests = SEARCHES + 1,
                                .max_width = WIDTH,
                                .max_length = LENGTH,
                                .max_end_tokens = ENDS,
                                .logits = LMS_FLOAT32,
                                .work_items = team};
    printf("vocab %u team %u\n", (unsigned)vocab, (unsigned)team);
    b->vocab = vocab;
    check(lms_beam_create(b->context, &desc, &b->beam), "lms_beam_create");
    make_outputs(b);
    for (uint32_t i = 0; i < SEARCHES; ++i) {
        const lms_beam_params params = search((int)i);
        slots[i] = SEARCHES - i;
        check(lms_beam_open(b->beam, b->queue, slots[i], &params, ends, 0, NULL, NULL),
              "lms_beam_open");
    }
    check(clFinish(b->queue), "clFinish");
    run_steps(b, slots);
    run_results(b, slots);
    free_outputs(b);
    lms_beam_destroy(b->beam);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const uint32_t vocabs[] = {3, 300, 1500};
    static const uint32_t teams[] = {1, 8, 64};
    beams b;
    memset(&b, 0, sizeof b);
    check(lms_context_open(argc > 1 ? argv[1] : "", &b.context), "lms_context_open");
    b.queue = lms_context_queue(b.context);
    for (size_t v = 0; v < COUNT(vocabs); ++v) {
        for (size_t t = 0; t < COUNT(teams); ++t) {
            /* A team of one does a row's tiles in a launch of their own, or not. */
            setenv("LMS_SHAPE", v % 2 == 0 ? "fuse_from=1000000" : "fuse_from=1", 1);
            run_searches(&b, vocabs[v], teams[t]);
        }
    }
    lms_context_destroy(b.context);
    return EXIT_SUCCESS;
}
