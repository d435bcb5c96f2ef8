#include "tune_rig.h"

#include "clock.h"
#include "message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BASE_ROWS = 16,        /* the others are these, moved round */
    ALL_BYTES = 256 << 20, /* of logits: more than most caches hold */
    BATCHES = 4            /* large ones, in all rows, at least */
};

const char *const tune_strategies[TUNE_STRATEGIES] = {"greedy", "temperature", "top-k 50",
                                                      "top-p 0.9"};

static int fail_cl(cl_int code, const char *call)
{
    return fail(EXIT_DEVICE, "device: %s: %s (%d)", call, lms_status_text(code), (int)code);
}

static size_t item_bytes(const tune_rig *rig) { return rig->type == LMS_FLOAT32 ? 4 : 2; }

/* --- Logits ------------------------------------------------------------------------------ */

/* Normal ones with sigma 5, which a few tokens dominate, and sigma 1 in turn. */
static void fill_base(float *base)
{
    const double circle = 6.283185307179586;
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < (size_t)BASE_ROWS * TUNE_VOCAB; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const double u = ((double)(state >> 32) + 1) / 4294967296.0;
        const double v = (double)(state & 0xffffffffu) / 4294967296.0;
        const double sigma = i / TUNE_VOCAB % 2 == 0 ? 5.0 : 1.0;
        base[i] = (float)(sigma * sqrt(-2.0 * log(u)) * cos(circle * v));
    }
}

/* In place: the narrow one lies before what is still to be read. */
static void narrow_base(float *base)
{
    for (size_t i = 0; i < (size_t)BASE_ROWS * TUNE_VOCAB; i++) {
        uint32_t bits = 0;
        memcpy(&bits, &base[i], sizeof bits);
        const uint16_t high = (uint16_t)(bits >> 16);
        memcpy((char *)base + 2 * i, &high, sizeof high);
    }
}

static cl_int write_rows(const tune_rig *rig, const char *base)
{
    cl_command_queue queue = lms_context_queue(rig->context);
    const size_t item = item_bytes(rig), row_bytes = TUNE_VOCAB * item;
    cl_int code = CL_SUCCESS;
    for (size_t r = 0; r < rig->all_rows && code == CL_SUCCESS; r++) {
        const char *const from = base + r % BASE_ROWS * row_bytes;
        const size_t moved = r / BASE_ROWS * 7919 % TUNE_VOCAB * item;
        code = clEnqueueWriteBuffer(queue, rig->logits, CL_FALSE, r * row_bytes,
                                    row_bytes - moved, from + moved, 0, NULL, NULL);
        if (code != CL_SUCCESS || moved == 0) continue;
        code = clEnqueueWriteBuffer(queue, rig->logits, CL_FALSE, (r + 1) * row_bytes - moved,
                                    moved, from, 0, NULL, NULL);
    }
    const cl_int finished = clFinish(queue);
    return code != CL_SUCCESS ? code : finished;
}

static int write_logits(const tune_rig *rig)
{
    float *const base = malloc((size_t)BASE_ROWS * TUNE_VOCAB * sizeof *base);
    if (base == NULL) return fail_memory("logits");
    fill_base(base);
    if (rig->type != LMS_FLOAT32) narrow_base(base);
    const cl_int code = write_rows(rig, (const char *)base);
    free(base);
    return code == CL_SUCCESS ? EXIT_DONE : fail_cl(code, "clEnqueueWriteBuffer");
}

static int write_params(const tune_rig *rig)
{
    lms_row_params params[TUNE_STRATEGIES * TUNE_ROWS];
    const size_t count = (size_t)TUNE_STRATEGIES * rig->rows;
    for (size_t i = 0; i < count; i++) {
        const size_t strategy = i / rig->rows;
        params[i] = (lms_row_params)LMS_ROW_PARAMS_INIT;
        params[i].seed = i;
        if (strategy == 0) params[i].filters.temperature = 0.0f;
        if (strategy == 2) params[i].filters.top_k = 50;
        if (strategy == 3) params[i].filters.top_p = 0.9f;
    }
    const cl_int code =
        clEnqueueWriteBuffer(lms_context_queue(rig->context), rig->params, CL_TRUE, 0,
                             count * sizeof *params, params, 0, NULL, NULL);
    return code == CL_SUCCESS ? EXIT_DONE : fail_cl(code, "clEnqueueWriteBuffer");
}

/* --- Opening ----------------------------------------------------------------------------- */

/* At most an eighth of the memory, and one buffer. */
static int choose_rows(tune_rig *rig)
{
    cl_device_id id = lms_context_device(rig->context);
    const size_t row_bytes = TUNE_VOCAB * item_bytes(rig);
    cl_ulong most = 0, memory = 0;
    cl_int code = clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof most, &most, NULL);
    if (code == CL_SUCCESS) {
        code = clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    }
    if (code != CL_SUCCESS) return fail_cl(code, "clGetDeviceInfo");
    if (most > memory / 8) most = memory / 8;
    if (most > ALL_BYTES) most = ALL_BYTES;
    rig->all_rows = (uint32_t)(most / row_bytes);
    rig->rows = rig->all_rows / BATCHES < TUNE_ROWS ? rig->all_rows / BATCHES : TUNE_ROWS;
    if (rig->rows == 0) {
        return fail(EXIT_DEVICE, "device: %llu bytes are too few for %d rows of %d logits",
                    (unsigned long long)most, BATCHES, TUNE_VOCAB);
    }
    return EXIT_DONE;
}

static cl_int make_buffer(const tune_rig *rig, size_t bytes, cl_mem *out)
{
    cl_int code = CL_SUCCESS;
    *out = clCreateBuffer(lms_context_cl_context(rig->context), CL_MEM_READ_WRITE, bytes, NULL,
                          &code);
    return code;
}

int tune_rig_open(tune_rig *rig, lms_context *context, lms_dtype type)
{
    *rig = (tune_rig){.context = context, .type = type};
    int status = choose_rows(rig);
    if (status != EXIT_DONE) return status;
    cl_int code = make_buffer(rig, rig->all_rows * TUNE_VOCAB * item_bytes(rig), &rig->logits);
    if (code == CL_SUCCESS) {
        const size_t records = (size_t)TUNE_STRATEGIES * rig->rows;
        code = make_buffer(rig, records * sizeof(lms_row_params), &rig->params);
    }
    if (code == CL_SUCCESS) code = make_buffer(rig, rig->rows * sizeof(cl_int), &rig->tokens);
    if (code != CL_SUCCESS) return fail_cl(code, "clCreateBuffer");
    status = write_logits(rig);
    return status == EXIT_DONE ? write_params(rig) : status;
}

void tune_rig_close(tune_rig *rig)
{
    const cl_mem all[] = {rig->logits, rig->params, rig->tokens};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != NULL) clReleaseMemObject(all[i]);
    }
    *rig = (tune_rig){0};
}

/* --- Samplers ---------------------------------------------------------------------------- */

/* The library reads the shape from the environment. work_items: a team that the kernels cannot
 * have is refused, not made smaller. */
int tune_rig_sampler(const tune_rig *rig, const tune_shape *shape, lms_sampler **out,
                     char *problem, size_t problem_size)
{
    char text[LMS_SHAPE_BYTES];
    const lms_sampler_desc desc = {
        .vocab = TUNE_VOCAB,
        .max_rows = rig->rows,
        .logits = rig->type,
        .work_items = shape->team,
    };
    tune_shape_print(shape, text);
    problem[0] = '\0';
    if (setenv("LMS_SHAPE", text, 1) != 0) return fail_memory("the environment");
    const lms_status status = lms_sampler_create(rig->context, &desc, out);
    unsetenv("LMS_SHAPE");
    if (status == LMS_E_MEMORY) return fail_library(text, status);
    if (status != LMS_OK) snprintf(problem, problem_size, "%s", lms_error_message());
    return EXIT_DONE;
}

static int run_call(const tune_rig *rig, lms_sampler *sampler, const tune_case *c, size_t first)
{
    cl_command_queue queue = lms_context_queue(rig->context);
    const lms_sampler_run_args batch = {
        .rows = c->rows,
        .logits = {rig->logits, first * TUNE_VOCAB},
        .params_device = {rig->params, c->strategy * rig->rows},
        .tokens = {rig->tokens, 0},
    };
    cl_event done = NULL;
    const lms_status status = lms_sampler_run(sampler, queue, &batch, 0, NULL, &done);
    if (status != LMS_OK) return fail_library("device", status);
    const cl_int code = clWaitForEvents(1, &done);
    clReleaseEvent(done);
    return code == CL_SUCCESS ? EXIT_DONE : fail_cl(code, "clWaitForEvents");
}

int tune_rig_time(const tune_rig *rig, lms_sampler *sampler, const tune_case *c, size_t first,
                  size_t times, double *seconds)
{
    const size_t places = rig->all_rows / c->rows;
    int status = EXIT_DONE;
    const double begin = clock_seconds();
    for (size_t i = 0; i < times && status == EXIT_DONE; i++) {
        status = run_call(rig, sampler, c, (first + i) % places * c->rows);
    }
    *seconds = (clock_seconds() - begin) / (double)times;
    return status;
}

int tune_rig_tokens(const tune_rig *rig, lms_sampler *sampler, const tune_case *c,
                    int32_t *tokens)
{
    const int status = run_call(rig, sampler, c, 0);
    if (status != EXIT_DONE) return status;
    const cl_int code =
        clEnqueueReadBuffer(lms_context_queue(rig->context), rig->tokens, CL_TRUE, 0,
                            c->rows * sizeof *tokens, tokens, 0, NULL, NULL);
    return code == CL_SUCCESS ? EXIT_DONE : fail_cl(code, "clEnqueueReadBuffer");
}
