/* explain.c - lmsample explain: what the parameters do to one row of logits. */
#include "explain.h"

#include "command.h"
#include "file_set.h"
#include "message.h"
#include "model.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_LOGITS = 512,
    KEY_ROW,
    KEY_BFLOAT16,
    KEY_PROMPT,
    KEY_MODEL,
    KEY_VOCABULARY,
    KEY_TOP,
    KEY_SVG,
    KEY_FORMAT,
    KEY_COLOR,
    DEFAULT_TOP = 20
};

/* clang-format off: laid out by hand */
static const struct argp_option option_table[] = {
    {NULL, 0, NULL, 0, "Which logits:", 1},
    {"logits", KEY_LOGITS, "FILE", 0,
     "A .npy file of rows of float32, float16 or bfloat16; - is standard input", 1},
    {"row", KEY_ROW, "N", 0, "The row to explain, from 0 (default 0)", 1},
    {"bfloat16", KEY_BFLOAT16, NULL, 0, "Items of 16 bits in FILE are bfloat16", 1},
    {"vocabulary", KEY_VOCABULARY, "FILE", 0,
     "The tokens' texts: a .json file (tokenizer.json, vocab.json, or an array) or any other "
     "file with a token a line, from token 0",
     1},
    {"prompt", KEY_PROMPT, "TEXT", 0,
     "In the place of --logits: what the bundled language model expects after TEXT", 1},
    {"model", KEY_MODEL, "DIRECTORY", 0, "Another model than the bundled one, for --prompt", 1},
    {NULL, 0, NULL, 0, "What is shown:", 2},
    {"top", KEY_TOP, "N", 0,
     "The N most probable tokens, and those around each cut "
     "(default 20)",
     2},
    {"format", KEY_FORMAT, "text|json", 0, "For a terminal, or for programs (default text)", 2},
    {"output", 'o', "FILE", 0, "Write it to FILE (default -, standard output)", 2},
    {"svg", KEY_SVG, "FILE", 0,
     "Draw it, too; - is standard output, and then without --output nothing else", 2},
    {"color", KEY_COLOR, "auto|always|never", 0,
     "auto: on a terminal, unless NO_COLOR is set (default auto)", 2},
    {0}};
/* clang-format on */

/* Which of the words, separated by |, a text is. */
static int parse_word(const char *option, const char *text, const char *words)
{
    const char *word = words;
    for (int i = 0;; i++) {
        const size_t length = strcspn(word, "|");
        if (strlen(text) == length && strncmp(text, word, length) == 0) return i;
        if (word[length] == '\0') break;
        word += length + 1;
    }
    exit(fail(EXIT_USAGE, "--%s: is \"%s\", must be one of %s", option, text, words));
}

static void check_options(const explain_options *options)
{
    const char *needless = NULL;
    if (options->logits == NULL && options->prompt == NULL) {
        exit(fail(EXIT_USAGE, "--logits or --prompt is missing: which logits are to be "
                              "explained?"));
    }
    if (options->logits != NULL && options->prompt != NULL) {
        exit(fail(EXIT_USAGE, "--logits and --prompt: only one of them can be given"));
    }
    if (options->prompt != NULL) {
        if (options->vocabulary != NULL) needless = "vocabulary";
        if (options->has_row) needless = "row";
        if (options->as_bfloat16) needless = "bfloat16";
        if (needless == NULL) return;
        exit(fail(EXIT_USAGE, "--%s: is for --logits, not for --prompt", needless));
    }
    if (options->model != NULL) {
        exit(fail(EXIT_USAGE, "--model: is for --prompt, not for --logits"));
    }
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    explain_options *const options = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &options->sampling; return 0;
    case KEY_LOGITS: options->logits = value; return 0;
    case KEY_ROW:
        options->row = parse_count(state, "row", value, 0, UINT64_MAX);
        options->has_row = true;
        return 0;
    case KEY_BFLOAT16: options->as_bfloat16 = true; return 0;
    case KEY_VOCABULARY: options->vocabulary = value; return 0;
    case KEY_PROMPT: options->prompt = value; return 0;
    case KEY_MODEL: options->model = value; return 0;
    case KEY_TOP:
        options->top = (uint32_t)parse_count(state, "top", value, 1, LMS_MAX_VOCAB);
        return 0;
    case KEY_FORMAT: options->is_json = parse_word("format", value, "text|json") == 1; return 0;
    case 'o': options->output = value; return 0;
    case KEY_SVG: options->svg = value; return 0;
    case KEY_COLOR:
        options->color = (color_mode)parse_word("color", value, "auto|always|never");
        return 0;
    case ARGP_KEY_ARG:
        exit(fail(EXIT_USAGE, "\"%s\": is no option; lmsample explain --help lists them",
                  value));
    case ARGP_KEY_END: check_options(options); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&sampling_argp, 0, NULL, 0}, {0}};

static const struct argp explain_argp = {
    option_table,
    parse,
    NULL,
    "Shows what the parameters do to one row of logits: the probabilities before and after, "
    "which filter removes which tokens, and how much choice is left.\v"
    "Exit status: 0; 1 if no token of the row can be drawn; 2 and above for errors.",
    children,
    NULL,
    NULL};

/* --- Run --------------------------------------------------------------------------------- */

static int check_files(const explain_options *options)
{
    file_set files = {0};
    int status = file_set_reads(&files, "logits", options->logits);
    if (status == EXIT_DONE) status = file_set_reads(&files, "vocabulary", options->vocabulary);
    if (status == EXIT_DONE && options->prompt != NULL) {
        status = model_reads(options->model, &files);
    }
    if (status == EXIT_DONE) status = file_set_writes(&files, "output", options->output);
    if (status == EXIT_DONE) status = file_set_writes(&files, "svg", options->svg);
    file_set_free(&files);
    return status;
}

static int print_body(const explanation *e, const explain_options *options)
{
    output *out = NULL;
    int status = output_open(options->output, &out);
    if (status != EXIT_DONE) return status;
    status = options->is_json ? explain_print_json(e, options, out)
                              : explain_print_text(e, options, out);
    if (status == EXIT_DONE) return output_commit(out);
    output_discard(out);
    return status;
}

static int draw(const explanation *e, const explain_options *options)
{
    output *out = NULL;
    int status = output_open(options->svg, &out);
    if (status != EXIT_DONE) return status;
    status = explain_print_svg(e, options, out);
    if (status == EXIT_DONE) return output_commit(out);
    output_discard(out);
    return status;
}

static int show(const explanation *e, const explain_options *options)
{
    int status = EXIT_DONE;
    if (options->svg != NULL) status = draw(e, options);
    if (status == EXIT_DONE && options->output != NULL) status = print_body(e, options);
    if (status != EXIT_DONE || e->live > 0) return status;
    char title[EXPLAIN_TEXT];
    vocabulary_display(e->row->title, strlen(e->row->title), 0, title, sizeof title);
    return fail(EXIT_NO_TOKEN,
                "%s: no token can be drawn, each of the %u logits is NaN or -inf", title,
                (unsigned)e->row->vocab);
}

static int explain(explain_options *options)
{
    explain_row row;
    explanation e = {0};
    int status = explain_row_open(&row, options);
    if (status == EXIT_DONE) status = explain_compute(&e, &row, options);
    if (status == EXIT_DONE) status = show(&e, options);
    explain_free(&e);
    explain_row_close(&row);
    return status;
}

static int run(int argc, char **argv)
{
    explain_options options = {.sampling = SAMPLING_OPTIONS_INIT, .top = DEFAULT_TOP};
    const int parsed = command_parse(&explain_argp, argc, argv, &options);
    if (parsed != EXIT_DONE) return parsed;
    setlocale(LC_CTYPE, ""); /* what the terminal shows; numbers stay as they are */
    const bool is_drawn_only = options.svg != NULL && strcmp(options.svg, "-") == 0;
    if (options.output == NULL && !is_drawn_only) options.output = "-";
    const int status = check_files(&options);
    return status == EXIT_DONE ? explain(&options) : status;
}

const command explain_command = {"explain", "Show what the parameters do to one row of logits",
                                 &explain_argp, run};
