#include "command.h"
#include "message.h"

#include <lmsample.h>

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(FILE *to)
{
    fprintf(to, "Usage: lmsample COMMAND [OPTION...]\n"
                "Samples tokens from logits, on any OpenCL device.\n\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(to, "  %-12s %s\n", "help", "Show the options of a command");
    fprintf(to, "\n`lmsample help COMMAND' or `lmsample COMMAND --help' lists the options of a "
                "command,\n`lmsample --version' says which one this is.\n");
}

/* A file that the program opens must not become standard output because that is closed. These
 * stand-ins fail as a closed one does. */
static void keep_standard_files(void)
{
    for (int i = 0; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) != -1 || errno != EBADF) continue;
        /* The lowest free descriptor: i. */
        if (open("/dev/null", i == STDIN_FILENO ? O_WRONLY : O_RDONLY) != i) _exit(EXIT_OUTPUT);
    }
}

/* What nohup has ignored stays ignored: compilers in OpenCL runtimes bring handlers of their
 * own, without looking. */
static void block_ignored_signals(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    sigset_t ignored;
    sigemptyset(&ignored);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) != 0) continue;
        if (action.sa_handler == SIG_IGN) sigaddset(&ignored, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &ignored, NULL);
}

/* Help and versions go by stdio, which tells of a full disk only here. */
static void close_standard_output(void)
{
    const int was_wrong = ferror(stdout);
    const size_t pending = __fpending(stdout);
    if (fclose(stdout) == 0 && !was_wrong) return;
    if (!was_wrong && pending == 0 && errno == EBADF) return;
    fail(EXIT_OUTPUT, "standard output: cannot write: %s", strerror(errno));
    _exit(EXIT_OUTPUT);
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(name, commands[i]->name) == 0) return commands[i];
    }
    return NULL;
}

static int no_command(const char *name)
{
    if (strcmp(name, "explain") == 0 || strcmp(name, "generate") == 0) {
        return fail(EXIT_USAGE,
                    "%s: is in the Python package lmsample, not in this program: "
                    "python3 -m lmsample %s",
                    name, name);
    }
    return fail(EXIT_USAGE, "there is no command \"%s\"; lmsample --help lists them", name);
}

static int run(const command *chosen, int argc, char **argv)
{
    static char name[64];
    snprintf(name, sizeof name, "lmsample %s", chosen->name);
    message_prefix = name;
    argv[0] = name; /* as argp shows it */
    return chosen->run(argc, argv);
}

static int show_help(const char *topic)
{
    static char option[] = "--help";
    char *argv[] = {NULL, option, NULL};
    if (topic == NULL) {
        print_help(stdout);
        return EXIT_DONE;
    }
    const command *const chosen = find_command(topic);
    return chosen != NULL ? run(chosen, 2, argv) : no_command(topic);
}

int main(int argc, char **argv)
{
    argp_err_exit_status = EXIT_USAGE;
    /* A reader that goes away is a failed write, with its message. */
    signal(SIGPIPE, SIG_IGN);
    block_ignored_signals();
    keep_standard_files();
    if (atexit(close_standard_output) != 0) return fail_memory("start");
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const char *const word = argv[1];
    const command *const chosen = find_command(word);
    if (chosen != NULL) return run(chosen, argc - 1, argv + 1);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("lmsample %d.%d.%d (specification %u)\n", LMS_VERSION_MAJOR, LMS_VERSION_MINOR,
               LMS_VERSION_PATCH, (unsigned)lms_specification());
        return EXIT_DONE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "-h") == 0) {
        return show_help(NULL);
    }
    if (strcmp(word, "help") == 0) return show_help(argc > 2 ? argv[2] : NULL);
    if (word[0] == '-' && word[1] != '\0') {
        return fail(EXIT_USAGE,
                    "there is no option \"%s\" before a command; lmsample --help "
                    "lists the commands",
                    word);
    }
    return no_command(word);
}
