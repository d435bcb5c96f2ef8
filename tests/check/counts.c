/* counts.c - one row at a time by one team, for counts.sh, which has a simulator count what the
 * kernels do: a line on standard output before each row. The public API alone. */
#include "lmsample.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum {
    VOCAB = 128256,
    ROWS = 3 /* of each strategy, with other logits and another seed */
};

/* Temperature, top-p, min-p, top-k: see counts.txt. */
static const struct strategy {
    const char *name;
    float sigma; /* of the logits */
    lms_filters filters;
} strategies[] = {
    {"greedy", 3.0f, {0.0f, 1.0f, 0.0f, 0, 0, 0}},
    {"temperature", 3.0f, {1.0f, 1.0f, 0.0f, 0, 0, 0}},
    {"top-k", 3.0f, {1.0f, 1.0f, 0.0f, 50, 0, 0}},
    {"top-p", 4.0f, {1.0f, 0.9f, 0.0f, 0, 0, 0}},
    {"k+p", 3.0f, {1.0f, 0.9f, 0.0f, 50, 0, 0}},
    {"min-p", 3.0f, {1.0f, 1.0f, 0.05f, 0, 0, 0}},
    {"top-p-flat", 0.5f, {1.0f, 0.9f, 0.0f, 0, 0, 0}},
};

static void check(int32_t status, const char *what)
{
    if (status == 0) return;
    fprintf(stderr, "%s: %d %s\n", what, (int)status, lms_error_message());
    exit(EXIT_FAILURE);
}

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 40) + 0.5) * 0x1p-24;
}

static cl_mem buffer_of(lms_context *ctx, void *data, size_t bytes)
{
    cl_int code = CL_SUCCESS;
    cl_mem mem = clCreateBuffer(lms_context_cl_context(ctx),
                                CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, data, &code);
    check(code, "clCreateBuffer");
    return mem;
}

static void run(lms_context *ctx, lms_sampler *sampler, const struct strategy *s,
                uint32_t number, bool wants_logprob)
{
    static float x[VOCAB];
    uint32_t nothing[2] = {0, 0};
    uint64_t state = number;
    lms_row_params params = LMS_ROW_PARAMS_INIT;
    lms_sampler_run_args args = {0};
    for (size_t i = 0; i < VOCAB; ++i) {
        const double radius = sqrt(-2.0 * log(uniform(&state)));
        x[i] = s->sigma * (float)(radius * cos(6.283185307179586 * uniform(&state)));
    }
    params.seed = number;
    params.filters = s->filters;
    args.rows = 1;
    args.logits.buffer = buffer_of(ctx, x, sizeof x);
    args.row_stride = VOCAB;
    args.params = &params;
    args.tokens.buffer = buffer_of(ctx, nothing, sizeof nothing);
    if (wants_logprob) args.logprob.buffer = buffer_of(ctx, nothing, sizeof nothing);
    printf("ROW %s %s\n", s->name, wants_logprob ? "logprob" : "token");
    fflush(stdout);
    check(lms_sampler_run(sampler, lms_context_queue(ctx), &args, 0, NULL, NULL),
          "lms_sampler_run");
    check(clFinish(lms_context_queue(ctx)), "clFinish");
    clReleaseMemObject(args.logits.buffer);
    clReleaseMemObject(args.tokens.buffer);
    if (wants_logprob) clReleaseMemObject(args.logprob.buffer);
}

int main(void)
{
    lms_context *ctx = NULL;
    check(lms_context_open("", &ctx), "lms_context_open");
    for (int wants_logprob = 0; wants_logprob < 2; ++wants_logprob) {
        const lms_sampler_desc desc = {.vocab = VOCAB,
                                       .max_rows = 1,
                                       .logits = LMS_FLOAT32,
                                       .outputs = wants_logprob ? LMS_OUT_LOGPROB : 0};
        lms_sampler *sampler = NULL;
        check(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
        for (size_t i = 0; i < COUNT(strategies) * ROWS; ++i) {
            run(ctx, sampler, &strategies[i / ROWS], 1 + (uint32_t)i % ROWS, wants_logprob);
        }
        lms_sampler_destroy(sampler);
    }
    lms_context_destroy(ctx);
    return EXIT_SUCCESS;
}
