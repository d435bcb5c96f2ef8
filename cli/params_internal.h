/* params_internal.h - what the readers of parameter files share. */
#ifndef CLI_PARAMS_INTERNAL_H
#define CLI_PARAMS_INTERNAL_H

#include "params_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct params_reader {
    const char *path;
    const lms_row_params *defaults;
    const row_request *requests; /* NULL: without such fields */
    params_file *out;
    uint64_t capacity;
    bool has_fractions; /* ".0" stands behind long integers: see params_json.c */
} params_reader;

/* The field of that name, as the tables of fields have it, and its number, below 64; NULL:
 * there is none. */
const char *params_field(const params_reader *reader, const char *name, size_t length,
                         unsigned *number);

/* Says that a name is none of a field, and what the fields are. */
void params_no_field(const params_reader *reader, const char *name, char *error, size_t size);

field_kind params_field_kind(const char *field);

/* A further record, with the defaults. */
int params_add(params_reader *reader);

/* Sets a field of a record. `where` is added to the row's number: " (line 4)". */
int params_set(params_reader *reader, uint64_t row, const char *field, const char *text,
               const char *where);

int params_read_json(params_reader *reader, FILE *file);
int params_read_csv(params_reader *reader, FILE *file);

#endif
