/* completion.h - the options of every command, for the completion scripts of shells. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include "command.h"
#include "output.h"

#include <stdbool.h>

/* What a value is, by its placeholder. */
typedef enum completion_kind {
    COMPLETE_NOTHING, /* N, T, ...: nothing that a shell could know */
    COMPLETE_FILE,    /* FILE, LOGITS.npy                           */
    COMPLETE_FOLDER,  /* DIRECTORY                                  */
    COMPLETE_DEVICE,  /* DEVICE                                     */
    COMPLETE_CHOICE   /* a|b|c                                      */
} completion_kind;

typedef struct completion_option {
    const char *name;  /* long one, or NULL */
    char letter;       /* short one, or 0   */
    const char *value; /* its placeholder; NULL: it takes none */
    bool is_optional;  /* the value, which then follows `=' */
    const char *doc;   /* cut to a line */
} completion_option;

typedef void completion_visitor(const completion_option *option, void *context);

/* Every option of a command, those of its child parsers and argp's own. */
void completion_visit(const command *of, completion_visitor *visit, void *context);

completion_kind completion_kind_of(const char *placeholder);

/* What a command takes beside options, as a placeholder, or NULL. */
const char *completion_arguments(const command *of);

/* "a b c" of "a|b|c". */
void completion_print_choices(output *out, const char *placeholder);

/* A text in the script; each character of `escaped` gets a backslash. */
void completion_print_text(output *out, const char *text, const char *escaped);

void completion_print_bash(output *out);
void completion_print_zsh(output *out);
void completion_print_fish(output *out);

#endif
