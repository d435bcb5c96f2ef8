/* command.h - the subcommands, as main() and the completions know them. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <argp.h>

typedef struct command {
    const char *name;
    const char *summary;               /* a line, for `lmsample --help` */
    const struct argp *argp;           /* what --help and the completions list */
    int (*run)(int argc, char **argv); /* returns the exit status */
} command;

extern const command devices_command;
extern const command sample_command;
extern const command tune_command;
extern const command completion_command;

/* All of them, up to NULL. */
extern const command *const commands[];

/* argp_parse with one line for what is wrong, without argp's second one; arguments that the
 * parser does not take are wrong, too. Returns an exit status. Parsers report what is wrong by
 * exit(fail(...)): argp_error() and argp_usage() print nothing here. */
int command_parse(const struct argp *argp, int argc, char **argv, void *input);

#endif
