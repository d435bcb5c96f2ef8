/* Continues a few prompts with the bundled model, by every strategy of the sampler, by beam
 * search and by contrastive search, each text with its log-probability, and then compares
 * greedy decoding with both searches over many prompts. */
#include "beam_loop.h"
#include "contrastive_loop.h"
#include "demo_compare.h"
#include "print_text.h"
#include "sample_loop.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

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

/* The same for beam searches. */
typedef struct {
    const char *name;
    uint32_t mode;
    uint32_t width;
    uint32_t groups;
    float diversity_penalty;
    uint32_t results;
} search;

static const search searches[] = {
    {"beam search (width 8)", LMS_BEAM_SEARCH, 8, 1, 0.0f, 1},
    {"diverse beam search (4 groups of 1, penalty 1)", LMS_BEAM_SEARCH, 4, 4, 1.0f, 2},
    {"stochastic beam search (width 4)", LMS_BEAM_STOCHASTIC, 4, 1, 0.0f, 1},
};

enum {
    PROMPTS = COUNT(prompts),
    STRATEGIES = COUNT(strategies),
    SEARCHES = COUNT(searches),
    ROWS = PROMPTS * STRATEGIES,
    REQUESTS = PROMPTS * SEARCHES,
    COMPARED_LENGTH = 10
};

typedef struct {
    const char *model_directory;
    const char *device;
    int length;
    int compared; /* prompts */
} options;

/* --- Texts ------------------------------------------------------------------------------- */

/* Texts of one prompt share a seed, so that they differ by their strategy and not by luck. */
static uint64_t seed_of(int prompt) { return 1000 + (uint64_t)prompt; }

static void set_up_rows(sample_row *rows)
{
    for (int row = 0; row < ROWS; row++) {
        const strategy *s = &strategies[row % STRATEGIES];
        const int prompt = row / STRATEGIES;
        rows[row] = (sample_row){.prompt = prompts[prompt], .params = LMS_ROW_PARAMS_INIT};
        lms_row_params *params = &rows[row].params;
        params->seed = seed_of(prompt);
        params->filters.temperature = s->temperature;
        params->filters.top_k = s->top_k;
        params->filters.top_p = s->top_p;
        params->filters.min_p = s->min_p;
        params->filters.flags = s->flags;
    }
}

static void set_up_requests(beam_request *requests, int length)
{
    for (int r = 0; r < REQUESTS; r++) {
        const search *s = &searches[r % SEARCHES];
        const int prompt = r / SEARCHES;
        requests[r] =
            (beam_request){.prompt = prompts[prompt], .params = LMS_BEAM_PARAMS_INIT(s->width)};
        lms_beam_params *params = &requests[r].params;
        params->seed = seed_of(prompt);
        params->mode = s->mode;
        params->groups = s->groups;
        params->diversity_penalty = s->diversity_penalty;
        params->results = s->results;
        params->max_length = (uint32_t)length;
    }
}

static void set_up_contrastive(contrastive_request *requests)
{
    for (int prompt = 0; prompt < PROMPTS; prompt++) {
        requests[prompt] = (contrastive_request){
            .prompt = prompts[prompt], .params = LMS_CONTRASTIVE_PARAMS_INIT(0.6f, 5)};
    }
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

static void print_logprob(double logprob, int length)
{
    printf("    log-probability %.2f, %d tokens\n", logprob, length);
}

static void print_row(const setup *s, const sample_row *row, const strategy *by)
{
    print_parameters(by);
    print_logprob(row->logprob, row->length);
    print_text(s->model, row->prompt, row->tokens, row->length);
}

static void print_request(const setup *s, const beam_request *request, const search *by)
{
    for (int i = 0; i < request->result_count; i++) {
        const beam_result *result = &request->results[i];
        printf("  %s%s\n", by->name, i > 0 ? ", another result" : "");
        print_logprob(result->logprob, result->length);
        print_text(s->model, request->prompt, result->tokens, result->length);
    }
}

static void print_contrastive(const setup *s, const contrastive_request *request)
{
    printf("  contrastive search (alpha %g, k %u)\n", (double)request->params.alpha,
           (unsigned)request->params.k);
    print_logprob(request->logprob, request->length);
    print_text(s->model, request->prompt, request->tokens, request->length);
}

static void print_speed(const setup *s, const sample_times *times)
{
    char name[256] = "?";
    clGetDeviceInfo(lms_context_device(s->context), CL_DEVICE_NAME, sizeof name - 1, name,
                    NULL);
    const double tokens = (double)times->tokens;
    printf("\n%d rows of %d logits in one batch on %s\n", (int)ROWS, lm_vocab(s->model), name);
    printf("%zu tokens in %.2f s: %.0f tokens/s in all, %.0f tokens/s for the sampler and"
           " its log-probabilities\n",
           times->tokens, times->seconds, tokens / times->seconds,
           tokens / times->sampler_seconds);
}

static bool show_texts(const setup *s, int length)
{
    sample_row rows[ROWS];
    beam_request requests[REQUESTS];
    contrastive_request contrastive[PROMPTS];
    sample_times times;
    set_up_rows(rows);
    set_up_requests(requests, length);
    set_up_contrastive(contrastive);
    const bool good = sample_all(s, rows, ROWS, length, &times) &&
                      beam_search(s, requests, REQUESTS) &&
                      contrastive_search(s, contrastive, PROMPTS, length);
    for (int prompt = 0; prompt < PROMPTS && good; prompt++) {
        printf("\n%s ...\n", prompts[prompt]);
        for (int i = 0; i < STRATEGIES; i++) {
            print_row(s, &rows[prompt * STRATEGIES + i], &strategies[i]);
        }
        for (int i = 0; i < SEARCHES; i++) {
            print_request(s, &requests[prompt * SEARCHES + i], &searches[i]);
        }
        print_contrastive(s, &contrastive[prompt]);
    }
    if (good) {
        print_speed(s, &times);
    }
    sample_rows_free(rows, ROWS);
    beam_requests_free(requests, REQUESTS);
    contrastive_requests_free(contrastive, PROMPTS);
    return good;
}

static bool compare(const setup *s, const options *wanted)
{
    return wanted->compared == 0 ||
           compare_ways(s, wanted->model_directory, wanted->compared, COMPARED_LENGTH);
}

/* --- Options ----------------------------------------------------------------------------- */

static void print_usage(FILE *to)
{
    fprintf(to, "usage: demo [--model DIRECTORY] [--device NAME] [--length TOKENS]"
                " [--compare PROMPTS]\n"
                "  --model    where model.safetensors and tokenizer.json are"
                " (examples/model)\n"
                "  --device   a part of an OpenCL platform's or device's name (the best one)\n"
                "  --length   tokens for each text, 1 to 200 (60)\n"
                "  --compare  prompts that the ways are compared with, 0 to 1000 (all)\n");
}

/* Returns false, with the exit status in *exit_status, when there is nothing to run. */
static bool read_options(int argc, char **argv, options *wanted, int *exit_status)
{
    static const struct option names[] = {
        {"model", required_argument, NULL, 'm'},  {"device", required_argument, NULL, 'd'},
        {"length", required_argument, NULL, 'l'}, {"compare", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option = 0;
    bool good = true;
    *exit_status = EXIT_FAILURE;
    while (good && (option = getopt_long(argc, argv, "m:d:l:c:h", names, NULL)) != -1) {
        if (option == 'm') {
            wanted->model_directory = optarg;
        } else if (option == 'd') {
            wanted->device = optarg;
        } else if (option == 'l') {
            good = read_integer(optarg, 1, 200, &wanted->length);
        } else if (option == 'c') {
            good = read_integer(optarg, 0, 1000, &wanted->compared);
        } else {
            print_usage(option == 'h' ? stdout : stderr);
            *exit_status = option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
            return false;
        }
    }
    good = good && optind == argc;
    if (!good) {
        print_usage(stderr);
    }
    return good;
}

int main(int argc, char **argv)
{
    options wanted = {.model_directory = "examples/model", .length = 60, .compared = 1000};
    int exit_status = EXIT_FAILURE;
    if (!read_options(argc, argv, &wanted, &exit_status)) {
        return exit_status;
    }
    setup s = {0};
    if (setup_open(&s, "demo", wanted.model_directory, wanted.device) &&
        show_texts(&s, wanted.length) && compare(&s, &wanted)) {
        exit_status = EXIT_SUCCESS;
    }
    setup_close(&s);
    return exit_status;
}
