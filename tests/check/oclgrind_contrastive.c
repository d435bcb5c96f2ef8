/* oclgrind_contrastive.c - runs the kernels of contrastive search on small shapes and prints
 * every result.
 *
 * Run once on a simulated device that finds races and stray accesses, and once on another: the
 * output has to be the same. Contexts of several lengths are forked, read and appended to, with
 * states that are zero, bad or missing, in small buffers of pages. */
#define _POSIX_C_SOURCE 200112L /* setenv() */
#include "oclgrind_print.h"

#include <math.h>
#include <string.h>

enum {
    REQUESTS = 4,
    MOST = 19, /* candidates: several blocks of any variant */
    LENGTH = 80,
    STEPS = 3,
    CANDIDATES = REQUESTS * MOST
};

typedef struct searches {
    lms_context *context;
    cl_command_queue queue;
    lms_contrastive *search;
    lms_dtype hidden;
    uint32_t vocab;
    uint32_t width;
    cl_mem logits;
    cl_mem states; /* LENGTH for the contexts, then CANDIDATES */
    cl_mem tokens;
    cl_mem probs;
    cl_mem index;
    cl_mem out[6];
} searches;

static lms_contrastive_params params_of(uint32_t i)
{
    static const uint32_t k[REQUESTS] = {1, 5, 8, MOST};
    lms_contrastive_params p = LMS_CONTRASTIVE_PARAMS_INIT(0.25f * (float)i, k[i]);
    if (i == 1) p.context_begin = 7;
    if (i == 2) p.filters.top_p = 0.9f;
    if (i == 3) p.context_window = 40;
    return p;
}

static cl_mem buffer_of(const searches *s, size_t bytes)
{
    return new_buffer(lms_context_cl_context(s->context), s->queue, bytes);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void write_logits(const searches *s, uint32_t state)
{
    const size_t count = (size_t)CANDIDATES * s->vocab;
    float *const x = malloc(count * sizeof *x);
    if (x == NULL) exit(EXIT_FAILURE);
    for (size_t i = 0; i < count; ++i) x[i] = (float)(next_random(&state) >> 9) * 0.125f;
    x[0] = NAN;
    check(clEnqueueWriteBuffer(s->queue, s->logits, CL_TRUE, 0, count * sizeof *x, x, 0, NULL,
                               NULL),
          "clEnqueueWriteBuffer");
    free(x);
}

/* Numbers from one to two or so, of both signs; some states are zero, some have an infinity. */
static void write_states(const searches *s, uint32_t state)
{
    const size_t element = s->hidden == LMS_FLOAT32 ? 4 : 2;
    const size_t count = (size_t)(LENGTH + CANDIDATES) * s->width;
    unsigned char *const x = calloc(count, element);
    if (x == NULL) exit(EXIT_FAILURE);
    for (size_t i = 0; i < count; ++i) {
        const size_t row = i / s->width;
        const uint32_t random = next_random(&state) & 0x83ffu;
        const uint16_t one = s->hidden == LMS_FLOAT16 ? 0x3c00 : 0x3f80;
        const uint16_t bad = s->hidden == LMS_FLOAT16 ? 0x7c00 : 0x7f80;
        uint32_t bits = s->hidden == LMS_FLOAT16 ? one | random : one + (random & 0x80ffu);
        if (row % 13 == 5) bits = 0;
        if (row % 17 == 9 && i % s->width == s->width / 2) bits = bad;
        if (s->hidden == LMS_FLOAT32) {
            bits <<= 16;
            memcpy(x + i * element, &bits, 4);
        } else {
            const uint16_t half = (uint16_t)bits;
            memcpy(x + i * element, &half, 2);
        }
    }
    check(clEnqueueWriteBuffer(s->queue, s->states, CL_TRUE, 0, count * element, x, 0, NULL,
                               NULL),
          "clEnqueueWriteBuffer");
    free(x);
}

static void make_buffers(searches *s)
{
    s->logits = buffer_of(s, (size_t)CANDIDATES * s->vocab * 4);
    s->states = buffer_of(s, (size_t)(LENGTH + CANDIDATES) * s->width * 4);
    s->tokens = buffer_of(s, CANDIDATES * 4);
    s->probs = buffer_of(s, CANDIDATES * 4);
    s->index = buffer_of(s, REQUESTS * 4);
    for (size_t i = 0; i < COUNT(s->out); ++i) s->out[i] = buffer_of(s, CANDIDATES * 4);
}

static void free_buffers(searches *s)
{
    clReleaseMemObject(s->logits);
    clReleaseMemObject(s->states);
    clReleaseMemObject(s->tokens);
    clReleaseMemObject(s->probs);
    clReleaseMemObject(s->index);
    for (size_t i = 0; i < COUNT(s->out); ++i) clReleaseMemObject(s->out[i]);
}

/* Slots 0 and 2 are filled, 1 and 3 go on from them. */
static void open_all(const searches *s)
{
    static const uint32_t slots[] = {0, 2}, counts[] = {45, 64};
    const lms_contrastive_append_args states = {.requests = 2,
                                                .slots = slots,
                                                .counts = counts,
                                                .hidden = {s->states, 0},
                                                .first_rows = (const uint32_t[]){3, 0}};
    for (uint32_t i = 0; i < REQUESTS; i += 2) {
        const lms_contrastive_params even = params_of(i), odd = params_of(i + 1);
        check(lms_contrastive_open(s->search, i, &even), "lms_contrastive_open");
        if (i == 2) {
            check(lms_contrastive_append(s->search, s->queue, &states, 0, NULL, NULL),
                  "lms_contrastive_append");
            check(lms_contrastive_fork(s->search, s->queue, 0, 1, &odd, 0, NULL, NULL),
                  "lms_contrastive_fork");
            check(lms_contrastive_fork(s->search, s->queue, 2, 3, &odd, 0, NULL, NULL),
                  "lms_contrastive_fork");
        }
    }
    const lms_contrastive_params second = params_of(1);
    check(lms_contrastive_update(s->search, 1, &second), "lms_contrastive_update");
}

static void run_step(searches *s, uint32_t step)
{
    static const uint32_t slots[REQUESTS] = {3, 0, 1, 2};
    static const int32_t first[REQUESTS] = {0, 1, LMS_SKIP_ROW, 3};
    static const char *const names[] = {"next",      "rows",          "scores",
                                        "penalties", "row_penalties", "status"};
    lms_contrastive_propose_args proposal = {.requests = REQUESTS,
                                             .slots = slots,
                                             .logits = {s->logits, 0},
                                             .logits_rows = CANDIDATES,
                                             .tokens = {s->tokens, 0},
                                             .probs = {s->probs, 0},
                                             .status = {s->out[5], 0}};
    const lms_contrastive_select_args batch = {.requests = REQUESTS,
                                               .slots = slots,
                                               .hidden = {s->states, LENGTH * (size_t)s->width},
                                               .tokens = {s->tokens, 0},
                                               .probs = {s->probs, 0},
                                               .next = {s->out[0], 0},
                                               .rows = {s->index, 0},
                                               .scores = {s->out[2], 0},
                                               .penalties = {s->out[3], 0},
                                               .row_penalties = {s->out[4], 0},
                                               .status = {s->out[5], 0}};
    if (step == 0) {
        proposal.index = first;
    } else {
        proposal.index_device = (lms_view){s->index, 0, NULL};
    }
    write_logits(s, step);
    printf(" step %u\n", (unsigned)step);
    check(lms_contrastive_propose(s->search, s->queue, &proposal, 0, NULL, NULL),
          "lms_contrastive_propose");
    print_words(s->queue, "tokens", s->tokens, CANDIDATES);
    print_words(s->queue, "probs", s->probs, CANDIDATES);
    print_words(s->queue, "row status", s->out[5], REQUESTS);
    check(lms_contrastive_select(s->search, s->queue, &batch, 0, NULL, NULL),
          "lms_contrastive_select");
    for (size_t i = 0; i < COUNT(names); ++i) {
        print_words(s->queue, names[i], i == 1 ? s->index : s->out[i],
                    i == 4 ? CANDIDATES : REQUESTS);
    }
}

static void run_searches(searches *s, uint32_t team)
{
    const lms_contrastive_desc desc = {.vocab = s->vocab,
                                       .width = s->width,
                                       .max_requests = REQUESTS,
                                       .max_k = MOST,
                                       .max_length = LENGTH,
                                       .max_buffer_bytes =
                                           3 * (size_t)LMS_CONTEXT_PAGE * 128 * 4,
                                       .logits = LMS_FLOAT32,
                                       .hidden = s->hidden,
                                       .work_items = team};
    printf("vocab %u width %u hidden %d team %u\n", (unsigned)s->vocab, (unsigned)s->width,
           (int)s->hidden, (unsigned)team);
    check(lms_contrastive_create(s->context, &desc, &s->search), "lms_contrastive_create");
    make_buffers(s);
    write_states(s, s->width);
    open_all(s);
    for (uint32_t step = 0; step < STEPS; ++step) run_step(s, step);
    free_buffers(s);
    lms_contrastive_destroy(s->search);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const uint32_t vocabs[] = {300, 4, 700}, widths[] = {70, 1, 128};
    static const uint32_t teams[] = {1, 8, 64};
    static const lms_dtype types[] = {LMS_FLOAT32, LMS_FLOAT16, LMS_BFLOAT16};
    searches s;
    memset(&s, 0, sizeof s);
    check(lms_context_open(argc > 1 ? argv[1] : "", &s.context), "lms_context_open");
    s.queue = lms_context_queue(s.context);
    for (size_t i = 0; i < COUNT(types); ++i) {
        for (size_t t = 0; t < COUNT(teams); ++t) {
            /* A team of one does a row's tiles in a launch of their own, or not; and float16 in
             * vectors of 16, which a device without AVX-512 loads in two halves. */
            setenv("LMS_SHAPE", i % 2 == 0 ? "fuse_from=1000000" : "fuse_from=1,lanes=16", 1);
            s.hidden = types[i];
            s.vocab = vocabs[i];
            s.width = widths[i];
            run_searches(&s, teams[t]);
        }
    }
    lms_context_destroy(s.context);
    return EXIT_SUCCESS;
}
