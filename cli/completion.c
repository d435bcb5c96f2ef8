/* completion.c - `lmsample completion`: a script by which a shell completes its words. */
#include "completion.h"

#include "message.h"
#include "sampling.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    DOC_BYTES = 76
};

/* --- The options ------------------------------------------------------------------------ */

static bool is_end(const struct argp_option *option)
{
    return option->name == NULL && option->key == 0 && option->doc == NULL &&
           option->group == 0;
}

static char letter_of(const struct argp_option *option)
{
    if (option->key <= 0 || option->key > CHAR_MAX || !isgraph(option->key)) return '\0';
    return (char)option->key;
}

/* The begin of what --help says, as far as it fits beside an option. */
static const char *cut_doc(const char *doc, char text[DOC_BYTES])
{
    size_t length = 0;
    if (doc == NULL) doc = "";
    while (doc[length] != '\0' && strncmp(doc + length, "; ", 2) != 0 &&
           strncmp(doc + length, ". ", 2) != 0) {
        length++;
    }
    if (length < DOC_BYTES) {
        memcpy(text, doc, length);
        text[length] = '\0';
        return text;
    }
    length = DOC_BYTES - 4;
    while (length > 0 && doc[length] != ' ') length--;
    memcpy(text, doc, length);
    memcpy(text + length, "...", 4);
    return text;
}

static const char *placeholder_of(const struct argp_option *option)
{
    const bool is_preset = option->arg != NULL && strcmp(option->arg, SAMPLING_PRESET) == 0;
    return is_preset ? SAMPLING_PRESETS : option->arg;
}

static void visit_table(const struct argp *argp, completion_visitor *visit, void *context)
{
    const struct argp_option *named = argp->options; /* the one that an alias stands for */
    for (const struct argp_option *o = argp->options; o != NULL && !is_end(o); o++) {
        const bool is_header = o->name == NULL && o->key == 0;
        if (!(o->flags & OPTION_ALIAS)) named = o;
        if (is_header || ((o->flags | named->flags) & (OPTION_HIDDEN | OPTION_DOC))) continue;
        char doc[DOC_BYTES];
        const completion_option option = {o->name, letter_of(o), placeholder_of(named),
                                          (named->flags & OPTION_ARG_OPTIONAL) != 0,
                                          cut_doc(named->doc, doc)};
        visit(&option, context);
    }
}

/* A child has no children: no command needs more. */
static void visit_parser(const struct argp *argp, completion_visitor *visit, void *context)
{
    visit_table(argp, visit, context);
    for (const struct argp_child *c = argp->children; c != NULL && c->argp != NULL; c++) {
        visit_table(c->argp, visit, context);
    }
}

void completion_visit(const command *of, completion_visitor *visit, void *context)
{
    static const completion_option own[] = {
        {"help", '?', NULL, false, "Explain the command and its options"},
        {"usage", '\0', NULL, false, "Show the options in short"}};
    if (of->argp != NULL) visit_parser(of->argp, visit, context);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) visit(&own[i], context);
}

/* Choices are in lower case, what stands for something else is in upper case. */
completion_kind completion_kind_of(const char *placeholder)
{
    bool has_upper = false;
    for (const char *at = placeholder; *at != '\0'; at++)
        has_upper |= isupper((unsigned char)*at);
    if (!has_upper) return COMPLETE_CHOICE;
    if (strstr(placeholder, "DEVICE") != NULL) return COMPLETE_DEVICE;
    if (strstr(placeholder, "DIRECTORY") != NULL) return COMPLETE_FOLDER;
    if (strstr(placeholder, "FILE") != NULL || strstr(placeholder, ".npy") != NULL) {
        return COMPLETE_FILE;
    }
    return COMPLETE_NOTHING;
}

const char *completion_arguments(const command *of)
{
    return of->argp == NULL ? NULL : of->argp->args_doc;
}

void completion_print_choices(output *out, const char *placeholder)
{
    for (const char *at = placeholder; *at != '\0'; at++) {
        output_write(out, *at == '|' ? " " : at, 1);
    }
}

void completion_print_text(output *out, const char *text, const char *escaped)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            output_write(out, " ", 1);
            continue;
        }
        if (strchr(escaped, *text) != NULL) output_write(out, "\\", 1);
        output_write(out, text, 1);
    }
}

/* --- The command ------------------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*print)(output *out);
} shells[] = {{"bash", completion_print_bash},
              {"zsh", completion_print_zsh},
              {"fish", completion_print_fish}};

static error_t parse(int key, char *value, struct argp_state *state)
{
    const char **const shell = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (*shell != NULL) exit(fail(EXIT_USAGE, "takes one shell, has \"%s\" too", value));
        *shell = value;
        return 0;
    case ARGP_KEY_END:
        if (*shell == NULL) exit(fail(EXIT_USAGE, "needs a shell: bash, zsh or fish"));
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    NULL,
    parse,
    "bash|zsh|fish",
    "Prints a script that makes a shell complete the commands, options and values of "
    "lmsample.\v"
    "bash: eval \"$(lmsample completion bash)\" in ~/.bashrc\n"
    "zsh: lmsample completion zsh > a file named _lmsample, in a folder of $fpath\n"
    "fish: lmsample completion fish > ~/.config/fish/completions/lmsample.fish",
    NULL,
    NULL,
    NULL};

static int run(int argc, char **argv)
{
    const char *shell = NULL;
    output *out = NULL;
    size_t i = 0;
    const int parsed = command_parse(&argp, argc, argv, &shell);
    if (parsed != EXIT_DONE) return parsed;
    while (i < sizeof shells / sizeof shells[0] && strcmp(shells[i].name, shell) != 0) i++;
    if (i == sizeof shells / sizeof shells[0]) {
        return fail(EXIT_USAGE, "the shell is \"%s\", must be bash, zsh or fish", shell);
    }
    const int status = output_open("-", &out);
    if (status != EXIT_DONE) return status;
    shells[i].print(out);
    return output_commit(out);
}

const command completion_command = {"completion", "Print a completion script for a shell",
                                    &argp, run};
