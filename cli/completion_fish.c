/* completion_fish.c - the completion script for fish: a `complete' for each option. */
#include "completion.h"

#include <stddef.h>

typedef struct option_visit {
    output *out;
    const command *of;
} option_visit;

/* fish has \' and \\ in single quotes. */
static void print_quoted(output *out, const char *text)
{
    output_print(out, "'");
    completion_print_text(out, text, "'\\");
    output_print(out, "'");
}

static void print_begin(output *out, const command *of)
{
    output_print(out, "complete -c lmsample -n '__lmsample_is %s'", of->name);
}

static void print_kind(output *out, const char *placeholder)
{
    switch (completion_kind_of(placeholder)) {
    case COMPLETE_FILE: output_print(out, " -F"); return;
    case COMPLETE_FOLDER: output_print(out, " -a '(__fish_complete_directories)'"); return;
    case COMPLETE_DEVICE: output_print(out, " -a '(__lmsample_devices)'"); return;
    case COMPLETE_NOTHING: return;
    case COMPLETE_CHOICE: break;
    }
    output_print(out, " -a '");
    completion_print_choices(out, placeholder);
    output_print(out, "'");
}

static void print_option(const completion_option *option, void *context)
{
    const option_visit *const visit = context;
    output *const out = visit->out;
    print_begin(out, visit->of);
    if (option->letter != '\0') output_print(out, " -s '%c'", option->letter);
    if (option->name != NULL) output_print(out, " -l %s", option->name);
    if (option->value != NULL) {
        /* -r: needs a value; -x: and has no files for it */
        const bool is_file = completion_kind_of(option->value) == COMPLETE_FILE;
        if (!option->is_optional) output_print(out, is_file ? " -r" : " -x");
        print_kind(out, option->value);
    }
    output_print(out, " -d ");
    print_quoted(out, option->doc);
    output_print(out, "\n");
}

static void print_command(output *out, const command *of)
{
    option_visit visit = {out, of};
    const char *const arguments = completion_arguments(of);
    output_print(out, "\n");
    completion_visit(of, print_option, &visit);
    if (arguments == NULL || completion_kind_of(arguments) == COMPLETE_NOTHING) return;
    print_begin(out, of);
    print_kind(out, arguments);
    output_print(out, "\n");
}

void completion_print_fish(output *out)
{
    output_print(out, "# fish completion of lmsample, written by: lmsample completion fish\n"
                      "function __lmsample_is -d 'The command is ...'\n"
                      "    set -l words (commandline -opc)\n"
                      "    test (count $words) -ge 2; and test $words[2] = $argv[1]\n"
                      "end\n"
                      "\n"
                      "function __lmsample_is_first -d 'There is no command yet'\n"
                      "    test (count (commandline -opc)) -eq 1\n"
                      "end\n"
                      "\n"
                      "function __lmsample_devices\n"
                      "    command lmsample devices --names 2>/dev/null\n"
                      "end\n"
                      "\n"
                      "complete -c lmsample -f\n"
                      "complete -c lmsample -n __lmsample_is_first -l help "
                      "-d 'List the commands'\n"
                      "complete -c lmsample -n __lmsample_is_first -l version "
                      "-d 'Show the version'\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        output_print(out, "complete -c lmsample -n __lmsample_is_first -a %s -d ",
                     commands[i]->name);
        print_quoted(out, commands[i]->summary);
        output_print(out, "\n");
    }
    for (size_t i = 0; commands[i] != NULL; i++) print_command(out, commands[i]);
}
