/* words.h - the words of the command line: numbers, names, and what is wrong with them. */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#include "cases.h"

#include <stdbool.h>

/* One line, and the exit status of a wrong call. */
void refuse(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Refuses what is none. */
unsigned long whole_number(const char *option, const char *text, unsigned long least,
                           unsigned long most);

/* Blanks and dashes do not count: "top-k 50" is also "topk50" and "top-k-50". */
bool is_name(const char *text, const char *name);

/* Unless it is there already. */
void add_value(const char *option, choice *out, unsigned long value);

#endif
