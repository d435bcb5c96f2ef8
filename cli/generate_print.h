/* generate_print.h - sequences as text or as JSON, each as soon as it is its turn. Functions
 * print what is wrong and return an exit status. */
#ifndef CLI_GENERATE_PRINT_H
#define CLI_GENERATE_PRINT_H

#include "generate_sequence.h"
#include "output.h"

typedef struct printer {
    const generate_options *options;
    output *out;
    bool is_terminal;
    bool is_inside;   /* the prompt of a text is printed, its end not */
    uint64_t printed; /* sequences */
    char last;        /* byte printed */
    char held[4];     /* the begin of a character, which a terminal gets when it is whole */
    size_t held_count;
} printer;

int printer_open(printer *p, const generate_options *options);

/* What is new and certain of the sequence whose turn it is, and its end once it has one. */
int printer_show(printer *p, sequence *s);

/* After the last sequence. */
int printer_commit(printer *p);

/* When it went wrong. A file is forgotten; what a terminal or a pipe has stays. */
void printer_discard(printer *p);

#endif
