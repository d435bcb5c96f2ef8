#include "command.h"
#include "file_set.h"
#include "message.h"
#include "params_file.h"
#include "sample_results.h"
#include "sample_rows.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    KEY_BFLOAT16 = 512,
    KEY_PARAMS,
    KEY_DRAWS,
    KEY_DETAILS,
    KEY_BATCH,
    KEY_SIDE, /* and a sample_side */
    KEY_SIDES_END = KEY_SIDE + SIDES,
    MOST_DETAILS = 1 << 24 /* draws of a row, which are held until its end */
};

/* clang-format off: laid out by hand */
static const struct argp_option list[] = {
    {NULL, 0, NULL, 0, "What is sampled:", 1},
    {"logits", 'l', "FILE", 0,
     "Logits of float32 or float16, as a .npy file of shape (rows, vocabulary) or "
     "(vocabulary,); \"-\": standard input. Required",
     1},
    {"bfloat16", KEY_BFLOAT16, NULL, 0, "The 16-bit items of FILE are bfloat16", 1},
    {"draws", KEY_DRAWS, "N", 0, "Draws of each row, with the steps from --step on (default 1)",
     1},
    {"params", KEY_PARAMS, "FILE", 0,
     "Parameters of the rows, each its own: a .json file (array of objects) or a .csv file (a "
     "line of names, then a line for each row) with any of temperature, top_k, top_p, min_p, "
     "seed, step, preset, and of what rows ask for by a number, such as repetition_penalty. "
     "What is not given there is as given here. One row in it, or one object, stands for all "
     "rows, as if given here",
     1},
    {NULL, 0, NULL, 0, "What is written:", 30},
    {"format", 'f', "text|json|npy", 0,
     "Tokens one per line, row after row; or an array with an object per row; or int32 of "
     "shape (rows,), with --draws (rows, N) (default text)",
     30},
    {"output", 'o', "FILE", 0, "Where to (default \"-\": standard output)", 30},
    {"details", KEY_DETAILS, "LIST", OPTION_ARG_OPTIONAL,
     "JSON has these, too: logprobs,raw_logprobs,kept (default), or all, or of those and "
     "edited_logprobs, ranks, raw_ranks, entropy, raw_entropy",
     30},
    {"logprobs", KEY_SIDE + SIDE_LOGPROBS, "FILE", 0,
     "Log-probabilities of the tokens in the distribution they are drawn from, as .npy of "
     "float32 in the shape of the tokens",
     30},
    {"raw-logprobs", KEY_SIDE + SIDE_RAW_LOGPROBS, "FILE", 0,
     "Log-probabilities before edits, temperature and filters", 30},
    {"edited-logprobs", KEY_SIDE + SIDE_EDITED_LOGPROBS, "FILE", 0,
     "Log-probabilities after edits, before temperature and filters", 30},
    {"ranks", KEY_SIDE + SIDE_RANKS, "FILE", 0,
     "How many tokens are at least as probable after edits, the token among them, as .npy of "
     "int32 in the shape of the tokens",
     30},
    {"raw-ranks", KEY_SIDE + SIDE_RAW_RANKS, "FILE", 0, "Ranks before edits", 30},
    {"entropy", KEY_SIDE + SIDE_ENTROPY, "FILE", 0,
     "Entropy of the distribution that is drawn from, in nats, as .npy of float32, (rows,)",
     30},
    {"raw-entropy", KEY_SIDE + SIDE_RAW_ENTROPY, "FILE", 0,
     "Entropy before edits, temperature and filters", 30},
    {"kept", KEY_SIDE + SIDE_KEPT, "FILE", 0,
     "How many tokens the filters keep, as .npy of int32, (rows,)", 30},
    {"probs", KEY_SIDE + SIDE_PROBS, "FILE", 0,
     "The probabilities that are drawn from, as .npy of float32, (rows, vocabulary)", 30},
    {"batch", KEY_BATCH, "ROWS", 0,
     "Rows in memory at once; never changes a result (default: 64 MiB of logits, at most 1024 "
     "rows)",
     30},
    {0}};
/* clang-format on */

static const struct argp_child children[] = {
    {&sampling_argp, 0, NULL, 0}, {&request_argp, 0, NULL, 0}, {0}};

static const char description[] =
    "Samples a token from every row of a file of logits, which may be larger than memory.\v"
    "--seed names the random numbers of all rows: each row derives a seed of its own from it "
    "and from its number (lms_row_seed in lmsample.h, row_seed in Python), unless --params "
    "gives the row one. Draw d (from 0) of a row has the step of --step + d. A row's seed and "
    "step name the same random numbers on every device. --format json has the seeds of the "
    "rows that are drawn.\n\n"
    "A row without a token (every logit is NaN, -inf or banned) has the token -1. Files get "
    "their "
    "names "
    "when all is done, so that a failure leaves none.\n\n"
    "Exit status: 0 done; 1 done, but a row has no token; 2 wrong options; 3 wrong input; "
    "4 the device failed; 5 a result cannot be written; 6 out of memory.";

static sample_format parse_format(const char *text)
{
    if (strcmp(text, "text") == 0) return SAMPLE_TEXT;
    if (strcmp(text, "json") == 0) return SAMPLE_JSON;
    if (strcmp(text, "npy") == 0) return SAMPLE_NPY;
    exit(fail(EXIT_USAGE, "--format: is \"%s\", must be text, json or npy", text));
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    sample_options *const options = state->input;
    if (key >= KEY_SIDE && key < KEY_SIDES_END) {
        options->sides[key - KEY_SIDE] = value;
        return 0;
    }
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->sampling;
        state->child_inputs[1] = options;
        return 0;
    case 'l': options->logits = value; return 0;
    case 'f': options->format = parse_format(value); return 0;
    case 'o': options->output = value; return 0;
    case KEY_BFLOAT16: options->is_bfloat16 = true; return 0;
    case KEY_PARAMS: options->params = value; return 0;
    case KEY_DETAILS:
        if (sample_options_details(options, value) != EXIT_DONE) exit(EXIT_USAGE);
        return 0;
    case KEY_DRAWS:
        options->draws = parse_count(state, "draws", value, 1, INT32_MAX);
        options->has_draws = true;
        return 0;
    case KEY_BATCH: options->batch = parse_count(state, "batch", value, 1, INT32_MAX); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {list, parse, NULL, description, children, NULL, NULL};

/* --- Rules between options --------------------------------------------------------------- */

static int check_target(const char *option, const char *path, bool is_binary)
{
    if (!is_binary || strcmp(path, "-") != 0 || !isatty(STDOUT_FILENO)) return EXIT_DONE;
    return fail(EXIT_USAGE,
                "--%s: would write .npy to a terminal; name a file or redirect standard output",
                option);
}

static int check_targets(const sample_options *options)
{
    int status = check_target("format", options->output, options->format == SAMPLE_NPY);
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        const char *const path = options->sides[i];
        if (path == NULL) continue;
        status = check_target(sample_sides[i].option, path, true);
    }
    return status;
}

/* Not tokens by themselves. */
static bool is_path(const char *text) { return text != NULL && strchr(text, '.') != NULL; }

static int check_files(const sample_options *options)
{
    file_set files = {0};
    int status = file_set_reads(&files, "logits", options->logits);
    if (status == EXIT_DONE) status = file_set_reads(&files, "params", options->params);
    for (unsigned i = 0; i < FILES && status == EXIT_DONE; i++) {
        const char *const path = is_path(options->files[i]) ? options->files[i] : NULL;
        status = file_set_reads(&files, sample_file_options[i], path);
    }
    if (status == EXIT_DONE) status = file_set_writes(&files, "output", options->output);
    for (unsigned i = 0; i < SIDES && status == EXIT_DONE; i++) {
        status = file_set_writes(&files, sample_sides[i].option, options->sides[i]);
    }
    file_set_free(&files);
    return status;
}

static int check_options(const sample_options *options)
{
    if (options->logits == NULL) {
        return fail(EXIT_USAGE, "--logits: is missing: the .npy file with the logits");
    }
    if (options->details != 0 && options->format != SAMPLE_JSON) {
        return fail(EXIT_USAGE, "--details: must be with --format json");
    }
    if (options->details != 0 && options->draws > MOST_DETAILS) {
        return fail(EXIT_USAGE, "--draws: is %llu, must be at most %d with --details",
                    (unsigned long long)options->draws, MOST_DETAILS);
    }
    const int status = check_targets(options);
    return status == EXIT_DONE ? check_files(options) : status;
}

/* --- The command ------------------------------------------------------------------------- */

/* Draws go on from a row's step, and may not come to LMS_STEP_OF_SLOT. */
static int check_steps(const sample_options *options, const params_file *params)
{
    for (uint64_t row = 0; row < params->rows; row++) {
        const uint64_t step = params->records[row].params.step;
        if (step <= UINT64_MAX - options->draws) continue;
        return fail(EXIT_USAGE, "--draws: is %llu, must be at most %llu from step %llu on",
                    (unsigned long long)options->draws, (unsigned long long)(UINT64_MAX - step),
                    (unsigned long long)step);
    }
    return EXIT_DONE;
}

static int load_params(const sample_options *options, const logits_file *logits,
                       params_file *params)
{
    const lms_row_params *const defaults = &options->sampling.params;
    const row_request *const request = &options->request;
    if (options->params == NULL) return params_file_single(defaults, request, params);
    const int status = params_file_load(options->params, defaults, request, params);
    if (status != EXIT_DONE || params->rows == 1 || params->rows == logits->rows) return status;
    return fail(EXIT_INPUT, "%s: has %llu rows, must have 1 or the %llu of %s", options->params,
                (unsigned long long)params->rows, (unsigned long long)logits->rows,
                logits->name);
}

static int end_results(sample_results *results, const logits_file *logits,
                       const sample_requests *requests, const sample_summary *summary)
{
    const int status = sample_results_commit(results);
    if (status != EXIT_DONE || summary->rows_empty == 0) return status;
    warn("%s: %llu of %llu rows have no token, the first is row %llu: every logit is NaN or "
         "-inf%s",
         logits->name, (unsigned long long)summary->rows_empty,
         (unsigned long long)logits->rows, (unsigned long long)summary->first_empty,
         sample_requests_any(requests) ? ", or banned" : "");
    return EXIT_NO_TOKEN;
}

static int sample_to_results(const sample_options *options, logits_file *logits,
                             const params_file *params)
{
    sample_results *results = NULL;
    sample_requests *requests = NULL;
    lms_context *context = NULL;
    sample_summary summary;
    int status = sample_requests_open(options, logits, params, &requests);
    if (status == EXIT_DONE) status = sample_results_open(options, logits, &results);
    if (status == EXIT_DONE) status = sampling_open(&options->sampling, &context);
    if (status == EXIT_DONE) {
        status = sample_rows(options, context, logits, params, requests, results, &summary);
    }
    if (status == EXIT_DONE) status = end_results(results, logits, requests, &summary);
    sample_requests_free(requests);
    lms_context_destroy(context);
    if (status <= EXIT_NO_TOKEN && params_file_needs_seed(params)) {
        sampling_tell_seed(&options->sampling);
    }
    sample_results_free(results);
    return status;
}

static int run(int argc, char **argv)
{
    sample_options options = {.sampling = SAMPLING_OPTIONS_INIT,
                              .request = ROW_REQUEST_INIT,
                              .draws = 1,
                              .output = "-"};
    logits_file logits = {0};
    params_file params = {0};
    int status = command_parse(&parser, argc, argv, &options);
    if (status == EXIT_DONE) status = check_options(&options);
    if (status == EXIT_DONE) {
        status = logits_file_open(&logits, options.logits, options.is_bfloat16);
    }
    if (status == EXIT_DONE) status = load_params(&options, &logits, &params);
    if (status == EXIT_DONE) status = check_steps(&options, &params);
    if (status == EXIT_DONE) status = sample_to_results(&options, &logits, &params);
    params_file_free(&params);
    logits_file_close(&logits);
    return status;
}

const command sample_command = {"sample", "Samples a token from every row of a file of logits",
                                &parser, run};
