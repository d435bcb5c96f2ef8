/* bench.c - how fast a batch is sampled, beside the time that reading its logits takes.
 *
 * Every strategy is timed in alternation with a plain C read of the same logits; the figure
 * that counts is the median of the paired ratios read / sample. Results are checked against the
 * oracle before anything is timed. */
#include "lmsample.h"
#include "logits.h"
#include "oracle.h"
#include "read.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct strategy {
    const char *name;
    float temperature;
    int32_t top_k;
    float top_p;
    float min_p;
} strategy;

static const strategy strategies[] = {
    {"greedy", 0.0f, 0, 1.0f, 0.0f},        {"temperature", 0.8f, 0, 1.0f, 0.0f},
    {"top-k 50", 1.0f, 50, 1.0f, 0.0f},     {"top-p 0.9", 1.0f, 0, 0.9f, 0.0f},
    {"min-p 0.05", 1.0f, 0, 1.0f, 0.05f},   {"k 50 + p 0.9", 1.0f, 50, 0.9f, 0.0f},
    {"top-k 1024", 1.0f, 1024, 1.0f, 0.0f},
};
#define STRATEGIES (sizeof strategies / sizeof strategies[0])

typedef struct options {
    const char *device;
    unsigned rows;
    unsigned vocab;
    unsigned repeats;
    unsigned work_items;
} options;

typedef struct bench {
    options o;
    lms_context *ctx;
    lms_sampler *sampler;
    cl_command_queue queue;
    cl_mem logits;
    cl_mem tokens;
    float *host; /* the logits, mapped or a copy */
    int32_t *drawn;
    lms_row_params *params;
    bench_reader *reader;
    uint64_t step;
} bench;

static void die(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, lms_error_message());
    exit(1);
}

static void check(lms_status status, const char *what)
{
    if (status != LMS_OK) die(what);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void set_params(bench *b, size_t which)
{
    for (unsigned r = 0; r < b->o.rows; ++r) {
        const strategy *const s = &strategies[which < STRATEGIES ? which : r % STRATEGIES];
        b->params[r] = (lms_row_params)LMS_ROW_PARAMS_INIT;
        b->params[r].temperature = s->temperature;
        b->params[r].top_k = s->top_k;
        b->params[r].top_p = s->top_p;
        b->params[r].min_p = s->min_p;
        b->params[r].seed = r + 1;
        b->params[r].step = b->step;
    }
    ++b->step;
}

static void sample(bench *b)
{
    lms_batch batch;
    memset(&batch, 0, sizeof batch);
    batch.rows = b->o.rows;
    batch.logits.buffer = b->logits;
    batch.params = b->params;
    batch.tokens.buffer = b->tokens;
    check(lms_sampler_run(b->sampler, b->queue, &batch, 0, NULL, NULL), "lms_sampler_run");
    check(clFinish(b->queue), "clFinish");
}

/* A few rows of the batch that was just sampled. */
static void verify(bench *b)
{
    check(clEnqueueReadBuffer(b->queue, b->tokens, CL_TRUE, 0, b->o.rows * sizeof *b->drawn,
                              b->drawn, 0, NULL, NULL),
          "reading tokens");
    for (unsigned r = 0; r < b->o.rows && r < STRATEGIES; ++r) {
        oracle_params p;
        oracle_result result;
        memcpy(&p, &b->params[r], sizeof p);
        const float *const row = b->host + (size_t)r * b->o.vocab;
        if (!oracle_sample(row, b->o.vocab, &p, NULL, 0, &result)) {
            die("oracle: out of memory");
        }
        if (result.token != b->drawn[r]) {
            fprintf(stderr, "bench: row %u has token %d, the oracle %lld\n", r,
                    (int)b->drawn[r], (long long)result.token);
            exit(1);
        }
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

static void time_strategy(bench *b, size_t which, const char *shape)
{
    const size_t bytes = (size_t)b->o.rows * b->o.vocab * sizeof(float);
    double *const ratios = calloc(3 * (size_t)b->o.repeats, sizeof *ratios);
    if (ratios == NULL) die("out of memory");
    double *const samples = ratios + b->o.repeats, *const reads = samples + b->o.repeats;
    set_params(b, which);
    sample(b);
    verify(b);
    for (unsigned i = 0; i < b->o.repeats; ++i) {
        set_params(b, which);
        const double start = now();
        bench_read(b->reader, b->host, bytes);
        const double middle = now();
        sample(b);
        const double end = now();
        reads[i] = middle - start;
        samples[i] = end - middle;
        ratios[i] = reads[i] / samples[i];
    }
    const double s = median(samples, b->o.repeats), r = median(reads, b->o.repeats);
    printf("%-9s %-13s %9.3f ms %12.0f rows/s %7.2f GB/s  read %7.2f GB/s  ratio %.2f\n", shape,
           which < STRATEGIES ? strategies[which].name : "mixed", 1e3 * s, b->o.rows / s,
           1e-9 * (double)bytes / s, 1e-9 * (double)bytes / r, median(ratios, b->o.repeats));
    fflush(stdout);
    free(ratios);
}

static void open_all(bench *b)
{
    cl_int code = CL_SUCCESS;
    cl_uint units = 1;
    char name[256] = "";
    const double start = now();
    check(lms_context_open(b->o.device, &b->ctx), "lms_context_open");
    const double opened = now();
    lms_sampler_desc desc = {0};
    desc.vocab = b->o.vocab;
    desc.max_rows = b->o.rows;
    desc.logits = LMS_FLOAT32;
    desc.work_items = b->o.work_items;
    check(lms_sampler_create(b->ctx, &desc, &b->sampler), "lms_sampler_create");
    const double created = now();
    clGetDeviceInfo(lms_context_device(b->ctx), CL_DEVICE_NAME, sizeof name, name, NULL);
    clGetDeviceInfo(lms_context_device(b->ctx), CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units,
                    &units, NULL);
    printf("%s, %u compute units; %u x %u float32\n", name, (unsigned)units, b->o.rows,
           b->o.vocab);
    printf("start: platform and context %.3f s, sampler %.3f s; workspace %.1f MiB\n",
           opened - start, created - opened,
           (double)lms_sampler_workspace(b->sampler) / 1048576.0);
    b->queue = lms_context_queue(b->ctx);
    const size_t bytes = (size_t)b->o.rows * b->o.vocab * sizeof(float);
    b->logits = clCreateBuffer(lms_context_cl_context(b->ctx),
                               CL_MEM_READ_ONLY | CL_MEM_ALLOC_HOST_PTR, bytes, NULL, &code);
    check(code, "logits buffer");
    b->tokens = clCreateBuffer(lms_context_cl_context(b->ctx), CL_MEM_READ_WRITE,
                               b->o.rows * sizeof(cl_int), NULL, &code);
    check(code, "tokens buffer");
    b->host = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    b->drawn = calloc(b->o.rows, sizeof *b->drawn);
    b->params = calloc(b->o.rows, sizeof *b->params);
    b->reader = bench_reader_create(units > 16 ? 16 : units);
    if (b->host == NULL || b->drawn == NULL || b->params == NULL || b->reader == NULL) {
        die("out of memory");
    }
}

static void close_all(bench *b)
{
    bench_reader_destroy(b->reader);
    clReleaseMemObject(b->logits);
    clReleaseMemObject(b->tokens);
    lms_sampler_destroy(b->sampler);
    lms_context_destroy(b->ctx);
    free(b->host);
    free(b->drawn);
    free(b->params);
}

static void run_shape(bench *b, bench_shape shape)
{
    const size_t bytes = (size_t)b->o.rows * b->o.vocab * sizeof(float);
    fprintf(stderr, "making %s logits ...\n", bench_shape_name(shape));
    for (unsigned r = 0; r < b->o.rows; ++r) {
        bench_row(b->host + (size_t)r * b->o.vocab, b->o.vocab, shape, r + 1);
    }
    check(clEnqueueWriteBuffer(b->queue, b->logits, CL_TRUE, 0, bytes, b->host, 0, NULL, NULL),
          "writing logits");
    for (size_t i = 0; i <= STRATEGIES; ++i) time_strategy(b, i, bench_shape_name(shape));
}

static unsigned number(const char *text, const char *what)
{
    char *end = NULL;
    const unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value > 1u << 24) {
        fprintf(stderr, "bench: %s: \"%s\" is not a number of at most %u\n", what, text,
                1u << 24);
        exit(2);
    }
    return (unsigned)value;
}

static options parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"device", required_argument, NULL, 'd'},
        {"rows", required_argument, NULL, 'r'},
        {"vocab", required_argument, NULL, 'v'},
        {"repeats", required_argument, NULL, 'n'},
        {"work-items", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    options o = {NULL, 64, 128256, 31, 0};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'd': o.device = optarg; break;
        case 'r': o.rows = number(optarg, "--rows"); break;
        case 'v': o.vocab = number(optarg, "--vocab"); break;
        case 'n': o.repeats = number(optarg, "--repeats"); break;
        case 'w': o.work_items = number(optarg, "--work-items"); break;
        default:
            fprintf(c == 'h' ? stdout : stderr, "bench [--device NAME] [--rows N] [--vocab N] "
                                                "[--repeats N] [--work-items N]\n");
            exit(c == 'h' ? 0 : 2);
        }
    }
    if (o.rows == 0 || o.vocab == 0 || o.repeats == 0) {
        fprintf(stderr, "bench: --rows, --vocab and --repeats are at least 1\n");
        exit(2);
    }
    return o;
}

int main(int argc, char **argv)
{
    bench b;
    memset(&b, 0, sizeof b);
    b.o = parse(argc, argv);
    open_all(&b);
    for (int shape = 0; shape < BENCH_SHAPES; ++shape) run_shape(&b, (bench_shape)shape);
    close_all(&b);
    return 0;
}
