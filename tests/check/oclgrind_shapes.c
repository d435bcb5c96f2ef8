/* oclgrind_shapes.c - runs every kernel on small shapes and prints every result.
 *
 * Run once on a simulated device that finds races and stray accesses, and once on another: the
 * output has to be the same. Plain calls of the public API, no test framework, one thread.
 * A row case is a pattern of logits and parameters; a batch is ROWS of them, and a way to hand
 * them over. */
#define _POSIX_C_SOURCE 200112L /* setenv() */
#include "lmsample.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 4
#define GAP 3 /* unused elements before each row, and offset of each output */
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef enum pattern {
    SPREAD,
    PEAKED,
    FLAT,
    EQUAL,
    TIES,
    HOLES,
    LATE_INF,
    DEAD,
    STEEP
} pattern;

typedef struct row_case {
    pattern logits;
    lms_row_params params;
} row_case;

/* Temperature, top-p, min-p, top-k, flags. */
#define P(t, p, m, k, flags)                                                                   \
    {                                                                                          \
        0x1234567890abcdefu, 7, LMS_REQUEST_INIT, {t, p, m, k, flags, 0}, 0, 0, { 0, 0 }       \
    }

static const row_case cases[] = {
    /* greedy, and no filter */
    {SPREAD, P(0.0f, 1.0f, 0.0f, 0, 0)},
    {TIES, P(1.0f, 0.0f, 0.0f, 0, 0)},
    {SPREAD, P(1.0f, 1.0f, 0.0f, 0, 0)},
    {FLAT, P(0.7f, 1.0f, 0.0f, 0, 0)},
    /* top-k: fewer than a list holds, and more */
    {SPREAD, P(1.0f, 1.0f, 0.0f, 5, 0)},
    {TIES, P(1.0f, 1.0f, 0.0f, 40, LMS_TOP_K_TIES)},
    {FLAT, P(1.0f, 1.0f, 0.0f, 3000, 0)},
    {EQUAL, P(1.0f, 1.0f, 0.0f, 2500, 0)},
    /* top-p: over the list's room, and in it */
    {FLAT, P(1.0f, 0.9f, 0.0f, 0, 0)},
    {PEAKED, P(1.0f, 0.9f, 0.0f, 0, 0)},
    {EQUAL, P(1.0f, 0.6f, 0.0f, 0, 0)},
    {SPREAD, P(1.0f, 0.999f, 0.0f, 0, 0)},
    /* min-p */
    {SPREAD, P(1.0f, 1.0f, 0.05f, 0, 0)},
    {FLAT, P(2.0f, 1.0f, 1e-6f, 0, 0)},
    {TIES, P(1.0f, 1.0f, 1.0f, 0, 0)},
    {PEAKED, P(1.0f, 0.9f, 0.5f, 0, LMS_MIN_P_LAST)},
    /* all filters, as other stacks have them */
    {SPREAD, P(0.8f, 0.9f, 0.02f, 50, LMS_PRESET_VLLM)},
    {TIES, P(0.8f, 0.9f, 0.02f, 50, LMS_PRESET_HUGGING_FACE)},
    {SPREAD, P(1.5f, 0.95f, 0.02f, 40, LMS_PRESET_LLAMA_CPP)},
    {FLAT, P(0.8f, 0.5f, 0.02f, 2100, LMS_PRESET_JOINT)},
    /* odd logits */
    {HOLES, P(1.0f, 0.9f, 0.0f, 20, 0)},
    {LATE_INF, P(1.0f, 0.9f, 0.1f, 0, 0)},
    {DEAD, P(1.0f, 1.0f, 0.0f, 0, 0)},
    {STEEP, P(1.0f, 0.9f, 0.1f, 0, 0)},
    /* odd temperatures, and top-p below top-k's cut */
    {SPREAD, P(0x1p-64f, 0.9f, 0.0f, 0, 0)},
    {SPREAD, P(0x1p+64f, 0.9f, 0.0f, 0, 0)},
    {FLAT, P(1.0f, 0.95f, 0.0f, 2400, 0)},
    {EQUAL, P(1.0f, 0.7f, 0.5f, 0, 0)},
};

/* How a batch is handed over. */
enum {
    HOST_RECORDS,
    DEVICE_RECORDS,
    UNIFORMS,
    WAYS
};

typedef struct shapes {
    lms_context *context;
    lms_sampler *sampler;
    lms_sampler_desc desc;
    size_t stride;
    cl_mem in[4];  /* logits, params, index, uniforms */
    cl_mem out[6]; /* tokens, status, logprob_raw, logprob, kept, probs */
} shapes;

static void check(int32_t status, const char *what)
{
    if (status == 0) return;
    fprintf(stderr, "%s: %d %s (%s)\n", what, (int)status, lms_status_text(status),
            status > 0 ? lms_error_message() : "");
    exit(EXIT_FAILURE);
}

static uint32_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static float logit(pattern p, uint32_t i, uint32_t vocab, uint64_t *state)
{
    const float u = (float)(next(state) % 65536u) / 65536.0f;
    switch (p) {
    case SPREAD: return 20.0f * u * u - 8.0f;
    case PEAKED: return i == vocab / 3 ? 12.0f : u;
    case FLAT: return 0.25f * u;
    case EQUAL: return -1.5f;
    case TIES: return (float)(next(state) % 6u);
    case HOLES: return i % 3 == 0 ? NAN : i % 3 == 1 ? -INFINITY : 4.0f * u;
    case LATE_INF: return i + 2 == vocab || i == vocab / 2 ? INFINITY : u;
    case DEAD: return i % 2 ? NAN : -INFINITY;
    default: return 60000.0f * (u - 0.5f);
    }
}

/* Truncates to the sampler's type. Halves: what is too small becomes 0. */
static void store_logit(void *to, size_t at, lms_dtype type, float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    uint16_t half = (uint16_t)(bits >> 16);
    if (type == LMS_FLOAT16) {
        half = (uint16_t)sign;
        if (magnitude > 0x7f800000u)
            half |= 0x7e00u;
        else if (magnitude == 0x7f800000u)
            half |= 0x7c00u;
        else if (magnitude >= 0x38800000u)
            half |= (uint16_t)((magnitude - 0x38000000u) >> 13);
    }
    if (type == LMS_FLOAT32)
        memcpy((float *)to + at, &value, sizeof value);
    else
        memcpy((uint16_t *)to + at, &half, sizeof half);
}

/* With its content from the start: the simulator takes all else for uninitialised. */
static cl_mem buffer_of(const shapes *s, const void *data, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    void *const zeros = calloc(1, bytes);
    if (zeros == NULL) exit(EXIT_FAILURE);
    if (data != NULL) memcpy(zeros, data, bytes);
    cl_mem mem = clCreateBuffer(lms_context_cl_context(s->context),
                                CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, zeros, &code);
    check(code, "clCreateBuffer");
    free(zeros);
    return mem;
}

static size_t output_bytes(const shapes *s, int output)
{
    if (output == 0) return (GAP + ROWS) * (s->desc.tokens == LMS_INT64 ? 8u : 4u);
    return output < 5 ? (GAP + ROWS) * 4u : (GAP + ROWS * s->stride) * 4u;
}

static void make_buffers(shapes *s, const row_case *rows, int way)
{
    lms_row_params params[GAP + ROWS];
    int32_t index[GAP + ROWS] = {0, 0, 0, 2, 0, 1, 3};
    uint32_t words[2 * ROWS * 4];
    uint64_t state = 99;
    const size_t element = s->desc.logits == LMS_FLOAT32 ? 4 : 2;
    void *const logits = calloc(ROWS * s->stride, element);
    if (logits == NULL) exit(EXIT_FAILURE);
    memset(params, 0, sizeof params);
    for (uint32_t r = 0; r < ROWS; ++r) {
        params[GAP + r] = rows[r].params;
        for (uint32_t i = 0; i < s->desc.vocab; ++i) {
            store_logit(logits, GAP + r * s->stride + i, s->desc.logits,
                        logit(rows[r].logits, i, s->desc.vocab, &state));
        }
    }
    if (way == DEVICE_RECORDS) { /* bad rows, good ones between them */
        params[GAP].filters.temperature = NAN;
        params[GAP + 3].filters.flags = 99;
        index[GAP + 2] = 77;
    }
    for (size_t i = 0; i < COUNT(words); ++i) words[i] = next(&state) * 2u + (i & 1u);
    s->in[0] = buffer_of(s, logits, ROWS * s->stride * element);
    s->in[1] = buffer_of(s, params, sizeof params);
    s->in[2] = buffer_of(s, index, sizeof index);
    s->in[3] = buffer_of(s, words, sizeof words);
    for (int i = 0; i < 6; ++i) s->out[i] = buffer_of(s, NULL, output_bytes(s, i));
    free(logits);
}

static void run_batch(shapes *s, const row_case *rows, int way)
{
    static const int32_t host_index[ROWS] = {3, LMS_SKIP_ROW, 0, 2};
    lms_row_params params[ROWS];
    lms_sampler_run_args b;
    memset(&b, 0, sizeof b);
    for (int r = 0; r < ROWS; ++r) params[r] = rows[r].params;
    b.rows = ROWS;
    b.logits = (lms_view){s->in[0], GAP, NULL};
    b.row_stride = s->stride;
    if (way == DEVICE_RECORDS) {
        b.params_device = (lms_view){s->in[1], GAP, NULL};
        b.index_device = (lms_view){s->in[2], GAP, NULL};
    } else {
        b.params = params;
        if (way == UNIFORMS) b.index = host_index;
    }
    if (way == UNIFORMS) {
        b.uniforms.buffer = s->in[3];
        b.uniforms_per_row = 2;
    }
    b.tokens = (lms_view){s->out[0], GAP, NULL};
    b.status = (lms_view){s->out[1], GAP, NULL};
    b.logprob_raw = (lms_view){s->out[2], GAP, NULL};
    b.logprob = (lms_view){s->out[3], GAP, NULL};
    b.kept = (lms_view){s->out[4], GAP, NULL};
    b.probs = (lms_view){s->out[5], GAP, NULL};
    b.probs_stride = s->stride;
    cl_command_queue queue = lms_context_queue(s->context);
    check(lms_sampler_run(s->sampler, queue, &b, 0, NULL, NULL), "lms_sampler_run");
    check(clFinish(queue), "clFinish");
}

static void *read_back(const shapes *s, int output)
{
    const size_t bytes = output_bytes(s, output);
    void *const data = malloc(bytes);
    if (data == NULL) exit(EXIT_FAILURE);
    check(clEnqueueReadBuffer(lms_context_queue(s->context), s->out[output], CL_TRUE, 0, bytes,
                              data, 0, NULL, NULL),
          "clEnqueueReadBuffer");
    return data;
}

/* All elements, those that must stay untouched included; NaN has many patterns. */
static void print_output(const shapes *s, int output)
{
    static const char *const names[] = {"tokens", "status", "raw", "logprob", "kept", "probs"};
    uint32_t *const words = read_back(s, output);
    uint64_t hash = 14695981039346656037u;
    printf("  %s", names[output]);
    for (size_t i = 0; i < output_bytes(s, output) / 4; ++i) {
        const uint32_t word =
            output >= 2 && output != 4 && (words[i] & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u
                                                                                 : words[i];
        if (output < 5) printf(" %" PRIx32, word);
        hash = (hash ^ word) * 1099511628211u;
    }
    if (output == 5) printf(" %016" PRIx64, hash);
    printf("\n");
    free(words);
}

static void run_cases(shapes *s, int way, size_t begin, size_t end)
{
    for (size_t first = begin; first + ROWS <= end; first += ROWS) {
        make_buffers(s, cases + first, way);
        run_batch(s, cases + first, way);
        printf("dtype %d team %u vocab %u cases %zu way %d\n", (int)s->desc.logits,
               (unsigned)s->desc.work_items, (unsigned)s->desc.vocab, first, way);
        for (int i = 0; i < 6; ++i) print_output(s, i);
        for (size_t i = 0; i < COUNT(s->in); ++i) clReleaseMemObject(s->in[i]);
        for (size_t i = 0; i < COUNT(s->out); ++i) clReleaseMemObject(s->out[i]);
    }
}

/* More rows than the simulated device has work-items for (eight, as it has one unit), and no
 * outputs: a work-item does several rows in one workspace. */
static void run_many(shapes *s, const row_case *rows)
{
    enum {
        MANY = 19
    };
    int32_t index[MANY];
    lms_row_params params[MANY];
    uint32_t tokens[MANY], status[MANY];
    lms_sampler_run_args b;
    memset(&b, 0, sizeof b);
    for (int r = 0; r < MANY; ++r) {
        index[r] = r % 5 == 2 ? LMS_SKIP_ROW : r % ROWS;
        params[r] = rows[r % ROWS].params;
    }
    make_buffers(s, rows, HOST_RECORDS);
    cl_mem out[2] = {buffer_of(s, NULL, sizeof tokens), buffer_of(s, NULL, sizeof status)};
    b.rows = MANY;
    b.logits = (lms_view){s->in[0], GAP, NULL};
    b.logits_rows = ROWS;
    b.row_stride = s->stride;
    b.params = params;
    b.index = index;
    b.tokens.buffer = out[0];
    b.status.buffer = out[1];
    cl_command_queue queue = lms_context_queue(s->context);
    check(lms_sampler_run(s->sampler, queue, &b, 0, NULL, NULL), "lms_sampler_run");
    check(clEnqueueReadBuffer(queue, out[0], CL_TRUE, 0, sizeof tokens, tokens, 0, NULL, NULL),
          "clEnqueueReadBuffer");
    check(clEnqueueReadBuffer(queue, out[1], CL_TRUE, 0, sizeof status, status, 0, NULL, NULL),
          "clEnqueueReadBuffer");
    for (int r = 0; r < MANY; ++r) printf(" %" PRIx32 " %" PRIx32, tokens[r], status[r]);
    printf("\n");
    for (size_t i = 0; i < COUNT(s->in); ++i) clReleaseMemObject(s->in[i]);
    for (size_t i = 0; i < COUNT(s->out); ++i) clReleaseMemObject(s->out[i]);
    for (size_t i = 0; i < COUNT(out); ++i) clReleaseMemObject(out[i]);
}

static void open_sampler(shapes *s, lms_dtype type, uint32_t team, uint32_t vocab)
{
    memset(&s->desc, 0, sizeof s->desc);
    s->desc.vocab = vocab;
    s->desc.max_rows = 32;
    s->desc.logits = type;
    s->desc.tokens = team == 8 ? LMS_INT64 : LMS_INT32;
    s->desc.outputs = 15;
    s->desc.work_items = team;
    s->stride = vocab + GAP;
    check(lms_sampler_create(s->context, &s->desc, &s->sampler), "lms_sampler_create");
}

int main(int argc, char **argv)
{
    static const uint32_t vocabs[] = {1, 255, 700, 5000};
    static const uint32_t teams[] = {1, 8, 64};
    shapes s;
    memset(&s, 0, sizeof s);
    check(lms_context_open(argc > 1 ? argv[1] : "", &s.context), "lms_context_open");
    for (int type = LMS_FLOAT32; type <= LMS_BFLOAT16; ++type) {
        for (size_t t = 0; t < COUNT(teams); ++t) {
            for (size_t v = 0; v < COUNT(vocabs); ++v) {
                /* A team of one does a row's tiles in a launch of their own, or not. */
                setenv("LMS_SHAPE", v % 2 == 0 ? "fuse_from=1000000" : "fuse_from=1", 1);
                open_sampler(&s, (lms_dtype)type, teams[t], vocabs[v]);
                /* The ways differ before the first kernel: every row case by each on one. */
                for (int way = 0; way < WAYS; ++way) {
                    if (way != HOST_RECORDS && vocabs[v] != 700) continue;
                    run_cases(&s, way, 0, COUNT(cases));
                }
                lms_sampler_destroy(s.sampler);
                fflush(stdout);
            }
        }
    }
    /* What only a team of one does: rows in runs; and searches by pivots, in long rows, with
     * top-k and top-p over the list's room. */
    setenv("LMS_SHAPE", "fuse_from=1", 1);
    open_sampler(&s, LMS_FLOAT32, 1, 700);
    for (size_t first = 0; first < COUNT(cases); first += 2 * ROWS) run_many(&s, cases + first);
    lms_sampler_destroy(s.sampler);
    open_sampler(&s, LMS_FLOAT32, 1, 8500);
    run_cases(&s, HOST_RECORDS, 4, 12);
    lms_sampler_destroy(s.sampler);
    lms_context_destroy(s.context);
    return EXIT_SUCCESS;
}
