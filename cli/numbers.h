/* numbers.h - numbers in texts: of options, cells and JSON. */
#ifndef CLI_NUMBERS_H
#define CLI_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal number and nothing else; also without what strtod takes beside numbers: blanks,
 * hexadecimal, infinities. What is not 0 stays so: for a field, 0 is another thing. */
bool number_read(const char *text, double *value);

/* The same, and inf, -inf, Infinity and the like. */
bool number_read_infinite(const char *text, double *value);

/* 0 to 2^64 - 1. */
bool number_read_whole(const char *text, uint64_t *value);

/* Writes what is wrong; false. */
bool number_refuse(char *error, size_t error_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
