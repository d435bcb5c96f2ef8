/* message.h - how the program ends: an exit status, and one line on standard error.
 *
 * A function that can fail returns one of these statuses, after it has printed the line: what
 * is wrong, its value and the rule. */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include <lmsample.h>

enum {
    EXIT_DONE = 0,
    EXIT_NO_TOKEN = 1, /* all done, but at least one row has no token */
    EXIT_USAGE = 2,    /* an option or a parameter is wrong           */
    EXIT_INPUT = 3,    /* a file cannot be read, or is not what it should be */
    EXIT_DEVICE = 4,   /* no device, or it failed                     */
    EXIT_OUTPUT = 5,   /* a result cannot be written                  */
    EXIT_MEMORY = 6    /* out of memory                               */
};

/* "lmsample sample: ", for every line; set once by main(). */
extern const char *message_prefix;

/* Prints a line and returns the status. */
int fail(int exit_status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what the library says of its last call; `what` is what was tried. */
int fail_library(const char *what, lms_status status);

int fail_memory(const char *what);

void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
