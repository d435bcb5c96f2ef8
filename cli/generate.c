#include "generate.h"

#include "command.h"
#include "file_set.h"
#include "generate_engine.h"
#include "generate_print.h"
#include "message.h"
#include "model.h"
#include "params_file.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DEFAULT_LENGTH = 60,
    DEFAULT_BATCH = 16,
    MOST_BATCH = 1024,
    MOST_LENGTH = 1000000000
};

/* --- Options ---------------------------------------------------------------------------- */

enum {
    KEY_FORMAT = 256,
    KEY_DETAILS,
    KEY_PARAMS,
    KEY_STATS,
    KEY_STOP
};

/* clang-format off: laid out by hand */
static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What is generated:", 1},
    {"model", 'm', "DIRECTORY", 0,
     "Where model.safetensors and tokenizer.json are (default: the bundled model)", 1},
    {"length", 'l', "N", 0, "At most N tokens (default 60); the model's context may hold fewer",
     1},
    {"number", 'n', "N", 0, "N continuations of each prompt (default 1)", 1},
    {"stop", KEY_STOP, "TEXT", 0, "A continuation ends before TEXT; may be given several times",
     1},
    {"params", KEY_PARAMS, "FILE", 0,
     "Sampling parameters from a .json or .csv file: one record for all prompts, or one for "
     "each prompt",
     1},
    {"batch", 'b', "N", 0, "Sequences at once, 1 to 1024 (default 16); never changes a result",
     1},
    {NULL, 0, NULL, 0, "What is written:", 2},
    {"format", KEY_FORMAT, "text|json", 0,
     "text (default): prompts with their continuations, a line --- between them; json: an "
     "array with an object a line",
     2},
    {"details", KEY_DETAILS, NULL, 0,
     "In JSON also each token's log-probabilities and how many tokens the filters kept", 2},
    {"output", 'o', "FILE", 0, "Not to standard output", 2},
    {"stats", KEY_STATS, NULL, 0,
     "Tokens per second, on standard error (a terminal always gets them)", 2},
    {0}};
/* clang-format on */

static int refuse(const char *option, const char *value, const char *rule)
{
    return fail(EXIT_USAGE, "--%s: is \"%s\", must be %s", option, value, rule);
}

static void add_stop(generate_options *wanted, const char *text)
{
    if (text[0] == '\0') exit(refuse("stop", text, "a text of at least one byte"));
    const char **const longer =
        realloc(wanted->stops, (wanted->stop_count + 1) * sizeof *wanted->stops);
    if (longer == NULL) exit(fail_memory("--stop"));
    wanted->stops = longer;
    wanted->stops[wanted->stop_count++] = text;
}

static void set_format(generate_options *wanted, const char *text)
{
    wanted->is_json = strcmp(text, "json") == 0;
    if (!wanted->is_json && strcmp(text, "text") != 0) {
        exit(refuse("format", text, "text or json"));
    }
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    generate_options *const wanted = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &wanted->sampling; return 0;
    case 'm': wanted->model = value; return 0;
    case 'l':
        wanted->length = (size_t)parse_count(state, "length", value, 1, MOST_LENGTH);
        return 0;
    case 'n': wanted->number = parse_count(state, "number", value, 1, UINT32_MAX); return 0;
    case 'b': wanted->batch = (int)parse_count(state, "batch", value, 1, MOST_BATCH); return 0;
    case 'o': wanted->output = value; return 0;
    case KEY_STOP: add_stop(wanted, value); return 0;
    case KEY_PARAMS: wanted->params = value; return 0;
    case KEY_FORMAT: set_format(wanted, value); return 0;
    case KEY_DETAILS: wanted->has_details = true; return 0;
    case KEY_STATS: wanted->wants_stats = true; return 0;
    case ARGP_KEY_ARGS:
        wanted->prompts = state->argv + state->next;
        wanted->prompt_count = (size_t)(state->argc - state->next);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&sampling_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    options,
    parse,
    "[PROMPT...]",
    "Continues texts with a small language model.\v"
    "Without a PROMPT, each line of standard input is one, read as it comes; an empty one "
    "opens a text. A continuation is a row of the batch that --seed names, as in `lmsample "
    "sample': row (its prompt's number * --number + its own number), both from 0. A seed that "
    "--params gives the prompt names the batch of its continuations. A first token's step is "
    "--step. So neither --batch nor the other prompts change a text.",
    children,
    NULL,
    NULL,
};

/* --- Sequences -------------------------------------------------------------------------- */

typedef struct generation {
    const generate_options *options;
    lm_model *model;
    params_file params;
    prompt_source source;
    engine engine;
    printer printer;
    prompt *prompt;  /* whose continuations are begun, or NULL */
    uint64_t begun;  /* of them */
    sequence *first; /* not printed, in the order of the output */
    sequence *last;
    uint64_t done;
    bool is_tokenless; /* a sequence ended for want of a token */
} generation;

static int check_record(const generation *g, uint64_t number)
{
    if (g->params.rows == 1 || number < g->params.rows) return EXIT_DONE;
    return fail(EXIT_INPUT,
                "%s: has %llu records, must have 1 or one for each prompt, of which "
                "there are more",
                g->options->params, (unsigned long long)g->params.rows);
}

/* After the last prompt. */
static int check_count(const generation *g)
{
    const uint64_t count = g->source.given;
    if (count == 0) {
        return fail(EXIT_INPUT, "there is no prompt, neither as an argument nor a line on "
                                "standard input");
    }
    if (g->params.rows == 1 || g->params.rows == count) return EXIT_DONE;
    return fail(EXIT_INPUT, "%s: has %llu records, must have 1 or one for each prompt: %llu",
                g->options->params, (unsigned long long)g->params.rows,
                (unsigned long long)count);
}

static lms_row_params params_of(const generation *g, const prompt *p, uint64_t continuation)
{
    const bool is_shared = g->params.rows == 1;
    const params_record *const record = &g->params.records[is_shared ? 0 : p->number];
    lms_row_params params = record->params;
    uint64_t row = continuation;
    if (is_shared || !record->has_seed) row += p->number * g->options->number;
    params.seed = lms_row_seed(params.seed, row);
    return params;
}

/* The sequence after those begun. */
static int begin_next(generation *g, bool may_wait, prompt_state *state)
{
    int exit_status = EXIT_DONE;
    *state = PROMPT_READY;
    if (g->prompt == NULL) {
        exit_status = prompt_source_next(&g->source, may_wait, &g->prompt, state);
        if (exit_status == EXIT_DONE && *state == PROMPT_READY) {
            exit_status = check_record(g, g->prompt->number);
        }
        if (exit_status != EXIT_DONE || *state != PROMPT_READY) return exit_status;
        g->begun = 0;
    }
    sequence *const s = sequence_create(g->prompt, g->options, lm_context(g->model));
    if (s == NULL) return fail_memory("sequence");
    s->continuation = g->begun++;
    s->params = params_of(g, s->prompt, s->continuation);
    if (g->begun == g->options->number) {
        prompt_release(g->prompt);
        g->prompt = NULL;
    }
    if (g->first == NULL) {
        g->first = s;
    } else {
        g->last->next = s;
    }
    g->last = s;
    engine_start(&g->engine, s);
    return EXIT_DONE;
}

/* Fills the slots, as far as there are prompts; waits for one only if nothing else is to do. */
static int fill_slots(generation *g, prompt_state *state)
{
    int exit_status = EXIT_DONE;
    while (*state != PROMPT_NONE && g->engine.active < g->engine.slot_count) {
        exit_status = begin_next(g, g->engine.active == 0, state);
        if (exit_status != EXIT_DONE || *state == PROMPT_LATER) break;
        if (*state == PROMPT_NONE) exit_status = check_count(g);
    }
    return exit_status;
}

static int print_sequences(generation *g)
{
    int exit_status = EXIT_DONE;
    while (g->first != NULL && exit_status == EXIT_DONE) {
        sequence *const s = g->first;
        exit_status = printer_show(&g->printer, s);
        if (s->end == SEQUENCE_GOES_ON) break;
        g->is_tokenless |= s->end == SEQUENCE_NO_TOKEN;
        g->first = s->next;
        sequence_free(s);
        g->done++;
    }
    progress_show(g->done);
    return exit_status;
}

/* What begun before a bad prompt is brought to its end. */
static int generate_all(generation *g)
{
    prompt_state state = PROMPT_READY;
    int source_status = EXIT_DONE;
    int exit_status = EXIT_DONE;
    while (exit_status == EXIT_DONE) {
        if (source_status == EXIT_DONE) source_status = fill_slots(g, &state);
        if (g->engine.active == 0) break;
        exit_status = engine_step(&g->engine);
        if (exit_status == EXIT_DONE) exit_status = print_sequences(g);
    }
    return exit_status != EXIT_DONE ? exit_status : source_status;
}

/* --- All together ----------------------------------------------------------------------- */

static void print_stats(const generation *g)
{
    const engine *const e = &g->engine;
    const double seconds = e->model_seconds + e->sampler_seconds;
    char name[256] = "?";
    if (!g->options->wants_stats && !isatty(STDERR_FILENO)) return;
    clGetDeviceInfo(lms_context_device(e->context), CL_DEVICE_NAME, sizeof name - 1, name,
                    NULL);
    fprintf(stderr,
            "%llu tokens in %.2f s: %.0f tokens/s, up to %d sequences at once; sampler %.2f s, "
            "on %s\n",
            (unsigned long long)e->token_count, seconds,
            seconds > 0 ? (double)e->token_count / seconds : 0.0, e->slot_count,
            e->sampler_seconds, name);
}

static void start_progress(const generation *g)
{
    const generate_options *const o = g->options;
    if (strcmp(o->output, "-") == 0 && isatty(STDOUT_FILENO)) return;
    progress_start("sequences", o->prompts != NULL ? o->prompt_count * o->number : 0);
}

/* As many slots as sequences suffice. */
static int count_slots(const generate_options *o)
{
    const uint64_t batch = (uint64_t)o->batch;
    const bool is_few =
        o->prompts != NULL && o->prompt_count < batch && o->prompt_count * o->number < batch;
    return is_few ? (int)(o->prompt_count * o->number) : o->batch;
}

static int open_all(generation *g)
{
    const generate_options *const o = g->options;
    int exit_status = o->params != NULL
                          ? params_file_load(o->params, &o->sampling.params, NULL, &g->params)
                          : params_file_single(&o->sampling.params, NULL, &g->params);
    if (exit_status == EXIT_DONE) exit_status = model_open(o->model, &g->model);
    if (exit_status == EXIT_DONE) {
        exit_status = prompt_source_open(&g->source, g->model, o->prompts, o->prompt_count);
    }
    if (exit_status == EXIT_DONE && o->prompts != NULL) {
        g->source.given = o->prompt_count;
        exit_status = check_count(g);
        g->source.given = 0;
    }
    /* The output first: an OpenCL driver may catch signals too, and passes them on to those
     * who caught them before. */
    if (exit_status == EXIT_DONE) exit_status = printer_open(&g->printer, o);
    if (exit_status == EXIT_DONE) {
        exit_status = engine_open(&g->engine, o, g->model, count_slots(o));
    }
    return exit_status;
}

static void close_all(generation *g)
{
    for (sequence *s = g->first; s != NULL;) {
        sequence *const next = s->next;
        sequence_free(s);
        s = next;
    }
    prompt_release(g->prompt);
    printer_discard(&g->printer);
    engine_close(&g->engine);
    prompt_source_close(&g->source);
    lm_model_free(g->model);
    params_file_free(&g->params);
}

static int check_files(const generate_options *o)
{
    file_set files = {0};
    int exit_status = file_set_reads(&files, "params", o->params);
    if (exit_status == EXIT_DONE) exit_status = model_reads(o->model, &files);
    if (exit_status == EXIT_DONE && o->prompts == NULL) {
        exit_status = file_set_reads(&files, NULL, "-");
    }
    if (exit_status == EXIT_DONE) exit_status = file_set_writes(&files, "output", o->output);
    file_set_free(&files);
    return exit_status;
}

static int generate(const generate_options *o)
{
    generation g = {.options = o};
    if (o->prompts == NULL && isatty(STDIN_FILENO)) {
        warn("each line of standard input is a prompt");
    }
    int exit_status = open_all(&g);
    if (exit_status == EXIT_DONE) {
        start_progress(&g);
        exit_status = generate_all(&g);
        progress_end();
    }
    if (exit_status == EXIT_DONE) exit_status = printer_commit(&g.printer);
    if (exit_status == EXIT_DONE) print_stats(&g);
    if (exit_status == EXIT_DONE && params_file_needs_seed(&g.params)) {
        sampling_tell_seed(&o->sampling);
    }
    if (exit_status == EXIT_DONE && g.is_tokenless) {
        exit_status = fail(EXIT_NO_TOKEN,
                           "a continuation ended early: all of the model's logits were NaN "
                           "or -inf");
    }
    close_all(&g);
    return exit_status;
}

static int run(int argc, char **argv)
{
    generate_options wanted = {.sampling = SAMPLING_OPTIONS_INIT,
                               .output = "-",
                               .number = 1,
                               .length = DEFAULT_LENGTH,
                               .batch = DEFAULT_BATCH};
    int exit_status = command_parse(&argp, argc, argv, &wanted);
    if (exit_status == EXIT_DONE && wanted.has_details && !wanted.is_json) {
        exit_status = fail(EXIT_USAGE, "--details: needs --format json");
    }
    if (exit_status == EXIT_DONE) exit_status = check_files(&wanted);
    if (exit_status == EXIT_DONE) exit_status = generate(&wanted);
    free(wanted.stops);
    return exit_status;
}

const command generate_command = {"generate", "Continue texts with the bundled language model",
                                  &argp, run};
