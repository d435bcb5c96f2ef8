#include "command.h"

#include "message.h"

#include <errno.h>
#include <stddef.h>

const command *const commands[] = {&devices_command, &sample_command, &tune_command,
                                   &completion_command, NULL};

static error_t parse(int key, char *value, struct argp_state *state)
{
    (void)value;
    if (key != ARGP_KEY_INIT) return ARGP_ERR_UNKNOWN;
    state->err_stream = NULL; /* getopt has printed its line by itself */
    state->child_inputs[0] = state->input;
    return 0;
}

int command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    const struct argp_child children[] = {{argp, 0, NULL, 0}, {0}};
    const struct argp whole = {NULL, parse, NULL, NULL, children, NULL, NULL};
    int end = argc;
    const error_t error = argp_parse(&whole, argc, argv, 0, &end, input);
    if (error == ENOMEM) return fail_memory("options");
    if (error != 0) return EXIT_USAGE;
    if (end >= argc) return EXIT_DONE;
    return fail(EXIT_USAGE, "there is no argument \"%s\": all are options", argv[end]);
}
