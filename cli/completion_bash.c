/* completion_bash.c - the completion script for bash, without the bash-completion package. */
#include "completion.h"

#include <stddef.h>

static void print_option(const completion_option *option, void *context)
{
    output *const out = context;
    if (option->letter != '\0') output_print(out, " -%c", option->letter);
    if (option->name != NULL) output_print(out, " --%s", option->name);
}

static void print_kind(output *out, const char *placeholder)
{
    switch (completion_kind_of(placeholder)) {
    case COMPLETE_FILE: output_print(out, "kind='file' ;;\n"); return;
    case COMPLETE_FOLDER: output_print(out, "kind='folder' ;;\n"); return;
    case COMPLETE_DEVICE: output_print(out, "kind='device' ;;\n"); return;
    case COMPLETE_NOTHING: output_print(out, "kind='nothing' ;;\n"); return;
    case COMPLETE_CHOICE: break;
    }
    output_print(out, "kind='choice' choices='");
    completion_print_choices(out, placeholder);
    output_print(out, "' ;;\n");
}

typedef struct value_visit {
    output *out;
    const command *of;
} value_visit;

/* A value that may be left out follows `=' and never stands as a word of its own. */
static void print_value(const completion_option *option, void *context)
{
    const value_visit *const visit = context;
    const char *const command_name = visit->of->name;
    if (option->value == NULL) return;
    output_print(visit->out, "        ");
    if (option->letter != '\0' && !option->is_optional) {
        output_print(visit->out, "%s:-%c%s", command_name, option->letter,
                     option->name != NULL ? " | " : "");
    }
    if (option->name != NULL) {
        output_print(visit->out, "%s:--%s%s", command_name, option->name,
                     option->is_optional ? "=" : "");
        if (!option->is_optional) {
            output_print(visit->out, " | %s:--%s=", command_name, option->name);
        }
    }
    output_print(visit->out, ") ");
    print_kind(visit->out, option->value);
}

/* What is said of each command: its options, and the kind of each value. */
static void print_tables(output *out)
{
    output_print(out, "_lmsample_options()\n{\n    case $1 in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        output_print(out, "        %s) options='", commands[i]->name);
        completion_visit(commands[i], print_option, out);
        output_print(out, "' ;;\n");
    }
    output_print(out, "        *) options='' ;;\n    esac\n}\n\n"
                      "_lmsample_kind()\n{\n    kind='' choices=''\n    case $1 in\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        value_visit visit = {out, commands[i]};
        completion_visit(commands[i], print_value, &visit);
        const char *const arguments = completion_arguments(commands[i]);
        if (arguments == NULL) continue;
        output_print(out, "        %s:arguments) ", commands[i]->name);
        print_kind(out, arguments);
    }
    output_print(out, "    esac\n}\n\n");
}

/* bash takes words apart at : and =, which device names and --option=value have. `words` gets
 * them whole, and an answer is what follows the part that bash keeps. */
static const char functions[] =
    "# Sets `words': the words up to the cursor. `kept' is what bash keeps of the last one.\n"
    "_lmsample_words()\n"
    "{\n"
    "    local rest=${COMP_LINE:0:COMP_POINT} word i\n"
    "    words=()\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((i == 0)) || [[ $rest == [[:blank:]]* ]]; then\n"
    "            words+=('')\n"
    "            rest=${rest#\"${rest%%[![:blank:]]*}\"}\n"
    "        fi\n"
    "        if ((i == COMP_CWORD)); then\n"
    "            word=$rest\n"
    "            kept=${words[-1]}\n"
    "            [[ $word != [:=] ]] || kept+=$word\n"
    "        fi\n"
    "        words[-1]+=$word\n"
    "        rest=${rest#\"$word\"}\n"
    "    done\n"
    "}\n"
    "\n"
    "# Offers each argument that begins with $current. In quotes bash quotes it itself.\n"
    "_lmsample_offer()\n"
    "{\n"
    "    local quote='' plain=$current answer\n"
    "    case $plain in\n"
    "        \\\"* | \\'*) quote=${plain:0:1} plain=${plain:1} ;;\n"
    "        *) plain=${plain//\\\\/} ;;\n"
    "    esac\n"
    "    for answer; do\n"
    "        [[ $answer == \"$plain\"* ]] || continue\n"
    "        [[ -n $quote ]] || printf -v answer %q \"$answer\"\n"
    "        answer=$before$answer\n"
    "        COMPREPLY+=(\"${answer:${#kept}}\")\n"
    "    done\n"
    "}\n"
    "\n"
    "_lmsample_offer_values()\n"
    "{\n"
    "    local names\n"
    "    case $kind in\n"
    "        file) compopt -o default 2>/dev/null ;;\n"
    "        folder) compopt -o dirnames 2>/dev/null ;;\n"
    "        choice) read -ra names <<<\"$choices\" && _lmsample_offer \"${names[@]}\" ;;\n"
    "        device)\n"
    "            mapfile -t names < <(\"${words[0]}\" devices --names 2>/dev/null)\n"
    "            _lmsample_offer \"${names[@]}\"\n"
    "            ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "_lmsample()\n"
    "{\n"
    "    local words kept options kind choices before='' current previous names\n"
    "    COMPREPLY=()\n"
    "    _lmsample_words\n"
    "    current=${words[-1]}\n"
    "    if ((${#words[@]} == 2)); then\n"
    "        read -ra names <<<\"$_lmsample_commands --help --version\"\n"
    "        _lmsample_offer \"${names[@]}\"\n"
    "        return\n"
    "    fi\n"
    "    previous=${words[-2]}\n"
    "    if [[ $current == --*=* ]]; then\n"
    "        before=${current%%=*}=\n"
    "        current=${current#*=}\n"
    "        _lmsample_kind \"${words[1]}:$before\"\n"
    "    else\n"
    "        _lmsample_kind \"${words[1]}:$previous\"\n"
    "        if [[ $previous != -* || -z $kind ]]; then\n"
    "            if [[ $current == -* ]]; then\n"
    "                _lmsample_options \"${words[1]}\"\n"
    "                read -ra names <<<\"$options\"\n"
    "                _lmsample_offer \"${names[@]}\"\n"
    "                return\n"
    "            fi\n"
    "            _lmsample_kind \"${words[1]}:arguments\"\n"
    "        fi\n"
    "    fi\n"
    "    _lmsample_offer_values\n"
    "}\n"
    "\n"
    "complete -F _lmsample lmsample\n";

void completion_print_bash(output *out)
{
    output_print(out, "# bash completion of lmsample, written by: lmsample completion bash\n"
                      "_lmsample_commands='");
    for (size_t i = 0; commands[i] != NULL; i++) {
        output_print(out, "%s%s", i > 0 ? " " : "", commands[i]->name);
    }
    output_print(out, "'\n\n");
    print_tables(out);
    output_write(out, functions, sizeof functions - 1);
}
