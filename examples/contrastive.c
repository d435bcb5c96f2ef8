/* Continues prompts by contrastive search: the bundled model says how probable every next token
 * is and what its hidden state would be, and lmsample's lms_contrastive_... calls choose.
 * contrastive_loop.c is where they are called; here are the options and what is printed. */
#include "contrastive_loop.h"
#include "print_text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const default_prompts[] = {
    "And it came to pass in those days, that",
    "Blessed is the man that",
    "And the king said unto the woman,",
};

enum {
    MOST = 8 /* alphas, and ks */
};

typedef struct {
    const char *model_directory;
    const char *device;
    const char *const *prompts;
    int prompt_count;
    float alphas[MOST];
    uint32_t ks[MOST];
    int alpha_count;
    int k_count;
    int length;
    uint32_t window;
    bool shows_tokens;
} options;

static void print_usage(FILE *to)
{
    fprintf(
        to,
        "usage: contrastive [options] [PROMPT ...]\n"
        "  --model DIRECTORY  where model.safetensors and tokenizer.json are"
        " (examples/model)\n"
        "  --device NAME      a part of an OpenCL platform's or device's name"
        " (the best one)\n"
        "  --alpha X          weight of the penalty, 0 (greedy) to 1 (0.6)\n"
        "  --k N              candidates of each step, 1 to 64 (5)\n"
        "  --length TOKENS    longest continuation, 1 to 255 (60)\n"
        "  --window N         compares with the last N tokens only (0: with all)\n"
        "  --tokens           shows the tokens' numbers too\n"
        "With more than one --alpha, or --k, each prompt is continued with each of them, all"
        " in one batch.\n");
}

/* --- Options ----------------------------------------------------------------------------- */

static bool read_count(const char *text, int least, int most, uint32_t *count)
{
    int number = 0;
    const bool good = read_integer(text, least, most, &number);
    *count = (uint32_t)number;
    return good;
}

static bool add_alpha(const char *text, options *wanted)
{
    char *end = NULL;
    if (wanted->alpha_count == MOST) {
        return false;
    }
    /* The library says whether the number makes sense. */
    wanted->alphas[wanted->alpha_count++] = strtof(text, &end);
    return end != text && *end == '\0';
}

static bool add_k(const char *text, options *wanted)
{
    return wanted->k_count < MOST &&
           read_count(text, 1, LMS_MAX_CONTRASTIVE_K, &wanted->ks[wanted->k_count++]);
}

/* False if the option has a value that it cannot have. */
static bool read_option(int option, const char *value, options *wanted)
{
    switch (option) {
    case 'm': wanted->model_directory = value; return true;
    case 'd': wanted->device = value; return true;
    case 'a': return add_alpha(value, wanted);
    case 'k': return add_k(value, wanted);
    case 'l': return read_integer(value, 1, 255, &wanted->length);
    case 'w': return read_count(value, 0, INT32_MAX, &wanted->window);
    default: wanted->shows_tokens = true; return true;
    }
}

static void set_defaults(options *wanted)
{
    if (wanted->alpha_count == 0) {
        wanted->alphas[wanted->alpha_count++] = 0.6f;
    }
    if (wanted->k_count == 0) {
        wanted->ks[wanted->k_count++] = 5;
    }
}

/* Returns false, with the exit status in *exit_status, when there is nothing to run. */
static bool read_options(int argc, char **argv, options *wanted, int *exit_status)
{
    static const struct option names[] = {{"model", required_argument, NULL, 'm'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"alpha", required_argument, NULL, 'a'},
                                          {"k", required_argument, NULL, 'k'},
                                          {"length", required_argument, NULL, 'l'},
                                          {"window", required_argument, NULL, 'w'},
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
            fprintf(stderr, "contrastive: --%s cannot be \"%s\"; --help says what it can be\n",
                    names[which].name, optarg);
            return false;
        }
    }
    set_defaults(wanted);
    if (optind < argc) {
        wanted->prompts = (const char *const *)&argv[optind];
        wanted->prompt_count = argc - optind;
    }
    return true;
}

/* --- Output ------------------------------------------------------------------------------ */

static void print_request(const setup *s, const options *wanted,
                          const contrastive_request *request)
{
    printf("  alpha %g, k %u: log-probability %.2f, penalty %.3f, spread %.3f, %d tokens\n",
           (double)request->params.alpha, (unsigned)request->params.k, request->logprob,
           request->penalty, request->spread, request->length);
    print_text(s->model, request->prompt, request->tokens, request->length);
    if (wanted->shows_tokens) {
        printf("     tokens:");
        for (int i = 0; i < request->length; i++) {
            printf(" %d", (int)request->tokens[i]);
        }
        printf("\n");
    }
}

/* Each prompt with each alpha and each k: neighbouring requests. */
static void set_up(const options *wanted, contrastive_request *requests)
{
    for (int p = 0; p < wanted->prompt_count; p++) {
        for (int a = 0; a < wanted->alpha_count; a++) {
            for (int k = 0; k < wanted->k_count; k++) {
                *requests = (contrastive_request){
                    .prompt = wanted->prompts[p],
                    .params = LMS_CONTRASTIVE_PARAMS_INIT(wanted->alphas[a], wanted->ks[k])};
                requests->params.context_window = wanted->window;
                requests++;
            }
        }
    }
}

static bool search_and_print(const setup *s, const options *wanted)
{
    const int of_each = wanted->alpha_count * wanted->k_count;
    const int count = wanted->prompt_count * of_each;
    contrastive_request *requests = calloc((size_t)count, sizeof *requests);
    if (requests == NULL) {
        return fail(s, "no memory");
    }
    set_up(wanted, requests);
    const bool good = contrastive_search(s, requests, count, wanted->length);
    for (int r = 0; r < count && good; r++) {
        if (r % of_each == 0) {
            printf("%s%s ...\n", r > 0 ? "\n" : "", requests[r].prompt);
        }
        print_request(s, wanted, &requests[r]);
    }
    contrastive_requests_free(requests, count);
    free(requests);
    return good;
}

int main(int argc, char **argv)
{
    options wanted = {.model_directory = "examples/model",
                      .prompts = default_prompts,
                      .prompt_count = COUNT(default_prompts),
                      .length = 60};
    int exit_status = EXIT_FAILURE;
    if (!read_options(argc, argv, &wanted, &exit_status)) {
        return exit_status;
    }
    setup s = {0};
    if (setup_open(&s, "contrastive", wanted.model_directory, wanted.device) &&
        search_and_print(&s, &wanted)) {
        exit_status = EXIT_SUCCESS;
    }
    setup_close(&s);
    return exit_status;
}
