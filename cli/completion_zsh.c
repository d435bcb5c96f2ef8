/* completion_zsh.c - the completion script for zsh: a line of _arguments for each option. */
#include "completion.h"

#include <stddef.h>

/* In single quotes a quote ends them, stands by itself and begins them again. */
static void print_quoted(output *out, const char *text, const char *escaped)
{
    char letter[2] = "";
    for (; *text != '\0'; text++) {
        letter[0] = *text;
        if (*text == '\'') {
            output_print(out, "'\\''");
        } else {
            completion_print_text(out, letter, escaped);
        }
    }
}

static void print_action(output *out, const char *placeholder)
{
    output_print(out, ":");
    print_quoted(out, placeholder, ":\\");
    switch (completion_kind_of(placeholder)) {
    case COMPLETE_FILE: output_print(out, ":_files"); return;
    case COMPLETE_FOLDER: output_print(out, ":_files -/"); return;
    case COMPLETE_DEVICE: output_print(out, ":_lmsample_devices"); return;
    case COMPLETE_NOTHING: output_print(out, ": "); return;
    case COMPLETE_CHOICE: break;
    }
    output_print(out, ":(");
    completion_print_choices(out, placeholder);
    output_print(out, ")");
}

static void print_spec(output *out, const completion_option *option, bool is_long)
{
    const char *const value_mark = is_long ? "=" : "+";
    output_print(out, "                '");
    if (option->letter != '\0' && option->name != NULL) {
        output_print(out, "(-%c --%s)", option->letter, option->name);
    }
    if (is_long) {
        output_print(out, "--%s", option->name);
    } else {
        output_print(out, "-%c", option->letter);
    }
    if (option->value != NULL) {
        output_print(out, "%s", option->is_optional ? "-" : value_mark);
    }
    output_print(out, "[");
    print_quoted(out, option->doc, "[]\\");
    output_print(out, "]");
    if (option->value != NULL) {
        if (option->is_optional) output_print(out, ":");
        print_action(out, option->value);
    }
    output_print(out, "' \\\n");
}

static void print_option(const completion_option *option, void *context)
{
    output *const out = context;
    if (option->letter != '\0') print_spec(out, option, false);
    if (option->name != NULL) print_spec(out, option, true);
}

static void print_command(output *out, const command *of)
{
    const char *const arguments = completion_arguments(of);
    output_print(out, "        %s)\n            _arguments -s -S \\\n", of->name);
    completion_visit(of, print_option, out);
    if (arguments != NULL) {
        output_print(out, "                '*");
        print_action(out, arguments);
        output_print(out, "' \\\n");
    }
    output_print(out, "                && return 0\n            ;;\n");
}

void completion_print_zsh(output *out)
{
    output_print(out, "#compdef lmsample\n"
                      "# zsh completion of lmsample, written by: lmsample completion zsh\n"
                      "\n"
                      "_lmsample_devices()\n"
                      "{\n"
                      "    local -a names\n"
                      "    names=(${(f)\"$(_call_program devices lmsample devices --names "
                      "2>/dev/null)\"})\n"
                      "    _wanted devices expl device compadd -a names\n"
                      "}\n"
                      "\n"
                      "_lmsample()\n"
                      "{\n"
                      "    local curcontext=$curcontext state line\n"
                      "    local -a names\n"
                      "    typeset -A opt_args\n"
                      "    _arguments -C '(- *)--help[List the commands]' "
                      "'(- *)--version[Show the version]' \\\n"
                      "        '1:command:->command' '*::argument:->argument' && return 0\n"
                      "    if [[ $state == command ]]; then\n"
                      "        names=(\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        output_print(out, "            '%s:", commands[i]->name);
        print_quoted(out, commands[i]->summary, "\\");
        output_print(out, "'\n");
    }
    output_print(out, "        )\n"
                      "        _describe command names\n"
                      "        return\n"
                      "    fi\n"
                      "    case $line[1] in\n");
    for (size_t i = 0; commands[i] != NULL; i++) print_command(out, commands[i]);
    output_print(out, "    esac\n"
                      "    return 1\n"
                      "}\n"
                      "\n"
                      "# Called as a function of $fpath, or read as a file.\n"
                      "if [[ $funcstack[1] == _lmsample ]]; then\n"
                      "    _lmsample \"$@\"\n"
                      "else\n"
                      "    compdef _lmsample lmsample\n"
                      "fi\n");
}
