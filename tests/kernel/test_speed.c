/* Logits of 16 bits take no longer than those of 32: the same rows, greedy and drawn from, in
 * CPU time, the best of some calls each. The margin is wide, because machines are busy; what it
 * is there for, a type whose loads or comparisons go lane by lane, takes six times as long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../support/batch.h"
#include "../support/device.h"
#include "../support/oracle_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VOCAB 65536u
#define ROWS 32u
#define CALLS 12
#define MARGIN 2.5

static lms_context *ctx;

/* Of all threads: pocl's do the work. */
static double cpu_seconds(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static cl_mem new_buffer(size_t size, void *host)
{
    cl_int code = CL_SUCCESS;
    const cl_mem_flags flags = host ? CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR : 0;
    const cl_mem mem = clCreateBuffer(lms_context_cl_context(ctx), flags, size, host, &code);
    device_require(code, "clCreateBuffer");
    return mem;
}

/* Seconds of a call. */
static double best_time(lms_sampler *sampler, const lms_sampler_run_args *call)
{
    const cl_command_queue queue = lms_context_queue(ctx);
    double best = INFINITY;
    for (int i = 0; i < CALLS; ++i) {
        const double begin = cpu_seconds();
        device_require(lms_sampler_run(sampler, queue, call, 0, NULL, NULL), "run");
        device_require(clFinish(queue), "clFinish");
        best = fmin(best, cpu_seconds() - begin);
    }
    return best;
}

/* Seconds of a greedy and of a drawn call. */
static void measure(lms_dtype dtype, double seconds[2])
{
    uint64_t state = 1;
    lms_sampler *sampler = NULL;
    lms_sampler_run_args call;
    lms_sampler_desc desc;
    batch *const b = batch_new(VOCAB, ROWS, ROWS, dtype);
    float *const x = malloc(VOCAB * sizeof *x);
    assert_non_null(x);
    for (uint32_t r = 0; r < ROWS; ++r) {
        rows_fill_normal(x, VOCAB, 2.5, &state);
        batch_set_logits(b, r, x, "normal");
    }
    free(x);
    memset(&desc, 0, sizeof desc);
    desc.vocab = VOCAB;
    desc.max_rows = ROWS;
    desc.logits = dtype;
    device_require(lms_sampler_create(ctx, &desc, &sampler), "lms_sampler_create");
    memset(&call, 0, sizeof call);
    call.rows = ROWS;
    call.params = b->params;
    call.logits.buffer =
        new_buffer((size_t)ROWS * VOCAB * (dtype == LMS_FLOAT32 ? 4 : 2), b->stored);
    call.tokens.buffer = new_buffer(ROWS * sizeof(cl_int), NULL);
    for (int drawn = 0; drawn < 2; ++drawn) {
        for (uint32_t r = 0; r < ROWS; ++r) b->params[r].filters.temperature = (float)drawn;
        seconds[drawn] = best_time(sampler, &call);
    }
    clReleaseMemObject(call.logits.buffer);
    clReleaseMemObject(call.tokens.buffer);
    lms_sampler_destroy(sampler);
    batch_free(b);
}

static void test_types(void **unused)
{
    static const struct {
        lms_dtype dtype;
        const char *name;
    } types[] = {{LMS_FLOAT16, "float16"}, {LMS_BFLOAT16, "bfloat16"}};
    double full[2], half[2];
    cl_device_type type = 0;
    (void)unused;
    device_require(
        clGetDeviceInfo(lms_context_device(ctx), CL_DEVICE_TYPE, sizeof type, &type, NULL),
        "CL_DEVICE_TYPE");
    if (!(type & CL_DEVICE_TYPE_CPU)) {
        print_message("not a CPU: its time is not the process's\n");
        skip();
    }
    measure(LMS_FLOAT32, full);
    for (size_t i = 0; i < 2; ++i) {
        measure(types[i].dtype, half);
        print_message("%s: greedy %.2f, drawn %.2f of float32's time\n", types[i].name,
                      half[0] / full[0], half[1] / full[1]);
        assert_true(half[0] < MARGIN * full[0] && half[1] < MARGIN * full[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types)};
    ctx = device_open();
    const int failed = cmocka_run_group_tests_name("speed", tests, NULL, NULL);
    lms_context_destroy(ctx);
    return failed;
}
