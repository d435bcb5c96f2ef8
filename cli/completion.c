/* completion.c - `lmsample completion`: prints a script by which a shell completes words. */
#include "completion.h"

#include "command.h"
#include "message.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *shell;
    const char *file;
} shells[] = {{"bash", "lmsample.bash"}, {"zsh", "_lmsample"}, {"fish", "lmsample.fish"}};

/* NULL: there is none. */
static const completion_file *find_file(const char *shell)
{
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].shell, shell) != 0) continue;
        for (size_t j = 0; j < completion_file_count; j++) {
            const completion_file *const file = &completion_files[j];
            if (strcmp(file->name, shells[i].file) == 0) return file;
        }
    }
    return NULL;
}

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
    const int parsed = command_parse(&argp, argc, argv, &shell);
    if (parsed != EXIT_DONE) return parsed;
    const completion_file *const file = find_file(shell);
    if (file == NULL) {
        return fail(EXIT_USAGE, "the shell is \"%s\", must be bash, zsh or fish", shell);
    }
    const int status = output_open("-", &out);
    if (status != EXIT_DONE) return status;
    output_write(out, file->text, file->size);
    return output_commit(out);
}

const command completion_command = {"completion", "Print a completion script for a shell",
                                    &argp, run};
