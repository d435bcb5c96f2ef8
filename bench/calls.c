/* calls.c - what a call of a sampler takes on the host: bench_calls [ROWS]. Small rows, by both
 * doors and recorded, in turns. Behind an event that is not complete nothing runs meanwhile, so
 * that what is timed is the library's and the runtime's own. LMS_SHAPE says how many kernels a
 * call has. */
#include <lmsample.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    VOCAB = 256,
    CALLS = 8, /* at once: max_in_flight */
    TIMES = 301,
    WAYS = 3
};

static void must(int status, const char *what)
{
    if (status == LMS_OK) return;
    fprintf(stderr, "bench_calls: %s: %d %s\n", what, status, lms_error_message());
    exit(1);
}
#define MUST(call) must((call), #call)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A call of each way: records on the device, records and indices on the host, recorded. */
typedef struct calls {
    lms_sampler *sampler;
    cl_context context;
    cl_command_queue queue;
    lms_sampler_run_args args[2];
    lms_recording *recording;
} calls;

static void call(const calls *c, int way)
{
    if (way == 2) {
        MUST(lms_recording_run(c->recording, 0, NULL, NULL));
    } else {
        MUST(lms_sampler_run(c->sampler, c->queue, &c->args[way], 0, NULL, NULL));
    }
}

/* Microseconds of a call, of so many in a row, behind an event that is completed afterwards. */
static double time_held(const calls *c, int way)
{
    cl_int code = CL_SUCCESS;
    cl_event hold = clCreateUserEvent(c->context, &code), marker = NULL;
    must(code, "clCreateUserEvent");
    MUST(clEnqueueMarkerWithWaitList(c->queue, 1, &hold, &marker));
    const double begin = now();
    for (int i = 0; i < CALLS; ++i) call(c, way);
    const double end = now();
    MUST(clSetUserEventStatus(hold, CL_COMPLETE));
    MUST(clFinish(c->queue));
    clReleaseEvent(hold);
    clReleaseEvent(marker);
    return (end - begin) / CALLS;
}

/* ... and of one for a queue with nothing to do. */
static double time_idle(const calls *c, int way)
{
    const double begin = now();
    call(c, way);
    const double end = now();
    MUST(clFinish(c->queue));
    return end - begin;
}

static void measure(const calls *c, uint32_t rows)
{
    static const char *const names[WAYS] = {"records on the device", "on the host, indices too",
                                            "recorded"};
    static double held[WAYS][TIMES], idle[WAYS][TIMES];
    for (int i = 0; i < TIMES; ++i) {
        for (int way = 0; way < WAYS; ++way) held[way][i] = time_held(c, way);
        for (int way = 0; way < WAYS; ++way) idle[way][i] = time_idle(c, way);
    }
    printf("%u rows; a recorded call is %u commands; medians, us\n", (unsigned)rows,
           (unsigned)lms_recording_commands(c->recording));
    for (int way = 0; way < WAYS; ++way) {
        qsort(held[way], TIMES, sizeof held[way][0], compare);
        qsort(idle[way], TIMES, sizeof idle[way][0], compare);
        printf("%-26s nothing runs %6.2f   idle queue %6.2f\n", names[way],
               held[way][TIMES / 2], idle[way][TIMES / 2]);
    }
}

static cl_mem make(cl_context context, size_t bytes, void *data)
{
    cl_int code = CL_SUCCESS;
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (data != NULL ? CL_MEM_COPY_HOST_PTR : 0);
    cl_mem made = clCreateBuffer(context, flags, bytes, data, &code);
    must(code, "clCreateBuffer");
    return made;
}

int main(int count, char **arguments)
{
    const uint32_t rows = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 1;
    const lms_sampler_desc desc = {.vocab = VOCAB, .max_rows = rows, .logits = LMS_FLOAT32};
    lms_context *ctx = NULL;
    calls c = {0};
    MUST(lms_context_open(NULL, &ctx));
    MUST(lms_sampler_create(ctx, &desc, &c.sampler));
    c.context = lms_context_cl_context(ctx);
    c.queue = lms_context_queue(ctx);
    float *const logits = calloc((size_t)rows * VOCAB, sizeof *logits);
    lms_row_params *const params = calloc(rows, sizeof *params);
    int32_t *const index = calloc(rows, sizeof *index);
    must(logits == NULL || params == NULL || index == NULL, "memory");
    for (uint32_t row = 0; row < rows; ++row) {
        params[row] = (lms_row_params)LMS_ROW_PARAMS_INIT;
        index[row] = (int32_t)row;
    }
    const lms_sampler_run_args both = {
        .rows = rows,
        .logits = {make(c.context, (size_t)rows * VOCAB * sizeof *logits, logits), 0},
        .tokens = {make(c.context, rows * sizeof(cl_int), NULL), 0},
        .status = {make(c.context, rows * sizeof(cl_uint), NULL), 0},
    };
    c.args[0] = c.args[1] = both;
    c.args[0].params_device.buffer = make(c.context, rows * sizeof *params, params);
    c.args[1].params = params;
    c.args[1].index = index;
    MUST(lms_sampler_record(c.sampler, c.queue, &c.args[0], &c.recording));
    measure(&c, rows);
    lms_recording_destroy(c.recording);
    lms_sampler_destroy(c.sampler);
    clReleaseMemObject(both.logits.buffer);
    clReleaseMemObject(both.tokens.buffer);
    clReleaseMemObject(both.status.buffer);
    clReleaseMemObject(c.args[0].params_device.buffer);
    lms_context_destroy(ctx);
    free(logits);
    free(params);
    free(index);
    return 0;
}
