/* Continues prompts by beam search: the bundled model says how probable every next token is,
 * and lmsample's lms_beam_... calls keep the best continuations of each prompt. beam_loop.c is
 * where they are called; here are the options and what is printed. */
#include "beam_loop.h"
#include "print_text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const default_prompts[] = {
    "And it came to pass in those days, that",
    "Blessed is the man that",
    "And the king said unto the woman,",
};

typedef struct {
    const char *model_directory;
    const char *device;
    const char *const *prompts;
    int prompt_count;
    lms_beam_params params; /* of all requests; each has a seed of its own */
    bool shows_tokens;
} options;

static void print_usage(FILE *to)
{
    fprintf(to,
            "usage: beam [options] [PROMPT ...]\n"
            "  --model DIRECTORY     where model.safetensors and tokenizer.json are"
            " (examples/model)\n"
            "  --device NAME         a part of an OpenCL platform's or device's name"
            " (the best one)\n"
            "  --width N             beams of each prompt, 1 to 256 (4)\n"
            "  --length TOKENS       longest continuation, 1 to 255 (30)\n"
            "  --results N           continuations that are shown, 1 to the width (1)\n"
            "  --length-penalty P    the sum of log-probabilities is divided by"
            " length ^ P (1)\n"
            "  --groups N            diversity groups, a divisor of the width (1)\n"
            "  --diversity X         penalty for each earlier group with the same token (0.5)\n"
            "  --stochastic          draws continuations without replacement\n"
            "  --seed N              of these draws (0)\n"
            "  --tokens              shows the tokens' numbers too\n");
}

/* --- Options ----------------------------------------------------------------------------- */

static bool read_count(const char *text, int most, uint32_t *count)
{
    int number = 0;
    const bool good = read_integer(text, 1, most, &number);
    *count = (uint32_t)number;
    return good;
}

/* The library says whether the number makes sense. */
static bool read_real(const char *text, float *number)
{
    char *end = NULL;
    *number = strtof(text, &end);
    return end != text && *end == '\0';
}

static bool read_seed(const char *text, uint64_t *seed)
{
    int number = 0;
    const bool good = read_integer(text, 0, INT32_MAX, &number);
    *seed = (uint64_t)number;
    return good;
}

/* False if the option has a value that it cannot have. */
static bool read_option(int option, const char *value, options *wanted)
{
    lms_beam_params *const p = &wanted->params;
    switch (option) {
    case 'm': wanted->model_directory = value; return true;
    case 'd': wanted->device = value; return true;
    case 'w': return read_count(value, 256, &p->width);
    case 'l': return read_count(value, 255, &p->max_length);
    case 'n': return read_count(value, 256, &p->results);
    case 'p': return read_real(value, &p->length_penalty);
    case 'g': return read_count(value, 256, &p->groups);
    case 'x': return read_real(value, &p->diversity_penalty);
    case 's': p->mode = LMS_BEAM_STOCHASTIC; return true;
    case 'r': return read_seed(value, &p->seed);
    default: wanted->shows_tokens = true; return true;
    }
}

/* Returns false, with the exit status in *exit_status, when there is nothing to run. */
static bool read_options(int argc, char **argv, options *wanted, int *exit_status)
{
    static const struct option names[] = {{"model", required_argument, NULL, 'm'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"width", required_argument, NULL, 'w'},
                                          {"length", required_argument, NULL, 'l'},
                                          {"results", required_argument, NULL, 'n'},
                                          {"length-penalty", required_argument, NULL, 'p'},
                                          {"groups", required_argument, NULL, 'g'},
                                          {"diversity", required_argument, NULL, 'x'},
                                          {"stochastic", no_argument, NULL, 's'},
                                          {"seed", required_argument, NULL, 'r'},
                                          {"tokens", no_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option = 0;
    int which = 0;
    *exit_status = EXIT_FAILURE;
    while ((option = getopt_long(argc, argv, "h", names, &which)) != -1) {
        if (option == 'h' || option == '?') {
            print_usage(option == 'h' ? stdout : stderr);
            *exit_status = option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
            return false;
        }
        if (!read_option(option, optarg, wanted)) {
            fprintf(stderr, "beam: --%s cannot be \"%s\"; --help says what it can be\n",
                    names[which].name, optarg);
            return false;
        }
    }
    if (wanted->params.groups == 1) {
        wanted->params.diversity_penalty = 0.0f; /* there is no earlier group */
    }
    if (optind < argc) {
        wanted->prompts = (const char *const *)&argv[optind];
        wanted->prompt_count = argc - optind;
    }
    return true;
}

/* --- Output ------------------------------------------------------------------------------ */

static void print_result(const setup *s, const options *wanted, const beam_request *request,
                         int rank)
{
    const beam_result *result = &request->results[rank];
    printf("  %d. log-probability %.4f, score %.4f, %d tokens\n", rank + 1, result->logprob,
           (double)result->score, result->length);
    print_text(s->model, request->prompt, result->tokens, result->length);
    if (wanted->shows_tokens) {
        printf("     tokens:");
        for (int i = 0; i < result->length; i++) {
            printf(" %d", (int)result->tokens[i]);
        }
        printf("\n");
    }
}

static bool search_and_print(const setup *s, const options *wanted)
{
    beam_request *requests = calloc((size_t)wanted->prompt_count, sizeof *requests);
    if (requests == NULL) {
        return fail(s, "no memory");
    }
    for (int r = 0; r < wanted->prompt_count; r++) {
        requests[r].prompt = wanted->prompts[r];
        requests[r].params = wanted->params;
        requests[r].params.seed = lms_row_seed(wanted->params.seed, (uint64_t)r);
    }
    const bool good = beam_search(s, requests, wanted->prompt_count);
    for (int r = 0; r < wanted->prompt_count && good; r++) {
        printf("%s%s ...\n", r > 0 ? "\n" : "", requests[r].prompt);
        for (int i = 0; i < requests[r].result_count; i++) {
            print_result(s, wanted, &requests[r], i);
        }
    }
    beam_requests_free(requests, wanted->prompt_count);
    free(requests);
    return good;
}

int main(int argc, char **argv)
{
    options wanted = {.model_directory = "examples/model",
                      .prompts = default_prompts,
                      .prompt_count = COUNT(default_prompts),
                      .params = LMS_BEAM_PARAMS_INIT(4)};
    wanted.params.max_length = 30;
    wanted.params.diversity_penalty = 0.5f;
    int exit_status = EXIT_FAILURE;
    if (!read_options(argc, argv, &wanted, &exit_status)) {
        return exit_status;
    }
    setup s = {0};
    if (setup_open(&s, "beam", wanted.model_directory, wanted.device) &&
        search_and_print(&s, &wanted)) {
        exit_status = EXIT_SUCCESS;
    }
    setup_close(&s);
    return exit_status;
}
