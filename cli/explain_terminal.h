/* explain_terminal.h - what a terminal can show: width, characters, colours. */
#ifndef CLI_EXPLAIN_TERMINAL_H
#define CLI_EXPLAIN_TERMINAL_H

#include "explain.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct terminal {
    int columns; /* 80 or more */
    bool is_unicode;
    /* Control sequences, or "" without colours. */
    const char *plain;
    const char *bold;
    const char *dim;
    const char *before;
    const char *after;
    const char *stages[STAGE_KINDS];
} terminal;

/* `is_stdout`: what is printed goes to standard output. */
void terminal_open(terminal *t, color_mode color, bool is_stdout);

/* The end of a text, as it can be shown, in at most `columns`. */
void terminal_fit(const terminal *t, const char *text, size_t length, size_t columns, char *out,
                  size_t size);

/* A text in quotes, in at most `columns`; what is behind it keeps its place also where the
 * text runs from right to left. Returns the columns used. */
size_t terminal_quote(const terminal *t, const char *text, size_t length, size_t columns,
                      char *out, size_t size);

/* A bar of `share` of `columns`, padded to `columns` if `is_padded`. */
void terminal_bar(const terminal *t, double share, int columns, bool is_padded, char *out,
                  size_t size);

/* A line of `columns`. */
void terminal_rule(const terminal *t, int columns, char *out, size_t size);

#endif
