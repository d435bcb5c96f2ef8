/* json_file.h - a whole file of JSON, as text and as json-c has it. Functions print what is
 * wrong and return an exit status. */
#ifndef CLI_JSON_FILE_H
#define CLI_JSON_FILE_H

#include <json-c/json.h>

#include <stddef.h>
#include <stdio.h>

/* Reads the rest of a file, with a zero behind it. The caller frees it, after a failure too,
 * and asks the file for errors. */
int json_file_read(const char *path, FILE *file, char **text, size_t *length);

/* Strictly, and all of it: the zero behind the text tells that it ends there. */
enum json_tokener_error json_file_parse(json_tokener *tokener, const char *text, size_t length,
                                        json_object **out);

/* Says where in the text something is no JSON. */
int json_file_wrong(const char *path, const char *text, size_t place, const char *reason);

/* Opens, reads and parses. `is_lines`: a value on each line, which *out has as an array. */
int json_file_load(const char *path, int is_lines, json_object **out);

#endif
