/* Continues a few prompts with the bundled model, each with every strategy of the sampler, all
 * of them rows of one batch. The model writes its logits straight into the sampler's buffer. */
#include "lm.h"

#include <lmsample.h>

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS 88
#define INDENT 8
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const prompts[] = {
    "And it came to pass in those days, that",
    "Blessed is the man that",
    "And the king said unto the woman,",
};

/* The fields that differ from row to row; seed and step come with the row. */
typedef struct {
    const char *name;
    float temperature;
    int32_t top_k;
    float top_p;
    float min_p;
    uint32_t flags;
} strategy;

static const strategy strategies[] = {
    {"greedy", 0.0f, 0, 1.0f, 0.0f, LMS_PRESET_VLLM},
    {"multinomial", 1.0f, 0, 1.0f, 0.0f, LMS_PRESET_VLLM},
    {"multinomial, cooler", 0.7f, 0, 1.0f, 0.0f, LMS_PRESET_VLLM},
    {"top-k", 1.0f, 20, 1.0f, 0.0f, LMS_PRESET_VLLM},
    {"top-p", 1.0f, 0, 0.8f, 0.0f, LMS_PRESET_VLLM},
    {"min-p", 1.0f, 0, 1.0f, 0.1f, LMS_PRESET_VLLM},
    {"all filters, as in vLLM", 1.5f, 40, 0.9f, 0.05f, LMS_PRESET_VLLM},
    {"all filters, as in Hugging Face", 1.5f, 40, 0.9f, 0.05f, LMS_PRESET_HUGGING_FACE},
    {"all filters, as in llama.cpp", 1.5f, 40, 0.9f, 0.05f, LMS_PRESET_LLAMA_CPP},
    {"all filters, joint", 1.5f, 40, 0.9f, 0.05f, LMS_PRESET_JOINT},
};

enum {
    ROWS = COUNT(prompts) * COUNT(strategies)
};

typedef struct {
    const char *model_directory;
    const char *device;
    int length;
} options;

/* A row's place in the arrays is its row in the logits and its slot in the model's batch. */
typedef struct {
    lm_model *model;
    lm_batch *sequences;
    lms_context *context;
    lms_sampler *sampler;
    cl_command_queue queue; /* the context's own */
    cl_mem logits;
    cl_mem tokens;
    cl_mem statuses;
    lms_row_params params[ROWS];
    int32_t index[ROWS]; /* its own number, or LMS_SKIP_ROW once a row's text has ended */
    int32_t next[ROWS];
    int32_t *texts; /* [row][length] */
    int lengths[ROWS];
    double sampler_seconds;
    double loop_seconds;
    size_t sampled;
} demo;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool succeeded(const char *what, lms_status status)
{
    if (status == LMS_OK) {
        return true;
    }
    /* The library's own message belongs to its own calls, whose codes are positive; a negative
     * one may come from OpenCL directly. */
    fprintf(stderr, "demo: %s: %s%s%s\n", what, lms_status_text(status), status > 0 ? ": " : "",
            status > 0 ? lms_error_message() : "");
    return false;
}

static const strategy *strategy_of(int row)
{
    return &strategies[(size_t)row % COUNT(strategies)];
}

static const char *prompt_of(int row) { return prompts[(size_t)row / COUNT(strategies)]; }

/* Rows of one prompt share a seed, so that they differ by their strategy and not by luck. */
static void set_up_rows(demo *d)
{
    for (int row = 0; row < ROWS; row++) {
        const strategy *s = strategy_of(row);
        lms_row_params params = LMS_ROW_PARAMS_INIT;
        params.seed = 1000 + (size_t)row / COUNT(strategies);
        params.temperature = s->temperature;
        params.top_k = s->top_k;
        params.top_p = s->top_p;
        params.min_p = s->min_p;
        params.flags = s->flags;
        d->params[row] = params;
        d->index[row] = row;
    }
}

static bool open_model(demo *d, const options *wanted)
{
    char error[256];
    d->model = lm_model_load(wanted->model_directory, error, sizeof error);
    if (d->model == NULL) {
        fprintf(stderr, "demo: %s\n", error);
        return false;
    }
    d->sequences = lm_batch_create(d->model, ROWS);
    d->texts = calloc((size_t)ROWS * (size_t)wanted->length, sizeof *d->texts);
    if (d->sequences == NULL || d->texts == NULL) {
        fprintf(stderr, "demo: no memory for %d sequences\n", (int)ROWS);
        return false;
    }
    return true;
}

static bool open_sampler(demo *d, const options *wanted)
{
    if (!succeeded("cannot open a device", lms_context_open(wanted->device, &d->context))) {
        return false;
    }
    lms_sampler_desc desc = {
        .vocab = (uint32_t)lm_vocab(d->model), .max_rows = ROWS, .logits = LMS_FLOAT32};
    if (!succeeded("cannot make a sampler",
                   lms_sampler_create(d->context, &desc, &d->sampler))) {
        fprintf(stderr, "%s", lms_context_log(d->context));
        return false;
    }
    d->queue = lms_context_queue(d->context);
    cl_context context = lms_context_cl_context(d->context);
    cl_mem_flags mapped = CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR;
    size_t row_bytes = (size_t)lm_vocab(d->model) * sizeof(cl_float);
    cl_int error = CL_SUCCESS;
    d->logits = clCreateBuffer(context, mapped, ROWS * row_bytes, NULL, &error);
    if (error == CL_SUCCESS) {
        d->tokens =
            clCreateBuffer(context, CL_MEM_READ_WRITE, ROWS * sizeof(cl_int), NULL, &error);
    }
    if (error == CL_SUCCESS) {
        d->statuses =
            clCreateBuffer(context, CL_MEM_READ_WRITE, ROWS * sizeof(cl_uint), NULL, &error);
    }
    return succeeded("cannot make the buffers", error);
}

static void close_all(demo *d)
{
    if (d->statuses != NULL) {
        clReleaseMemObject(d->statuses);
    }
    if (d->tokens != NULL) {
        clReleaseMemObject(d->tokens);
    }
    if (d->logits != NULL) {
        clReleaseMemObject(d->logits);
    }
    lms_sampler_destroy(d->sampler);
    lms_context_destroy(d->context);
    free(d->texts);
    lm_batch_free(d->sequences);
    lm_model_free(d->model);
}

/* Rows that are over get no new logits. They are skipped, so it is no harm that mapping without
 * reading back leaves theirs undefined. */
static float *map_logits(demo *d)
{
    size_t bytes = ROWS * (size_t)lm_vocab(d->model) * sizeof(cl_float);
    cl_int error = CL_SUCCESS;
    float *logits =
        clEnqueueMapBuffer(d->queue, d->logits, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0,
                           bytes, 0, NULL, NULL, &error);
    return succeeded("cannot map the logits", error) ? logits : NULL;
}

/* Waits, so that the time of a transfer is not taken for the sampler's. */
static bool unmap_logits(demo *d, float *logits)
{
    cl_int error = clEnqueueUnmapMemObject(d->queue, d->logits, logits, 0, NULL, NULL);
    if (error == CL_SUCCESS) {
        error = clFinish(d->queue);
    }
    return succeeded("cannot unmap the logits", error);
}

static bool feed_prompts(demo *d, int length)
{
    float *logits = map_logits(d);
    bool good = logits != NULL;
    for (int row = 0; row < ROWS && good; row++) {
        int32_t tokens[256] = {lm_end_of_text(d->model)};
        const char *prompt = prompt_of(row);
        size_t count =
            1 + lm_encode(d->model, prompt, strlen(prompt), tokens + 1, COUNT(tokens) - 1);
        float *to = logits + (size_t)row * (size_t)lm_vocab(d->model);
        good = count <= COUNT(tokens) &&
               count + (size_t)length <= (size_t)lm_context(d->model) &&
               lm_batch_prompt(d->sequences, row, tokens, count, to, NULL) == 0;
        if (!good) {
            fprintf(stderr, "demo: prompt and text together exceed %d tokens\n",
                    lm_context(d->model));
        }
    }
    return logits != NULL && unmap_logits(d, logits) && good;
}

/* Draws each unfinished row's next token. */
static bool sample(demo *d, int step)
{
    for (int row = 0; row < ROWS; row++) {
        d->params[row].step = (uint64_t)step;
    }
    lms_batch batch = {.rows = ROWS,
                       .logits = {d->logits, 0},
                       .params = d->params,
                       .index = d->index,
                       .tokens = {d->tokens, 0},
                       .status = {d->statuses, 0}};
    cl_event done = NULL;
    double start = now();
    if (!succeeded("cannot sample",
                   lms_sampler_run(d->sampler, d->queue, &batch, 0, NULL, &done))) {
        return false;
    }
    cl_int error = clWaitForEvents(1, &done);
    d->sampler_seconds += now() - start;
    clReleaseEvent(done);
    cl_uint statuses[ROWS];
    if (error == CL_SUCCESS) {
        error = clEnqueueReadBuffer(d->queue, d->tokens, CL_TRUE, 0, sizeof d->next, d->next, 0,
                                    NULL, NULL);
    }
    if (error == CL_SUCCESS) {
        error = clEnqueueReadBuffer(d->queue, d->statuses, CL_TRUE, 0, sizeof statuses,
                                    statuses, 0, NULL, NULL);
    }
    if (!succeeded("cannot read the tokens", error)) {
        return false;
    }
    for (int row = 0; row < ROWS; row++) {
        if (d->index[row] != LMS_SKIP_ROW && LMS_ROW_CODE(statuses[row]) != LMS_ROW_OK) {
            fprintf(stderr, "demo: row %d has status 0x%x\n", row, (unsigned)statuses[row]);
            return false;
        }
    }
    return true;
}

/* Keeps the new tokens and lists those that the model shall go on from. */
static size_t keep_tokens(demo *d, int length, lm_entry entries[ROWS])
{
    size_t count = 0;
    for (int row = 0; row < ROWS; row++) {
        if (d->index[row] == LMS_SKIP_ROW) {
            continue;
        }
        d->sampled++;
        if (d->next[row] == lm_end_of_text(d->model)) {
            d->index[row] = LMS_SKIP_ROW;
            continue;
        }
        d->texts[row * length + d->lengths[row]++] = d->next[row];
        entries[count++] = (lm_entry){.slot = row, .token = d->next[row]};
    }
    return count;
}

static bool advance_model(demo *d, lm_entry *entries, size_t count)
{
    float *logits = map_logits(d);
    if (logits == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].logits = logits + (size_t)entries[i].slot * (size_t)lm_vocab(d->model);
    }
    bool good = lm_batch_step(d->sequences, entries, count) == 0;
    if (!good) {
        fprintf(stderr, "demo: a sequence is longer than the model's context\n");
    }
    return unmap_logits(d, logits) && good;
}

static bool generate(demo *d, int length)
{
    /* The first call pays for what the driver does only once. Drawing the same step again
     * gives the same tokens, so it may simply be repeated. */
    if (!feed_prompts(d, length) || !sample(d, 0)) {
        return false;
    }
    d->sampler_seconds = 0.0;
    double start = now();
    size_t going = ROWS;
    for (int step = 0; step < length && going > 0; step++) {
        lm_entry entries[ROWS];
        if (!sample(d, step)) {
            return false;
        }
        going = keep_tokens(d, length, entries);
        if (step + 1 < length && !advance_model(d, entries, going)) {
            return false;
        }
    }
    d->loop_seconds = now() - start;
    return true;
}

static void print_parameters(const strategy *s)
{
    printf("  %s (temperature %g", s->name, (double)s->temperature);
    if (s->top_k > 0) {
        printf(", top-k %d", (int)s->top_k);
    }
    if (s->top_p < 1.0f) {
        printf(", top-p %g", (double)s->top_p);
    }
    if (s->min_p > 0.0f) {
        printf(", min-p %g", (double)s->min_p);
    }
    printf(")\n");
}

static void print_wrapped_line(const char *text, size_t length)
{
    size_t column = 0;
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && text[end] != ' ') {
            end++;
        }
        bool is_full = column > 0 && column + 1 + (end - at) > COLUMNS - INDENT;
        if (column == 0 || is_full) {
            printf("%s%*s", is_full ? "\n" : "", INDENT, "");
            column = 0;
        } else {
            printf(" ");
            column++;
        }
        printf("%.*s", (int)(end - at), text + at);
        column += end - at;
        at = end + 1;
    }
    printf("\n");
}

/* Breaks lines between words; a line's end in the text stays one. */
static void print_wrapped(const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && text[end] != '\n') {
            end++;
        }
        print_wrapped_line(text + at, end - at);
        at = end + 1;
    }
}

/* A model may say any bytes; a terminal should not get those that it would act on. */
static size_t append_text(const demo *d, int32_t token, char *text, size_t used, size_t size)
{
    size_t length = 0;
    const char *bytes = lm_token_bytes(d->model, token, &length);
    for (size_t i = 0; i < length && used < size; i++) {
        bool is_plain = (bytes[i] >= ' ' && bytes[i] <= '~') || bytes[i] == '\n';
        text[used++] = '?';
        if (is_plain) {
            text[used - 1] = bytes[i];
        }
    }
    return used;
}

static void print_texts(const demo *d, int length)
{
    for (int row = 0; row < ROWS; row++) {
        if ((size_t)row % COUNT(strategies) == 0) {
            printf("\n%s ...\n", prompt_of(row));
        }
        char text[16384];
        size_t used = strlen(prompt_of(row));
        memcpy(text, prompt_of(row), used);
        for (int i = 0; i < d->lengths[row]; i++) {
            used = append_text(d, d->texts[row * length + i], text, used, sizeof text);
        }
        while (used > 0 && text[used - 1] == '\n') {
            used--;
        }
        print_parameters(strategy_of(row));
        print_wrapped(text, used);
    }
}

static void print_speed(const demo *d)
{
    char name[256] = "?";
    clGetDeviceInfo(lms_context_device(d->context), CL_DEVICE_NAME, sizeof name - 1, name,
                    NULL);
    double sampled = (double)d->sampled;
    printf("\n%d rows of %d logits in one batch on %s\n", (int)ROWS, lm_vocab(d->model), name);
    printf("%zu tokens in %.2f s: %.0f tokens/s in all, %.0f tokens/s for the sampler alone\n",
           d->sampled, d->loop_seconds, sampled / d->loop_seconds,
           sampled / d->sampler_seconds);
}

static void print_usage(FILE *to)
{
    fprintf(to, "usage: demo [--model DIRECTORY] [--device NAME] [--length TOKENS]\n"
                "  --model   where model.safetensors and tokenizer.json are"
                " (examples/model)\n"
                "  --device  a part of an OpenCL platform's or device's name (the best one)\n"
                "  --length  tokens for each text, 1 to 200 (60)\n");
}

/* Returns false, with the exit status in *exit_status, when there is nothing to run. */
static bool read_options(int argc, char **argv, options *wanted, int *exit_status)
{
    static const struct option names[] = {{"model", required_argument, NULL, 'm'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"length", required_argument, NULL, 'l'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option = 0;
    char *end = NULL;
    while ((option = getopt_long(argc, argv, "m:d:l:h", names, NULL)) != -1) {
        if (option == 'm') {
            wanted->model_directory = optarg;
        } else if (option == 'd') {
            wanted->device = optarg;
        } else if (option == 'l') {
            long length = strtol(optarg, &end, 10);
            wanted->length = *end == '\0' && length >= 1 && length <= 200 ? (int)length : 0;
        } else {
            print_usage(option == 'h' ? stdout : stderr);
            *exit_status = option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
            return false;
        }
    }
    if (optind < argc || wanted->length == 0) {
        print_usage(stderr);
        *exit_status = EXIT_FAILURE;
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    options wanted = {.model_directory = "examples/model", .length = 60};
    int exit_status = EXIT_FAILURE;
    if (!read_options(argc, argv, &wanted, &exit_status)) {
        return exit_status;
    }
    demo d = {0};
    set_up_rows(&d);
    if (open_model(&d, &wanted) && open_sampler(&d, &wanted) && generate(&d, wanted.length)) {
        print_texts(&d, wanted.length);
        print_speed(&d);
        exit_status = EXIT_SUCCESS;
    }
    close_all(&d);
    return exit_status;
}
