/* Continues the model's held-out prompts by contrastive search and by what it is compared with,
 * and writes the texts as CSV. contrastive_study.py runs this and says how much they repeat
 * themselves. */
#include "beam_loop.h"
#include "contrastive_loop.h"
#include "held_out.h"
#include "sample_loop.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    AT_ONCE = 25 /* prompts in one batch: bounds the memory for keys and values */
};

/* With a width it is beam search, with a k contrastive search, else sampling. */
typedef struct {
    const char *name;
    float temperature;
    int32_t top_k;
    float top_p;
    uint32_t width; /* of beam search */
    uint32_t k;     /* of contrastive search */
    float alpha;
} strategy;

static const strategy strategies[] = {
    {.name = "greedy", .temperature = 0.0f, .top_p = 1.0f},
    {.name = "beam search, width 4", .width = 4},
    {.name = "top-k 50", .temperature = 1.0f, .top_k = 50, .top_p = 1.0f},
    {.name = "top-p 0.95", .temperature = 1.0f, .top_p = 0.95f},
    {.name = "contrastive, alpha 0.2", .k = 5, .alpha = 0.2f},
    {.name = "contrastive, alpha 0.4", .k = 5, .alpha = 0.4f},
    {.name = "contrastive, alpha 0.6", .k = 5, .alpha = 0.6f},
    {.name = "contrastive, alpha 0.8", .k = 5, .alpha = 0.8f},
};

typedef struct {
    const char *model_directory;
    const char *device;
    int length;
    int first; /* number of the first prompt */
    int prompts;
} options;

/* Some neighbouring prompts of the list. */
typedef struct {
    char *const *prompts;
    int first; /* the number of the first one */
    int count;
} part;

/* --- Texts ------------------------------------------------------------------------------- */

/* The spread is empty where there is none. */
static void print_line(const strategy *by, int prompt, double logprob, double spread,
                       const int32_t *tokens, int length)
{
    printf("\"%s\",%d,%.3f,", by->name, prompt, logprob);
    if (by->k > 0) {
        printf("%.4f", spread);
    }
    printf(",");
    for (int i = 0; i < length; i++) {
        printf("%s%d", i > 0 ? " " : "", (int)tokens[i]);
    }
    printf("\n");
}

static bool sample(const setup *s, const strategy *by, const part *of, int length)
{
    sample_row rows[AT_ONCE] = {0};
    for (int i = 0; i < of->count; i++) {
        rows[i] = (sample_row){.prompt = of->prompts[i], .params = LMS_ROW_PARAMS_INIT};
        rows[i].params.filters.temperature = by->temperature;
        rows[i].params.filters.top_k = by->top_k;
        rows[i].params.filters.top_p = by->top_p;
        rows[i].params.seed = (uint64_t)of->first + (uint64_t)i;
    }
    const bool good = sample_all(s, rows, of->count, length, NULL);
    for (int i = 0; i < of->count && good; i++) {
        print_line(by, of->first + i, rows[i].logprob, 0.0, rows[i].tokens, rows[i].length);
    }
    sample_rows_free(rows, of->count);
    return good;
}

static bool search_beams(const setup *s, const strategy *by, const part *of, int length)
{
    beam_request requests[AT_ONCE] = {0};
    for (int i = 0; i < of->count; i++) {
        requests[i] =
            (beam_request){.prompt = of->prompts[i], .params = LMS_BEAM_PARAMS_INIT(by->width)};
        requests[i].params.max_length = (uint32_t)length;
    }
    const bool good = beam_search(s, requests, of->count);
    for (int i = 0; i < of->count && good; i++) {
        const beam_result *best = &requests[i].results[0];
        print_line(by, of->first + i, best->logprob, 0.0, best->tokens, best->length);
    }
    beam_requests_free(requests, of->count);
    return good;
}

static bool search_contrastive(const setup *s, const strategy *by, const part *of, int length)
{
    contrastive_request requests[AT_ONCE] = {0};
    for (int i = 0; i < of->count; i++) {
        requests[i] = (contrastive_request){
            .prompt = of->prompts[i], .params = LMS_CONTRASTIVE_PARAMS_INIT(by->alpha, by->k)};
    }
    const bool good = contrastive_search(s, requests, of->count, length);
    for (int i = 0; i < of->count && good; i++) {
        print_line(by, of->first + i, requests[i].logprob, requests[i].spread,
                   requests[i].tokens, requests[i].length);
    }
    contrastive_requests_free(requests, of->count);
    return good;
}

static bool run(const setup *s, const options *wanted)
{
    prompt_list list;
    bool good =
        read_held_out(s, wanted->model_directory, wanted->first + wanted->prompts, "", &list);
    if (good) {
        printf("strategy,prompt,logprob,spread,tokens\n");
    }
    for (size_t i = 0; i < COUNT(strategies); i++) {
        const strategy *by = &strategies[i];
        for (int first = wanted->first; first < list.count && good; first += AT_ONCE) {
            const int left = list.count - first;
            const part of = {list.lines + first, first, left < AT_ONCE ? left : AT_ONCE};
            good = by->k > 0       ? search_contrastive(s, by, &of, wanted->length)
                   : by->width > 0 ? search_beams(s, by, &of, wanted->length)
                                   : sample(s, by, &of, wanted->length);
        }
    }
    prompt_list_free(&list);
    return good;
}

/* --- Options ----------------------------------------------------------------------------- */

static void print_usage(FILE *to)
{
    fprintf(to,
            "usage: contrastive_study [--model DIRECTORY] [--device NAME] [--length TOKENS]"
            " [--first N] [--prompts N]\n"
            "  --model    where model.safetensors, tokenizer.json and held_out_prompts.txt are"
            " (examples/model)\n"
            "  --device   a part of an OpenCL platform's or device's name (the best one)\n"
            "  --length   tokens for each text, 1 to 200 (200)\n"
            "  --first    number of the first prompt, 0 to 1000 (0)\n"
            "  --prompts  how many of the prompts, 1 to 1000 (all)\n");
}

/* Returns false, with the exit status in *exit_status, when there is nothing to run. */
static bool read_options(int argc, char **argv, options *wanted, int *exit_status)
{
    static const struct option names[] = {{"model", required_argument, NULL, 'm'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"length", required_argument, NULL, 'l'},
                                          {"first", required_argument, NULL, 'f'},
                                          {"prompts", required_argument, NULL, 'p'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option = 0;
    bool good = true;
    *exit_status = EXIT_FAILURE;
    while (good && (option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        if (option == 'm') {
            wanted->model_directory = optarg;
        } else if (option == 'd') {
            wanted->device = optarg;
        } else if (option == 'l') {
            good = read_integer(optarg, 1, 200, &wanted->length);
        } else if (option == 'f') {
            good = read_integer(optarg, 0, 1000, &wanted->first);
        } else if (option == 'p') {
            good = read_integer(optarg, 1, 1000, &wanted->prompts);
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
    options wanted = {.model_directory = "examples/model", .length = 200, .prompts = 1000};
    int exit_status = EXIT_FAILURE;
    if (!read_options(argc, argv, &wanted, &exit_status)) {
        return exit_status;
    }
    setup s = {0};
    if (setup_open(&s, "contrastive_study", wanted.model_directory, wanted.device) &&
        run(&s, &wanted)) {
        exit_status = EXIT_SUCCESS;
    }
    setup_close(&s);
    return exit_status;
}
